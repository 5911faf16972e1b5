package mirror

import (
	"context"
	"errors"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// WorkKind is what an event asks for.
type WorkKind string

// The kinds of work.
const (
	// WorkSync asks for a [Mirror.Sync].
	WorkSync WorkKind = "sync"
	// WorkConnections asks for a [Mirror.Sync] with [ReadConnections].
	WorkConnections WorkKind = "connections"
	// WorkConsentExpired and WorkConsentRevoked ask for [Mirror.EraseWithoutConsent]. If the user has another consent, they
	// ask for a sync as WorkConnections does.
	WorkConsentExpired = WorkKind(ReasonConsentExpired)
	WorkConsentRevoked = WorkKind(ReasonConsentRevoked)
	// WorkUserDeleted asks for [Mirror.Erase].
	WorkUserDeleted WorkKind = "user-deleted"
)

// Work is what an event asks to be done for a user. It can be done more than once, in any order and concurrently.
type Work struct {
	Kind   WorkKind
	UserID string
	// EventID is the event that asks for the work, "" if it is not known.
	EventID string

	// sequence rises with each event, so that work that was asked for again while it was done is not lost.
	sequence int64
}

// do does the work of an event. It does nothing for a user who has been erased, or who does not exist: the event user.deleted leads to
// the erasure.
func (m *Mirror) do(ctx context.Context, work Work) error {
	var options []SyncOption
	switch work.Kind {
	case WorkUserDeleted:
		_, err := m.Erase(ctx, work.UserID, ReasonUserDeleted)
		return err
	case WorkConsentRevoked, WorkConsentExpired:
		if erased, err := m.EraseWithoutConsent(ctx, work.UserID, Reason(work.Kind)); erased || err != nil {
			return err
		}
		options = append(options, ReadConnections())
	case WorkConnections:
		options = append(options, ReadConnections())
	case WorkSync:
	}
	_, err := m.Sync(ctx, work.UserID, options...)
	if errors.Is(err, ErrErased) || errors.Is(err, basiq.ErrNotFound) {
		return nil
	}
	return err
}

// EraseWithoutConsent erases a user who has no active consent, for example because an update revoked one consent and created
// another. It reports whether the user is erased. See [Mirror.Erase].
func (m *Mirror) EraseWithoutConsent(ctx context.Context, userID string, reason Reason) (bool, error) {
	// A list without any consent is in doubt. It is read twice.
	for consents, reads := 0, 0; consents == 0 && reads < 2; reads++ {
		for c, err := range m.client.Consents.List(ctx, userID) {
			if errors.Is(err, basiq.ErrNotFound) { // the user was deleted
				break
			}
			if err != nil {
				return false, err
			}
			if c.Status == "" || c.Status == basiq.ConsentStatusActive {
				return false, nil
			}
			consents++
		}
	}
	_, err := m.Erase(ctx, userID, reason)
	return err == nil, err
}
