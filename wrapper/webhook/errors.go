package webhook

import (
	"errors"
	"fmt"
)

// The errors for rejected deliveries, for use with [errors.Is]. No error contains a secret, a signature or part of the body.
var (
	// ErrNotSigned is returned if one of the headers webhook-id, webhook-timestamp and webhook-signature is missing or
	// empty. The request is not a webhook.
	ErrNotSigned = errors.New("request not signed")
	// ErrBadHeader is returned if one of the three headers is duplicate, too long, or malformed.
	ErrBadHeader = errors.New("invalid header")
	// ErrTimestamp is returned if the delivery was sent too long ago, or in the future: see [WithTolerance]. Either the
	// delivery was replayed or a clock is wrong.
	ErrTimestamp = errors.New("timestamp out of tolerance")
	// ErrBadSignature is returned if no signature matches any of the secrets. The delivery is forged, its body was modified
	// in transit, or the secret belongs to another webhook.
	ErrBadSignature = errors.New("no matching signature")
	// ErrBodyTooLarge is returned if the body is larger than [WithMaxBodyBytes] allows.
	ErrBodyTooLarge = errors.New("body too large")
	// ErrBadPayload is returned if the signature matches but the body is not a JSON object.
	ErrBadPayload = errors.New("invalid payload")
)

// reject returns an error that wraps reason and adds details.
func reject(reason error, format string, args ...any) error {
	return fmt.Errorf("webhook: %w: %s", reason, fmt.Sprintf(format, args...))
}
