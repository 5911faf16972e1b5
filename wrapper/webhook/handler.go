package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Handler returns a handler for the webhook's URL, which calls handle with each delivery that is good, and answers so that
// Basiq sends again what was not handled:
//
//   - 204 when handle returns nil. The delivery is done.
//   - 500 when handle returns an error. Basiq sends it again. The answer does not show the error: see [WithLogger].
//   - 401 when the delivery is not signed, not of now, or its signature is wrong; 413 when it is too large; 400 when it is
//     malformed otherwise. handle is not called.
//   - 405 when the method is not POST.
//
// A panic in handle is not caught: net/http ends the connection, and Basiq sends the delivery again.
//
// handle may be called with the same DeliveryID more than once, also at the same time. Its context ends when Basiq hangs up;
// what must go on then needs [context.WithoutCancel]. How long a sender may take is the business of the server's
// ReadTimeout. Handler panics when handle is nil.
func (v *Verifier) Handler(handle func(ctx context.Context, event *Event) error) http.Handler {
	if handle == nil {
		panic("webhook: Verifier.Handler: handle is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			answer(w, http.StatusMethodNotAllowed)
			return
		}
		ctx := r.Context()
		event, err := v.Parse(r)
		if err != nil {
			status := statusOf(err)
			v.logger.LogAttrs(ctx, slog.LevelWarn, "webhook refused", slog.Int("status", status), slog.String("reason", err.Error()))
			answer(w, status)
			return
		}
		if err := handle(ctx, event); err != nil {
			v.logger.LogAttrs(ctx, slog.LevelError, "webhook not handled", slog.Any("event", event), slog.String("error", err.Error()))
			answer(w, http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// statusOf returns the status for what Parse refuses.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotSigned), errors.Is(err, ErrTimestamp), errors.Is(err, ErrBadSignature):
		return http.StatusUnauthorized
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// answer says no more than the status does: Basiq keeps the answers, and shows them in the webhook's messages.
func answer(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
