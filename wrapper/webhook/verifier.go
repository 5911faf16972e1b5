package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// The headers of a delivery.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

const (
	secretPrefix     = "whsec_"
	signatureVersion = "v1,"

	// The beginning of the year 2200, in seconds. In milliseconds that is in March 1970, so that a larger timestamp has
	// another unit. The distance of a smaller one from now fits into a time.Duration.
	maxTimestamp = 7_258_118_400

	defaultTolerance = 5 * time.Minute
	// Beyond a day a timestamp protects from nothing.
	maxTolerance = 24 * time.Hour
	// Basiq's payloads are below 1 KiB.
	defaultMaxBody = 1 << 20
	maxMaxBody     = 1 << 30

	// The shortest secret in Basiq's documents is of 9 bytes; what is shorter than this can be guessed.
	minKeySize = 8

	// A UUID has 36 characters, and a signature with its version 47.
	maxIDSize        = 256
	maxSignatureSize = 4 << 10
)

// Verifier verifies deliveries. Make one with [New]. It may be used by many goroutines at once.
type Verifier struct {
	// Functions, because fmt prints the keys in unexported fields without asking their type.
	macs      []func() hash.Hash
	tolerance time.Duration
	maxBody   int64
	logger    *slog.Logger
}

// Option changes what [New] returns. Of two that set the same thing, the later wins.
type Option func(*Verifier) error

// New returns a Verifier for the secret of a webhook, as client.Webhooks.Create returned it: "whsec_" and base64, where
// the prefix and the padding may be missing. The error says what is wrong with a secret, and does not show it.
func New(secret api.Secret, options ...Option) (*Verifier, error) {
	v := &Verifier{tolerance: defaultTolerance, maxBody: defaultMaxBody, logger: slog.New(slog.DiscardHandler)}
	for _, option := range append([]Option{WithSecret(secret)}, options...) {
		if option == nil {
			return nil, errors.New("webhook: New: one of the options is nil")
		}
		if err := option(v); err != nil {
			return nil, fmt.Errorf("webhook: New: %w", err)
		}
	}
	return v, nil
}

// WithSecret adds another secret, whose signatures are good too. Use it while one secret replaces another, and leave it
// out once all deliveries are signed with the new one. It may be given more than once.
func WithSecret(secret api.Secret) Option {
	return func(v *Verifier) error {
		key, err := decodeSecret(secret)
		if err != nil {
			return fmt.Errorf("secret %d: %w", len(v.macs)+1, err)
		}
		v.macs = append(v.macs, func() hash.Hash { return hmac.New(sha256.New, key) })
		return nil
	}
}

// decodeSecret returns the key that a secret stands for. Its errors do not show the secret, and so not those of
// encoding/base64 either.
func decodeSecret(secret api.Secret) ([]byte, error) {
	text, prefixed := strings.CutPrefix(secret.Reveal(), secretPrefix)
	text = strings.TrimRight(text, "=")
	switch {
	case text == "" && prefixed:
		return nil, errors.New(`nothing follows "whsec_"`)
	case text == "":
		return nil, errors.New("it is empty; Basiq shows it once, in the answer that creates the webhook")
	case strings.ContainsAny(text, " \t\r\n"): // encoding/base64 would skip line breaks
		return nil, errors.New("it has a space or a line break; copy the secret exactly as Basiq has sent it")
	}
	key, err := base64.RawStdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, errors.New(`what follows "whsec_" is not base64; copy the secret exactly as Basiq has sent it`)
	case len(key) < minKeySize:
		return nil, fmt.Errorf("it is too short: %d bytes, and below %d it can be guessed", len(key), minKeySize)
	}
	return key, nil
}

// WithTolerance sets how far from now a delivery's timestamp may be, before or after: by default 5 minutes, at most a day.
func WithTolerance(tolerance time.Duration) Option {
	return func(v *Verifier) error {
		if tolerance <= 0 || tolerance > maxTolerance {
			return errors.New("WithTolerance: give more than 0 and at most 24 h")
		}
		v.tolerance = tolerance
		return nil
	}
}

// WithMaxBodyBytes bounds the size of a delivery's body: by default 1 MiB, at most 1 GiB. A larger one is an error that is
// [ErrTooLarge].
func WithMaxBodyBytes(limit int64) Option {
	return func(v *Verifier) error {
		if limit < 1 || limit > maxMaxBody {
			return errors.New("WithMaxBodyBytes: give at least 1 and at most 1 GiB")
		}
		v.maxBody = limit
		return nil
	}
}

// WithLogger has [Verifier.Handler] log what it refuses, as warnings with the status and the reason, and the errors of the
// function it calls, as that words them, with the ids of delivery and event and the kind of event. Nothing else of a
// delivery is logged, and no secret. By default nothing is.
func WithLogger(logger *slog.Logger) Option {
	return func(v *Verifier) error {
		if logger == nil {
			return errors.New("WithLogger: it is nil; leave the option out to log nothing")
		}
		v.logger = logger
		return nil
	}
}

// envelope is what the headers of a delivery say.
type envelope struct {
	id         string
	timestamp  string
	signatures string
	sent       time.Time
}

// Verify checks that a delivery with these headers and this body comes from Basiq and was sent just now. The body is that of
// the request, byte for byte: one that was parsed and turned into text again has no signature. The names of the headers
// are canonical, as net/http and [http.Header.Set] make them.
//
// Errors: [ErrNotSigned], [ErrBadHeader], [ErrTimestamp], [ErrBadSignature], [ErrTooLarge].
func (v *Verifier) Verify(header http.Header, body []byte) error {
	sealed, err := v.open(header)
	if err != nil {
		return err
	}
	return v.check(sealed, body)
}

// Parse reads a request's body, verifies the delivery, and returns the event. What has no acceptable headers is refused
// before its body is read. Afterwards the body is spent; [Event] keeps it as Payload.
//
// Errors: those of [Verifier.Verify], [ErrBadPayload], and what reading the body fails with.
func (v *Verifier) Parse(r *http.Request) (*Event, error) {
	sealed, err := v.open(r.Header)
	if err != nil {
		return nil, err
	}
	body, err := v.read(r)
	if err != nil {
		return nil, err
	}
	if err := v.check(sealed, body); err != nil {
		return nil, err
	}
	return newEvent(sealed, body)
}

// open reads the headers and refuses a delivery that is not of now.
func (v *Verifier) open(header http.Header) (envelope, error) {
	var e envelope
	for _, part := range []struct {
		name  string
		limit int
		value *string
	}{
		{headerID, maxIDSize, &e.id},
		{headerTimestamp, len("9223372036854775807"), &e.timestamp},
		{headerSignature, maxSignatureSize, &e.signatures},
	} {
		name := strings.ToLower(part.name)
		switch values := header[part.name]; {
		case len(values) == 0 || len(values) == 1 && values[0] == "":
			return envelope{}, refuse(ErrNotSigned, "there is no %s", name)
		case len(values) > 1:
			return envelope{}, refuse(ErrBadHeader, "%s comes %d times", name, len(values))
		case len(values[0]) > part.limit:
			return envelope{}, refuse(ErrBadHeader, "%s is longer than %d bytes", name, part.limit)
		default:
			*part.value = values[0]
		}
	}
	// It goes into logs and stores. A dot is all right, though dots also end the id and the timestamp in what is signed: were
	// they read elsewhere, the timestamp would not be a number, or not one of now.
	if strings.ContainsFunc(e.id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return envelope{}, refuse(ErrBadHeader, "webhook-id has a space, a control character or a character beyond ASCII")
	}
	sent, err := v.sentAt(e.timestamp)
	e.sent = sent
	return e, err
}

// sentAt parses a timestamp. It returns an error if the timestamp is further from now than the tolerance.
func (v *Verifier) sentAt(timestamp string) (time.Time, error) {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != timestamp {
		return time.Time{}, refuse(ErrBadHeader, "webhook-timestamp must be a whole number of seconds since 1970")
	}
	if seconds > maxTimestamp {
		return time.Time{}, refuse(ErrTimestamp, "webhook-timestamp must be in seconds since 1970, not in a smaller unit: %d", seconds)
	}
	sent := time.Unix(seconds, 0).UTC()
	switch age := time.Since(sent); {
	case age > v.tolerance:
		return time.Time{}, refuse(ErrTimestamp, "%v ago, where %v are allowed", age.Round(time.Second), v.tolerance)
	case age < -v.tolerance:
		return time.Time{}, refuse(ErrTimestamp, "%v ahead, where %v are allowed", (-age).Round(time.Second), v.tolerance)
	}
	return sent, nil
}

// read reads no more of a body than is allowed.
func (v *Verifier) read(r *http.Request) ([]byte, error) {
	if r.ContentLength > v.maxBody {
		return nil, v.tooLarge()
	}
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, v.maxBody+1))
	if _, limited := errors.AsType[*http.MaxBytesError](err); limited { // a handler around this one has a bound of its own
		return nil, refuse(ErrTooLarge, "http.MaxBytesReader ended it")
	}
	if err != nil {
		return nil, fmt.Errorf("webhook: the body cannot be read: %w", err)
	}
	return body, nil
}

// check checks the size and the signature of a body.
func (v *Verifier) check(sealed envelope, body []byte) error {
	if int64(len(body)) > v.maxBody {
		return v.tooLarge()
	}
	matches, candidates := false, 0
	for _, mac := range v.macs {
		want := []byte(sign(mac, sealed.id, sealed.timestamp, body))
		for candidate := range strings.SplitSeq(sealed.signatures, " ") {
			if signature, ok := strings.CutPrefix(candidate, signatureVersion); ok {
				candidates++
				// All are compared, so that the time does not tell which one it is.
				matches = hmac.Equal([]byte(signature), want) || matches
			}
		}
	}
	switch {
	case matches:
		return nil
	case candidates == 0:
		return refuse(ErrBadSignature, "there is none of version v1")
	}
	return refuse(ErrBadSignature, "is it this webhook's secret, and the body as it was sent?")
}

func (v *Verifier) tooLarge() error { return refuse(ErrTooLarge, "more than %d bytes", v.maxBody) }

// sign returns the signature of a delivery, in base64.
func sign(mac func() hash.Hash, id, timestamp string, body []byte) string {
	h := mac()
	_, _ = io.WriteString(h, id+"."+timestamp+".")
	_, _ = h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Sign returns the headers of a delivery with this id and body, sent at this time: signed with each of the secrets, as
// Standard Webhooks has it while one replaces another. It is for tests, which post a body with these headers to a handler.
// Sign does not look at what it signs, so that tests can also make what [Verifier.Verify] refuses.
func (v *Verifier) Sign(deliveryID string, sent time.Time, body []byte) http.Header {
	timestamp := strconv.FormatInt(sent.Unix(), 10)
	signatures := make([]string, len(v.macs))
	for i, mac := range v.macs {
		signatures[i] = signatureVersion + sign(mac, deliveryID, timestamp, body)
	}
	return http.Header{
		"Content-Type":  {"application/json"},
		headerID:        {deliveryID},
		headerTimestamp: {timestamp},
		headerSignature: {strings.Join(signatures, " ")},
	}
}
