package basiq

import (
	"context"
	"time"
)

// RefreshSkip is why [ConnectionsService.RefreshIfStale] has refreshed nothing.
type RefreshSkip string

// Why a connection was not refreshed.
const (
	// RefreshSkipRecent: it was used within the age that was given.
	RefreshSkipRecent RefreshSkip = "recent"
	// RefreshSkipPending: its credentials are being verified by the job that fetches its data, see [JobsService.List].
	RefreshSkipPending RefreshSkip = "pending"
	// RefreshSkipInvalid: its credentials are no longer good. Ask the user for new ones and call [ConnectionsService.Update].
	RefreshSkipInvalid RefreshSkip = "invalid"
	// RefreshSkipInactive: it is in another state that is not active, see its Status.
	RefreshSkipInactive RefreshSkip = "inactive"
	// RefreshSkipUnknown: Basiq does not tell its Status or when it was used, as with a CLIENT_ACCESS token. Whether it is time
	// is for the caller to know, and [ConnectionsService.Refresh] to do.
	RefreshSkipUnknown RefreshSkip = "unknown"
)

// Refresh is what became of a [ConnectionsService.RefreshIfStale].
type Refresh struct {
	// Connection is the connection as it was before.
	Connection *Connection
	// Job is the job that fetches the data, or nil when there is none; then Skipped says why. Its AlreadyRunning is set when it
	// was under way already.
	Job *Job
	// Skipped is why no job was started; empty when there is one.
	Skipped RefreshSkip
}

// RefreshIfStale refreshes a connection that is active and was last used longer ago than age, and leaves any other alone. It
// looks at the connection first, as Basiq asks of those who would refresh in bulk or on a schedule, and says in its result what
// it has seen and done; that is nil only beside an error.
//
// Errors: [ErrInvalidInput] for an age that is not more than 0, and those of [ConnectionsService.Get] and
// [ConnectionsService.Refresh]. operationIds: getConnection, refreshConnection.
func (s *ConnectionsService) RefreshIfStale(ctx context.Context, userID, connectionID string, age time.Duration) (*Refresh, error) {
	const name = "Connections.RefreshIfStale"
	if err := checkIDs(&Operation{Name: name}, id{"userID", userID}, id{"connectionID", connectionID}); err != nil {
		return nil, err
	}
	if age <= 0 {
		return nil, invalidInput(name, "age", "give more than 0")
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

// skipRefresh says why a connection is not to be refreshed, or "".
func skipRefresh(connection *Connection, age time.Duration) RefreshSkip {
	switch connection.Status {
	case ConnectionStatusActive:
	case ConnectionStatusPending:
		return RefreshSkipPending
	case ConnectionStatusInvalid:
		return RefreshSkipInvalid
	case "":
		return RefreshSkipUnknown
	default:
		return RefreshSkipInactive
	}
	used, known := connection.LastUsed.Time()
	switch {
	case !known:
		return RefreshSkipUnknown
	case time.Since(used) <= age:
		return RefreshSkipRecent
	}
	return ""
}
