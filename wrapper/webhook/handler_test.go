package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

func accept(context.Context, *webhook.Event) error { return nil }

func TestHandler_Accepted(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	type key struct{}
	var got []*webhook.Event
	handler := verifier.Handler(func(ctx context.Context, event *webhook.Event) error {
		assert.Equal(t, "carried", ctx.Value(key{}), "the context is the request's")
		got = append(got, event)
		return nil
	})
	for range 2 {
		req := delivery(verifier, payload)
		response, body := post(handler, req.WithContext(context.WithValue(t.Context(), key{}, "carried")))
		assert.Equal(t, http.StatusNoContent, response.StatusCode)
		assert.Empty(t, body)
	}
	require.Len(t, got, 2, "skipping duplicate deliveries is up to the function")
	assert.Equal(t, got[0].DeliveryID, got[1].DeliveryID)
	assert.Equal(t, webhook.EventUserCreated, got[0].EventTypeID)
}

func TestHandler_Rejected(t *testing.T) {
	t.Parallel()
	change := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	cases := map[string]struct {
		change func(*http.Request)
		status int
	}{
		"GET":           {func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"PUT":           {func(r *http.Request) { r.Method = http.MethodPut }, 405},
		"OPTIONS":       {func(r *http.Request) { r.Method = http.MethodOptions }, 405},
		"not signed":    {func(r *http.Request) { clear(r.Header) }, 401},
		"forged":        {change("Webhook-Signature", "v1,PLANTED"), 401},
		"replayed":      {change("Webhook-Timestamp", "1700000000"), 401},
		"malformed":     {change("Webhook-Timestamp", "PLANTED"), 400},
		"other body":    {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"PLANTED":1}`)) }, 401},
		"large body":    {func(r *http.Request) { r.Body = io.NopCloser(endless{}) }, 413},
		"announced":     {func(r *http.Request) { r.ContentLength = 1 << 30 }, 413},
		"broken body":   {func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(errors.New("PLANTED"))) }, 400},
		"not an object": {func(r *http.Request) { *r = *delivery(newVerifier(t), `"PLANTED"`).WithContext(r.Context()) }, 400},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier := newVerifier(t)
			handler := verifier.Handler(func(context.Context, *webhook.Event) error {
				t.Error("the function must not be called")
				return nil
			})
			req := delivery(verifier, payload)
			tc.change(req)
			response, body := post(handler, req)
			assert.Equal(t, tc.status, response.StatusCode)
			assert.Equal(t, http.StatusText(tc.status)+"\n", body, "the body contains only the status text")
			allow := ""
			if tc.status == http.StatusMethodNotAllowed {
				allow = "POST"
			}
			assert.Equal(t, allow, response.Header.Get("Allow"))
		})
	}
}

func TestHandler_RetryAfterError(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	attempts := 0
	handler := verifier.Handler(func(context.Context, *webhook.Event) error {
		if attempts++; attempts < 3 {
			return errors.New("PLANTED: database unavailable")
		}
		return nil
	})
	for _, want := range []int{500, 500, 204} {
		response, body := post(handler, delivery(verifier, payload))
		assert.Equal(t, want, response.StatusCode)
		assert.NotContains(t, body, "PLANTED")
	}
}

func TestHandler_Panic(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	handler := verifier.Handler(func(context.Context, *webhook.Event) error { panic("PLANTED") })
	assert.PanicsWithValue(t, "PLANTED", func() { post(handler, delivery(verifier, payload)) })

	// The server closes the connection, which Basiq treats as a failure.
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(payload))
	require.NoError(t, err)
	req.Header = verifier.Sign(deliveryID, time.Now(), []byte(payload))
	_, err = server.Client().Do(req)
	require.Error(t, err)

	assert.Panics(t, func() { verifier.Handler(nil) })
}

// On a real connection, header names are canonicalized and bodies may be chunked.
func TestHandler_RealConnection(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	server := httptest.NewServer(verifier.Handler(accept))
	defer server.Close()
	for name, body := range map[string]io.Reader{
		"length known": strings.NewReader(payload),
		"chunked":      iotest.OneByteReader(strings.NewReader(payload)),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
		require.NoError(t, err)
		req.Header = verifier.Sign(deliveryID, time.Now(), []byte(payload))
		response, err := server.Client().Do(req)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNoContent, response.StatusCode, name)
		require.NoError(t, response.Body.Close())
	}
}

func TestHandler_Logs(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	verifier := newVerifier(t, webhook.WithLogger(slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))))
	handler := verifier.Handler(func(_ context.Context, event *webhook.Event) error {
		if event.EventTypeID == webhook.EventUserCreated {
			return nil
		}
		return errors.New("database unavailable")
	})

	post(handler, delivery(verifier, payload))
	assert.Empty(t, lines.String(), "successful deliveries are not logged")

	forged := delivery(verifier, payload)
	forged.Header.Set("Webhook-Signature", "v1,PLANTED")
	forged.Header.Set("Webhook-Id", "PLANTED")
	post(handler, forged)
	assert.Equal(t, `level=WARN msg="webhook rejected" status=401 reason="webhook: no matching signature: `+
		`wrong secret or modified body"`+"\n", lines.String())

	lines.Reset()
	post(handler, delivery(verifier, strings.ReplaceAll(payload, "user.created", "user.deleted")))
	assert.Equal(t, `level=ERROR msg="webhook handler failed" event.delivery_id=`+deliveryID+` event.event_id=`+eventID+
		` event.event_type_id=user.deleted error="database unavailable"`+"\n", lines.String())
}
