package main

import (
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
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// The sandbox sends its webhooks to the receiver.
func TestReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		created, err := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{
			Name: "Users", URL: "https://app.example/basiq", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameUserCreated},
		})
		require.NoError(t, err)
		verifier, err := webhook.New(created.Secret)
		require.NoError(t, err)
		events := make(chan *webhook.Event, 10)
		sandbox.DeliverTo(handler(verifier, events))

		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		synctest.Wait()
		close(events)
		var printed []string
		work(t.Context(), client, events, func(format string, args ...any) { printed = append(printed, fmt.Sprintf(format, args...)) })
		require.Len(t, printed, 1)
		assert.True(t, strings.HasPrefix(printed[0], "user.created of user "+user.ID), printed[0])
	})
}

func TestHandler(t *testing.T) {
	t.Parallel()
	verifier, err := webhook.New(basiq.NewSecret("whsec_MA4V6bD7rB0Hcm2aw8ghgDeQ5UAak24DwnX0rX6"))
	require.NoError(t, err)
	events := make(chan *webhook.Event, 1)
	receiver := handler(verifier, events)
	const body = `{"eventTypeId":"user.created","eventId":"e1"}`
	send := func(deliveryID string) int {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Header = verifier.Sign(deliveryID, time.Now(), []byte(body))
		response := httptest.NewRecorder()
		receiver.ServeHTTP(response, request)
		return response.Code
	}
	assert.Equal(t, http.StatusNoContent, send("d1"))
	assert.Equal(t, http.StatusNoContent, send("d1"), "a duplicate is not an error")
	assert.Equal(t, http.StatusInternalServerError, send("d2"), "the queue is full")
	assert.Len(t, events, 1)
}
