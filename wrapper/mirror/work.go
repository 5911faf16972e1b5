package mirror

import (
	"context"
	"database/sql"

	"github.com/basiq-go/basiq-go/api"
)

// WorkKind is what an event asks for.
type WorkKind string

// The kinds of work.
const (
	// WorkSync asks for a [Mirror.Sync].
	WorkSync WorkKind = "sync"
	// WorkConnections asks for a [Mirror.Sync] with [WithConnections].
	WorkConnections WorkKind = "connections"
	// WorkConsentExpired and WorkConsentRevoked ask for [Mirror.EraseWithoutConsent]. If the user has another consent, they
	// ask for a sync as WorkConnections does.
	WorkConsentExpired WorkKind = "consent-expired"
	WorkConsentRevoked WorkKind = "consent-revoked"
	// WorkUserDeleted asks for [Mirror.Erase].
	WorkUserDeleted WorkKind = "user-deleted"
)

// Work is what an event asks to be done for a user. It can be done more than once, in any order and concurrently.
type Work struct {
	Kind   WorkKind
	UserID string
	// EventID is the event that asks for the work, "" if it is not known.
	EventID string
}

// WithDeliveryHook sets a function that is called in every database transaction that stores an event of an [Inbox], before it is
// committed. It stores the work with tx, for example as a job of a queue. It is called once for each
// event that asks for work. If it returns an error, nothing is stored and Basiq delivers the event again.
//
// By default the store keeps the work for [Inbox.Work]. With WithDeliveryHook there is nothing left for Inbox.Work to do.
func WithDeliveryHook(hook func(ctx context.Context, tx *sql.Tx, work Work) error) SQLOption {
	return func(s *SQL) error {
		if hook == nil {
			return invalidInput("WithDeliveryHook", "must not be nil")
		}
		s.onDelivery = hook
		return nil
	}
}

// do does the work of an event.
func (m *Mirror) do(ctx context.Context, work Work) (err error) {
	switch work.Kind {
	case WorkUserDeleted:
		_, err = m.Erase(ctx, work.UserID, ReasonUserDeleted)
		return err
	case WorkConsentRevoked, WorkConsentExpired:
		erased, err := m.EraseWithoutConsent(ctx, work.UserID, work.reason())
		if err != nil || erased {
			return err
		}
		_, err = m.Sync(ctx, work.UserID, WithConnections())
		return ended(err)
	case WorkConnections:
		_, err = m.Sync(ctx, work.UserID, WithConnections())
	case WorkSync:
		_, err = m.Sync(ctx, work.UserID)
	}
	return ended(err)
}

// reason returns the reason of an erasure that an ended consent asks for.
func (w Work) reason() Reason {
	if w.Kind == WorkConsentExpired {
		return ReasonConsentExpired
	}
	return ReasonConsentRevoked
}

// EraseWithoutConsent erases a user who has no active consent, for example because an update revoked one consent and created
// another. It reports whether the user is erased. See [Mirror.Erase].
func (m *Mirror) EraseWithoutConsent(ctx context.Context, userID string, reason Reason) (bool, error) {
	if err := api.ID(userID).Validate(); err != nil {
		return false, invalidInput("userID", err.Error())
	}
	valid, err := m.hasConsent(ctx, userID)
	if err != nil || valid {
		return false, err
	}
	_, err = m.Erase(ctx, userID, reason)
	return err == nil, err
}
