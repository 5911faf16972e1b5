package basiq

import (
	"context"
	"time"
)

// RefreshSkip is the reason why [ConnectionsService.RefreshIfStale] did not refresh a connection.
type RefreshSkip string

// The reasons not to refresh a connection.
const (
	RefreshSkipRecent   RefreshSkip = "recent"   // the connection was used within the given age
	RefreshSkipPending  RefreshSkip = "pending"  // a job is verifying the credentials and fetches the data, see [JobsService.List]
	RefreshSkipInvalid  RefreshSkip = "invalid"  // the credentials are invalid, see [ConnectionsService.Update]
	RefreshSkipInactive RefreshSkip = "inactive" // the connection is in another state that is not active, see its Status
	RefreshSkipUnknown  RefreshSkip = "unknown"  // Status or LastUsed is missing, for example with a CLIENT_ACCESS token
)

// Refresh is the result of [ConnectionsService.RefreshIfStale] and [ConnectionsService.RefreshListedIfStale].
type Refresh struct {
	Connection *Connection // its state before the refresh
	Job        *Job        // the job that fetches the data, or nil
	Skipped    RefreshSkip // the reason if Job is nil
}

// RefreshIfStale refreshes a connection if it is active and was last used longer ago than age. It gets the connection
// first, as Basiq requires for refreshes in bulk or on a schedule. For connections of [ConnectionsService.List], use
// [ConnectionsService.RefreshListedIfStale]. The result is nil only with an error.
//
// Errors: [ErrInvalidInput], also if age is not positive, and the errors of [ConnectionsService.Get] and
// [ConnectionsService.Refresh]. operationIds: getConnection, refreshConnection.
func (s *ConnectionsService) RefreshIfStale(ctx context.Context, userID, connectionID string, age time.Duration) (*Refresh, error) {
	if err := checkRefresh("Connections.RefreshIfStale", userID, connectionID, age); err != nil {
		return nil, err
	}
	connection, err := s.Get(ctx, userID, connectionID)
	if err != nil {
		return nil, err
	}
	return s.refreshIfStale(ctx, userID, connection, age)
}

// RefreshListedIfStale refreshes a connection that [ConnectionsService.List] has just returned, as
// [ConnectionsService.RefreshIfStale] does, without getting it again. A listed connection has the Status and LastUsed that
// this needs, except with a CLIENT_ACCESS token. The user must be the one whose connections were listed. The result is nil
// only with an error.
//
//	for connection, err := range client.Connections.List(ctx, userID) {
//		if err != nil {
//			return err
//		}
//		refresh, err := client.Connections.RefreshListedIfStale(ctx, userID, connection, 24*time.Hour)
//		...
//	}
//
// Errors: [ErrInvalidInput], also if connection is nil or age is not positive, and the errors of
// [ConnectionsService.Refresh]. operationId: refreshConnection.
func (s *ConnectionsService) RefreshListedIfStale(ctx context.Context, userID string, connection *Connection, age time.Duration) (*Refresh, error) {
	const name = "Connections.RefreshListedIfStale"
	if connection == nil {
		return nil, invalidInput(name, "connection", "missing")
	}
	if err := checkRefresh(name, userID, connection.ID, age); err != nil {
		return nil, err
	}
	return s.refreshIfStale(ctx, userID, connection, age)
}

// checkRefresh checks the arguments of a conditional refresh.
func checkRefresh(operation, userID, connectionID string, age time.Duration) error {
	if err := checkIDs(&Operation{Name: operation}, pathParam{"userID", userID}, pathParam{"connectionID", connectionID}); err != nil {
		return err
	}
	if age <= 0 {
		return invalidInput(operation, "age", "must be positive")
	}
	return nil
}

// refreshIfStale refreshes a connection whose state is known.
func (s *ConnectionsService) refreshIfStale(ctx context.Context, userID string, connection *Connection, age time.Duration) (*Refresh, error) {
	refresh := &Refresh{Connection: connection, Skipped: SkipRefresh(connection, age)}
	if refresh.Skipped == "" {
		var err error
		if refresh.Job, err = s.Refresh(ctx, userID, connection.ID); err != nil {
			return nil, err
		}
	}
	return refresh, nil
}

// SkipRefresh returns the reason why [ConnectionsService.RefreshListedIfStale] would not refresh a connection, or "" if it
// would. A nil connection is [RefreshSkipUnknown]. It sends nothing. Use it for what must be decided before a refresh, for
// example a budget.
func SkipRefresh(connection *Connection, age time.Duration) RefreshSkip {
	if connection == nil {
		return RefreshSkipUnknown
	}
	used, known := connection.LastUsed.Time()
	switch status := connection.Status; {
	case status == ConnectionStatusPending:
		return RefreshSkipPending
	case status == ConnectionStatusInvalid:
		return RefreshSkipInvalid
	case status != "" && status != ConnectionStatusActive:
		return RefreshSkipInactive
	case status == "" || !known:
		return RefreshSkipUnknown
	case time.Since(used) <= age:
		return RefreshSkipRecent
	}
	return ""
}
