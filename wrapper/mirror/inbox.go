package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// workOf returns the work for an event. Its UserID is "" if the event asks for nothing.
func workOf(event basiq.EventTypeName, userID, eventID string) Work {
	work := Work{UserID: userID, EventID: eventID}
	switch entity, _, _ := strings.Cut(string(event), "."); {
	case event == basiq.EventTypeNameUserDeleted:
		work.Kind = WorkUserDeleted
	case event == basiq.EventTypeNameConsentRevoked:
		work.Kind = WorkConsentRevoked
	case event == basiq.EventTypeNameConsentExpired:
		work.Kind = WorkConsentExpired
	case entity == "consent", entity == "connection":
		work.Kind = WorkConnections
	case entity == "transactions", entity == "account":
		work.Kind = WorkSync
	}
	if work.Kind == "" || api.ID(userID).Validate() != nil {
		work.UserID = ""
	}
	return work
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
type InboxOption func(*Inbox)

// WithWebhookID sets the webhook that [Inbox.Check] looks for. The default is "": no webhook is checked.
func WithWebhookID(webhookID string) InboxOption {
	return func(i *Inbox) { i.webhookID = webhookID }
}

// WithErrorReport sets the function that is called with each error of [Inbox.Run], which continues after it. By default
// these errors are ignored. Their work stays stored and is done again later.
func WithErrorReport(report func(error)) InboxOption {
	return func(i *Inbox) { i.report = report }
}

// NewInbox returns an Inbox that stores the work for a mirror in the mirror's store. It sends nothing.
func NewInbox(m *Mirror, options ...InboxOption) (*Inbox, error) {
	if m == nil {
		return nil, invalidInput("NewInbox", "a mirror is required")
	}
	i := &Inbox{mirror: m, report: func(error) {}, wake: make(chan struct{}, 1)}
	if err := configure("NewInbox", i, options); err != nil {
		return nil, err
	}
	if i.report == nil {
		return nil, invalidInput("WithErrorReport", "must not be nil")
	}
	return i, nil
}

// Handler returns the handler of the webhook's URL. It verifies a delivery and stores its ID together with the work that
// it asks for, in one transaction, before it responds with 204.
func (i *Inbox) Handler(verifier *webhook.Verifier) http.Handler {
	return verifier.Handler(func(ctx context.Context, event *webhook.Event) error {
		return i.receive(ctx, event.DeliveryID, workOf(basiq.EventTypeName(event.EventTypeID), event.UserID(), event.EventID))
	})
}

func (i *Inbox) receive(ctx context.Context, deliveryID string, work Work) error {
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
		if err := i.receive(ctx, "", workOf(name, userID, event.ID)); err != nil {
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
// first two every day, or after a minute if the events could not be read. Several processes can run it. It returns the
// context's error.
func (i *Inbox) Run(ctx context.Context) error {
	do := func(step func(context.Context) error) bool {
		err := step(ctx)
		if err != nil && ctx.Err() == nil {
			i.report(err)
		}
		return err == nil
	}
	var checked time.Time
	for {
		if now := time.Now(); now.Sub(checked) >= checkInterval {
			checked = now
			if !do(i.CatchUp) {
				checked = now.Add(workInterval - checkInterval)
			}
			do(i.Check)
		}
		do(i.Work)
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
	var failed []error
	for last := (Work{}); ; {
		page, err := i.mirror.store.queued(ctx, last)
		if err != nil || len(page) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, last = range page {
			err := i.mirror.do(ctx, last)
			if err == nil {
				err = i.mirror.store.finish(ctx, last)
			}
			if err != nil && len(failed) < maxErrors {
				failed = append(failed, err)
			}
		}
	}
}
