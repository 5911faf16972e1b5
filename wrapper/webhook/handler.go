package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Handler returns a handler for the webhook's URL. It calls handle for each valid delivery, and responds with a status that
// makes Basiq retry deliveries that were not handled:
//
//   - 204 if handle returns nil.
//   - 500 if handle returns an error. Basiq retries the delivery. The response does not contain the error: see [WithLogger].
//   - 401 if the delivery is not signed, its timestamp is out of tolerance, or its signature is wrong.
//   - 413 if the delivery is too large.
//   - 400 if the delivery is otherwise malformed.
//   - 405 if the method is not POST.
//
// Handler does not recover from a panic in handle: net/http closes the connection, and Basiq retries the delivery.
//
// handle may be called with the same DeliveryID more than once, even concurrently. Its context is canceled when Basiq closes
// the connection; use [context.WithoutCancel] for work that must continue. Handler does not limit how long a sender may take;
// set the ReadTimeout of the server. Handler panics if handle is nil.
func (v *Verifier) Handler(handle func(ctx context.Context, event *Event) error) http.Handler {
	if handle == nil {
		panic("webhook: Verifier.Handler: handle is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			respond(w, http.StatusMethodNotAllowed)
			return
		}
		ctx := r.Context()
		event, err := v.Parse(r)
		if err != nil {
			status := statusOf(err)
			v.logger.LogAttrs(ctx, slog.LevelWarn, "webhook rejected", slog.Int("status", status), slog.String("reason", err.Error()))
			respond(w, status)
			return
		}
		if err := handle(ctx, event); err != nil {
			v.logger.LogAttrs(ctx, slog.LevelError, "webhook handler failed", slog.Any("event", event), slog.String("error", err.Error()))
			respond(w, http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// statusOf returns the HTTP status for an error of Parse.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotSigned), errors.Is(err, ErrTimestamp), errors.Is(err, ErrBadSignature):
		return http.StatusUnauthorized
	case errors.Is(err, ErrBodyTooLarge):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// respond writes only the status text, because Basiq stores response bodies and shows them in the webhook's messages.
func respond(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
