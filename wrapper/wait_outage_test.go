package basiq_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// waitMethods are the four ways to wait for jobs. Each returns the errors of the jobs by job ID.
var waitMethods = map[string]func(ctx context.Context, c *basiq.Client, jobIDs []string, options ...basiq.WaitOption) map[string]error{
	"Wait": func(ctx context.Context, c *basiq.Client, jobIDs []string, options ...basiq.WaitOption) map[string]error {
		return eachJob(jobIDs, func(jobID string) error {
			_, err := c.Jobs.Wait(ctx, jobID, options...)
			return err
		})
	},
	"Watch": func(ctx context.Context, c *basiq.Client, jobIDs []string, options ...basiq.WaitOption) map[string]error {
		return eachJob(jobIDs, func(jobID string) error {
			for _, err := range c.Jobs.Watch(ctx, jobID, options...) {
				if err != nil {
					return err
				}
			}
			return nil
		})
	},
	"WaitAll": func(ctx context.Context, c *basiq.Client, jobIDs []string, options ...basiq.WaitOption) map[string]error {
		result := map[string]error{}
		for _, jobID := range jobIDs {
			result[jobID] = nil
		}
		_, err := c.Jobs.WaitAll(ctx, jobIDs, options...)
		if all, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range all.Unwrap() {
				if ended, ok := errors.AsType[*basiq.WaitError](err); ok {
					result[ended.JobID] = err
				} else if failure, ok := errors.AsType[*basiq.JobError](err); ok {
					result[failure.JobID] = err
				}
			}
		} else if err != nil {
			result[""] = err
		}
		return result
	},
	"WaitEach": func(ctx context.Context, c *basiq.Client, jobIDs []string, options ...basiq.WaitOption) map[string]error {
		result := map[string]error{}
		for job, err := range c.Jobs.WaitEach(ctx, slices.Values(jobIDs), options...) {
			switch ended, isEnded := errors.AsType[*basiq.WaitError](err); {
			case err == nil:
				result[job.ID] = nil
			case isEnded:
				result[ended.JobID] = err
			case job != nil:
				result[job.ID] = err
			default:
				result[""] = err
			}
		}
		return result
	},
}

func eachJob(jobIDs []string, wait func(jobID string) error) map[string]error {
	var (
		mu     sync.Mutex
		all    sync.WaitGroup
		result = map[string]error{}
	)
	for _, jobID := range jobIDs {
		all.Go(func() {
			err := wait(jobID)
			mu.Lock()
			defer mu.Unlock()
			result[jobID] = err
		})
	}
	all.Wait()
	return result
}

// outage is a transport whose jobs end after ends. It fails from start on, for the duration lasts.
type outage struct {
	begin              time.Time
	start, lasts, ends time.Duration
	// fail responds to polls during the outage, and to token requests if ofTokens is set.
	fail     func(req *http.Request, jobID string) (*http.Response, error)
	ofTokens bool
}

func (o *outage) fails() bool {
	at := time.Since(o.begin)
	return at >= o.start && at < o.start+o.lasts
}

func (o *outage) RoundTrip(req *http.Request) (*http.Response, error) {
	jobID, isPoll := strings.CutPrefix(req.URL.Path, "/jobs/")
	isToken := req.URL.Path == "/token"
	switch {
	case o.fails() && (isPoll && !o.ofTokens || isToken && o.ofTokens):
		return o.fail(req, jobID)
	case isToken && o.ofTokens: // the token expires soon
		return reply(200, `{"access_token":"t","expires_in":5}`), nil
	case isToken:
		return reply(200, tokenJSON), nil
	case isPoll && time.Since(o.begin) >= o.ends:
		return responseFor(jobID, jobSucceeded), nil
	case isPoll:
		return responseFor(jobID, jobStarted), nil
	}
	return reply(200, userJSON), nil
}

func failsWith(response stubResponse) func(*http.Request, string) (*http.Response, error) {
	return func(*http.Request, string) (*http.Response, error) { return response.httpResponse(), nil }
}

func failsWithError(err error) func(*http.Request, string) (*http.Response, error) {
	return func(*http.Request, string) (*http.Response, error) { return nil, err }
}

// hangs does not respond before the attempt times out.
func hangs(req *http.Request, _ string) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// temporaryFailures are failures of a poll that do not end a wait.
var temporaryFailures = map[string]struct {
	fail     func(*http.Request, string) (*http.Response, error)
	ofTokens bool
	is       error
}{
	"429":                        {fail: failsWith(ok(429, envelope("too-many-requests", "", ""))), is: basiq.ErrTooManyRequests},
	"429 for a day":              {fail: failsWith(stubResponse{status: 429, header: http.Header{"Retry-After": {"86400"}}}), is: basiq.ErrTooManyRequests},
	"503 for a day":              {fail: failsWith(stubResponse{status: 503, header: http.Header{"Retry-After": {"86400"}}}), is: basiq.ErrUnavailable},
	"408":                        {fail: failsWith(ok(408, envelope("timeout", "", "")))},
	"421":                        {fail: failsWith(ok(421, envelope("misdirected", "", "")))},
	"425":                        {fail: failsWith(ok(425, envelope("too-early", "", "")))},
	"500 from Basiq":             {fail: failsWith(ok(500, envelope("internal-server-error", "", "")))},
	"500":                        {fail: failsWith(ok(500, ""))},
	"501":                        {fail: failsWith(ok(501, ""))},
	"502":                        {fail: failsWith(ok(502, "<html>")), is: basiq.ErrUnavailable},
	"503":                        {fail: failsWith(ok(503, "<html>")), is: basiq.ErrUnavailable},
	"HTML 403 from a firewall":   {fail: failsWith(ok(403, "<html>blocked")), is: basiq.ErrForbidden},
	"HTML 404 from a proxy":      {fail: failsWith(ok(404, "<html>no such host")), is: basiq.ErrNotFound},
	"302 from a captive portal":  {fail: failsWith(stubResponse{status: 302, header: http.Header{"Location": {"https://portal.example/"}}})},
	"200 from a captive portal":  {fail: failsWith(ok(200, "<html>please log in"))},
	"200 without an ID":          {fail: failsWith(ok(200, "{}"))},
	"truncated 200":              {fail: failsWith(stubResponse{status: 200, body: `{"type":`, cut: errReset}), is: errReset},
	"response about another job": {fail: failsWith(ok(200, strings.ReplaceAll(jobSucceeded.body, `"id":"j1"`, `"id":"another"`)))},
	"reset":                      {fail: failsWithError(errReset), is: errReset},
	"connection refused":         {fail: failsWithError(&net.OpError{Op: "dial", Err: errReset}), is: errReset},
	"unknown host":               {fail: failsWithError(&net.DNSError{Err: "no such host", IsNotFound: true})},
	"bad certificate":            {fail: failsWithError(&tls.CertificateVerificationError{Err: errReset}), is: errReset},
	"hangs":                      {fail: hangs, is: context.DeadlineExceeded},
	"tokens: 502":                {ofTokens: true, fail: failsWith(ok(502, "<html>")), is: basiq.ErrUnavailable},
	"tokens: HTML 403":           {ofTokens: true, fail: failsWith(ok(403, "<html>")), is: basiq.ErrForbidden},
	"tokens: too many":           {ofTokens: true, fail: failsWith(ok(403, envelope("access-denied", "", "Invalid request"))), is: basiq.ErrTooManyTokenRequests},
	"tokens: reset":              {ofTokens: true, fail: failsWithError(errReset), is: errReset},
}

// A temporary failure of a poll does not end a wait.
func TestWaits_TemporaryFailure(t *testing.T) {
	t.Parallel()
	for method, wait := range waitMethods {
		for name, c := range temporaryFailures {
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					server := &outage{begin: time.Now(), start: 10 * time.Second, lasts: time.Minute, ends: 90 * time.Second, fail: c.fail, ofTokens: c.ofTokens}
					client := newClient(t, server, basiq.WithRetry(basiq.RetryPolicy{}))
					result := wait(t.Context(), client, []string{"a", "b"})
					assert.Equal(t, map[string]error{"a": nil, "b": nil}, result)
					assert.Less(t, time.Since(server.begin), 3*time.Minute, "delays must not exceed a minute")
				})
			})
		}
	}
}

// If a wait times out during an outage, the error says why the last poll failed.
func TestWaits_OutageUntilTimeout(t *testing.T) {
	t.Parallel()
	for method, wait := range waitMethods {
		for name, c := range temporaryFailures {
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					server := &outage{begin: time.Now(), start: 10 * time.Second, lasts: time.Hour, fail: c.fail, ofTokens: c.ofTokens, ends: time.Hour}
					client := newClient(t, server, basiq.WithRetry(basiq.RetryPolicy{}))
					err := wait(t.Context(), client, []string{"a"}, basiq.WithMaxWait(5*time.Minute))["a"]
					assert.Equal(t, 5*time.Minute, time.Since(server.begin))
					require.ErrorIs(t, err, basiq.ErrWaitTimeout)
					ended, ok := errors.AsType[*basiq.WaitError](err)
					require.True(t, ok)
					require.Error(t, ended.LastErr)
					assert.Contains(t, err.Error(), "job not over within the maximum wait (last poll: ")
					assert.NotContains(t, err.Error(), "\n")
					assert.Less(t, len(err.Error()), 2<<10)
					if c.is != nil {
						require.ErrorIs(t, err, c.is)
					}
					time.Sleep(5 * time.Minute) // until a token request in the background has ended
				})
			})
		}
	}
}

// Errors from Basiq about the job or the key end a wait, and so do invalid arguments.
func TestWaits_PermanentFailure(t *testing.T) {
	t.Parallel()
	for method, wait := range waitMethods {
		for name, c := range map[string]struct {
			poll, token stubResponse
			options     []basiq.WaitOption
			is          error
		}{
			"400":               {poll: ok(400, envelope("parameter-not-valid", "", "")), is: basiq.ErrBadRequest},
			"403":               {poll: ok(403, envelope("forbidden-access", "", "")), is: basiq.ErrForbidden},
			"404":               {poll: ok(404, envelope("resource-not-found", "", "")), is: basiq.ErrNotFound},
			"410":               {poll: ok(410, envelope("gone", "", "")), is: basiq.ErrGone},
			"wrong API version": {poll: ok(404, `{"data":[{"detail":"Route not found for this API version"}]}`), is: basiq.ErrWrongAPIVersion},
			"invalid key":       {token: ok(404, envelope("resource-not-found", "", "")), is: basiq.ErrInvalidAPIKey},
			"rejected key":      {token: ok(401, envelope("unauthorized-access", "", "")), is: basiq.ErrUnauthorized},
			"failed":            {poll: jobFailed, is: basiq.CodeInvalidCredentials},
			"queued":            {poll: jobQueued, is: basiq.ErrJobQueued},
			"other user":        {poll: jobHalfway, options: []basiq.WaitOption{basiq.WithUser("u2")}, is: basiq.ErrUserMismatch},
		} {
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					s := &stub{respond: func(_ int, req request) (*http.Response, error) {
						return responseFor(strings.TrimPrefix(req.Path, "/jobs/"), c.poll), nil
					}}
					if c.token.status != 0 {
						s.onToken = func(int) (*http.Response, error) { return c.token.httpResponse(), nil }
					}
					err := wait(t.Context(), newClient(t, s), []string{jobID}, c.options...)[jobID]
					require.ErrorIs(t, err, c.is)
					assert.Less(t, time.Since(start), time.Second)
					if ended, ok := errors.AsType[*basiq.WaitError](err); ok {
						require.NoError(t, ended.LastErr)
					}
				})
			})
		}
	}
}

// An error of middleware or of a TokenSource fails only the poll, whatever it wraps, because it is not about the job.
func TestWaits_FailureOfCallersCode(t *testing.T) {
	t.Parallel()
	foreign := fmt.Errorf("cache: %w", &basiq.Error{Operation: "Users.Get", StatusCode: 404, Details: []basiq.ErrorDetail{{Code: "resource-not-found"}}})
	for method, wait := range waitMethods {
		for name, option := range map[string]func(server *outage) basiq.Option{
			"middleware": func(server *outage) basiq.Option {
				return basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
					return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
						if server.fails() {
							return nil, foreign
						}
						return next.Do(req)
					})
				})
			},
			"token source": func(server *outage) basiq.Option { return basiq.WithTokenSource(failingTokens{server, foreign}) },
		} {
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					server := &outage{begin: time.Now(), start: 10 * time.Second, lasts: time.Minute, ends: 90 * time.Second}
					client := newClient(t, server, option(server))
					assert.Equal(t, map[string]error{"a": nil}, wait(t.Context(), client, []string{"a"}))
				})
			})
		}
	}
}

type failingTokens struct {
	server *outage
	err    error
}

func (s failingTokens) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	if s.server.fails() {
		return basiq.Token{}, s.err
	}
	return basiq.Token{Value: basiq.NewSecret("token")}, nil
}

func (failingTokens) Reject(context.Context, basiq.Scope, basiq.Token) {}

// An outage does not end a wait that has time left. Polls do not use up the retry budget of other calls.
func TestWaits_OutageOfManyJobs(t *testing.T) {
	t.Parallel()
	for method, wait := range waitMethods {
		for _, lasts := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute} {
			for _, name := range []string{"502", "503", "500", "reset", "HTML 403 from a firewall", "hangs"} {
				for _, jobs := range []int{1, 500} {
					if jobs > 1 && method != "WaitEach" {
						continue // all methods have the same loop
					}
					t.Run(fmt.Sprintf("%s/%s for %v/%d jobs", method, name, lasts, jobs), func(t *testing.T) {
						t.Parallel()
						if jobs > 1 && lasts > 10*time.Second {
							withoutRaceDetector(t)
						}
						synctest.Test(t, func(t *testing.T) {
							start := time.Now()
							server := &outage{begin: start, start: 10 * time.Second, lasts: lasts, ends: lasts + 30*time.Second, fail: temporaryFailures[name].fail}
							flaky := 0
							client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
								if strings.HasPrefix(req.URL.Path, "/users/") {
									if flaky++; flaky < 4 {
										return reply(502, ""), nil
									}
								}
								return server.RoundTrip(req)
							}), basiq.WithRetry(basiq.RetryPolicy{}))
							other := make(chan error, 1)
							time.AfterFunc(server.start+lasts-time.Second, func() { other <- errOf(client.Users.Get(context.Background(), userID)) })
							lost := 0
							for _, err := range wait(t.Context(), client, numberedIDs(jobs)) {
								if err != nil {
									lost++
								}
							}
							assert.Zero(t, lost)
							require.NoError(t, <-other)
							assert.Equal(t, 4, flaky, "the call must be retried")
							assert.Less(t, time.Since(start), 15*time.Minute)
						})
					})
				}
			}
		}
	}
}

// A poll is a single attempt, but its token request is retried.
func TestWaits_PollIsOneAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, ok(500, ""), ok(500, ""), jobSucceeded)
		s.onToken = func(n int) (*http.Response, error) {
			if n < 3 {
				return reply(500, ""), nil
			}
			return reply(200, tokenJSON), nil
		}
		start := time.Now()
		_, err := client.Jobs.Wait(t.Context(), jobID)
		require.NoError(t, err)
		assert.Len(t, s.seen(), 3)
		assert.Equal(t, 3, s.tokenRequests())
		assert.Equal(t, 2500*time.Millisecond, time.Since(start).Round(100*time.Millisecond)) // 1 s, 1.5 s
	})
}

// The cause of a context may be the error of another call, and even the ErrWaitTimeout of another wait.
func TestWaits_ForeignCause(t *testing.T) {
	t.Parallel()
	sibling := &basiq.WaitError{JobID: "sibling", Err: basiq.ErrWaitTimeout}
	notFound := &basiq.Error{Operation: "Users.Get", StatusCode: 404}
	for method, wait := range waitMethods {
		for name, cause := range map[string]error{"timeout of another wait": sibling, "not found": notFound} {
			for during, response := range map[string]stubResponse{"a delay": jobStarted, "a poll": {}, "the MFA function": jobRequiresMFA} {
				t.Run(method+"/"+name+" during "+during, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithCancelCause(t.Context())
						time.AfterFunc(10*time.Second, func() { cancel(cause) })
						client := newClient(t, &stubOfCause{response: response})
						err := wait(ctx, client, []string{jobID}, basiq.WithMFA(func(ctx context.Context, _ basiq.MFAChallenge) ([]basiq.Secret, error) {
							<-ctx.Done()
							return nil, fmt.Errorf("asking: %w", context.Cause(ctx))
						}))[jobID]
						require.ErrorIs(t, err, context.Canceled)
						require.NotErrorIs(t, err, basiq.ErrWaitTimeout)
						require.NotErrorIs(t, err, basiq.ErrNotFound)
						ended, ok := errors.AsType[*basiq.WaitError](err)
						require.True(t, ok)
						assert.Equal(t, jobID, ended.JobID)
					})
				})
			}
		}
	}
}

// stubOfCause returns the context's cause from a poll without a response, as net/http does.
type stubOfCause struct{ response stubResponse }

func (s *stubOfCause) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case req.URL.Path == "/token":
		return reply(200, tokenJSON), nil
	case s.response.status == 0:
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}
	return s.response.httpResponse(), nil
}

// A wait that reaches its limit returns ErrWaitTimeout, whatever the transport returns at that time.
func TestWaits_Timeout(t *testing.T) {
	t.Parallel()
	for method, wait := range waitMethods {
		for name, response := range map[string]stubResponse{"a delay": jobStarted, "a poll": {}, "the MFA function": jobRequiresMFA} {
			t.Run(method+"/during "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					err := wait(t.Context(), newClient(t, &stubOfCause{response: response}), []string{jobID}, basiq.WithMaxWait(10*time.Second),
						basiq.WithMFA(func(ctx context.Context, _ basiq.MFAChallenge) ([]basiq.Secret, error) {
							<-ctx.Done()
							return nil, ctx.Err()
						}))[jobID]
					require.ErrorIs(t, err, basiq.ErrWaitTimeout)
					assert.Equal(t, 10*time.Second, time.Since(start))
				})
			})
		}
	}
}

func TestWaits_NilContext(t *testing.T) {
	t.Parallel()
	var none context.Context
	for method, wait := range waitMethods {
		s, client := newStub(t, jobSucceeded)
		result := wait(none, client, []string{jobID})
		err := result[""]
		if err == nil {
			err = result[jobID]
		}
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
		require.EqualError(t, err, "basiq: Jobs."+method+": ctx: nil context")
		assert.Empty(t, s.seen())
	}
}
