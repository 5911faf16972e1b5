package conformance

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const (
	webhookSecret = "whsec_MA4V6bD7rB0Hcm2aw8ghgDeQ5UAak24DwnX0rX6=" // Basiq's sample has no padding, see TestWebhook_ReferenceSecrets.
	webhookID     = "11a85f64-5717-4562-b3fc-2c963f66af11"
	webhookBody   = `{"eventTypeId":"user.created","eventId":"e1","links":{"eventEntity":"https://au-api.basiq.io/users/u1"}}`
)

// webhookPair returns our implementation of Standard Webhooks and the reference implementation.
func webhookPair(t *testing.T, secret string) (*webhook.Verifier, *standardwebhooks.Webhook) {
	t.Helper()
	ours, err := webhook.New(api.NewSecret(secret))
	require.NoError(t, err)
	theirs, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	return ours, theirs
}

func webhookHeader(id string, sent time.Time, signature string) http.Header {
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(sent.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return header
}

// Each implementation must accept the signatures of the other.
func TestWebhook_ReferenceSignatures(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"padded":         webhookSecret,
		"without prefix": strings.TrimPrefix(webhookSecret, "whsec_"),
		"24 bytes":       "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 24))),
		"64 bytes":       "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64))),
		"200 bytes":      "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 200))),
	}
	bodies := map[string]string{
		"an event": webhookBody, "nothing": "", "not JSON": "\x00\xff\r\n", "non-ASCII": `{"Text":"naïve ☃"}`,
		"white space": " { } \n", "1 MiB": strings.Repeat("x", 1<<20),
	}
	for secretName, secret := range secrets {
		for bodyName, body := range bodies {
			for _, id := range []string{webhookID, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "a.b.c", "~"} {
				ours, theirs := webhookPair(t, secret)
				now := time.Now()

				signature, err := theirs.Sign(id, now, []byte(body))
				require.NoError(t, err)
				require.NoError(t, ours.Verify(webhookHeader(id, now, signature), []byte(body)), "%s, %s, %s", secretName, bodyName, id)

				signed := ours.Sign(id, now, []byte(body))
				require.NoError(t, theirs.Verify([]byte(body), signed), "%s, %s, %s", secretName, bodyName, id)
				assert.Equal(t, signature, signed.Get(standardwebhooks.HeaderWebhookSignature))
			}
		}
	}
}

// The cases name the implementations that reject a modified delivery.
func TestWebhook_ReferenceRejections(t *testing.T) {
	t.Parallel()
	const both, onlyUs, neither = "both reject it", "only we reject it", "both accept it"
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	add := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Add(name, value) }
	}
	signature := func(change func(string) string) func(http.Header) {
		return func(h http.Header) { h.Set("webhook-signature", change(h.Get("webhook-signature"))) }
	}
	cases := map[string]struct {
		change func(http.Header)
		body   string
		age    time.Duration
		want   string
		why    error // our error
	}{
		"nothing":                 {want: neither},
		"five minutes old":        {age: 5 * time.Minute, want: neither},
		"five minutes ahead":      {age: -5 * time.Minute, want: neither},
		"older":                   {age: 5*time.Minute + 1, want: both, why: webhook.ErrTimestamp},
		"further ahead":           {age: -5*time.Minute - time.Second, want: both, why: webhook.ErrTimestamp},
		"no id":                   {change: func(h http.Header) { h.Del("webhook-id") }, want: both, why: webhook.ErrNotSigned},
		"no timestamp":            {change: func(h http.Header) { h.Del("webhook-timestamp") }, want: both, why: webhook.ErrNotSigned},
		"no signature":            {change: func(h http.Header) { h.Del("webhook-signature") }, want: both, why: webhook.ErrNotSigned},
		"empty id":                {change: set("webhook-id", ""), want: both, why: webhook.ErrNotSigned},
		"another id":              {change: set("webhook-id", "x"), want: both, why: webhook.ErrBadSignature},
		"another timestamp":       {change: set("webhook-timestamp", "946684801"), want: both, why: webhook.ErrBadSignature},
		"timestamp is a word":     {change: set("webhook-timestamp", "now"), want: both, why: webhook.ErrBadHeader},
		"timestamp overflows":     {change: set("webhook-timestamp", "9223372036854775808"), want: both, why: webhook.ErrBadHeader},
		"timestamp wraps":         {change: set("webhook-timestamp", "9223372036854775807"), want: both, why: webhook.ErrTimestamp},
		"timestamp below zero":    {change: set("webhook-timestamp", "-946684800"), want: both, why: webhook.ErrBadHeader},
		"another body":            {body: webhookBody + " ", want: both, why: webhook.ErrBadSignature},
		"bare signature":          {change: signature(func(s string) string { return strings.TrimPrefix(s, "v1,") }), want: both, why: webhook.ErrBadSignature},
		"another version":         {change: signature(func(s string) string { return "v2" + strings.TrimPrefix(s, "v1") }), want: both, why: webhook.ErrBadSignature},
		"unpadded signature":      {change: signature(func(s string) string { return strings.TrimRight(s, "=") }), want: both, why: webhook.ErrBadSignature},
		"cut signature":           {change: signature(func(s string) string { return s[:20] }), want: both, why: webhook.ErrBadSignature},
		"nothing after v1":        {change: set("webhook-signature", "v1,"), want: both, why: webhook.ErrBadSignature},
		"v1 alone":                {change: set("webhook-signature", "v1"), want: both, why: webhook.ErrBadSignature},
		"others before it":        {change: signature(func(s string) string { return "v1,x v2,y " + s }), want: neither},
		"others after it":         {change: signature(func(s string) string { return s + " v1,x v2,y" }), want: neither},
		"spaces around it":        {change: signature(func(s string) string { return "  " + s + " " }), want: neither},
		"second id":               {change: add("webhook-id", "x"), want: onlyUs, why: webhook.ErrBadHeader},
		"second timestamp":        {change: add("webhook-timestamp", "1"), want: onlyUs, why: webhook.ErrBadHeader},
		"second signatures":       {change: add("webhook-signature", "v1,x"), want: onlyUs, why: webhook.ErrBadHeader},
		"timestamp with a sign":   {change: set("webhook-timestamp", "+946684800"), want: onlyUs, why: webhook.ErrBadHeader},   // The reference signs
		"timestamp with zeros":    {change: set("webhook-timestamp", "000946684800"), want: onlyUs, why: webhook.ErrBadHeader}, // the parsed number.
		"comma after it":          {change: signature(func(s string) string { return s + ",x" }), want: onlyUs, why: webhook.ErrBadSignature},
		"more than 4 KiB of it":   {change: signature(func(s string) string { return s + strings.Repeat(" v1,x", 1000) }), want: onlyUs, why: webhook.ErrBadHeader},
		"signed, ID with a space": {change: resign("a b"), want: onlyUs, why: webhook.ErrBadHeader},
		"signed, ID of 257 bytes": {change: resign(strings.Repeat("x", 257)), want: onlyUs, why: webhook.ErrBadHeader},
		"signed, ID of 256 bytes": {change: resign(strings.Repeat("x", 256)), want: neither},
		"more than 1 MiB":         {body: strings.Repeat("x", 1<<20+1), want: both, why: webhook.ErrBodyTooLarge},
		"signed with another key": {change: signature(func(string) string { return "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32)) }), want: both, why: webhook.ErrBadSignature},
		"lower case of base64":    {change: signature(strings.ToLower), want: both, why: webhook.ErrBadSignature},
		"quotes around it":        {change: signature(strconv.Quote), want: both, why: webhook.ErrBadSignature},
		"version in capitals":     {change: signature(func(s string) string { return "V1" + s[2:] }), want: both, why: webhook.ErrBadSignature},
		"space after the prefix":  {change: signature(func(s string) string { return "v1, " + s[3:] }), want: both, why: webhook.ErrBadSignature},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := webhookPair(t, webhookSecret)
				sent := time.Now()
				if tc.age < 0 {
					sent = sent.Add(-tc.age)
				}
				signed, err := theirs.Sign(webhookID, sent, []byte(webhookBody))
				require.NoError(t, err)
				header, body := webhookHeader(webhookID, sent, signed), webhookBody
				if tc.change != nil {
					tc.change(header)
				}
				if tc.body != "" {
					body = tc.body
				}
				if tc.age > 0 {
					time.Sleep(tc.age)
				}
				ourErr, theirErr := ours.Verify(header, []byte(body)), theirs.Verify([]byte(body), header)
				if tc.why == nil {
					require.NoError(t, ourErr)
				} else {
					require.ErrorIs(t, ourErr, tc.why)
				}
				assert.Equal(t, tc.want == both, theirErr != nil, "%s, but the reference returned %v", tc.want, theirErr)
				assert.Equal(t, tc.want == neither, ourErr == nil)
			})
		})
	}
}

// resign returns a change that sets another ID and a matching signature.
func resign(id string) func(http.Header) {
	return func(h http.Header) {
		theirs := must(standardwebhooks.NewWebhook(webhookSecret))
		h.Set("webhook-id", id)
		h.Set("webhook-signature", must(theirs.Sign(id, time.Now(), []byte(webhookBody))))
	}
}

// Some secrets are accepted by only one of the implementations.
func TestWebhook_ReferenceSecrets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		secret       string
		ours, theirs bool
	}{
		"padded":         {webhookSecret, true, true},
		"without prefix": {strings.TrimPrefix(webhookSecret, "whsec_"), true, true},
		"not base64":     {"whsec_?", false, false},
		"for URLs":       {"whsec_PLANTED-PLANTED_PLAN", false, false},
		// Basiq's sample secret. The reference decodes strictly.
		"unpadded": {strings.TrimRight(webhookSecret, "="), true, false},
		// These keys are public or can be guessed.
		"empty":       {"", false, true},
		"prefix only": {"whsec_", false, true},
		"three bytes": {"whsec_abcd", false, true},
		// The final line break of a file. Go's decoder skips it, others do not.
		"line break at its end": {webhookSecret + "\n", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, ourErr := webhook.New(api.NewSecret(tc.secret))
			_, theirErr := standardwebhooks.NewWebhook(tc.secret)
			assert.Equal(t, tc.ours, ourErr == nil, "our error: %v", ourErr)
			assert.Equal(t, tc.theirs, theirErr == nil, "reference error: %v", theirErr)
		})
	}

	// Apart from the padding, the reference agrees about Basiq's sample secret.
	unpadded, err := webhook.New(api.NewSecret(strings.TrimRight(webhookSecret, "=")))
	require.NoError(t, err)
	_, theirs := webhookPair(t, webhookSecret)
	require.NoError(t, theirs.Verify([]byte(webhookBody), unpadded.Sign(webhookID, time.Now(), []byte(webhookBody))))
}
