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

// Refresh is the result of [ConnectionsService.RefreshIfStale].
type Refresh struct {
	Connection *Connection // its state before the refresh
	Job        *Job        // the job that fetches the data, or nil
	Skipped    RefreshSkip // the reason if Job is nil
}

// RefreshIfStale refreshes a connection if it is active and was last used longer ago than age. It gets the connection
// first, as Basiq requires for refreshes in bulk or on a schedule. The result is nil only with an error.
//
// Errors: [ErrInvalidInput], also if age is not positive, and the errors of [ConnectionsService.Get] and
// [ConnectionsService.Refresh]. operationIds: getConnection, refreshConnection.
func (s *ConnectionsService) RefreshIfStale(ctx context.Context, userID, connectionID string, age time.Duration) (*Refresh, error) {
	const name = "Connections.RefreshIfStale"
	if err := checkIDs(&Operation{Name: name}, pathParam{"userID", userID}, pathParam{"connectionID", connectionID}); err != nil {
		return nil, err
	}
	if age <= 0 {
		return nil, invalidInput(name, "age", "must be positive")
	}
	connection, err := s.Get(ctx, userID, connectionID)
	if err != nil {
		return nil, err
	}
	refresh := &Refresh{Connection: connection, Skipped: skipRefresh(connection, age)}
	if refresh.Skipped == "" {
		if refresh.Job, err = s.Refresh(ctx, userID, connectionID); err != nil {
			return nil, err
		}
	}
	return refresh, nil
}

// skipRefresh returns the reason not to refresh a connection, or "".
func skipRefresh(connection *Connection, age time.Duration) RefreshSkip {
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
