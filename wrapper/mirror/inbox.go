package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const (
	// deliveryMemory is how long deliveries are remembered. Basiq lists events for 7 days and retries for 28 hours.
	deliveryMemory = 30 * 24 * time.Hour
	// maxFailures is how many tasks may fail before an Inbox pauses.
	maxFailures = 100
	// workInterval is how often an Inbox looks for tasks that another process received, or that failed.
	workInterval = time.Minute
	// checkInterval is how often an Inbox reads the events and checks the endpoint.
	checkInterval = 24 * time.Hour
)

// ErrEndpointDisabled is returned by [Inbox.Check] if Basiq does not deliver to the webhook.
var ErrEndpointDisabled = errors.New("webhook is missing or not active")

// task is work for a user that an event asked for. It is stored in the transaction that stores the delivery.
type task struct {
	Work

	// sequence rises with each event, so that a task that came again during the work is not lost.
	sequence int64
}

// taskOf returns the task for an event. Its UserID is "" if the event asks for nothing.
func taskOf(event basiq.EventTypeName, userID, eventID string) task {
	t := task{Work: Work{Kind: WorkSync, UserID: userID, EventID: eventID}}
	switch event {
	case basiq.EventTypeNameUserDeleted:
		t.Kind = WorkUserDeleted
	case basiq.EventTypeNameConsentRevoked:
		t.Kind = WorkConsentRevoked
	case basiq.EventTypeNameConsentExpired:
		t.Kind = WorkConsentExpired
	case basiq.EventTypeNameTransactionsUpdated, basiq.EventTypeNameAccountUpdated:
	case basiq.EventTypeNameConsentCreated, basiq.EventTypeNameConsentUpdated, basiq.EventTypeNameConnectionCreated, basiq.EventTypeNameConnectionUpdated,
		basiq.EventTypeNameConnectionDeleted, basiq.EventTypeNameConnectionActivated, basiq.EventTypeNameConnectionInvalidated:
		t.Kind = WorkConnections
	default:
		t.UserID = ""
	}
	if api.ID(t.UserID).Validate() != nil {
		t.UserID = ""
	}
	return t
}

// Inbox keeps a mirror up to date with Basiq's events. [Inbox.Handler] stores deliveries, and [Inbox.Run] does the work.
// Duplicate and reordered events are harmless, because the work depends only on what Basiq lists when it is done.
type Inbox struct {
	mirror    *Mirror
	webhookID string
	report    func(error)
	wake      chan struct{}
}

// An InboxOption configures an [Inbox]. If an option is given more than once, the last one takes effect.
type InboxOption func(*Inbox) error

// WithWebhookID sets the webhook that [Inbox.Check] looks for. The default is "": no webhook is checked.
func WithWebhookID(webhookID string) InboxOption {
	return func(i *Inbox) error {
		i.webhookID = webhookID
		return nil
	}
}

// WithErrorReport sets the function that is called with each error of [Inbox.Run], which continues after it. By default
// these errors are ignored. Their work stays stored and is done again later.
func WithErrorReport(report func(error)) InboxOption {
	return func(i *Inbox) error {
		i.report = report
		if report == nil {
			return invalidInput("WithErrorReport", "must not be nil")
		}
		return nil
	}
}

// NewInbox returns an Inbox that stores the work for a mirror in the mirror's store. It sends nothing.
func NewInbox(m *Mirror, options ...InboxOption) (*Inbox, error) {
	if m == nil {
		return nil, invalidInput("NewInbox", "a mirror is required")
	}
	i := &Inbox{mirror: m, report: func(error) {}, wake: make(chan struct{}, 1)}
	for _, option := range options {
		if option == nil {
			return nil, invalidInput("NewInbox", "nil option")
		}
		if err := option(i); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// Handler returns the handler of the webhook's URL. It verifies a delivery and stores its ID together with the work that
// it asks for, in one transaction, before it responds with 204.
func (i *Inbox) Handler(verifier *webhook.Verifier) http.Handler {
	return verifier.Handler(func(ctx context.Context, event *webhook.Event) error {
		return i.receive(ctx, event.DeliveryID, taskOf(basiq.EventTypeName(event.EventTypeID), event.UserID(), event.EventID))
	})
}

func (i *Inbox) receive(ctx context.Context, deliveryID string, work task) error {
	var ids []string
	if deliveryID != "" {
		ids = append(ids, "delivery "+deliveryID)
	}
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
		if err := i.receive(ctx, "", taskOf(name, userID, event.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Check returns [ErrEndpointDisabled] unless Basiq lists the webhook of [WithWebhookID] as active. It returns nil without
// that option. Basiq disables a webhook that could not be reached for about 28 hours, and sends no events of any kind then.
func (i *Inbox) Check(ctx context.Context) error {
	if i.webhookID == "" {
		return nil
	}
	hook, err := i.mirror.client.Webhooks.Get(ctx, i.webhookID)
	switch {
	case errors.Is(err, basiq.ErrNotFound):
		return ErrEndpointDisabled
	case err != nil:
		return err
	case hook.Status != basiq.WebhookStatusActive:
		return fmt.Errorf("%w: status %q", ErrEndpointDisabled, hook.Status)
	}
	return nil
}

// Run reads the events, checks the webhook, and does the work that was received, until the context ends. It repeats the
// first two every day. Several processes can run it. It returns the context's error.
func (i *Inbox) Run(ctx context.Context) error {
	work, check := time.NewTicker(workInterval), time.NewTicker(checkInterval)
	defer work.Stop()
	defer check.Stop()
	i.check(ctx)
	for {
		if err := i.Work(ctx); err != nil && ctx.Err() == nil {
			i.report(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-i.wake:
		case <-work.C:
		case <-check.C:
			i.check(ctx)
		}
	}
}

func (i *Inbox) check(ctx context.Context) {
	for _, f := range []func(context.Context) error{i.CatchUp, i.Check} {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			i.report(err)
		}
	}
}

// Work does the work that was received, once. It joins the errors. What failed remains stored and is done again later.
func (i *Inbox) Work(ctx context.Context) error {
	var failed error
	var last task
	for failures := 0; ; {
		tasks, err := i.mirror.store.tasks(ctx, last)
		if err != nil || len(tasks) == 0 {
			return errors.Join(failed, err)
		}
		for _, last = range tasks {
			err := i.mirror.do(ctx, last.Work)
			if err == nil {
				err = i.mirror.store.finish(ctx, last)
			}
			if failed = errors.Join(failed, err); err != nil {
				failures++
			}
			if failures == maxFailures {
				return failed
			}
		}
	}
}

// ended returns nil for a user who has been erased, or who does not exist: the event user.deleted leads to the erasure.
func ended(err error) error {
	if errors.Is(err, ErrErased) || errors.Is(err, basiq.ErrNotFound) {
		return nil
	}
	return err
}

// hasConsent reports whether the user has an active consent. An update of a consent revokes the old one. A list without
// any consent is read twice.
func (m *Mirror) hasConsent(ctx context.Context, userID string) (bool, error) {
	for range 2 {
		empty := true
		for c, err := range m.client.Consents.List(ctx, userID) {
			if errors.Is(err, basiq.ErrNotFound) { // the user was deleted
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if cmp.Or(c.Status, basiq.ConsentStatusActive) == basiq.ConsentStatusActive {
				return true, nil
			}
			empty = false
		}
		if !empty {
			break
		}
	}
	return false, nil
}
