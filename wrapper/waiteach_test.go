package basiq_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// gauge counts requests in flight.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.most = max(g.most, g.now)
}

func (g *gauge) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

// read returns the current and the maximum number of requests in flight.
func (g *gauge) read() (now, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.most
}

// jobServer is a transport that responds to polls by job ID and counts them.
type jobServer struct {
	respond func(req *http.Request, jobID string) (*http.Response, error)

	polls    atomic.Int32
	inFlight gauge
}

func (s *jobServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/token" {
		return reply(200, tokenJSON), nil
	}
	jobID, poll := strings.CutPrefix(req.URL.Path, "/jobs/")
	if poll && !strings.Contains(jobID, "/") {
		s.polls.Add(1)
		s.inFlight.enter()
		defer s.inFlight.leave()
	}
	return s.respond(req, jobID)
}

// responseFor returns a response with the ID replaced.
func responseFor(jobID string, response stubResponse) *http.Response {
	response.body = strings.ReplaceAll(response.body, `"id":"j1"`, `"id":"`+jobID+`"`)
	return response.httpResponse()
}

// overAfter returns a server whose jobs succeed after as many seconds as their IDs say.
func overAfter() *jobServer {
	start := time.Now()
	return &jobServer{respond: func(_ *http.Request, jobID string) (*http.Response, error) {
		seconds, err := strconv.Atoi(jobID)
		if err != nil {
			return nil, err
		}
		if time.Since(start) < time.Duration(seconds)*time.Second {
			return responseFor(jobID, jobStarted), nil
		}
		return responseFor(jobID, jobSucceeded), nil
	}}
}

// numberedIDs returns the IDs of n jobs.
func numberedIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	return ids
}

// idOf returns the job ID in an element that WaitEach yields.
func idOf(t testing.TB, job *basiq.Job, err error) string {
	t.Helper()
	if failure, ok := errors.AsType[*basiq.JobError](err); ok {
		require.Same(t, failure.Job, job)
		return failure.JobID
	}
	if ended, ok := errors.AsType[*basiq.WaitError](err); ok {
		require.Equal(t, ended.Job, job)
		return ended.JobID
	}
	require.NoError(t, err)
	require.True(t, job.Done())
	return job.ID
}

func TestWaitEach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := newClient(t, &jobServer{respond: func(_ *http.Request, jobID string) (*http.Response, error) {
			late := time.Since(start) >= 3*time.Second
			switch {
			case jobID == "lost" && late:
				return reply(404, envelope("resource-not-found", "", "gone")), nil
			case jobID == "bad":
				return responseFor(jobID, jobFailed), nil
			case jobID == "mfa" && late:
				return responseFor(jobID, jobRequiresMFA), nil
			case jobID == "queued":
				return responseFor(jobID, jobQueued), nil
			case jobID == "ok" && time.Since(start) >= 10*time.Second:
				return responseFor(jobID, jobSucceeded), nil
			}
			return responseFor(jobID, jobStarted), nil
		}})
		ends := map[string]error{}
		var order []string
		for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{"never", "ok", "lost", "mfa", "queued", "bad"}), basiq.WithMaxWait(time.Minute)) {
			id := idOf(t, job, err)
			require.NotContains(t, ends, id, "each job must be yielded once")
			ends[id] = err
			order = append(order, id+" at "+time.Since(start).Truncate(time.Second).String())
		}
		assert.Len(t, ends, 6)
		assert.ElementsMatch(t, []string{"queued at 0s", "bad at 0s"}, order[:2])
		assert.ElementsMatch(t, []string{"lost at 4s", "mfa at 4s"}, order[2:4])
		assert.Equal(t, []string{"ok at 13s", "never at 1m0s"}, order[4:])
		require.NoError(t, ends["ok"])
		require.ErrorIs(t, ends["bad"], basiq.CodeInvalidCredentials)
		for id, is := range map[string]error{
			"lost": basiq.ErrNotFound, "mfa": basiq.ErrMFARequired, "queued": basiq.ErrJobQueued, "never": basiq.ErrWaitTimeout,
		} {
			ended, ok := errors.AsType[*basiq.WaitError](ends[id])
			require.True(t, ok, id)
			require.ErrorIs(t, ended, is)
			assert.Equal(t, id == "mfa" || id == "queued", ended.Job != nil, "%s: the error must contain only a job that was just polled", id)
		}
	})
}

// Jobs are polled like in Watch: soon after a change, then at increasing intervals.
func TestWaitEach_PollIntervals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"step":           {`"status":"pending"`, `"status":"in-progress"`},
		"the status":     {`"id":"j1",`, `"id":"j1","status":"in-progress",`},
		"time of change": {`"id":"j1",`, `"id":"j1","updated":"2024-09-25T04:46:00Z",`},
		"result":         {`"result":null`, `"result":{"type":"link"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				changed := ok(200, strings.Replace(jobStarted.body, change[0], change[1], 1))
				require.NotEqual(t, jobStarted.body, changed.body)
				s, client := newStub(t, jobStarted, jobStarted, jobStarted, changed, changed, jobSucceeded)
				start := time.Now()
				jobs := client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}))
				time.Sleep(time.Minute)
				assert.Empty(t, s.seen(), "no request before the loop starts")
				for _, err := range jobs {
					require.NoError(t, err)
				}
				assert.Equal(t, time.Minute+7250*time.Millisecond, time.Since(start)) // see TestWatch_EveryChange
				assert.Len(t, s.seen(), 6)
			})
		})
	}
}

func TestWaitEach_InvalidInput(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, jobSucceeded)
	for name, c := range map[string]struct {
		ids     []string
		options []basiq.WaitOption
	}{
		"empty ID":         {ids: []string{""}},
		"invalid ID":       {ids: []string{".."}},
		"nil option":       {ids: []string{"a"}, options: []basiq.WaitOption{nil}},
		"zero rate":        {ids: []string{"a"}, options: []basiq.WaitOption{basiq.WithPollRate(0, 1)}},
		"NaN rate":         {ids: []string{"a"}, options: []basiq.WaitOption{basiq.WithPollRate(nan(), 1)}},
		"zero concurrency": {ids: []string{"a"}, options: []basiq.WaitOption{basiq.WithPollRate(1, 0)}},
	} {
		n := 0
		for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(c.ids), c.options...) {
			n++
			require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
			require.ErrorContains(t, err, "basiq: Jobs.WaitEach: ", name)
			require.Nil(t, job)
		}
		assert.Equal(t, 1, n, name)
	}
	for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string(nil))) {
		t.Error("unexpected job", job, err)
	}
	assert.Empty(t, s.seen())
	_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithPollRate(0.001, 1))
	require.NoError(t, err, "the rate must not affect a wait for one job")
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

// Every job is yielded when the time is over, whether it has been polled or not.
func TestWaitEach_ContextEnds(t *testing.T) {
	t.Parallel()
	type end func(ctx context.Context) (context.Context, context.CancelFunc)
	for name, c := range map[string]struct {
		end     end
		is      error
		options []basiq.WaitOption
	}{
		"deadline": {is: context.DeadlineExceeded, end: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second/2)
		}},
		"canceled": {is: context.Canceled, end: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second/2, cancel)
			return ctx, cancel
		}},
		"before": {is: context.Canceled, end: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}},
		"too long": {is: basiq.ErrWaitTimeout, end: context.WithCancel, options: []basiq.WaitOption{basiq.WithMaxWait(time.Second / 2)}},
	} {
		for server, heeds := range map[string]bool{"server that stops": true, "server that does not stop": false} {
			t.Run(name+"/"+server, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client := newClient(t, &jobServer{respond: func(req *http.Request, jobID string) (*http.Response, error) {
						time.Sleep(time.Second / 5)
						if heeds && req.Context().Err() != nil {
							return nil, req.Context().Err()
						}
						return responseFor(jobID, jobStarted), nil
					}})
					ctx, cancel := c.end(t.Context())
					defer cancel()
					start, seen := time.Now(), map[string]bool{}
					for job, err := range client.Jobs.WaitEach(ctx, slices.Values(numberedIDs(100)), c.options...) {
						require.Nil(t, job)
						require.ErrorIs(t, err, c.is)
						require.Equal(t, name == "too long", errors.Is(err, basiq.ErrWaitTimeout))
						seen[idOf(t, job, err)] = true
					}
					assert.Len(t, seen, 100)
					assert.LessOrEqual(t, time.Since(start), 7*time.Second/10)
				})
			})
		}
	}
}

// After the loop ends in any way, no request is in flight.
func TestWaitEach_EarlyExit(t *testing.T) {
	t.Parallel()
	for name, leave := range earlyExits[*basiq.Job](func() {}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var answered atomic.Bool
				s := &jobServer{}
				s.respond = func(req *http.Request, jobID string) (*http.Response, error) {
					if answered.CompareAndSwap(false, true) { // the first poll, of any job
						return responseFor(jobID, jobSucceeded), nil
					}
					<-req.Context().Done()
					time.Sleep(time.Second) // the transport reacts with a delay
					return nil, req.Context().Err()
				}
				client := newClient(t, s)
				leave(t, client.Jobs.WaitEach(newForeignContext(), slices.Values(numberedIDs(30))))
				now, _ := s.inFlight.read()
				assert.Zero(t, now)
				polls := s.polls.Load()
				assert.LessOrEqual(t, polls, int32(17))
				time.Sleep(time.Hour)
				assert.Equal(t, polls, s.polls.Load())
			})
		})
	}
}

// Many jobs are polled in turn within the limits for concurrency and rate.
func TestWaitEach_PollRate(t *testing.T) {
	t.Parallel()
	const jobs = 1500
	for name, c := range map[string]struct {
		options   []basiq.WaitOption
		perSecond int
		atOnce    int
	}{
		"by default": {perSecond: 50, atOnce: 16},
		"faster":     {options: []basiq.WaitOption{basiq.WithPollRate(400, 100)}, perSecond: 400, atOnce: 100},
		"sequential": {options: []basiq.WaitOption{basiq.WithPollRate(1000, 1)}, perSecond: 1000, atOnce: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var mu sync.Mutex
				var at []time.Time
				s := &jobServer{}
				s.respond = func(_ *http.Request, jobID string) (*http.Response, error) {
					mu.Lock()
					at = append(at, time.Now())
					mu.Unlock()
					time.Sleep(100 * time.Millisecond)
					if time.Since(start) < 30*time.Second {
						return responseFor(jobID, jobStarted), nil
					}
					return responseFor(jobID, jobSucceeded), nil
				}
				client := newClient(t, s)
				seen := map[string]bool{}
				for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numberedIDs(jobs)), append(c.options, basiq.WithMaxWait(24*time.Hour))...) {
					require.NoError(t, err)
					seen[job.ID] = true
				}
				assert.Len(t, seen, jobs)
				_, atOnce := s.inFlight.read()
				assert.Equal(t, c.atOnce, atOnce, "the concurrency must be exactly the limit")
				first := 0
				most := 0
				for last := range at {
					for at[last].Sub(at[first]) >= time.Second {
						first++
					}
					most = max(most, last-first+1)
				}
				assert.LessOrEqual(t, most, c.perSecond+c.atOnce+1)
				assert.GreaterOrEqual(t, most, min(c.perSecond, 10*c.atOnce)*9/10, "the rate must be close to the limit")
			})
		})
	}
}

// Waiting for 5,000 jobs takes little memory and one goroutine for each job, even if the caller is slow.
//
//nolint:paralleltest // measures the memory of the whole process
func TestWaitEach_Memory(t *testing.T) {
	withoutRaceDetector(t)
	const (
		jobs = 5000
		mib  = 1 << 20
	)
	var over atomic.Bool
	var most atomic.Int32
	var pause sync.RWMutex // locked while memory is measured, to exclude the garbage of polls
	before := runtime.NumGoroutine()
	s := &jobServer{}
	s.respond = func(_ *http.Request, jobID string) (*http.Response, error) {
		pause.RLock()
		defer pause.RUnlock()
		most.Store(max(most.Load(), int32(runtime.NumGoroutine()-before)))
		if over.Load() || jobID == "0" {
			return responseFor(jobID, jobSucceeded), nil
		}
		return responseFor(jobID, jobStarted), nil
	}
	client := newClient(t, s)
	ids := numberedIDs(jobs)
	empty := heap()
	seen := 0
	for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values(ids), basiq.WithPollRate(1e6, 16)) {
		require.NoError(t, err)
		if seen++; seen == jobs {
			assert.Less(t, heap()-empty, 4.0*mib, "jobs that were yielded must not be kept")
		}
		if seen > 1 {
			continue
		}
		// The first job has ended, and the caller is processing it.
		require.Eventually(t, func() bool { return s.polls.Load() >= 2*jobs }, time.Minute, time.Millisecond)
		pause.Lock()
		waiting := heap()
		pause.Unlock()
		over.Store(true)
		at := s.polls.Load()
		require.Eventually(t, func() bool { return s.polls.Load() >= at+jobs-20 }, time.Minute, time.Millisecond)
		kept := heap()
		t.Logf("5,000 running jobs: %.1f MiB, 5,000 ended jobs: %.1f MiB, %d goroutines",
			(waiting-empty)/mib, (kept-empty)/mib, most.Load())
		assert.Less(t, waiting-empty, 16.0*mib)
		assert.Less(t, kept-empty, 24.0*mib)
	}
	assert.Equal(t, jobs, seen)
	assert.Less(t, most.Load(), int32(jobs+200), "at most one goroutine for each job")
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// If Basiq throttles polls, fewer polls are sent, and no wait ends because of that.
func TestWaitEach_Throttled(t *testing.T) {
	t.Parallel()
	const jobs = 200
	for name, c := range map[string]struct {
		response stubResponse
		// most is the maximum number of requests during the two minutes of throttling.
		most int
	}{
		"429 for a minute":        {response: stubResponse{status: 429, header: http.Header{"Retry-After": {"60"}}}, most: 2 * 16},
		"429 without Retry-After": {response: stubResponse{status: 429}, most: 5 * 16},
		"503 for a minute":        {response: stubResponse{status: 503, header: http.Header{"Retry-After": {"60"}}}, most: 2 * 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, throttled := time.Now(), 0
				s := &stub{respond: func(_ int, req request) (*http.Response, error) {
					id := strings.TrimPrefix(req.Path, "/jobs/")
					switch at := time.Since(start); {
					case at < 2*time.Second:
						return responseFor(id, jobStarted), nil
					case at < 2*time.Minute:
						throttled++
						return c.response.httpResponse(), nil
					}
					return responseFor(id, jobSucceeded), nil
				}}
				client := newClient(t, serial{s}, basiq.WithRetry(basiq.RetryPolicy{}))
				seen := map[string]bool{}
				for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numberedIDs(jobs))) {
					require.NoError(t, err)
					seen[job.ID] = true
				}
				assert.Len(t, seen, jobs)
				assert.LessOrEqual(t, throttled, c.most)
				assert.Less(t, time.Since(start), 4*time.Minute)
			})
		})
	}
	t.Run("until the deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, stubResponse{status: 429, header: http.Header{"Retry-After": {"7200"}}})
			start, n := time.Now(), 0
			for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numberedIDs(40)), basiq.WithMaxWait(time.Hour)) {
				n++
				require.ErrorIs(t, err, basiq.ErrWaitTimeout)
				require.ErrorIs(t, err, basiq.ErrTooManyRequests, "the error must contain the last failure")
			}
			assert.Equal(t, 40, n)
			assert.Equal(t, time.Hour, time.Since(start))
		})
	})
	t.Run("temporarily", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			throttled := []any{ok(429, ""), ok(429, ""), ok(429, ""), ok(429, "")} // all attempts of a poll
			responses := slices.Concat(throttled, []any{jobStarted}, throttled, []any{jobStarted})
			s, client := newStub(t, responses...)
			var at []time.Duration
			start := time.Now()
			inOrder := s.respond
			s.respond = func(n int, req request) (*http.Response, error) {
				at = append(at, time.Since(start).Round(time.Second))
				return inOrder(n, req)
			}
			for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}), basiq.WithMaxWait(time.Minute)) {
				require.ErrorIs(t, err, basiq.ErrWaitTimeout)
				require.NotErrorIs(t, err, basiq.ErrTooManyRequests, "an earlier failure must not be in the error")
			}
			assert.Equal(t, []time.Duration{8 * time.Second, 9 * time.Second, 21 * time.Second}, []time.Duration{at[4], at[5], at[9]}, "the backoff starts again after a success")
		})
	})
}

// serial is a stub that handles one request at a time.
type serial struct{ *stub }

var serialMu sync.Mutex

func (s serial) RoundTrip(req *http.Request) (*http.Response, error) {
	serialMu.Lock()
	defer serialMu.Unlock()
	return s.stub.RoundTrip(req)
}

// A user who takes a minute to answer an MFA challenge does not delay polls of other jobs, even with a concurrency of one.
func TestWaitEach_MFA(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := newClient(t, &jobServer{respond: func(req *http.Request, jobID string) (*http.Response, error) {
			switch {
			case req.Method == http.MethodPost:
				assert.Equal(t, "mfa/mfa", jobID)
				return reply(202, jobJSON), nil
			case jobID == "mfa" && time.Since(start) > 70*time.Second:
				return responseFor(jobID, jobAnsweredAll), nil
			case jobID == "mfa":
				return responseFor(jobID, jobRequiresMFA), nil // also for some time after the POST
			case time.Since(start) < 20*time.Second:
				return responseFor(jobID, jobStarted), nil
			}
			return responseFor(jobID, jobSucceeded), nil
		}})
		asked := 0
		answer := basiq.WithMFA(func(_ context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
			asked++
			assert.Equal(t, "mfa", challenge.JobID)
			time.Sleep(time.Minute)
			return []basiq.Secret{basiq.NewSecret("Basiq"), basiq.NewSecret("AU00000")}, nil
		})
		var order []string
		for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{"mfa", "other"}), answer, basiq.WithPollRate(50, 1)) {
			require.NoError(t, err)
			order = append(order, job.ID+" at "+time.Since(start).Round(10*time.Second).String())
		}
		assert.Equal(t, []string{"other at 20s", "mfa at 1m10s"}, order)
		assert.Equal(t, 1, asked)
	})
}

// A challenge that appears again after it was completed is a new challenge, even if the text is identical.
func TestWaitEach_RepeatedChallenge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, asked, posted := time.Now(), 0, 0
		client := newClient(t, &jobServer{respond: func(req *http.Request, _ string) (*http.Response, error) {
			switch at := time.Since(start); {
			case req.Method == http.MethodPost:
				posted++
				return reply(202, jobJSON), nil
			case at > time.Minute:
				return jobSucceeded.httpResponse(), nil
			case at > 20*time.Second && at < 40*time.Second:
				return jobVerifying.httpResponse(), nil
			}
			return jobRequiresMFA.httpResponse(), nil
		}})
		for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}), basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			asked++
			return []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}, nil
		})) {
			require.NoError(t, err)
		}
		assert.Equal(t, []int{2, 2}, []int{asked, posted})
	})
}

var jobAnsweredAll = ok(200, job(step("verify-credentials", "success", link), step("mfa-challenge", "success", challenge)))

// If an MFA answer fails, only the wait for that job ends.
func TestWaitEach_MFAFails(t *testing.T) {
	t.Parallel()
	two := []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}
	for name, c := range map[string]struct {
		answers []basiq.Secret
		err     error
		post    stubResponse
		is      error
		failed  bool
	}{
		"no answer":   {err: errReset, is: errReset},
		"too few":     {answers: two[:1], is: basiq.ErrMFARequired},
		"wrong":       {answers: two, post: ok(400, envelope("parameter-not-valid", "", "wrong")), is: basiq.ErrBadRequest, failed: true},
		"unavailable": {answers: two, post: ok(500, ""), failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				posted := false
				client := newClient(t, &jobServer{respond: func(req *http.Request, _ string) (*http.Response, error) {
					switch {
					case req.Method == http.MethodPost:
						posted = true
						return c.post.httpResponse(), nil
					case posted:
						return ok(200, job(step("mfa-challenge", "failed", "null"))).httpResponse(), nil
					}
					return jobRequiresMFA.httpResponse(), nil
				}})
				n := 0
				for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}),
					basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) { return c.answers, c.err })) {
					n++
					require.NotNil(t, job)
					require.Equal(t, jobID, idOf(t, job, err))
					if c.is != nil {
						require.ErrorIs(t, err, c.is)
					}
					_, failed := errors.AsType[*basiq.JobError](err)
					assert.Equal(t, c.failed, failed)
				}
				assert.Equal(t, 1, n)
			})
		})
	}
}

// A panic in a function of the caller can be recovered by the caller, immediately.
func TestWaitEach_Panic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		middleware basiq.Middleware
		answer     func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error)
	}{
		"an answer": {answer: func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) { return ouch() }},
		"middleware": {middleware: func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/mfa") {
					_, _ = ouch()
				}
				return next.Do(req)
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &jobServer{respond: func(req *http.Request, jobID string) (*http.Response, error) {
					switch jobID {
					case "mfa":
						return responseFor(jobID, jobRequiresMFA), nil
					case "slower":
						<-req.Context().Done()
						return nil, req.Context().Err()
					}
					return responseFor(jobID, jobStarted), nil
				}}
				var options []basiq.Option
				if c.middleware != nil {
					options = append(options, basiq.WithMiddleware(c.middleware))
				}
				var waits []basiq.WaitOption
				if c.answer != nil {
					waits = append(waits, basiq.WithMFA(c.answer))
				}
				start := time.Now()
				panicsWithStack(t, func() {
					for job, err := range newClient(t, s, options...).Jobs.WaitEach(t.Context(), slices.Values([]string{"slow", "mfa", "slower"}), waits...) {
						t.Error("unexpected job", job, err)
					}
				})
				assert.Less(t, time.Since(start), time.Second)
			})
		})
	}
}

// If a function of the caller ends its goroutine, only the wait for that job ends.
func TestWaitEach_Goexit(t *testing.T) {
	t.Parallel()
	client := newClient(t, waitAllStub(), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "goexit") {
				runtime.Goexit()
			}
			return next.Do(req)
		})
	}))
	seen := map[string]string{}
	for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{"mfa", "goexit", "ok"}), basiq.WithPollRate(50, 1),
		basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			runtime.Goexit()
			return nil, nil
		})) {
		seen[idOf(t, job, err)] = fmt.Sprint(err)
	}
	assert.Equal(t, map[string]string{
		"ok": "<nil>", "mfa": "basiq: waiting for job mfa: wait abandoned", "goexit": "basiq: waiting for job goexit: wait abandoned",
	}, seen)
}

// If the body of the loop is slow, jobs that ended in time are still reported as done.
func TestWaitEach_SlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, overAfter())
		n := 0
		for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numberedIDs(60)), basiq.WithMaxWait(2*time.Minute)) {
			require.NoError(t, err)
			require.True(t, job.Done())
			n++
			time.Sleep(time.Minute)
		}
		assert.Equal(t, 60, n)
	})
}

// The job of another user must not be returned.
func TestWaitEach_UserMismatch(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, jobHalfway) // the link contains u1
	for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}), basiq.WithUser("u2")) {
		require.ErrorIs(t, err, basiq.ErrUserMismatch)
		require.Nil(t, job)
	}
}

// WaitAll returns the last known job, which WaitEach does not keep.
func TestWaitAll_LastKnownJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := newStub(t, jobStarted, jobHalfway)
		jobs, err := client.Jobs.WaitAll(t.Context(), []string{jobID}, basiq.WithMaxWait(time.Minute))
		require.ErrorIs(t, err, basiq.ErrWaitTimeout)
		ended, ok := errors.AsType[*basiq.WaitError](err)
		require.True(t, ok)
		require.NotNil(t, ended.Job)
		assert.Equal(t, basiq.JobStepStatusSuccess, ended.Job.Steps[0].Status)
		assert.Same(t, ended.Job, jobs[0])
	})
}

// An invalid or duplicate ID in a stream is yielded as a separate error.
func TestWaitEach_Stream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, overAfter())
		start := time.Now()
		var got []string
		for job, err := range client.Jobs.WaitEach(t.Context(), func(yield func(string) bool) {
			for _, jobID := range []string{"5", "..", "5", "1"} {
				if !yield(jobID) {
					return
				}
				time.Sleep(10 * time.Second)
			}
		}) {
			at := " at " + time.Since(start).Truncate(10*time.Second).String()
			if err != nil {
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
				got = append(got, "invalid"+at)
			} else {
				got = append(got, job.ID+at)
			}
		}
		assert.Equal(t, []string{"5 at 0s", "invalid at 10s", "invalid at 20s", "1 at 30s"}, got)
	})
}

// An endless source of IDs is not read after the loop or the context has ended.
func TestWaitEach_EndlessStream(t *testing.T) {
	t.Parallel()
	for name, sleep := range map[string]time.Duration{"slow": time.Second, "fast": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				read := 0
				endless := func(yield func(string) bool) {
					for ; yield("0" + strconv.Itoa(read)); read++ {
						time.Sleep(sleep)
					}
				}
				s := &jobServer{respond: func(_ *http.Request, jobID string) (*http.Response, error) {
					return responseFor(jobID, jobSucceeded), nil
				}}
				client, n := newClient(t, s), 0
				for _, err := range client.Jobs.WaitEach(t.Context(), endless) {
					require.NoError(t, err)
					if n++; n == 100 {
						break
					}
				}
				assert.LessOrEqual(t, read, 10_101)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				read = 0
				for _, err := range client.Jobs.WaitEach(ctx, endless) {
					if err != nil {
						require.ErrorIs(t, err, context.DeadlineExceeded)
					}
				}
			})
		})
	}
}

// A panic of the source of IDs reaches the caller. If the source ends its goroutine, the loop ends with an error.
func TestWaitEach_StreamDoesNotReturn(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, jobSucceeded)
	panicsWithStack(t, func() {
		for _, err := range client.Jobs.WaitEach(t.Context(), func(func(string) bool) { _, _ = ouch() }) {
			assert.NoError(t, err)
		}
	})
	var last error
	for _, err := range client.Jobs.WaitEach(t.Context(), func(yield func(string) bool) {
		yield(jobID)
		runtime.Goexit()
	}) {
		last = cmp.Or(err, last)
	}
	require.ErrorContains(t, last, "called runtime.Goexit")
}
