package basiqtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// try sends a request that may get no response, and returns the result.
func (c *caller) try(ctx context.Context, method, path, body string) (*http.Response, []byte, error) {
	c.t.Helper()
	return c.tryAt(ctx, c.sandbox.HTTPClient(), c.sandbox.URL(), method, path, body)
}

func (c *caller) tryAt(ctx context.Context, client *http.Client, base, method, path, body string) (*http.Response, []byte, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
	require.NoError(c.t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp, raw, err
}

const newUser = `{"email":"gavin@hooli.com"}`

// last returns the last request in the log.
func (c *caller) last() basiqtest.Request {
	requests := c.sandbox.Requests()
	return requests[len(requests)-1]
}

func TestFaults_Fail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status              int
		texts               []string
		code, title, detail string
	}{
		{400, nil, "parameter-not-valid", "Parameter value is not valid", ""},
		{401, nil, "invalid-authorization-token", "Invalid authorization token.", ""},
		{403, nil, "forbidden-access", "Forbidden Access", "Access to this resource is forbidden"},
		{404, nil, "resource-not-found", "Requested resource is not found", "Requested resource is not found"},
		{405, nil, "method-not-allowed", "Method not allowed", "Requested method is not allowed."},
		{409, nil, "resource-already-exists", "Resource already exists", ""},
		{410, nil, "resource-no-longer-available", "Resource no longer available", ""},
		{413, nil, "request-not-valid", "Request Too Long", "Request Too Long"},
		{415, nil, "unsupported-content-type", "Unsupported content type", "Content type is not supported on requested endpoint."},
		{418, nil, "i'm-a-teapot", "I'm a teapot", ""},
		{429, nil, "too-many-requests", "Too many requests", "You have exceeded the rate limit for this API."},
		{500, nil, "internal-server-error", "Internal server error", "Internal server error. Please contact support."},
		{503, nil, "service-unavailable", "Service unavailable", "Service is currently unavailable. Please try again later."},
		{504, nil, "gateway-timeout", "Gateway Timeout", ""},
		{599, nil, "unknown-error", "Unknown error", ""},
		{403, []string{"no-production-access"}, "no-production-access", "Forbidden", ""},
		{599, []string{"odd"}, "odd", "odd", ""},
		{403, []string{"a", "b"}, "a", "b", ""},
		{503, []string{"a", "b", "c"}, "a", "b", "c"},
	} {
		fault := basiqtest.Fail(test.status, test.texts...)
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			c := new21(t)
			c.sandbox.Inject(fault, basiqtest.Operations("createUser"))
			r := c.post("/users", map[string]string{"email": "gavin@hooli.com"})
			r.requireError(test.status, test.code, test.detail)
			assert.Equal(t, test.title, r.text("data.0.title"))
			assert.Empty(t, r.header.Get("Retry-After"))
			assert.Equal(t, test.status, c.last().Status)
			assert.Equal(t, r.text("correlationId"), c.last().CorrelationID)
			assert.Equal(t, fault.String(), c.last().Fault)
			assert.Equal(t, 0, c.get("/users").length("data"), "not executed")
			assert.Empty(t, c.last().Fault)
		})
	}
}

func TestFaults_BadGateway(t *testing.T) {
	t.Parallel()
	c := new21(t)
	c.sandbox.Inject(basiqtest.BadGateway(), basiqtest.Times(1))
	r := c.post("/users", map[string]string{"email": "gavin@hooli.com"})
	assert.Equal(t, http.StatusBadGateway, r.status)
	assert.Equal(t, "text/html", r.header.Get("Content-Type"))
	assert.True(t, strings.HasPrefix(r.raw, "<html>"), r.raw)
	assert.Equal(t, 0, c.get("/users").length("data"), "not executed")
}

func TestFaults_TooManyRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		for _, test := range []struct {
			fault basiqtest.Fault
			want  string
		}{
			{basiqtest.TooManyRequests(0), "0"},
			{basiqtest.TooManyRequests(30 * time.Second), "30"},
			{basiqtest.TooManyRequests(1500 * time.Millisecond), "2"},
			{basiqtest.TooManyRequests(math.MaxInt64), "9223372037"},
			{basiqtest.TooManyRequestsDate(time.Minute), "Sat, 01 Jan 2000 00:01:00 GMT"},
			{basiqtest.TooManyRequestsDate(1500 * time.Millisecond), "Sat, 01 Jan 2000 00:00:02 GMT"},
		} {
			c.sandbox.Inject(test.fault, basiqtest.Times(1))
			r := c.get("/users")
			r.requireError(429, "too-many-requests", "You have exceeded the rate limit for this API.")
			assert.Equal(t, test.want, r.header.Get("Retry-After"), test.fault)
		}
		c.sandbox.Inject(basiqtest.Latency(time.Hour), basiqtest.Times(1))
		c.sandbox.Inject(basiqtest.TooManyRequestsDate(time.Minute), basiqtest.Times(1))
		assert.Equal(t, "Sat, 01 Jan 2000 01:01:00 GMT", c.get("/users").header.Get("Retry-After"), "relative to the response")
	})
}

func TestFaults_Latency(t *testing.T) {
	t.Parallel()
	t.Run("added to other faults", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new21(t)
			one := c.sandbox.Inject(basiqtest.Latency(2*time.Second), basiqtest.Operations("getUsers"))
			fail := c.sandbox.Inject(basiqtest.Fail(503), basiqtest.Times(1))
			two := c.sandbox.Inject(basiqtest.Latency(time.Second))
			start := time.Now()
			c.get("/users").requireError(503, "service-unavailable", "Service is currently unavailable. Please try again later.")
			assert.Equal(t, 3*time.Second, time.Since(start))
			assert.Equal(t, "latency=2s, 503, latency=1s", c.last().Fault)
			assert.Equal(t, 3*time.Second, c.last().Duration)
			assert.Equal(t, start, c.last().Time)
			c.get("/users/u1")
			assert.Equal(t, 4*time.Second, time.Since(start))
			assert.Equal(t, []int{1, 1, 2}, []int{one.Count(), fail.Count(), two.Count()})
		})
	})
	t.Run("delayed after execution", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new21(t)
			c.sandbox.Inject(basiqtest.Latency(time.Hour), basiqtest.Operations("createUser"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err := c.try(ctx, http.MethodPost, "/users", newUser)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			synctest.Wait()
			assert.Equal(t, 0, c.last().Status, "no response was sent")
			assert.Equal(t, time.Second, c.last().Duration, "ends when the caller gives up")
			assert.Equal(t, 1, c.get("/users").length("data"))
		})
	})
	t.Run("never ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new21(t)
			for range 2 { // their sum overflows a duration
				c.sandbox.Inject(basiqtest.Latency(1<<63-1), basiqtest.Operations("createUser"))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, _, err := c.try(ctx, http.MethodPost, "/users", newUser)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
}

func TestFaults_Hang(t *testing.T) {
	t.Parallel()
	t.Run("until the caller gives up", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new21(t)
			c.sandbox.Inject(basiqtest.Hang(), basiqtest.Times(1))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			failed := make(chan error)
			go func() {
				_, _, err := c.try(ctx, http.MethodPost, "/users", newUser)
				failed <- err
			}()
			synctest.Wait()
			assert.Equal(t, "hang", c.last().Fault, "logged from the start")
			assert.Equal(t, 0, c.get("/users").length("data"), "other requests succeed, and this one is not executed")
			require.ErrorIs(t, <-failed, context.DeadlineExceeded)
			synctest.Wait()
			hung := c.sandbox.RequestsOf("createUser")[0]
			assert.Equal(t, 0, hung.Status)
			assert.Equal(t, time.Minute, hung.Duration)
		})
	})
	for name, fault := range map[string]basiqtest.Fault{
		"hang": basiqtest.Hang(), "latency": basiqtest.Latency(time.Hour), "slow body": basiqtest.SlowBody(1),
	} {
		t.Run(name+" until the sandbox is closed", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new21(t)
				c.sandbox.Inject(fault)
				failed := make(chan error)
				go func() {
					_, _, err := c.try(context.Background(), http.MethodGet, "/users", "")
					failed <- err
				}()
				recorder := httptest.NewRecorder()
				go func() {
					defer func() { failed <- recover().(error) }()
					c.sandbox.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/users", http.NoBody))
				}()
				time.Sleep(time.Second)
				start := time.Now()
				require.NoError(t, c.sandbox.Close())
				require.Error(t, <-failed)
				require.Error(t, <-failed)
				assert.Zero(t, time.Since(start))
			})
		})
	}
}

func TestFaults_Reset(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault  basiqtest.Fault
		status int // of the next request, which deletes what the first created
		users  int
	}{
		{basiqtest.ResetBefore(), 404, 0},
		{basiqtest.ResetAfter(), 200, 1},
	} {
		t.Run(test.fault.String()+" in memory", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new21(t)
				reset := c.sandbox.Inject(test.fault, basiqtest.Operations("createUser"))
				_, _, err := c.try(t.Context(), http.MethodPost, "/users", newUser)
				require.ErrorIs(t, err, io.EOF)
				assert.Equal(t, 1, reset.Count(), "net/http does not send a POST again")
				assert.Equal(t, 0, c.last().Status)
				assert.Equal(t, test.fault.String(), c.last().Fault)
				assert.Equal(t, test.users, c.get("/users").length("data"))
				require.NoError(t, c.sandbox.Close())
			})
		})
		t.Run(test.fault.String()+" over TCP", func(t *testing.T) {
			t.Parallel()
			s, err := basiqtest.Start(basiqtest.WithFault(test.fault, basiqtest.Operations("createUser")))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
			c := newCaller(t, s, "2.1", server, "")
			_, _, err = c.try(t.Context(), http.MethodPost, "/users", newUser)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			assert.Equal(t, test.users, c.get("/users").length("data"))
		})
		for name, http2 := range map[string]bool{" over TLS": false, " over HTTP/2": true} {
			t.Run(test.fault.String()+name, func(t *testing.T) {
				t.Parallel()
				c := new21(t, basiqtest.WithFault(test.fault, basiqtest.Operations("createUser")))
				mounted := httptest.NewUnstartedServer(c.sandbox)
				mounted.EnableHTTP2 = http2
				mounted.StartTLS()
				t.Cleanup(mounted.Close)
				_, _, err := c.tryAt(t.Context(), mounted.Client(), mounted.URL, http.MethodPost, "/users", newUser)
				require.Error(t, err)
				assert.Equal(t, !http2, errors.Is(err, syscall.ECONNRESET), err)
				assert.Equal(t, test.users, c.get("/users").length("data"))
			})
		}
		t.Run(test.fault.String()+" with no connection", func(t *testing.T) {
			t.Parallel()
			c := new21(t, basiqtest.WithFault(test.fault, basiqtest.Operations("getUsers")))
			for range 2 {
				assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
					c.sandbox.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/users", http.NoBody))
				})
				require.NoError(t, c.sandbox.Close())
			}
		})
	}
}

func TestFaults_Reset_ErrorResponse(t *testing.T) {
	t.Parallel()
	c := new21(t)
	c.sandbox.Inject(basiqtest.ResetAfter(), basiqtest.Operations("createUser"))
	_, _, err := c.try(t.Context(), http.MethodPost, "/users", "{}")
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, 0, c.last().Status)
	assert.Empty(t, c.last().CorrelationID, "no response was logged")
}

// On a reused connection, net/http retries a GET, as the doc comment warns.
func TestFaults_Reset_RetriedByNetHTTP(t *testing.T) {
	t.Parallel()
	c := new21(t)
	reset := c.sandbox.Inject(basiqtest.ResetBefore(), basiqtest.Times(1))
	assert.Equal(t, http.StatusOK, c.get("/users").status)
	assert.Equal(t, 1, reset.Count())
	assert.Len(t, c.sandbox.RequestsOf("getUsers"), 2)
}

func TestFaults_BrokenBodies(t *testing.T) {
	t.Parallel()
	t.Run("truncate", func(t *testing.T) {
		t.Parallel()
		c := new21(t)
		whole := c.get("/users").raw
		c.sandbox.Inject(basiqtest.Truncate(), basiqtest.Times(1))
		resp, raw, err := c.try(t.Context(), http.MethodGet, "/users", "")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, int64(len(whole)), resp.ContentLength)
		assert.Equal(t, whole[:len(whole)/2], string(raw))
		assert.Equal(t, http.StatusOK, c.last().Status)
	})
	t.Run("garbage", func(t *testing.T) {
		t.Parallel()
		c := new21(t)
		garbage := c.sandbox.Inject(basiqtest.Garbage())
		resp, raw, err := c.try(t.Context(), http.MethodPost, "/users", newUser)
		require.NoError(t, err)
		assert.Equal(t, http.StatusCreated, resp.StatusCode)
		assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		assert.False(t, json.Valid(raw), string(raw))
		garbage.Remove()
		assert.Equal(t, 1, c.get("/users").length("data"), "executed")
	})
	t.Run("slow body", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new21(t)
			whole := c.get("/users").raw
			for rate, least := range map[int]time.Duration{
				1: time.Duration(len(whole)) * time.Second, 50: time.Duration(len(whole)) * time.Second / 50, math.MaxInt: 0,
			} {
				slow := c.sandbox.Inject(basiqtest.SlowBody(rate))
				start := time.Now()
				resp, raw, err := c.try(t.Context(), http.MethodGet, "/users", "")
				require.NoError(t, err)
				assert.Equal(t, whole, string(raw))
				assert.Equal(t, int64(len(whole)), resp.ContentLength)
				assert.GreaterOrEqual(t, time.Since(start), least)
				assert.LessOrEqual(t, time.Since(start), least+time.Second)
				assert.Zero(t, c.last().Duration, "the response starts immediately")
				assert.Equal(t, http.StatusOK, c.last().Status)
				slow.Remove()
			}
		})
	})
	t.Run("slow body that nobody waits for", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new21(t)
			c.sandbox.Inject(basiqtest.SlowBody(1), basiqtest.Times(1))
			ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
			defer cancel()
			_, raw, err := c.try(ctx, http.MethodGet, "/users", "")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Len(t, raw, 3)
			assert.Equal(t, http.StatusOK, c.get("/users").status, "other requests succeed")
		})
	})
	for _, fault := range []basiqtest.Fault{basiqtest.Truncate(), basiqtest.Garbage(), basiqtest.SlowBody(1)} {
		t.Run(fault.String()+" of nothing", func(t *testing.T) {
			t.Parallel()
			c := new21(t)
			id := c.newUser()
			c.sandbox.Inject(fault)
			resp, raw, err := c.try(t.Context(), http.MethodDelete, "/users/"+id, "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusNoContent, resp.StatusCode)
			assert.Empty(t, raw)
		})
	}
}

func TestFaults_Tokens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault  basiqtest.Fault
		status int
		all    bool
	}{
		{basiqtest.RevokeToken(), 401, false},
		{basiqtest.RevokeAllTokens(), 401, true},
		{basiqtest.ExpireToken(), 403, false},
		{basiqtest.ExpireAllTokens(), 403, true},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			t.Parallel()
			c := new21(t)
			other := c.as("2.1", server, "")
			c.sandbox.Inject(test.fault, basiqtest.Times(1))
			fresh := c.as("2.1", server, "") // a request without a token is not affected
			refused := c.get("/users")
			assert.Equal(t, test.status, refused.status)
			assert.Equal(t, server, c.last().Token.Scope, "the log shows the token")
			assert.Equal(t, test.status, c.get("/users").status, "permanently")
			want := 200
			if test.all {
				want = test.status
			}
			assert.Equal(t, want, other.get("/users").status)
			assert.Equal(t, want, fresh.get("/users").status)
			assert.Equal(t, 200, c.as("2.1", server, "").get("/users").status, "a new token works")
		})
		t.Run(test.fault.String()+" of none", func(t *testing.T) {
			t.Parallel()
			c := new21(t)
			c.sandbox.Inject(test.fault)
			r := bindInput(t, c.sandbox, http.MethodGet, "/users", "", nil)
			r.requireError(401, "invalid-authorization-token", "")
		})
	}
}

func TestFaults_EndlessJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		endless := c.sandbox.Inject(basiqtest.EndlessJob(), basiqtest.Times(1))
		refused := c.sandbox.Inject(basiqtest.Fail(503), basiqtest.Operations("getUsers"), basiqtest.Times(1))
		c.get("/users").requireError(503, "service-unavailable", "Service is currently unavailable. Please try again later.")
		assert.Equal(t, []int{0, 1}, []int{endless.Count(), refused.Count()}, "counts jobs, not requests")

		job := c.connect(id, hooli, "gavinBelson", "hooli2016")
		assert.Equal(t, "endless-job", c.last().Fault)
		other := c.connect(id, hooliGov, "gavinBelson", "hooli2016")
		assert.Empty(t, c.last().Fault)
		assert.Equal(t, 1, endless.Count())
		time.Sleep(6 * 24 * time.Hour)
		c = c.as("2.1", server, "")
		steps := c.get("/jobs/" + job).steps()
		assert.Equal(t, "verify-credentials:in-progress", steps[0])
		assert.Equal(t, []string{"retrieve-accounts:pending", "retrieve-transactions:pending"}, steps[1:])
		assert.Equal(t, "retrieve-transactions:success", c.get("/jobs/" + other).steps()[2])

		again := c.sandbox.Inject(basiqtest.EndlessJob(), basiqtest.Operations("refreshConnection"))
		path := "/users/" + id + "/connections/" + c.newestConnection(id) + "/refresh"
		stuck := c.post(path, nil).text("id")
		time.Sleep(time.Hour)
		c = c.as("2.1", server, "")
		assert.Equal(t, "verify-credentials:in-progress", c.get("/jobs/" + stuck).steps()[0])
		assert.Equal(t, stuck, c.post(path, nil).text("id"), "the same job is still running")
		assert.Equal(t, 1, again.Count())
	})
}

func TestFaults_Conditions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		when []basiqtest.Condition
		want string // x for a request that the fault applied to
	}{
		{"all", nil, "xxxxxxxxxxxx"},
		{"next", []basiqtest.Condition{basiqtest.Times(2)}, "xx.........."},
		{"every", []basiqtest.Condition{basiqtest.Every(3)}, "..x..x..x..x"},
		{"every request", []basiqtest.Condition{basiqtest.Every(1)}, "xxxxxxxxxxxx"},
		{"after", []basiqtest.Condition{basiqtest.Skip(5)}, ".....xxxxxxx"},
		{"in any order", []basiqtest.Condition{basiqtest.Times(2), basiqtest.Every(3), basiqtest.Skip(4)}, "......x..x.."},
		{"on this operation", []basiqtest.Condition{basiqtest.Operations("getUser"), basiqtest.Operations("getUsers")}, "xxxxxxxxxxxx"},
		{"on other operations", []basiqtest.Condition{basiqtest.Operations("createUser", "getUser")}, "............"},
		{"certain", []basiqtest.Condition{basiqtest.Probability(1), basiqtest.Times(3)}, "xxx........."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := new21(t)
			injection := c.sandbox.Inject(basiqtest.Fail(503), test.when...)
			got := c.appliedTo(len(test.want))
			assert.Equal(t, test.want, got)
			assert.Equal(t, strings.Count(got, "x"), injection.Count())
		})
	}
}

// appliedTo calls getUsers n times and returns an x for each request that the fault applied to.
func (c *caller) appliedTo(n int) string {
	c.t.Helper()
	var got strings.Builder
	for range n {
		if c.get("/users").status == http.StatusOK {
			got.WriteByte('.')
		} else {
			got.WriteByte('x')
		}
	}
	return got.String()
}

func TestFaults_Probability(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) string {
		c := new21(t, basiqtest.WithSeed(seed))
		c.sandbox.Inject(basiqtest.Fail(503), basiqtest.Probability(0.3))
		return c.appliedTo(200)
	}
	one := draw(1)
	assert.InDelta(t, 60, strings.Count(one, "x"), 25)
	assert.Equal(t, one, draw(1), "determined by the seed")
	assert.NotEqual(t, one, draw(2))
}

func TestFaults_Several(t *testing.T) {
	t.Parallel()
	c := new21(t)
	first := c.sandbox.Inject(basiqtest.Fail(503), basiqtest.Times(1))
	second := c.sandbox.Inject(basiqtest.BadGateway(), basiqtest.Times(2))
	third := c.sandbox.Inject(basiqtest.Fail(500))
	var got []int
	for range 4 {
		got = append(got, c.get("/users").status)
	}
	assert.Equal(t, []int{503, 502, 502, 500}, got, "one after another")
	third.Remove()
	third.Remove()
	assert.Equal(t, 200, c.get("/users").status)
	assert.Equal(t, []int{1, 2, 1}, []int{first.Count(), second.Count(), third.Count()})
}

func TestFaults_OperationsOnly(t *testing.T) {
	t.Parallel()
	c := new21(t)
	fault := c.sandbox.Inject(basiqtest.Fail(503))
	assert.Equal(t, http.StatusNotFound, c.get("/nothing").status)
	assert.Equal(t, http.StatusForbidden, c.get("/users//x").status)
	assert.Equal(t, http.StatusMethodNotAllowed, c.call(http.MethodPut, "/users/u1", nil).status)
	assert.Equal(t, 0, fault.Count())
	r := requestToken(t, c.sandbox, "Basic "+c.sandbox.APIKey(), "2.1", nil)
	assert.Equal(t, http.StatusServiceUnavailable, r.status)
}

func TestFaults_OptionReused(t *testing.T) {
	t.Parallel()
	option := basiqtest.WithFault(basiqtest.Fail(503), basiqtest.Operations("getUsers"), basiqtest.Times(1))
	for range 2 {
		assert.Equal(t, "x.", new21(t, option).appliedTo(2))
	}
}

func TestFaults_Concurrent(t *testing.T) {
	t.Parallel()
	c := new21(t)
	fault := c.sandbox.Inject(basiqtest.Fail(503), basiqtest.Every(2), basiqtest.Times(20))
	latency := c.sandbox.Inject(basiqtest.Latency(time.Millisecond))
	var failed atomic.Int32
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			for range 10 {
				resp, _, err := c.try(t.Context(), http.MethodGet, "/users", "")
				if assert.NoError(t, err) && resp.StatusCode == http.StatusServiceUnavailable {
					failed.Add(1)
				}
				c.sandbox.Requests()
			}
			c.sandbox.Inject(basiqtest.Latency(time.Millisecond), basiqtest.Operations("getUser")).Remove()
		})
	}
	group.Wait()
	assert.Equal(t, 20, int(failed.Load()))
	assert.Equal(t, 20, fault.Count())
	assert.Equal(t, 100, latency.Count())
}

func TestFaults_Invalid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault basiqtest.Fault
		when  []basiqtest.Condition
		want  string
	}{
		{basiqtest.Fault{}, nil, "empty fault"},
		{basiqtest.Fail(200), nil, "fault 200: status 200 out of range [400, 599]"},
		{basiqtest.Fail(600), nil, "fault 600: status 600 out of range [400, 599]"},
		{basiqtest.Fail(400, ""), nil, "fault 400=: Fail(400): empty code"},
		{basiqtest.Fail(400, "a", "b", "c", "d"), nil, "fault 400=a: Fail(400): 4 texts, want at most 3 (code, title, detail)"},
		{basiqtest.TooManyRequests(-1), nil, "fault 429-after=-1ns: duration -1ns is negative"},
		{basiqtest.Latency(0), nil, "fault latency=0s: duration 0s is not positive"},
		{basiqtest.SlowBody(0), nil, "fault slow-body=0: rate 0 is not positive"},
		{basiqtest.Hang(), []basiqtest.Condition{nil}, "fault hang: nil condition"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Operations()}, "fault hang: Operations: no operations"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Operations("getconections")}, `fault hang: unknown operation "getconections": did you mean getConnections or getConnection or getConnectors?`},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Operations("")}, `fault hang: unknown operation ""; must be an operationId of openapi.yaml, such as getJobs`},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Times(0)}, "fault hang: Times(0): must be at least 1"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Every(-1)}, "fault hang: Every(-1): must be at least 1"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Skip(1), basiqtest.Skip(1)}, "fault hang: duplicate condition Skip"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Probability(0)}, "fault hang: probability 0 out of range (0, 1]"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Probability(1.1)}, "fault hang: probability 1.1 out of range (0, 1]"},
		{basiqtest.Hang(), []basiqtest.Condition{basiqtest.Probability(1), basiqtest.Probability(1)}, "fault hang: duplicate condition Probability"},
		{basiqtest.RevokeToken(), []basiqtest.Condition{basiqtest.Operations("postToken")}, "fault revoke-token: not applicable to postToken, which requires no token"},
		{basiqtest.EndlessJob(), []basiqtest.Condition{basiqtest.Operations("getJobs")}, "fault endless-job: not applicable to getJobs, which does not start jobs; operations that do: postConnection, refreshConnections, updateConnection, refreshConnection, createStatement, createReport"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			_, err := basiqtest.Start(basiqtest.WithFault(test.fault, test.when...))
			require.EqualError(t, err, "basiqtest.Start: "+test.want)

			var tb fakeTB
			s := basiqtest.New(&tb)
			assert.Nil(t, s.Inject(test.fault, test.when...))
			assert.Equal(t, "basiqtest: Inject: "+test.want, tb.fatal)
			require.NoError(t, s.Close())
		})
	}
	t.Run("without a test", func(t *testing.T) {
		t.Parallel()
		s, err := basiqtest.Start()
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		assert.PanicsWithValue(t, "basiqtest: Inject: fault 200: status 200 out of range [400, 599]", func() {
			s.Inject(basiqtest.Fail(200))
		})
	})
}

func TestSandbox_Shutdown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		latency time.Duration
		takes   time.Duration
		fails   bool
	}{
		{"waits for requests in flight", time.Second, time.Second, false},
		{"until the deadline", time.Hour, 5 * time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new21(t, basiqtest.WithFault(basiqtest.Latency(test.latency), basiqtest.Operations("getUsers")))
				failed := make(chan error, 1)
				go func() {
					_, _, err := c.try(context.Background(), http.MethodGet, "/users", "")
					failed <- err
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				require.NoError(t, c.sandbox.Shutdown(ctx))
				assert.Equal(t, test.fails, <-failed != nil)
				assert.InDelta(t, test.takes, time.Since(start), float64(time.Second))
				require.NoError(t, c.sandbox.Shutdown(ctx), "can be called again")
			})
		})
	}
}
