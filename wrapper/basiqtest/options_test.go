package basiqtest_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestOptions_Invalid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		option basiqtest.Option
		want   string
	}{
		{nil, "nil option"},
		{basiqtest.WithSpeed(0), "speed 0 is not a positive finite number"},
		{basiqtest.WithTokenLifetime(time.Millisecond), "token lifetime 1ms is less than a second"},
		{basiqtest.WithAddress("localhost"), `invalid address "localhost": must be host:port, such as 127.0.0.1:8080`},
		{basiqtest.WithRedirectURL("/back"), `invalid redirect URL "/back": must be an absolute http or https URL`},
		{basiqtest.WithRedirectURL("ftp://localhost/back"), `invalid redirect URL "ftp://localhost/back": must be an absolute http or https URL`},
		{basiqtest.WithRedirectURL("http:///back"), `invalid redirect URL "http:///back": must be an absolute http or https URL`},
		{basiqtest.WithRedirectURL("http://%zz"), `invalid redirect URL "http://%zz": must be an absolute http or https URL`},
		{basiqtest.WithWebhookClient(nil), "WithWebhookClient: nil client"},
		{basiqtest.WithLogger(nil), "nil logger"},
		{basiqtest.WithFault(basiqtest.Fault{}), "empty fault"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			_, err := basiqtest.Start(basiqtest.WithSeed(1), test.option)
			require.EqualError(t, err, "basiqtest.Start: "+test.want)
		})
	}
}

// recordCalls makes some calls to a sandbox with a new clock, and returns the responses.
func recordCalls(t *testing.T, opts ...basiqtest.Option) []string {
	t.Helper()
	var answers []string
	synctest.Test(t, func(t *testing.T) {
		c := new21(t, opts...)
		answers = append(answers, c.token)
		id := c.newUser()
		job := c.connect(id, piedPiper, "gavinBelson", "hooli2016")
		for _, path := range []string{
			"/users/" + id, "/users/" + id + "/connections", "/jobs/" + job, "/jobs/unknown", "/users/" + id + "/jobs",
		} {
			answers = append(answers, c.get(path).raw)
			time.Sleep(time.Second)
		}
	})
	return answers
}

func TestOptions_Seed(t *testing.T) {
	t.Parallel()
	one := recordCalls(t, basiqtest.WithSeed(1))
	assert.Equal(t, one, recordCalls(t, basiqtest.WithSeed(1)), "same calls, same responses")
	for i, other := range recordCalls(t, basiqtest.WithSeed(2)) {
		assert.NotEqual(t, one[i], other)
	}
	assert.Equal(t, recordCalls(t), recordCalls(t, basiqtest.WithSeed(0)), "0 is the default")
	assert.NotEqual(t, one, recordCalls(t))
}

func TestOptions_Address(t *testing.T) {
	t.Parallel()
	reserved, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := reserved.Addr().String()
	_, err = basiqtest.Start(basiqtest.WithAddress(address))
	require.ErrorContains(t, err, "address already in use")

	// Another process may take the port as soon as it is free. In that case, try another port.
	var s *basiqtest.Sandbox
	for range 100 {
		require.NoError(t, reserved.Close())
		if s, err = basiqtest.Start(basiqtest.WithAddress(address)); err == nil {
			break
		}
		require.ErrorContains(t, err, "address already in use")
		reserved, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address = reserved.Addr().String()
	}
	require.NotNil(t, s)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	assert.Equal(t, "http://"+address, s.URL())
	assert.Equal(t, http.StatusNotFound, bindInput(t, s, http.MethodGet, "/", "", nil).status)

	assert.Equal(t, "http://localhost", basiqtest.New(t, basiqtest.WithAddress(address)).URL(), "New ignores the address")
}

// Options for specific features are tested with those features: WithRedirectURL with the consent page,
// WithWebhookClient with webhooks. This test checks only that valid options are accepted.
func TestOptions_Valid(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]basiqtest.Option{
		"http":    basiqtest.WithRedirectURL("http://localhost:8080/back?a=b"),
		"https":   basiqtest.WithRedirectURL("https://example.com"),
		"deliver": basiqtest.WithWebhookClient(new(http.Client)),
		"fast":    basiqtest.WithSpeed(1e9),
		"slow":    basiqtest.WithSpeed(1e-9),
		"second":  basiqtest.WithTokenLifetime(time.Second),
		"logger":  basiqtest.WithLogger(slog.New(slog.NewTextHandler(new(bytes.Buffer), nil))),
		"fault":   basiqtest.WithFault(basiqtest.Hang(), basiqtest.Operations("getJobs")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := basiqtest.New(t, option)
			r := requestToken(t, s, "Basic "+s.APIKey(), "2.1", url.Values{})
			assert.Equal(t, http.StatusOK, r.status)
		})
	}
}

// TestOptions_Seed_AnyTime makes the same calls at two times of a day. IDs must not depend on the time.
func TestOptions_Seed_AnyTime(t *testing.T) {
	t.Parallel()
	ids := func(late time.Duration) (ids []string) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(late)
			c := new30(t)
			user := c.newUser()
			c.connected(user, hooli, "ashMann", "hooli2024")
			c.consented(user)
			path := "/users/" + user
			pending := c.get(filtered(path+"/transactions", "transaction.status.eq('pending')")).ids()
			require.NotEmpty(t, pending)
			ids = append(ids, pending...)
			ids = append(ids, c.get(path+"/transactions?limit=20").ids()...)
			for _, list := range []string{"/connections", "/consents", "/accounts", "/identities", "/jobs"} {
				ids = append(ids, c.get(path+list).ids()...)
			}
			ids = append(ids, user, c.post(path+"/affordability", map[string]any{}).text("id"))
			require.Equal(t, http.StatusNoContent, c.delete(path+"/consents/"+c.get(path+"/consents").text("data.0.id")).status)
			ids = append(ids, c.get("/events").ids()...)
		})
		return ids
	}
	assert.Equal(t, ids(0), ids(1234*time.Millisecond))
}
