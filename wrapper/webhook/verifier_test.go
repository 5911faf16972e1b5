package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

var sentinels = []error{
	webhook.ErrNotSigned, webhook.ErrBadHeader, webhook.ErrTimestamp, webhook.ErrBadSignature, webhook.ErrBodyTooLarge, webhook.ErrBadPayload,
}

// requireOnly checks that err wraps want and no other sentinel.
func requireOnly(t *testing.T, err, want error) {
	t.Helper()
	require.ErrorIs(t, err, want)
	for _, sentinel := range sentinels {
		assert.Equal(t, errors.Is(want, sentinel), errors.Is(err, sentinel), sentinel.Error())
	}
	assert.True(t, strings.HasPrefix(err.Error(), "webhook: "), err.Error())
	assert.NotContains(t, err.Error(), "\n")
}

func TestVerify_KnownSignature(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		verifier := newVerifier(t)
		require.NoError(t, verifier.Verify(headers(deliveryID, bubbleStart, sampleSignature), []byte(payload)))
		assert.Equal(t, sampleSignature, verifier.Sign(deliveryID, time.Now(), []byte(payload)).Get("Webhook-Signature"))
	})
}

// Any modified delivery is rejected with the matching error.
func TestVerify_Rejected(t *testing.T) {
	t.Parallel()
	bare := strings.TrimPrefix(sampleSignature, "v1,")
	with := func(change func(http.Header)) func(http.Header) { return change }
	set := func(name, value string) func(http.Header) {
		return with(func(h http.Header) { h.Set(name, value) })
	}
	cases := map[string]struct {
		change func(http.Header)
		body   string
		want   error
	}{
		"no id":                    {change: with(func(h http.Header) { h.Del("Webhook-Id") }), want: webhook.ErrNotSigned},
		"no timestamp":             {change: with(func(h http.Header) { h.Del("Webhook-Timestamp") }), want: webhook.ErrNotSigned},
		"no signature":             {change: with(func(h http.Header) { h.Del("Webhook-Signature") }), want: webhook.ErrNotSigned},
		"no headers":               {change: with(func(h http.Header) { clear(h) }), want: webhook.ErrNotSigned},
		"no values":                {change: with(func(h http.Header) { h["Webhook-Signature"] = []string{} }), want: webhook.ErrNotSigned},
		"empty id":                 {change: set("Webhook-Id", ""), want: webhook.ErrNotSigned},
		"empty timestamp":          {change: set("Webhook-Timestamp", ""), want: webhook.ErrNotSigned},
		"empty signature":          {change: set("Webhook-Signature", ""), want: webhook.ErrNotSigned},
		"two ids":                  {change: with(func(h http.Header) { h.Add("Webhook-Id", deliveryID) }), want: webhook.ErrBadHeader},
		"two timestamps":           {change: with(func(h http.Header) { h.Add("Webhook-Timestamp", "1") }), want: webhook.ErrBadHeader},
		"two signatures' headers":  {change: with(func(h http.Header) { h.Add("Webhook-Signature", sampleSignature) }), want: webhook.ErrBadHeader},
		"second id is empty":       {change: with(func(h http.Header) { h.Add("Webhook-Id", "") }), want: webhook.ErrBadHeader},
		"long id":                  {change: set("Webhook-Id", strings.Repeat("a", 257)), want: webhook.ErrBadHeader},
		"long timestamp":           {change: set("Webhook-Timestamp", strings.Repeat("0", 20)), want: webhook.ErrBadHeader},
		"long signature":           {change: set("Webhook-Signature", sampleSignature+strings.Repeat(" "+sampleSignature, 90)), want: webhook.ErrBadHeader},
		"id with a line break":     {change: set("Webhook-Id", "a\r\nb"), want: webhook.ErrBadHeader},
		"id with a space":          {change: set("Webhook-Id", "a b"), want: webhook.ErrBadHeader},
		"id with a delete":         {change: set("Webhook-Id", "a\x7f"), want: webhook.ErrBadHeader},
		"id beyond ASCII":          {change: set("Webhook-Id", "é"), want: webhook.ErrBadHeader},
		"id is not UTF-8":          {change: set("Webhook-Id", "\xff"), want: webhook.ErrBadHeader},
		"timestamp is a word":      {change: set("Webhook-Timestamp", "now"), want: webhook.ErrBadHeader},
		"timestamp is undefined":   {change: set("Webhook-Timestamp", "undefined"), want: webhook.ErrBadHeader},
		"timestamp is a date":      {change: set("Webhook-Timestamp", "2000-01-01T00:00:00"), want: webhook.ErrBadHeader},
		"timestamp with fraction":  {change: set("Webhook-Timestamp", bubbleStart+".0"), want: webhook.ErrBadHeader},
		"timestamp with sign":      {change: set("Webhook-Timestamp", "+"+bubbleStart), want: webhook.ErrBadHeader},
		"timestamp below zero":     {change: set("Webhook-Timestamp", "-"+bubbleStart), want: webhook.ErrBadHeader},
		"timestamp with zeros":     {change: set("Webhook-Timestamp", "0"+bubbleStart), want: webhook.ErrBadHeader},
		"timestamp with a space":   {change: set("Webhook-Timestamp", " "+bubbleStart), want: webhook.ErrBadHeader},
		"timestamp in hexadecimal": {change: set("Webhook-Timestamp", "0x386d4380"), want: webhook.ErrBadHeader},
		"timestamp overflows":      {change: set("Webhook-Timestamp", "9223372036854775808"), want: webhook.ErrBadHeader},
		"timestamp is the highest": {change: set("Webhook-Timestamp", strconv.FormatInt(math.MaxInt64, 10)), want: webhook.ErrTimestamp},
		"timestamp is the lowest":  {change: set("Webhook-Timestamp", "0"), want: webhook.ErrTimestamp},
		"timestamp in ms":          {change: set("Webhook-Timestamp", bubbleStart+"000"), want: webhook.ErrTimestamp},
		"another timestamp":        {change: set("Webhook-Timestamp", "946684801"), want: webhook.ErrBadSignature},
		"another id":               {change: set("Webhook-Id", "another"), want: webhook.ErrBadSignature},
		"another body":             {body: strings.Replace(payload, "created", "deleted", 1), want: webhook.ErrBadSignature},
		"longer body":              {body: payload + "\n", want: webhook.ErrBadSignature},
		"shorter body":             {body: payload[:len(payload)-1], want: webhook.ErrBadSignature},
		"boundary moved":           {change: set("Webhook-Id", deliveryID+"."+bubbleStart), want: webhook.ErrBadSignature},
		"bare signature":           {change: set("Webhook-Signature", bare), want: webhook.ErrBadSignature},
		"other versions only":      {change: set("Webhook-Signature", "v1a,"+bare+" v2,"+bare+" v10,"+bare+" V1,"+bare+" ,"+bare), want: webhook.ErrBadSignature},
		"nothing after the prefix": {change: set("Webhook-Signature", "v1,"), want: webhook.ErrBadSignature},
		"prefix alone":             {change: set("Webhook-Signature", "v1"), want: webhook.ErrBadSignature},
		"spaces":                   {change: set("Webhook-Signature", "   "), want: webhook.ErrBadSignature},
		"signature unpadded":       {change: set("Webhook-Signature", strings.TrimRight(sampleSignature, "=")), want: webhook.ErrBadSignature},
		"signature twice in one":   {change: set("Webhook-Signature", sampleSignature+","+bare), want: webhook.ErrBadSignature},
		"commas between":           {change: set("Webhook-Signature", sampleSignature+","+sampleSignature), want: webhook.ErrBadSignature},
		"tab between":              {change: set("Webhook-Signature", "v1,a\t"+sampleSignature), want: webhook.ErrBadSignature},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				header, body := headers(deliveryID, bubbleStart, sampleSignature), payload
				if tc.change != nil {
					tc.change(header)
				}
				if tc.body != "" {
					body = tc.body
				}
				verifier := newVerifier(t)
				err := verifier.Verify(header, []byte(body))
				requireOnly(t, err, tc.want)
				assert.NotContains(t, err.Error(), bare[:10], "the error must not contain the signature")
				assert.NotContains(t, err.Error(), userID, "the error must not contain the body")

				req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
				req.Header = header
				event, parseErr := verifier.Parse(req)
				assert.Nil(t, event)
				assert.Equal(t, err, parseErr, "Parse must return the error of Verify")
			})
		})
	}
}

// A comparison that ends early or checks only a prefix would accept some of these signatures.
func TestVerify_EveryCharacter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		verifier := newVerifier(t)
		for i := len("v1,"); i < len(sampleSignature); i++ {
			for _, other := range []byte{'A', 'b', '/', '=', 0, 0xff} {
				if other == sampleSignature[i] {
					continue
				}
				signature := []byte(sampleSignature)
				signature[i] = other
				require.ErrorIs(t, verifier.Verify(headers(deliveryID, bubbleStart, string(signature)), []byte(payload)), webhook.ErrBadSignature, "%q", signature)
			}
			require.ErrorIs(t, verifier.Verify(headers(deliveryID, bubbleStart, sampleSignature[:i]), []byte(payload)), webhook.ErrBadSignature)
		}
	})
}

func TestVerify_SignatureList(t *testing.T) {
	t.Parallel()
	wrong := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, list := range map[string]string{
		"first":          sampleSignature + " " + wrong,
		"last":           wrong + " " + wrong + " " + sampleSignature,
		"among versions": "v1a,abc v2,abc " + sampleSignature + " v3",
		"spaces around":  "  " + sampleSignature + "  ",
		"twice":          sampleSignature + " " + sampleSignature,
		"longest list":   strings.Repeat(wrong+" ", 80) + sampleSignature,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, newVerifier(t).Verify(headers(deliveryID, bubbleStart, list), []byte(payload)))
			})
		})
	}
}

func TestVerify_Tolerance(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	cases := map[string]struct {
		options []webhook.Option
		age     time.Duration
		good    bool
	}{
		"now":                    {age: 0, good: true},
		"five minutes old":       {age: 5 * minute, good: true},
		"a moment older":         {age: 5*minute + 1},
		"an hour old":            {age: 60 * minute},
		"five minutes ahead":     {age: -5 * minute, good: true},
		"a second further ahead": {age: -5*minute - time.Second},
		"an hour ahead":          {age: -60 * minute},
		"a minute allowed":       {options: []webhook.Option{webhook.WithTolerance(minute)}, age: minute, good: true},
		"a minute exceeded":      {options: []webhook.Option{webhook.WithTolerance(minute)}, age: minute + 1},
		"a minute exceeded ahead": {
			options: []webhook.Option{webhook.WithTolerance(minute)}, age: -minute - time.Second,
		},
		"a day allowed": {options: []webhook.Option{webhook.WithTolerance(24 * time.Hour)}, age: 24 * time.Hour, good: true},
		"last option takes effect": {
			options: []webhook.Option{webhook.WithTolerance(time.Hour), webhook.WithTolerance(time.Second)}, age: minute,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				verifier := newVerifier(t, tc.options...)
				sent := time.Now()
				if tc.age < 0 {
					sent = sent.Add(-tc.age)
				}
				header := verifier.Sign(deliveryID, sent, []byte(payload))
				if tc.age > 0 {
					time.Sleep(tc.age)
				}
				err := verifier.Verify(header, []byte(payload))
				if tc.good {
					require.NoError(t, err)
					return
				}
				requireOnly(t, err, webhook.ErrTimestamp)
			})
		})
	}
}

func TestVerify_TimestampError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		verifier := newVerifier(t)
		past := verifier.Verify(verifier.Sign(deliveryID, time.Now().Add(-time.Hour), nil), nil)
		require.EqualError(t, past, "webhook: timestamp out of tolerance: sent 1h0m0s ago, tolerance is 5m0s")
		future := verifier.Verify(verifier.Sign(deliveryID, time.Now().Add(time.Hour), nil), nil)
		require.EqualError(t, future, "webhook: timestamp out of tolerance: 1h0m0s in the future, tolerance is 5m0s")
	})
}

// A timestamp in another unit is thousands of years in the future, which overflows a time.Duration.
func TestVerifier_Verify_TimestampUnit(t *testing.T) {
	t.Parallel()
	const notSeconds = "webhook: timestamp out of tolerance: webhook-timestamp must be in seconds since 1970, not in a smaller unit: "
	const notNumber = "webhook: invalid header: webhook-timestamp must be a whole number of seconds since 1970"
	for _, c := range []struct{ name, timestamp, want string }{
		{"milliseconds", bubbleStart + "000", notSeconds + bubbleStart + "000"},
		{"microseconds", bubbleStart + "000000", notSeconds + bubbleStart + "000000"},
		{"nanoseconds", bubbleStart + "000000000", notSeconds + bubbleStart + "000000000"},
		{"highest", "9223372036854775807", notSeconds + "9223372036854775807"},
		{"first that is too high", "7258118401", notSeconds + "7258118401"},
		{"last in range", "7258118400", "webhook: timestamp out of tolerance: 1753176h0m0s in the future, tolerance is 5m0s"},
		{"lowest", "0", "webhook: timestamp out of tolerance: sent 262968h0m0s ago, tolerance is 5m0s"},
		{"negative", "-1", notNumber},
		{"negative milliseconds", "-" + bubbleStart + "000", notNumber},
		{"fraction", bubbleStart + ".5", notNumber},
		{"exponent", "9.46684800e8", notNumber},
		{"not a number", "NaN", notNumber},
		{"digits of another script", "\u0661\u0662\u0663", notNumber},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := newVerifier(t).Verify(headers(deliveryID, c.timestamp, sampleSignature), []byte(payload))
				require.EqualError(t, err, c.want)
			})
		})
	}
}

// The same key in each accepted form of a secret.
func TestNew_SecretForms(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{
		"as Basiq's guide has it": sampleSecret,
		"padded":                  sampleSecret + "=",
		"without prefix":          strings.TrimPrefix(sampleSecret, "whsec_"),
		"padded without prefix":   strings.TrimPrefix(sampleSecret, "whsec_") + "=",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				verifier, err := webhook.New(api.NewSecret(secret))
				require.NoError(t, err)
				require.NoError(t, verifier.Verify(headers(deliveryID, bubbleStart, sampleSignature), []byte(payload)))
			})
		})
	}
	_, err := webhook.New(api.NewSecret("rfiuheo43934"))
	require.NoError(t, err, "the sample in the API reference")
}

// Errors name the problem and do not contain the secret.
func TestNew_InvalidInput(t *testing.T) {
	t.Parallel()
	good := api.NewSecret(sampleSecret)
	cases := map[string]struct {
		secret  api.Secret
		options []webhook.Option
		want    string
	}{
		"no secret":             {want: "webhook: New: secret 1: missing;"},
		"prefix alone":          {secret: api.NewSecret("whsec_"), want: `secret 1: missing key after "whsec_"`},
		"padding alone":         {secret: api.NewSecret("whsec_=="), want: `secret 1: missing key after "whsec_"`},
		"padding and no prefix": {secret: api.NewSecret("=="), want: "secret 1: missing;"},
		"line break at the end": {secret: api.NewSecret(sampleSecret + "\n"), want: "secret 1: must not contain spaces"},
		"line break inside":     {secret: api.NewSecret("whsec_UExBTlRF\r\nRC1zZWNyZXQt"), want: "secret 1: must not contain spaces"},
		"space before":          {secret: api.NewSecret(" " + sampleSecret), want: "secret 1: must not contain spaces"},
		"not base64":            {secret: api.NewSecret("whsec_PLANTED-secret!"), want: "secret 1: key is not valid base64"},
		"base64 for URLs":       {secret: api.NewSecret("whsec_PLANTED-PLANTED_PLAN"), want: "not valid base64"},
		"impossible length":     {secret: api.NewSecret("whsec_UExBTlRFRC1zZ"), want: "not valid base64"},
		"padding inside":        {secret: api.NewSecret("whsec_UExB=TlRFRC1zZWNy"), want: "not valid base64"},
		"prefix twice":          {secret: api.NewSecret("whsec_" + sampleSecret), want: "not valid base64"},
		"prefix in capitals":    {secret: api.NewSecret("WHSEC_UExBTlRFRC1zZWNyZXQt"), want: "not valid base64"},
		"too short":             {secret: api.NewSecret("whsec_UExBTlRFRA=="), want: "secret 1: key too short: 7 bytes, must be at least 8"},
		"second is empty":       {secret: good, options: []webhook.Option{webhook.WithSecret(api.Secret{})}, want: "secret 2: missing;"},
		"third is not base64": {
			secret:  good,
			options: []webhook.Option{webhook.WithSecret(good), webhook.WithSecret(api.NewSecret("PLANTED?PLANTED"))},
			want:    "secret 3: ",
		},
		"nil option":         {secret: good, options: []webhook.Option{nil}, want: "nil option"},
		"no tolerance":       {secret: good, options: []webhook.Option{webhook.WithTolerance(0)}, want: "WithTolerance: must be positive"},
		"negative tolerance": {secret: good, options: []webhook.Option{webhook.WithTolerance(-time.Minute)}, want: "WithTolerance"},
		"endless tolerance":  {secret: good, options: []webhook.Option{webhook.WithTolerance(math.MaxInt64)}, want: "WithTolerance"},
		"no body":            {secret: good, options: []webhook.Option{webhook.WithMaxBodyBytes(0)}, want: "WithMaxBodyBytes: must be at least 1"},
		"negative body":      {secret: good, options: []webhook.Option{webhook.WithMaxBodyBytes(-1)}, want: "WithMaxBodyBytes"},
		"endless body":       {secret: good, options: []webhook.Option{webhook.WithMaxBodyBytes(math.MaxInt64)}, want: "WithMaxBodyBytes"},
		"nil logger":         {secret: good, options: []webhook.Option{webhook.WithLogger(nil)}, want: "WithLogger: nil logger"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier, err := webhook.New(tc.secret, tc.options...)
			assert.Nil(t, verifier)
			require.ErrorContains(t, err, tc.want)
			assert.True(t, strings.HasPrefix(err.Error(), "webhook: New: "), err.Error())
			for _, part := range []string{"MA4V", "PLANTED", "UExB", "WHSEC"} {
				assert.NotContains(t, err.Error(), part)
			}
		})
	}
}

func TestWithSecret(t *testing.T) {
	t.Parallel()
	sample, other := newVerifier(t), must(webhook.New(api.NewSecret(otherSecret)))
	both := newVerifier(t, webhook.WithSecret(api.NewSecret(otherSecret)))
	third := must(webhook.New(api.NewSecret("rfiuheo43934")))
	now, body := time.Now(), []byte(payload)

	require.NoError(t, both.Verify(sample.Sign(deliveryID, now, body), body), "the first secret is accepted")
	require.NoError(t, both.Verify(other.Sign(deliveryID, now, body), body), "the second secret is accepted")
	require.ErrorIs(t, both.Verify(third.Sign(deliveryID, now, body), body), webhook.ErrBadSignature)
	require.ErrorIs(t, sample.Verify(other.Sign(deliveryID, now, body), body), webhook.ErrBadSignature)

	signed := both.Sign(deliveryID, now, body)
	assert.Len(t, strings.Fields(signed.Get("Webhook-Signature")), 2, "Sign signs with each secret")
	require.NoError(t, sample.Verify(signed, body))
	require.NoError(t, other.Verify(signed, body))
	require.ErrorIs(t, third.Verify(signed, body), webhook.ErrBadSignature)
}

func must(verifier *webhook.Verifier, err error) *webhook.Verifier {
	if err != nil {
		panic(err)
	}
	return verifier
}

func TestSign(t *testing.T) {
	t.Parallel()
	header := newVerifier(t).Sign("msg_1", time.Unix(1700000000, 999_999_999), []byte("{}"))
	assert.Equal(t, "msg_1", header.Get("webhook-id"))
	assert.Equal(t, "1700000000", header.Get("webhook-timestamp"))
	assert.Regexp(t, `^v1,[A-Za-z0-9+/]{43}=$`, header.Get("webhook-signature"))
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	assert.Len(t, header, 4)
}

func TestWithMaxBodyBytes(t *testing.T) {
	t.Parallel()
	const limit = 512
	for _, extreme := range []int64{1, 1 << 30} {
		_, err := webhook.New(api.NewSecret(sampleSecret), webhook.WithMaxBodyBytes(extreme))
		require.NoError(t, err)
	}
	verifier := newVerifier(t, webhook.WithMaxBodyBytes(limit))
	full := payload + strings.Repeat(" ", limit-len(payload))
	_, err := verifier.Parse(delivery(verifier, full))
	require.NoError(t, err, "the largest allowed body")
	require.NoError(t, verifier.Verify(verifier.Sign(deliveryID, time.Now(), []byte(full)), []byte(full)))

	large := full + " "
	err = verifier.Verify(verifier.Sign(deliveryID, time.Now(), []byte(large)), []byte(large))
	requireOnly(t, err, webhook.ErrBodyTooLarge)

	announced := delivery(verifier, large)
	body := &countingReader{Reader: strings.NewReader(large)}
	announced.Body = io.NopCloser(body)
	_, err = verifier.Parse(announced)
	requireOnly(t, err, webhook.ErrBodyTooLarge)
	assert.Zero(t, body.n, "Content-Length is checked before the body is read")

	chunked := delivery(verifier, large)
	chunked.ContentLength = -1
	body = &countingReader{Reader: io.MultiReader(strings.NewReader(large), endless{})}
	chunked.Body = io.NopCloser(body)
	_, err = verifier.Parse(chunked)
	requireOnly(t, err, webhook.ErrBodyTooLarge)
	assert.Equal(t, int64(limit+1), body.n)

	byDefault := newVerifier(t)
	_, err = byDefault.Parse(delivery(byDefault, payload+strings.Repeat(" ", 1<<20-len(payload))))
	require.NoError(t, err)
	_, err = byDefault.Parse(delivery(byDefault, payload+strings.Repeat(" ", 1<<20)))
	requireOnly(t, err, webhook.ErrBodyTooLarge)
}

type countingReader struct {
	io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestParse_UnsignedBodyNotRead(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	for name, header := range map[string]http.Header{
		"not signed": {},
		"old":        verifier.Sign(deliveryID, time.Now().Add(-time.Hour), []byte(payload)),
	} {
		req := delivery(verifier, payload)
		req.Header = header
		body := &countingReader{Reader: strings.NewReader(payload)}
		req.Body = io.NopCloser(body)
		_, err := verifier.Parse(req)
		require.Error(t, err, name)
		assert.Zero(t, body.n, name)
	}
}

func TestParse_ReadError(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	cut := errors.New("connection cut")
	req := delivery(verifier, payload)
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader(payload), iotest.ErrReader(cut)))
	_, err := verifier.Parse(req)
	require.ErrorIs(t, err, cut)
	for _, sentinel := range sentinels {
		require.NotErrorIs(t, err, sentinel)
	}

	req = delivery(verifier, payload)
	req.ContentLength = -1
	req.Body = http.MaxBytesReader(httptest.NewRecorder(), req.Body, 10)
	_, err = verifier.Parse(req)
	requireOnly(t, err, webhook.ErrBodyTooLarge)

	req = delivery(verifier, "")
	req.Body = nil
	_, err = verifier.Parse(req)
	requireOnly(t, err, webhook.ErrBadPayload)
}

func TestVerifier_Redacted(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t, webhook.WithSecret(api.NewSecret(otherSecret)))
	var shown strings.Builder
	for _, value := range []any{verifier, *verifier, struct{ hidden webhook.Verifier }{*verifier}, []*webhook.Verifier{verifier}} {
		fmt.Fprintf(&shown, "%v %+v %#v %s %q %x\n", value, value, value, value, value, value)
		asJSON, err := json.Marshal(value)
		require.NoError(t, err)
		shown.Write(asJSON)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("m", "v", value)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("m", "v", value)
	}
	for _, secret := range []string{sampleSecret, otherSecret} {
		text := strings.TrimPrefix(secret, "whsec_")
		key, err := base64.RawStdEncoding.DecodeString(text)
		require.NoError(t, err)
		for _, form := range []string{text, string(key), hex.EncodeToString(key), fmt.Sprintf("%d", key), strings.Trim(fmt.Sprintf("%#v", key), "[]byte{}")} {
			assert.NotContains(t, shown.String(), form)
		}
	}
}

func TestVerifier_Concurrent(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t, webhook.WithSecret(api.NewSecret(otherSecret)))
	results := make(chan error, 32)
	for i := range cap(results) {
		go func() {
			body := []byte(strings.Repeat(" ", i) + payload)
			results <- verifier.Verify(verifier.Sign(deliveryID, time.Now(), body), body)
		}()
	}
	for range cap(results) {
		require.NoError(t, <-results)
	}
}

// Verify must not copy the body, which may be large.
//
//nolint:paralleltest // It counts the allocations of the whole process.
func TestVerify_Allocations(t *testing.T) {
	verifier := newVerifier(t)
	body := bytes.Repeat([]byte("x"), 1<<20)
	header := verifier.Sign(deliveryID, time.Now(), body)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	allocations := testing.AllocsPerRun(10, func() {
		if err := verifier.Verify(header, body); err != nil {
			panic(err)
		}
	})
	runtime.ReadMemStats(&after)
	assert.Less(t, allocations, 25.0)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "allocated bytes for 11 bodies of 1 MiB")
}

func BenchmarkVerify(b *testing.B) {
	verifier := newVerifier(b)
	body := []byte(payload)
	header := verifier.Sign(deliveryID, time.Now(), body)
	b.ReportAllocs()
	for b.Loop() {
		if err := verifier.Verify(header, body); err != nil {
			b.Fatal(err)
		}
	}
}
