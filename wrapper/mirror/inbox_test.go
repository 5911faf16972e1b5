package mirror_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const webhookSecret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

// deliver posts a delivery to a handler and returns the status.
func (f *fixture) deliver(handler http.Handler, deliveryID, eventID, eventType, entity string) int {
	f.Helper()
	verifier, err := webhook.New(basiq.NewSecret(webhookSecret))
	require.NoError(f, err)
	body := `{"eventTypeId":"` + eventType + `","eventId":"` + eventID + `","links":{"eventEntity":"https://au-api.basiq.io` + entity + `"}}`
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header = verifier.Sign(deliveryID, time.Now(), []byte(body))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

func (f *fixture) inbox(webhookID string) (*mirror.Inbox, http.Handler) {
	f.Helper()
	inbox, err := mirror.NewInbox(f.mirror, webhookID)
	require.NoError(f, err)
	verifier, err := webhook.New(basiq.NewSecret(webhookSecret))
	require.NoError(f, err)
	return inbox, inbox.Handler(verifier)
}

func TestInbox_Handler(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		inbox, handler := f.inbox("")
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		entity := "/users/" + f.user + "/transactions"
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d1", "e1", "transactions.updated", entity))
		require.NoError(t, inbox.Work(f.Context()))
		f.requireTruth()

		f.sandbox.ForgetRequests()
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d1", "e1", "transactions.updated", entity))
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d2", "e1", "transactions.updated", entity), "the same event")
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d3", "e3", "institution.invented", entity))
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d4", "e4", "transactions.updated", ""))
		require.NoError(t, inbox.Work(f.Context()))
		assert.Empty(t, f.sandbox.Requests(), "duplicates cause no work")

		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d5", "e5", "user.deleted", "/users/"+f.user))
		require.NoError(t, inbox.Work(f.Context()))
		record, err := f.mirror.Erase(f.Context(), f.user, mirror.ReasonUserRequest)
		require.NoError(t, err)
		assert.Equal(t, mirror.ReasonUserDeleted, record.Reason)
		assert.Positive(t, record.Transactions)
	})
}

// A revoked consent leads to an erasure, unless the user has another consent.
func TestInbox_ConsentRevoked(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		inbox, handler := f.inbox("")
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		entity := "/users/" + f.user + "/consents/c1"
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d1", "e1", "consent.revoked", entity))
		require.NoError(t, inbox.Work(f.Context()))
		f.requireTruth()

		var consents []string
		for c, err := range f.client.Consents.List(f.Context(), f.user) {
			require.NoError(t, err)
			consents = append(consents, c.ID)
			require.NoError(t, f.client.Consents.Delete(f.Context(), f.user, c.ID))
		}
		assert.Equal(t, http.StatusNoContent, f.deliver(handler, "d2", "e2", "consent.revoked", entity))
		require.NoError(t, inbox.Work(f.Context()))
		assert.Empty(t, f.store.Transactions(f.user))
		record, err := f.mirror.Erase(f.Context(), f.user, mirror.ReasonUserRequest)
		require.NoError(t, err)
		assert.Equal(t, consents, record.ConsentIDs)
		assert.Equal(t, mirror.ReasonConsentRevoked, record.Reason)
	})
}

// Run catches up with the events that no webhook delivered, and survives failures.
func TestInbox_Run(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		f.sandbox.Inject(basiqtest.Fail(http.StatusBadRequest), basiqtest.Operations("getEvents"), basiqtest.Times(3))
		inbox, _ := f.inbox("")
		ctx, cancel := context.WithCancel(f.Context())
		done := make(chan error, 1)
		var reported []error
		go func() { done <- inbox.Run(ctx, func(err error) { reported = append(reported, err) }) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		f.requireTruth()

		f.refresh(id)
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		f.requireTruth()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.NotEmpty(t, reported)
		for _, err := range reported {
			assert.ErrorIs(t, err, basiq.ErrBadRequest)
		}
	})
}

func TestInbox_Check(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		hook, err := f.client.Webhooks.Create(f.Context(), basiq.CreateWebhook{Name: "mirror", URL: "https://example.com/basiq", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameTransactionsUpdated}})
		require.NoError(t, err)
		inbox, _ := f.inbox(hook.ID)
		require.NoError(t, inbox.Check(f.Context()))
		f.rewrite = func(path string, webhook map[string]any) {
			if strings.HasPrefix(path, "/notifications/webhooks/") {
				webhook["status"] = "disabled"
			}
		}
		require.ErrorIs(t, inbox.Check(f.Context()), mirror.ErrEndpointDisabled)
		f.rewrite = nil
		require.NoError(t, f.client.Webhooks.Delete(f.Context(), hook.ID))
		require.ErrorIs(t, inbox.Check(f.Context()), mirror.ErrEndpointDisabled)
	})
}

// Users whose work always fails do not keep the work of the others from being done.
func TestInbox_Work_Failures(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		inbox, handler := f.inbox("")
		f.sandbox.Inject(basiqtest.Fail(http.StatusBadRequest), basiqtest.Operations("getAccounts"), basiqtest.Times(300))
		const users = 301
		for n := range users {
			id := fmt.Sprint("e", n)
			assert.Equal(t, http.StatusNoContent, f.deliver(handler, id, id, "transactions.updated", fmt.Sprintf("/users/%06d/transactions", n)))
		}
		f.sandbox.ForgetRequests()
		require.ErrorIs(t, inbox.Work(f.Context()), basiq.ErrBadRequest)
		assert.Len(t, f.sandbox.Requests(), users)
	})
}
