package webhook

import (
	"errors"
	"fmt"
)

// Why a delivery is refused, for errors.Is. No error holds a secret, a signature or any of the body.
var (
	// ErrNotSigned says that one of the headers webhook-id, webhook-timestamp and webhook-signature is missing or empty:
	// whoever sent this, it was not a webhook.
	ErrNotSigned = errors.New("the request is not signed")
	// ErrBadHeader says that one of the three headers comes more than once, is too long, or is not what it should be.
	ErrBadHeader = errors.New("a header is malformed")
	// ErrTimestamp says that the delivery was sent too long ago, or in the future: see [WithTolerance]. Either it is
	// replayed or a clock is wrong.
	ErrTimestamp = errors.New("the timestamp is too far from now")
	// ErrBadSignature says that no signature is right for any of the secrets: the delivery is forged, something has
	// changed the body on its way, or the secret is another webhook's.
	ErrBadSignature = errors.New("no signature matches")
	// ErrTooLarge says that the body is larger than [WithMaxBodyBytes] allows.
	ErrTooLarge = errors.New("the body is too large")
	// ErrBadPayload says that the body is no JSON object, though its signature is right.
	ErrBadPayload = errors.New("the payload cannot be read")
)

// refuse says which of the errors above it is, and more about it.
func refuse(reason error, format string, args ...any) error {
	return fmt.Errorf("webhook: %w: %s", reason, fmt.Sprintf(format, args...))
}
