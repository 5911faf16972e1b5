package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// observed records what an observer learns, one line for each event.
type observed struct {
	mu    sync.Mutex
	lines []string
	calls []basiq.CallResult
	jobs  []basiq.JobWaitResult
	// attempts and waits are the sums of all calls.
	attempts, waits time.Duration
}

func (o *observed) add(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

// events returns the lines of one operation.
func (o *observed) events(operation string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var events []string
	for _, line := range o.lines {
		if rest, found := strings.CutPrefix(line, operation+": "); found {
			events = append(events, rest)
		}
	}
	return events
}

func (o *observed) option() basiq.Option {
	return basiq.WithObserver(basiq.Observer{
		CallStarted: func(ctx context.Context, call basiq.CallInfo) context.Context {
			o.add("%s: start", call.Operation.Name)
			return ctx
		},
		AttemptStarted: func(ctx context.Context, call basiq.CallInfo) context.Context {
			o.add("%s: attempt %d", call.Operation.Name, call.Attempt)
			return ctx
		},
		Waited: func(_ context.Context, call basiq.CallInfo, wait basiq.WaitInfo) {
			o.add("%s: waited %v, %s", call.Operation.Name, wait.Duration, wait.Reason)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.waits += wait.Duration
		},
		AttemptEnded: func(_ context.Context, call basiq.CallInfo, r basiq.AttemptResult) {
			o.add("%s: attempt %d ended after %v, %d requests, %d %q %d bytes, throttled %t, %v", call.Operation.Name, call.Attempt,
				r.Duration, r.Requests, r.StatusCode, r.Failure, r.Bytes, r.Throttled, r.Err)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.attempts += r.Duration
		},
		CallEnded: func(_ context.Context, call basiq.CallInfo, r basiq.CallResult) {
			o.add("%s: end after %v, waited %v, %d attempts, %d %q, %d bytes, %d items, correlation %q", call.Operation.Name,
				r.Duration, r.Waited, r.Attempts, r.StatusCode, r.Failure, r.Bytes, r.Items, r.CorrelationID)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.calls = append(o.calls, r)
		},
		JobWaitEnded: func(_ context.Context, r basiq.JobWaitResult) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.jobs = append(o.jobs, r)
		},
	})
}

// last returns the result of the last call.
func (o *observed) last(t *testing.T) basiq.CallResult {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.NotEmpty(t, o.calls)
	return o.calls[len(o.calls)-1]
}

// A call reports each attempt, each wait with its reason, and the outcome. Attempts and waits add up to the call.
func TestObserver_Call(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := new(observed)
		responses := []stubResponse{
			tokenExpired,
			ok(503, envelope("service-unavailable", "", "")),
			{status: 429, header: http.Header{"Retry-After": {"2"}}},
			ok(200, userJSON),
		}
		s := &stub{
			respond: func(n int, _ request) (*http.Response, error) {
				time.Sleep(100 * time.Millisecond)
				return responses[n-1].httpResponse(), nil
			},
			onToken: func(n int) (*http.Response, error) {
				time.Sleep(time.Second)
				return reply(200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, n)), nil
			},
		}
		client := newClient(t, s, seen.option(), basiq.WithRateLimit(rate.NewLimiter(rate.Every(10*time.Second), 1)),
			basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Nanosecond, MaxDelay: time.Minute}))
		start := time.Now()
		require.NoError(t, errOf(client.Users.Get(t.Context(), userID)))
		// The limiter allows a request every 10 s: the call at 0, its token at 10, 10 more after each.
		events := strings.Join(seen.events("Users.Get"), "\n")
		events = strings.NewReplacer("waited 1ns, backoff\n", "", "waited 2ns, backoff\n", "", "waited 2.000000001s, throttled", "waited 2s, throttled").Replace(events)
		for _, want := range []string{
			"start\nattempt 1\nwaited 11s, token\n",
			"attempt 1 ended after 200ms, 2 requests, 503 \"status\"",
			"waited 2s, throttled\n",
			"attempt 3 ended after 100ms, 1 requests, 200 \"\" ",
			"3 attempts, 200 \"\", ",
		} {
			assert.Contains(t, events, want)
		}
		assert.Contains(t, events, "rate_limit")
		result := seen.last(t)
		assert.Equal(t, time.Since(start), result.Duration)
		token := seen.calls[0]
		assert.Equal(t, 11*time.Second, token.Duration, "10 s for the rate limit, 1 s for the response")
		assert.Equal(t, 10*time.Second, token.Waited)
		var all time.Duration
		for _, call := range seen.calls {
			all += call.Duration
		}
		assert.Equal(t, all, seen.attempts+seen.waits)
		assert.Empty(t, result.CorrelationID, "of the last response")
	})
}

func TestObserver_Failures(t *testing.T) {
	t.Parallel()
	certificate := &url.Error{Op: "Get", URL: "https://h", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
	for _, tc := range []struct {
		name     string
		response any
		options  []basiq.Option
		failure  basiq.Failure
		attempts int
	}{
		{"none", ok(200, userJSON), nil, "", 1},
		{"status", ok(404, envelope("resource-not-found", "", "")), nil, basiq.FailureStatus, 1},
		{"not JSON", ok(200, "<html>"), nil, basiq.FailureInvalidResponse, 1},
		{"another user", ok(200, `{"type":"user","id":"other"}`), nil, basiq.FailureInvalidResponse, 1},
		{"too large", ok(200, userJSON), []basiq.Option{basiq.WithMaxResponseBytes(8)}, basiq.FailureInvalidResponse, 1},
		{"connection", errReset, nil, basiq.FailureConnection, 4},
		{"host name", certificate, nil, basiq.FailureDNS, 1},
		{"timeout", context.DeadlineExceeded, nil, basiq.FailureTimeout, 4},
		{"token", ok(200, userJSON), []basiq.Option{basiq.WithTokenSource(noTokens{})}, basiq.FailureToken, 1},
		{"rate limit", ok(200, userJSON), []basiq.Option{basiq.WithRateLimit(rate.NewLimiter(0, 0))}, basiq.FailureRateLimit, 0},
		{"middleware", ok(200, userJSON), []basiq.Option{ofCalls(func(basiq.Doer, *http.Request, int) (*http.Response, error) {
			return nil, errors.New("rejected")
		})}, basiq.FailureNotSent, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				seen := new(observed)
				client := newClient(t, &stub{respond: respondWith(tc.response)}, append([]basiq.Option{
					basiq.WithTokenSource(fixedTokens("token-1")), seen.option(),
				}, tc.options...)...)
				_, err := client.Users.Get(t.Context(), userID)
				result := seen.last(t)
				assert.Equal(t, tc.failure, result.Failure)
				assert.Equal(t, tc.failure == "", err == nil, err)
				assert.Equal(t, tc.attempts, result.Attempts)
				assert.Len(t, seen.calls, 1)
				if transport, ok := errors.AsType[*basiq.TransportError](err); ok {
					assert.Equal(t, error(transport), result.Err)
				} else {
					assert.NoError(t, result.Err)
				}
				starts := slices.DeleteFunc(seen.events("Users.Get"), func(line string) bool {
					return !strings.HasPrefix(line, "attempt ") || strings.Contains(line, "ended")
				})
				assert.Len(t, starts, tc.attempts)
				if tc.name == "status" {
					assert.Equal(t, "corr-1", result.CorrelationID)
				}
			})
		})
	}
}

// noTokens returns an error.
type noTokens struct{ fixedTokens }

func (noTokens) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{}, errors.New("no token")
}

// slowTokens never has a token.
type slowTokens struct{ fixedTokens }

func (slowTokens) Token(ctx context.Context, _ basiq.Scope) (basiq.Token, error) {
	<-ctx.Done()
	return basiq.Token{}, ctx.Err()
}

// A context that ends is reported as such, whatever the call was doing.
func TestObserver_ContextEnds(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]basiq.Failure{"canceled": basiq.FailureCanceled, "deadline": basiq.FailureTimeout} {
		for _, during := range []basiq.WaitReason{basiq.WaitToken, basiq.WaitThrottled} {
			if failure == basiq.FailureTimeout && during == basiq.WaitThrottled {
				continue // the call does not wait for longer than its deadline
			}
			t.Run(name+" during "+string(during), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					seen := new(observed)
					s := &stub{respond: respondWith(stubResponse{status: 503, header: http.Header{"Retry-After": {"20"}}})}
					var tokens basiq.TokenSource = fixedTokens("token-1")
					if during == basiq.WaitToken {
						tokens = slowTokens{}
					}
					client := newClient(t, s, seen.option(), basiq.WithTokenSource(tokens), basiq.WithRetry(basiq.RetryPolicy{}))
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					if failure == basiq.FailureCanceled {
						ctx, cancel = context.WithCancel(t.Context())
						time.AfterFunc(5*time.Second, cancel)
					}
					defer cancel()
					require.Error(t, errOf(client.Users.Get(ctx, userID)))
					result := seen.last(t)
					assert.Equal(t, failure, result.Failure)
					assert.Equal(t, 5*time.Second, result.Duration)
					assert.Equal(t, 5*time.Second, result.Waited)
					assert.Contains(t, seen.events("Users.Get"), "waited 5s, "+string(during))
				})
			})
		}
	}
}

// The context that CallStarted returns is the context of everything that belongs to the call, and the context that
// AttemptStarted returns the context of the attempt. The functions of several observers are called in order.
func TestObserver_Contexts(t *testing.T) {
	t.Parallel()
	type key string
	mark := func(name string) basiq.Option {
		return basiq.WithObserver(basiq.Observer{
			CallStarted: func(ctx context.Context, call basiq.CallInfo) context.Context {
				outer, _ := ctx.Value(key("call")).(string)
				if call.Operation.ID == "postToken" {
					return ctx
				}
				return context.WithValue(ctx, key("call"), outer+name)
			},
			AttemptStarted: func(ctx context.Context, call basiq.CallInfo) context.Context {
				info, found := basiq.CallFromContext(ctx)
				assert.True(t, found)
				assert.Equal(t, info, call)
				return context.WithValue(ctx, key("attempt"), fmt.Sprint(name, call.Attempt))
			},
			CallEnded: func(ctx context.Context, _ basiq.CallInfo, _ basiq.CallResult) {
				assert.Nil(t, ctx.Value(key("attempt")))
			},
		})
	}
	var places []string
	see := func(place string, ctx context.Context) {
		call, _ := basiq.CallFromContext(ctx)
		assert.Equal(t, "stub.test:443", call.Server)
		places = append(places, fmt.Sprint(place, " ", ctx.Value(key("call")), " ", ctx.Value(key("attempt"))))
	}
	s := &stub{respond: respondWith(ok(503, ""), ok(200, userJSON))}
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		see("transport", req.Context())
		return s.RoundTrip(req)
	})
	client := newClient(t, transport, mark("a"), mark("b"), basiq.WithObserver(basiq.Observer{
		CallStarted: func(context.Context, basiq.CallInfo) context.Context { return nil },
	}), basiq.WithTokenSource(seeingTokens{fixedTokens("token-1"), see}), basiq.WithRateLimit(seeingLimiter(see)),
		basiq.WithBaseURL("https://stub.test/base"),
		basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				see("middleware", req.Context())
				return next.Do(req)
			})
		}))
	require.NoError(t, errOf(client.Users.Get(t.Context(), userID)))
	assert.Equal(t, []string{
		"limiter ab <nil>", "middleware ab b1", "token ab b1", "transport ab b1",
		"limiter ab <nil>", "middleware ab b2", "token ab b2", "transport ab b2",
	}, places)
}

type seeingTokens struct {
	basiq.TokenSource

	see func(string, context.Context)
}

func (s seeingTokens) Token(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	s.see("token", ctx)
	return s.TokenSource.Token(ctx, scope)
}

type seeingLimiter func(string, context.Context)

func (s seeingLimiter) Wait(ctx context.Context) error {
	s("limiter", ctx)
	return nil
}

// Each page is a call with its number and its items, also if it was prefetched.
func TestObserver_Pages(t *testing.T) {
	t.Parallel()
	for _, prefetch := range []bool{false, true} {
		var mu sync.Mutex
		pages := map[int]int{}
		s := &stub{respond: func(n int, _ request) (*http.Response, error) {
			next := ""
			if n < 3 {
				next = fmt.Sprintf(`,"links":{"next":"https://au-api.basiq.io/x?next=%d"}`, n)
			}
			return reply(200, fmt.Sprintf(`{"type":"list","data":[{"type":"transaction","id":"a%d"},{"type":"transaction","id":"b%d"}]%s}`, n, n, next)), nil
		}}
		client := newClient(t, s, basiq.WithObserver(basiq.Observer{
			CallEnded: func(_ context.Context, call basiq.CallInfo, result basiq.CallResult) {
				mu.Lock()
				defer mu.Unlock()
				if call.Operation.Name == "Transactions.List" {
					pages[call.Page] = result.Items
				}
			},
		}))
		items := 0
		for _, err := range client.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{Prefetch: prefetch}) {
			require.NoError(t, err)
			items++
		}
		assert.Equal(t, 6, items)
		assert.Equal(t, map[int]int{1: 2, 2: 2, 3: 2}, pages)
	}
}

func TestObserver_JobWaits(t *testing.T) {
	t.Parallel()
	const queued = `{"type":"job","id":"j1","steps":[{"title":"verify-credentials","status":"pending","result":{"code":"temporary-unavailable-queued"}}]}`
	running, done := jobWith("in-progress"), jobWith("success")
	for _, tc := range []struct {
		name      string
		responses []any
		options   []basiq.WaitOption
		outcome   basiq.JobWaitOutcome
		polls     int
		duration  time.Duration
	}{
		{"succeeds", []any{ok(200, running), ok(503, ""), ok(200, done)}, nil, basiq.JobWaitSucceeded, 3, 2500 * time.Millisecond},
		{"fails", []any{ok(200, running), ok(200, jobWith("failed"))}, nil, basiq.JobWaitFailed, 2, time.Second},
		{"maximum", []any{ok(200, running)}, []basiq.WaitOption{basiq.WithMaxWait(2 * time.Second)}, basiq.JobWaitTimeout, 2, 2 * time.Second},
		{"queued", []any{ok(200, queued)}, nil, basiq.JobWaitQueued, 1, 0},
		{"rejected", []any{ok(404, envelope("resource-not-found", "", ""))}, nil, basiq.JobWaitError, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				seen := new(observed)
				client := newClient(t, &stub{respond: respondWith(tc.responses...)}, seen.option())
				_, err := client.Jobs.Wait(t.Context(), jobID, tc.options...)
				assert.Equal(t, tc.outcome == basiq.JobWaitSucceeded, err == nil, err)
				assert.Equal(t, []basiq.JobWaitResult{{Outcome: tc.outcome, Duration: tc.duration, Waited: tc.duration, Polls: tc.polls}}, seen.jobs)
			})
		})
	}
	t.Run("canceled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			seen := new(observed)
			client := newClient(t, &stub{respond: respondWith(ok(200, running))}, seen.option())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			require.Error(t, errOf(client.Jobs.Wait(ctx, jobID)))
			assert.Equal(t, []basiq.JobWaitResult{{Outcome: basiq.JobWaitCanceled, Duration: time.Second / 2, Waited: time.Second / 2, Polls: 1}}, seen.jobs)
		})
	})
	t.Run("left", func(t *testing.T) {
		t.Parallel()
		seen := new(observed)
		client := newClient(t, &stub{respond: respondWith(ok(200, running))}, seen.option())
		for _, err := range client.Jobs.Watch(t.Context(), jobID) {
			require.NoError(t, err)
			break
		}
		require.Len(t, seen.jobs, 1)
		assert.Equal(t, basiq.JobWaitLeft, seen.jobs[0].Outcome)
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		seen := new(observed)
		polls := map[int]int{}
		client := newClient(t, &stub{respond: func(_ int, req request) (*http.Response, error) {
			return reply(200, strings.ReplaceAll(done, `"j1"`, `"`+strings.TrimPrefix(req.Path, "/jobs/")+`"`)), nil
		}}, seen.option(), basiq.WithObserver(basiq.Observer{CallStarted: func(ctx context.Context, call basiq.CallInfo) context.Context {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			polls[call.Poll]++
			return ctx
		}}))
		require.NoError(t, errOf(client.Jobs.WaitAll(t.Context(), []string{"j1", "j2", "j3"})))
		assert.Len(t, seen.jobs, 3)
		assert.Equal(t, map[int]int{0: 1, 1: 3}, polls, "the token request, and the first poll of each job")
	})
}

// jobWith returns a job whose only step has a status.
func jobWith(status string) string {
	return `{"type":"job","id":"j1","steps":[{"title":"verify-credentials","status":"` + status + `"}]}`
}

// Attempts and calls end also if a function of the caller panics, and the caller gets the panic.
func TestObserver_Panics(t *testing.T) {
	t.Parallel()
	t.Run("middleware", func(t *testing.T) {
		t.Parallel()
		seen := new(observed)
		client := newClient(t, &stub{respond: respondWith(ok(200, userJSON))}, seen.option(), basiq.WithTokenSource(fixedTokens("token-1")),
			ofCalls(func(basiq.Doer, *http.Request, int) (*http.Response, error) { panic("middleware") }))
		for _, call := range []func(){
			func() { _, _ = client.Users.Get(t.Context(), userID) },
			func() {
				_, _ = client.Raw().GetUser(t.Context(), userID)
			},
		} {
			assert.PanicsWithValue(t, "middleware", call)
			assert.Equal(t, basiq.FailurePanic, seen.last(t).Failure)
		}
		ended := slices.DeleteFunc(seen.events("Users.Get"), func(line string) bool { return !strings.Contains(line, `0 requests, 0 "panic"`) })
		assert.Len(t, ended, 2, "the attempts")
		assert.Len(t, seen.calls, 2)
	})
	t.Run("observer", func(t *testing.T) {
		t.Parallel()
		raise := func(operation string) basiq.Option {
			return basiq.WithObserver(basiq.Observer{CallEnded: func(_ context.Context, call basiq.CallInfo, _ basiq.CallResult) {
				if call.Operation.ID == operation {
					panic("observer of " + operation)
				}
			}})
		}
		s := &stub{respond: respondWith(ok(200, userJSON))}
		assert.PanicsWithValue(t, "observer of getUser", func() { _, _ = newClient(t, s, raise("getUser")).Users.Get(t.Context(), userID) })
		assert.ErrorContains(t, errOf(newClient(t, s, raise("postToken")).Users.Get(t.Context(), userID)), "observer of postToken")
	})
}

// A call through Raw is observed like any other call.
func TestObserver_Raw(t *testing.T) {
	t.Parallel()
	seen := new(observed)
	client := newClient(t, &stub{respond: respondWith(ok(503, ""), ok(200, userJSON), ok(404, envelope("resource-not-found", "", "")))},
		seen.option(), basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithRetry(fastRetry))
	for _, want := range []basiq.Failure{"", basiq.FailureStatus} {
		resp, err := client.Raw().GetUser(t.Context(), userID)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		result := seen.last(t)
		assert.Equal(t, want, result.Failure)
		assert.Equal(t, resp.StatusCode, result.StatusCode)
	}
	assert.Equal(t, 2, seen.calls[0].Attempts)
}

// A deleted resource is a success even if the last response is 404.
func TestObserver_RetriedDelete(t *testing.T) {
	t.Parallel()
	seen := new(observed)
	client := newClient(t, &stub{respond: respondWith(errReset, ok(404, envelope("resource-not-found", "", "")))}, seen.option(), basiq.WithRetry(fastRetry))
	require.NoError(t, client.Users.Delete(t.Context(), userID))
	result := seen.last(t)
	assert.Empty(t, result.Failure)
	assert.Equal(t, 404, result.StatusCode)
	assert.Equal(t, 2, result.Attempts)
}

// The levels are those that WithLogger documents.
func TestWithLogger_Levels(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		cancel    bool
		responses []any
		want      string
	}{
		{"first attempt", false, []any{ok(200, userJSON)}, ""},
		{"retried", false, []any{ok(503, ""), ok(200, userJSON)}, "level=INFO msg=\"basiq call\" operation=Users.Get method=GET path=/users/{userId} attempts=2 status=200\n"},
		{"failed", false, []any{ok(404, envelope("resource-not-found", "", "secret-detail"))}, "level=WARN msg=\"basiq call\" operation=Users.Get method=GET path=/users/{userId} attempts=1 failure=status status=404 correlation_id=corr-1\n"},
		{"no response", false, []any{errReset}, "level=WARN msg=\"basiq call\" operation=Users.Get method=GET path=/users/{userId} attempts=4 failure=connection " +
			"error=\"basiq: Users.Get: no response after 4 attempts: read: connection reset by peer (the request may have reached Basiq)\"\n"},
		{"canceled", true, []any{ok(200, userJSON)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			client := newClient(t, &stub{respond: respondWith(tc.responses...)}, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithRetry(fastRetry),
				basiq.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey || a.Key == "duration" || a.Key == "waited" {
						return slog.Attr{}
					}
					return a
				}}))))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.cancel {
				cancel()
			}
			_, _ = client.Users.Get(ctx, userID)
			assert.Equal(t, tc.want, log.String())
		})
	}
}

// An observer without functions costs one allocation for the state of the call, and no observer costs none.
func TestObserver_Allocations(t *testing.T) { //nolint:paralleltest // allocations of parallel tests would count too
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	measure := func(options ...basiq.Option) float64 {
		client := newClient(t, &stub{respond: func(int, request) (*http.Response, error) { return reply(200, userJSON), nil }},
			append(options, basiq.WithTokenSource(fixedTokens("token-1")))...)
		return testing.AllocsPerRun(500, func() {
			if _, err := client.Users.Get(t.Context(), userID); err != nil {
				t.Fatal(err)
			}
		})
	}
	without := measure()
	assert.InDelta(t, without+1, measure(basiq.WithObserver(basiq.Observer{})), 1)
}
