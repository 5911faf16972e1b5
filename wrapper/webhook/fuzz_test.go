package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// FuzzParse compares Verify with an independent implementation and checks that every error is one of the documented ones. The
// text "now" in a timestamp is replaced by the current time, and "good" in a signature by the correct one.
func FuzzParse(f *testing.F) {
	f.Add("msg_1", "now", "v1,good", []byte(payload))
	f.Add("msg_1", "now", "v1,bad v2,good v1,good", []byte(`{"eventTypeId":1}`))
	f.Add("a.b", "now", "v1,good", []byte(".{}"))
	f.Add("", "9223372036854775807", "v1,", []byte("null"))
	f.Add("msg_1", "now000", "v1,good", []byte(payload))
	f.Add("msg_1", "now000000000", "v1,good", []byte(payload))
	f.Add("msg_1", "7258118401", "v1,good", []byte(payload))
	f.Add("msg_1", "-1", "v1,good", []byte(payload))
	f.Fuzz(func(t *testing.T, id, timestamp, signatures string, body []byte) {
		verifier := newVerifier(t)
		timestamp = strings.ReplaceAll(timestamp, "now", strconv.FormatInt(time.Now().Unix(), 10))
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sampleSecret, "whsec_") + "=")
		require.NoError(t, err)
		h := hmac.New(sha256.New, key)
		h.Write(append([]byte(id+"."+timestamp+"."), body...))
		right := base64.StdEncoding.EncodeToString(h.Sum(nil))
		signatures = strings.ReplaceAll(signatures, "good", right)

		header := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signatures}}
		verified := verifier.Verify(header, body)
		seconds, err := strconv.ParseUint(timestamp, 10, 63)
		good := err == nil && timestamp == strconv.FormatUint(seconds, 10) && time.Since(time.Unix(int64(seconds), 0)).Abs() < 5*time.Minute &&
			onlyID.MatchString(id) && len(id) <= 256 && len(signatures) <= 4<<10 && slices.Contains(strings.Split(signatures, " "), "v1,"+right)
		require.Equal(t, good, verified == nil, "%v", verified)
		req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		req.Header = header
		event, err := verifier.Parse(req)
		if verified != nil {
			require.Nil(t, event)
			require.NotRegexp(t, overflow, verified.Error())
			known := 0
			for _, sentinel := range sentinels {
				require.Equal(t, errors.Is(verified, sentinel), errors.Is(err, sentinel), "Parse must return the error of Verify")
				if errors.Is(err, sentinel) {
					known++
				}
			}
			require.Equal(t, 1, known, err.Error())
			return
		}
		require.Contains(t, strings.Split(signatures, " "), "v1,"+right)
		if err != nil {
			require.ErrorIs(t, err, webhook.ErrBadPayload)
			return
		}
		require.Equal(t, id, event.DeliveryID)
		require.Equal(t, timestamp, strconv.FormatInt(event.Timestamp.Unix(), 10))
		require.Equal(t, body, []byte(event.Payload))
		checkEntity(t, event)
	})
}

// overflow matches a duration that is negative or the longest that time.Duration can hold.
var overflow = regexp.MustCompile(`-\d+h|2562047h`)

var onlyID = regexp.MustCompile(`^[!-~]+$`)

// FuzzSign checks that Verify accepts the headers that Sign returns.
func FuzzSign(f *testing.F) {
	f.Add("msg_1", []byte(payload), []byte("0123456789"))
	f.Fuzz(func(t *testing.T, id string, body, key []byte) {
		verifier, err := webhook.New(api.NewSecret("whsec_" + base64.RawStdEncoding.EncodeToString(key)))
		if len(key) < 8 {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		err = verifier.Verify(verifier.Sign(id, time.Now(), body), body)
		switch strange := strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }); {
		case id == "":
			require.ErrorIs(t, err, webhook.ErrNotSigned)
		case strange || len(id) > 256:
			require.ErrorIs(t, err, webhook.ErrBadHeader)
		default:
			require.NoError(t, err)
		}
	})
}

// FuzzNew checks that New neither panics nor returns an error that contains the secret.
func FuzzNew(f *testing.F) {
	f.Add(sampleSecret)
	f.Add("rfiuheo43934")
	f.Add("whsec_PLANTED-secret!")
	f.Fuzz(func(t *testing.T, secret string) {
		_, err := webhook.New(api.NewSecret(secret))
		if text := strings.TrimPrefix(secret, "whsec_"); err != nil && len(text) > 8 {
			require.NotContains(t, err.Error(), text)
		}
	})
}

// FuzzEntity checks that the IDs of an Entity are valid in a URL path, for any link.
func FuzzEntity(f *testing.F) {
	f.Add("https://au-api.basiq.io/users/u1/connections/c1")
	f.Add("https://au-api.basiq.io/users/u1/transactions?filter=connection.id.eq('c1')")
	f.Add("https://au-api.basiq.io/users/%2e%2e/connections/..")
	f.Fuzz(func(t *testing.T, link string) {
		checkEntity(t, &webhook.Event{Links: webhook.Links{EventEntity: link}})
	})
}

func checkEntity(t *testing.T, event *webhook.Event) {
	t.Helper()
	entity := event.Entity()
	for _, id := range []string{entity.ID, entity.UserID} {
		if id != "" {
			require.NoError(t, api.ID(id).Validate())
			require.Contains(t, event.Links.EventEntity, "/"+id)
		}
	}
	if entity.Kind == "" {
		require.Equal(t, webhook.Entity{}, entity)
	}
	require.Equal(t, entity.UserID, event.UserID())
}
