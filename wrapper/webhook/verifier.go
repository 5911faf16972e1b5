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

	// The start of the year 2200, in seconds. In milliseconds it is a date in March 1970, so a larger timestamp is not in
	// seconds. The distance of a smaller one from the current time fits into a time.Duration.
	maxTimestamp = 7_258_118_400

	defaultTolerance = 5 * time.Minute
	// A longer tolerance would not protect from replays.
	maxTolerance = 24 * time.Hour
	// Basiq's payloads are smaller than 1 KiB.
	defaultMaxBody = 1 << 20
	maxMaxBody     = 1 << 30

	// The shortest secret in Basiq's documentation has 9 bytes. A shorter key than this can be guessed.
	minKeySize = 8

	// A UUID has 36 characters. A signature with its version prefix has 47.
	maxIDSize        = 256
	maxSignatureSize = 4 << 10
)

// A Verifier verifies deliveries. Create one with [New]. It is safe for concurrent use.
type Verifier struct {
	// Functions, because fmt prints the contents of unexported fields without calling their methods.
	macs      []func() hash.Hash
	tolerance time.Duration
	maxBody   int64
	logger    *slog.Logger
}

// An Option configures a [Verifier]. If an option is given more than once, the last one takes effect, except for [WithSecret].
type Option func(*Verifier) error

// New returns a Verifier for the secret of a webhook, as returned by client.Webhooks.Create: "whsec_" followed by base64. The
// prefix and the padding may be missing. Errors do not contain the secret.
func New(secret api.Secret, options ...Option) (*Verifier, error) {
	v := &Verifier{tolerance: defaultTolerance, maxBody: defaultMaxBody, logger: slog.New(slog.DiscardHandler)}
	for _, option := range append([]Option{WithSecret(secret)}, options...) {
		if option == nil {
			return nil, errors.New("webhook: New: nil option")
		}
		if err := option(v); err != nil {
			return nil, fmt.Errorf("webhook: New: %w", err)
		}
	}
	return v, nil
}

// WithSecret adds another accepted secret. Use it during rotation, until all deliveries are signed with the new secret. The
// option can be given more than once.
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

// decodeSecret decodes the key in a secret. It does not wrap the errors of encoding/base64, because errors must not contain
// the secret.
func decodeSecret(secret api.Secret) ([]byte, error) {
	text, prefixed := strings.CutPrefix(secret.Reveal(), secretPrefix)
	text = strings.TrimRight(text, "=")
	switch {
	case text == "" && prefixed:
		return nil, errors.New(`missing key after "whsec_"`)
	case text == "":
		return nil, errors.New("missing; Basiq returns it only when the webhook is created or updated")
	case strings.ContainsAny(text, " \t\r\n"): // encoding/base64 would skip line breaks
		return nil, errors.New("must not contain spaces or line breaks")
	}
	key, err := base64.RawStdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, errors.New("key is not valid base64")
	case len(key) < minKeySize:
		return nil, fmt.Errorf("key too short: %d bytes, must be at least %d", len(key), minKeySize)
	}
	return key, nil
}

// WithTolerance sets how far a delivery's timestamp may be from the current time, before or after. The default is 5 minutes,
// the maximum 24 hours.
func WithTolerance(tolerance time.Duration) Option {
	return func(v *Verifier) error {
		if tolerance <= 0 || tolerance > maxTolerance {
			return errors.New("WithTolerance: must be positive and at most 24h")
		}
		v.tolerance = tolerance
		return nil
	}
}

// WithMaxBodyBytes sets the maximum size of a delivery's body. The default is 1 MiB, the maximum 1 GiB. Larger bodies are
// rejected with [ErrBodyTooLarge].
func WithMaxBodyBytes(limit int64) Option {
	return func(v *Verifier) error {
		if limit < 1 || limit > maxMaxBody {
			return errors.New("WithMaxBodyBytes: must be at least 1 and at most 1 GiB")
		}
		v.maxBody = limit
		return nil
	}
}

// WithLogger sets the logger of [Verifier.Handler]. The default is to log nothing. Rejected deliveries are logged as warnings,
// with the status and the reason. Errors of the handle function are logged as errors, with the IDs of the delivery and the
// event and the event type. No other data of a delivery and no secret is logged.
func WithLogger(logger *slog.Logger) Option {
	return func(v *Verifier) error {
		if logger == nil {
			return errors.New("WithLogger: nil logger")
		}
		v.logger = logger
		return nil
	}
}

// envelope holds the values of a delivery's headers.
type envelope struct {
	id         string
	timestamp  string
	signatures string
	sent       time.Time
}

// Verify returns an error unless a delivery with these headers and body comes from Basiq and was sent within the tolerance. The
// body must be the unmodified bytes of the request; re-encoded JSON does not match the signature. The header names must be
// canonical, as net/http and [http.Header.Set] make them.
//
// Errors: [ErrNotSigned], [ErrBadHeader], [ErrTimestamp], [ErrBadSignature], [ErrBodyTooLarge].
func (v *Verifier) Verify(header http.Header, body []byte) error {
	sealed, err := v.open(header)
	if err != nil {
		return err
	}
	return v.check(sealed, body)
}

// Parse reads a request's body, verifies the delivery, and returns the event. If the headers are not acceptable, it does not
// read the body. Otherwise it consumes the body, which remains available as [Event].Payload.
//
// Parse returns the errors of [Verifier.Verify], [ErrBadPayload], and errors from reading the body.
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

// open parses the headers. It returns an error if the timestamp is out of tolerance.
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
			return envelope{}, reject(ErrNotSigned, "missing %s", name)
		case len(values) > 1:
			return envelope{}, reject(ErrBadHeader, "%s has %d values", name, len(values))
		case len(values[0]) > part.limit:
			return envelope{}, reject(ErrBadHeader, "%s is longer than %d bytes", name, part.limit)
		default:
			*part.value = values[0]
		}
	}
	// The ID is written to logs and databases. Allow dots although dots also separate the parts of the signed text: if an
	// attacker moved a separator, the timestamp would not be a number or not be current.
	if strings.ContainsFunc(e.id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return envelope{}, reject(ErrBadHeader, "webhook-id must not contain spaces, control characters or non-ASCII characters")
	}
	sent, err := v.sentAt(e.timestamp)
	e.sent = sent
	return e, err
}

// sentAt parses a timestamp. It returns an error if the timestamp is out of tolerance.
func (v *Verifier) sentAt(timestamp string) (time.Time, error) {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != timestamp {
		return time.Time{}, reject(ErrBadHeader, "webhook-timestamp must be a whole number of seconds since 1970")
	}
	if seconds > maxTimestamp {
		return time.Time{}, reject(ErrTimestamp, "webhook-timestamp must be in seconds since 1970, not in a smaller unit: %d", seconds)
	}
	sent := time.Unix(seconds, 0).UTC()
	switch age := time.Since(sent); {
	case age > v.tolerance:
		return time.Time{}, reject(ErrTimestamp, "sent %v ago, tolerance is %v", age.Round(time.Second), v.tolerance)
	case age < -v.tolerance:
		return time.Time{}, reject(ErrTimestamp, "%v in the future, tolerance is %v", (-age).Round(time.Second), v.tolerance)
	}
	return sent, nil
}

// read reads the body of a request, up to the size limit.
func (v *Verifier) read(r *http.Request) ([]byte, error) {
	if r.ContentLength > v.maxBody {
		return nil, v.tooLarge()
	}
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, v.maxBody+1))
	if _, limited := errors.AsType[*http.MaxBytesError](err); limited { // an outer handler may set its own limit
		return nil, reject(ErrBodyTooLarge, "limit of http.MaxBytesReader exceeded")
	}
	if err != nil {
		return nil, fmt.Errorf("webhook: reading body: %w", err)
	}
	return body, nil
}

// check verifies the size and the signature of a body.
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
				// Compare all of them, so that the duration does not reveal which one matches.
				matches = hmac.Equal([]byte(signature), want) || matches
			}
		}
	}
	switch {
	case matches:
		return nil
	case candidates == 0:
		return reject(ErrBadSignature, "no v1 signature")
	}
	return reject(ErrBadSignature, "wrong secret or modified body")
}

func (v *Verifier) tooLarge() error { return reject(ErrBodyTooLarge, "more than %d bytes", v.maxBody) }

// sign returns the signature of a delivery, in base64.
func sign(mac func() hash.Hash, id, timestamp string, body []byte) string {
	h := mac()
	_, _ = io.WriteString(h, id+"."+timestamp+".")
	_, _ = h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Sign returns the headers of a delivery with this ID, send time and body. They are signed with each of the secrets, as
// Standard Webhooks specifies for rotation. It is meant for tests that post a body with these headers to a handler. Sign does
// not validate its arguments, so that tests can also create deliveries that [Verifier.Verify] rejects.
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
