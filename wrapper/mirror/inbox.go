package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const (
	// deliveryMemory is how long deliveries are remembered. Basiq lists events for 7 days and retries for 28 hours.
	deliveryMemory = 30 * 24 * time.Hour
	// maxErrors is how many errors [Inbox.Work] returns at most.
	maxErrors = 100
	// workInterval is how often an Inbox looks for work that another process received, or that failed.
	workInterval = time.Minute
	// checkInterval is how often an Inbox reads the events and checks the endpoint.
	checkInterval = 24 * time.Hour
)

// ErrEndpointDisabled is returned by [Inbox.Check] if Basiq does not deliver to the webhook.
var ErrEndpointDisabled = errors.New("webhook is missing or not active")

// Work is what an event asks to be done for a user. It can be done more than once, in any order and concurrently.
type Work struct {
	UserID string
	// Reason is the argument for [Mirror.EraseFor]. If it is "", or if EraseFor has not erased the user, the work is a
	// [Mirror.Sync] with [ReadConnections].
	Reason Reason
	// EventID is the event that asks for the work, "" if it is not known.
	EventID string

	// sequence rises with each event, so that work that was asked for again while it was done is not lost.
	sequence int64
}

// workOf returns the work for an event. Its UserID is "" if the event asks for nothing.
func workOf(event basiq.EventTypeName, userID, eventID string) Work {
	work := Work{UserID: userID, EventID: eventID}
	switch entity, _, _ := strings.Cut(string(event), "."); {
	case api.ID(userID).Validate() != nil:
		work.UserID = ""
	case event == basiq.EventTypeNameUserDeleted:
		work.Reason = ReasonUserDeleted
	case event == basiq.EventTypeNameConsentRevoked:
		work.Reason = ReasonConsentRevoked
	case event == basiq.EventTypeNameConsentExpired:
		work.Reason = ReasonConsentExpired
	case !slices.Contains([]string{"consent", "connection", "account", "transactions"}, entity):
		work.UserID = ""
	}
	return work
}

// do does the work of an event. It does nothing for a user who has been erased, or who does not exist: the event user.deleted leads to
// the erasure.
func (m *Mirror) do(ctx context.Context, work Work) error {
	if work.Reason != "" {
		if erased, err := m.EraseFor(ctx, work.UserID, work.Reason); erased || err != nil {
			return err
		}
	}
	_, err := m.Sync(ctx, work.UserID, ReadConnections())
	if errors.Is(err, ErrErased) || errors.Is(err, basiq.ErrNotFound) {
		return nil
	}
	return err
}

// EraseFor calls [Mirror.Erase] and reports whether the user is erased. For [ReasonConsentRevoked] and [ReasonConsentExpired] it
// first lists the consents, and does nothing if one is active: an update of a consent revokes it and creates another.
func (m *Mirror) EraseFor(ctx context.Context, userID string, reason Reason) (bool, error) {
	ended := reason == ReasonConsentRevoked || reason == ReasonConsentExpired
	// A list without any consent is in doubt. It is read twice.
	for consents, reads := 0, 0; ended && consents == 0 && reads < 2; reads++ {
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

// Inbox keeps a mirror up to date with Basiq's events. [Inbox.Handler] stores deliveries, and [Inbox.Run] does the work.
// Duplicate and reordered events are harmless, because the work depends only on what Basiq lists when it is done.
type Inbox struct {
	mirror    *Mirror
	webhookID string
	wake      chan struct{}
}

// NewInbox returns an Inbox that stores the work for a mirror in the mirror's store. [Inbox.Check] checks the webhook with the ID
// webhookID, unless that is "". NewInbox sends nothing. It returns [basiq.ErrInvalidInput] if m is nil.
func NewInbox(m *Mirror, webhookID string) (*Inbox, error) {
	if m == nil {
		return nil, invalidInput("NewInbox", "a mirror is required")
	}
	return &Inbox{mirror: m, webhookID: webhookID, wake: make(chan struct{}, 1)}, nil
}

// Handler returns the handler of the webhook's URL. It verifies a delivery and stores its ID together with the work that
// it asks for, in one transaction, before it responds with 204.
func (i *Inbox) Handler(verifier *webhook.Verifier) http.Handler {
	return verifier.Handler(func(ctx context.Context, event *webhook.Event) error {
		return i.receive(ctx, workOf(basiq.EventTypeName(event.EventTypeID), event.UserID(), event.EventID), "delivery "+event.DeliveryID)
	})
}

func (i *Inbox) receive(ctx context.Context, work Work, ids ...string) error {
	if work.EventID != "" {
		ids = append(ids, "event "+work.EventID)
	}
	fresh, err := i.mirror.store.receive(ctx, ids, time.Now(), work)
	if fresh && err == nil {
		select {
		case i.wake <- struct{}{}:
		default:
		}
	}
	return err
}

// CatchUp stores the work for the events of the last seven days that have not been received.
func (i *Inbox) CatchUp(ctx context.Context) error {
	for event, err := range i.mirror.client.Events.List(ctx) {
		if err != nil {
			return err
		}
		name := basiq.EventTypeName(string(event.Entity) + "." + string(event.EventType))
		userID := event.UserID
		if data := event.Data.First(); userID == "" && data != nil && event.Entity == basiq.EventEntityUser {
			userID = data.ID
		}
		if err := i.receive(ctx, workOf(name, userID, event.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Check returns [ErrEndpointDisabled] unless the webhook of [NewInbox] is active. It returns nil if that is "". Basiq disables a
// webhook that could not be reached for about 28 hours, and sends no events of any kind then.
func (i *Inbox) Check(ctx context.Context) error {
	if i.webhookID == "" {
		return nil
	}
	hook, err := i.mirror.client.Webhooks.Get(ctx, i.webhookID)
	if errors.Is(err, basiq.ErrNotFound) {
		return ErrEndpointDisabled
	}
	if err == nil && hook.Status != basiq.WebhookStatusActive {
		err = fmt.Errorf("%w: status %q", ErrEndpointDisabled, hook.Status)
	}
	return err
}

// Run reads the events, checks the webhook, and does the work that was received, until the context ends. It repeats the
// first two every day, or after a minute if the events could not be read. It calls report, unless that is nil, with each error and
// continues. Work that failed stays stored and is done again later. Several processes can run it. It returns the context's error.
func (i *Inbox) Run(ctx context.Context, report func(error)) error {
	for checked := (time.Time{}); ; {
		var errs []error
		if now := time.Now(); now.Sub(checked) >= checkInterval {
			err := i.CatchUp(ctx)
			errs = append(errs, err, i.Check(ctx))
			if checked = now; err != nil {
				checked = now.Add(workInterval - checkInterval)
			}
		}
		for _, err := range append(errs, i.Work(ctx)) {
			if err != nil && report != nil && ctx.Err() == nil {
				report(err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-i.wake:
		case <-time.After(workInterval):
		}
	}
}

// Work does the work that was received, once. It joins the errors, up to 100. What failed remains stored and is done again later.
func (i *Inbox) Work(ctx context.Context) error {
	queued, err := i.mirror.store.queued(ctx)
	failed := []error{err}
	for _, work := range queued {
		err := i.mirror.do(ctx, work)
		if err == nil {
			err = i.mirror.store.finish(ctx, work)
		}
		if err != nil && len(failed) <= maxErrors {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
