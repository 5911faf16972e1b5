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

// gauge counts what is under way at once.
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

// read returns how many are under way, and how many were at most.
func (g *gauge) read() (now, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.most
}

// jobServer is a transport that answers looks at jobs, by their ids, and counts them.
type jobServer struct {
	answer func(req *http.Request, jobID string) (*http.Response, error)

	looks    atomic.Int32
	underway gauge
}

func (s *jobServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/token" {
		return reply(200, tokenJSON), nil
	}
	jobID, look := strings.CutPrefix(req.URL.Path, "/jobs/")
	if look && !strings.Contains(jobID, "/") {
		s.looks.Add(1)
		s.underway.enter()
		defer s.underway.leave()
	}
	return s.answer(req, jobID)
}

// answerFor is a job's answer with another id.
func answerFor(jobID string, answer answerOf) *http.Response {
	answer.body = strings.ReplaceAll(answer.body, `"id":"j1"`, `"id":"`+jobID+`"`)
	return answer.response()
}

// overAfter answers that a job is under way, and after so many seconds as its id says, that it has succeeded.
func overAfter() *jobServer {
	start := time.Now()
	return &jobServer{answer: func(_ *http.Request, jobID string) (*http.Response, error) {
		seconds, err := strconv.Atoi(jobID)
		if err != nil {
			return nil, err
		}
		if time.Since(start) < time.Duration(seconds)*time.Second {
			return answerFor(jobID, jobStarted), nil
		}
		return answerFor(jobID, jobSucceeded), nil
	}}
}

// numbered are the ids of n jobs.
func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	return ids
}

// idOf is the id that an element of a WaitEach names.
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
		client := newClient(t, &jobServer{answer: func(_ *http.Request, jobID string) (*http.Response, error) {
			late := time.Since(start) >= 3*time.Second
			switch {
			case jobID == "lost" && late:
				return reply(404, envelope("resource-not-found", "", "gone")), nil
			case jobID == "bad":
				return answerFor(jobID, jobFailed), nil
			case jobID == "mfa" && late:
				return answerFor(jobID, jobAsks), nil
			case jobID == "queued":
				return answerFor(jobID, jobQueued), nil
			case jobID == "ok" && time.Since(start) >= 10*time.Second:
				return answerFor(jobID, jobSucceeded), nil
			}
			return answerFor(jobID, jobStarted), nil
		}})
		ends := map[string]error{}
		var order []string
		for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{"never", "ok", "lost", "mfa", "queued", "bad"}), basiq.WithMaxWait(time.Minute)) {
			id := idOf(t, job, err)
			require.NotContains(t, ends, id, "each comes once")
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
			assert.Equal(t, id == "mfa" || id == "queued", ended.Job != nil, "%s: only what was just seen is there", id)
		}
	})
}

// The looks at one job are those of Watch: soon after a change, and then less and less often.
func TestWaitEachLooksAsWatchDoes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"a step":     {`"status":"pending"`, `"status":"in-progress"`},
		"the status": {`"id":"j1",`, `"id":"j1","status":"in-progress",`},
		"the time":   {`"id":"j1",`, `"id":"j1","updated":"2024-09-25T04:46:00Z",`},
		"a result":   {`"result":null`, `"result":{"type":"link"}`},
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
				assert.Empty(t, s.seen(), "nothing is sent before the range")
				for _, err := range jobs {
					require.NoError(t, err)
				}
				assert.Equal(t, time.Minute+7250*time.Millisecond, time.Since(start)) // see TestWatchYieldsEveryChange
				assert.Len(t, s.seen(), 6)
			})
		})
	}
}

func TestWaitEachInput(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, jobSucceeded)
	for name, c := range map[string]struct {
		ids     []string
		options []basiq.WaitOption
	}{
		"an empty id": {ids: []string{""}},
		"a bad id":    {ids: []string{".."}},
		"nil":         {ids: []string{"a"}, options: []basiq.WaitOption{nil}},
		"no rate":     {ids: []string{"a"}, options: []basiq.WaitOption{basiq.WithPollRate(0, 1)}},
		"no number":   {ids: []string{"a"}, options: []basiq.WaitOption{basiq.WithPollRate(nan(), 1)}},
		"none":        {ids: []string{"a"}, options: []basiq.WaitOption{basiq.WithPollRate(1, 0)}},
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
		t.Error("there is no job", job, err)
	}
	assert.Empty(t, s.seen())
	_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithPollRate(0.001, 1))
	require.NoError(t, err, "for one job the rate is of no effect")
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

// Nobody is lost when the time is over, whatever has been done for him.
func TestWaitEachEnds(t *testing.T) {
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
		for server, heeds := range map[string]bool{"a server that heeds it": true, "a server that does not": false} {
			t.Run(name+"/"+server, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client := newClient(t, &jobServer{answer: func(req *http.Request, jobID string) (*http.Response, error) {
						time.Sleep(time.Second / 5)
						if heeds && req.Context().Err() != nil {
							return nil, req.Context().Err()
						}
						return answerFor(jobID, jobStarted), nil
					}})
					ctx, cancel := c.end(t.Context())
					defer cancel()
					start, seen := time.Now(), map[string]bool{}
					for job, err := range client.Jobs.WaitEach(ctx, slices.Values(numbered(100)), c.options...) {
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

// Whoever leaves the loop, in whatever way, leaves nothing under way.
func TestWaitEachLeftEarly(t *testing.T) {
	t.Parallel()
	for name, leave := range waysToLeave[*basiq.Job](func() {}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &jobServer{}
				s.answer = func(req *http.Request, jobID string) (*http.Response, error) {
					if jobID == "0" {
						return answerFor(jobID, jobSucceeded), nil
					}
					<-req.Context().Done()
					time.Sleep(time.Second) // it takes a while to notice
					return nil, req.Context().Err()
				}
				client := newClient(t, s)
				leave(t, client.Jobs.WaitEach(newForeignContext(), slices.Values(numbered(30))))
				now, _ := s.underway.read()
				assert.Zero(t, now)
				looks := s.looks.Load()
				assert.LessOrEqual(t, looks, int32(17))
				time.Sleep(time.Hour)
				assert.Equal(t, looks, s.looks.Load())
			})
		})
	}
}

// Thousands of jobs are looked at in turn, as many at once and as often as the bounds say.
func TestWaitEachKeepsToItsBounds(t *testing.T) {
	t.Parallel()
	const jobs = 5000
	for name, c := range map[string]struct {
		options   []basiq.WaitOption
		perSecond int
		atOnce    int
	}{
		"by default": {perSecond: 50, atOnce: 16},
		"faster":     {options: []basiq.WaitOption{basiq.WithPollRate(400, 100)}, perSecond: 400, atOnce: 100},
		"one by one": {options: []basiq.WaitOption{basiq.WithPollRate(1000, 1)}, perSecond: 1000, atOnce: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var mu sync.Mutex
				var at []time.Time
				s := &jobServer{}
				s.answer = func(_ *http.Request, jobID string) (*http.Response, error) {
					mu.Lock()
					at = append(at, time.Now())
					mu.Unlock()
					time.Sleep(100 * time.Millisecond)
					if time.Since(start) < 30*time.Second {
						return answerFor(jobID, jobStarted), nil
					}
					return answerFor(jobID, jobSucceeded), nil
				}
				client := newClient(t, s)
				seen := map[string]bool{}
				for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numbered(jobs)), append(c.options, basiq.WithMaxWait(24*time.Hour))...) {
					require.NoError(t, err)
					seen[job.ID] = true
				}
				assert.Len(t, seen, jobs)
				_, atOnce := s.underway.read()
				assert.Equal(t, c.atOnce, atOnce, "all the room is used, and no more")
				first := 0
				most := 0
				for last := range at {
					for at[last].Sub(at[first]) >= time.Second {
						first++
					}
					most = max(most, last-first+1)
				}
				assert.LessOrEqual(t, most, c.perSecond+c.atOnce+1)
				assert.GreaterOrEqual(t, most, min(c.perSecond, 10*c.atOnce)*9/10, "nor is it much slower than it may be")
			})
		})
	}
}

// 5,000 jobs take little memory and one goroutine each, however slow the caller is.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestWaitEachTakesLittleMemory(t *testing.T) {
	const (
		jobs = 5000
		mib  = 1 << 20
	)
	var over atomic.Bool
	var most atomic.Int32
	var pause sync.RWMutex // locked while memory is measured: the garbage of polls would count
	before := runtime.NumGoroutine()
	s := &jobServer{}
	s.answer = func(_ *http.Request, jobID string) (*http.Response, error) {
		pause.RLock()
		defer pause.RUnlock()
		most.Store(max(most.Load(), int32(runtime.NumGoroutine()-before)))
		if over.Load() || jobID == "0" {
			return answerFor(jobID, jobSucceeded), nil
		}
		return answerFor(jobID, jobStarted), nil
	}
	client := newClient(t, s)
	ids := numbered(jobs)
	empty := heap()
	seen := 0
	for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values(ids), basiq.WithPollRate(1e6, 16)) {
		require.NoError(t, err)
		if seen++; seen == jobs {
			assert.Less(t, heap()-empty, 4.0*mib, "what the caller has taken is not kept")
		}
		if seen > 1 {
			continue
		}
		// The first is over, and the caller busy with it.
		require.Eventually(t, func() bool { return s.looks.Load() >= 2*jobs }, time.Minute, time.Millisecond)
		pause.Lock()
		waiting := heap()
		pause.Unlock()
		over.Store(true)
		at := s.looks.Load()
		require.Eventually(t, func() bool { return s.looks.Load() >= at+jobs-20 }, time.Minute, time.Millisecond)
		kept := heap()
		t.Logf("5,000 jobs that wait: %.1f MiB; that are over and wait for the caller: %.1f MiB; %d goroutines",
			(waiting-empty)/mib, (kept-empty)/mib, most.Load())
		assert.Less(t, waiting-empty, 16.0*mib)
		assert.Less(t, kept-empty, 24.0*mib)
	}
	assert.Equal(t, jobs, seen)
	assert.Less(t, most.Load(), int32(jobs+200), "one for each job")
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// While Basiq wants to be left alone it is, and nobody's wait ends for that.
func TestWaitEachWhileBasiqRefuses(t *testing.T) {
	t.Parallel()
	const jobs = 200
	for name, c := range map[string]struct {
		answer answerOf
		// most is how many requests may be sent in the two minutes of refusals.
		most int
	}{
		"for a minute, and says so":     {answer: answerOf{status: 429, header: http.Header{"Retry-After": {"60"}}}, most: 2 * 16},
		"and does not say for how long": {answer: answerOf{status: 429}, most: 5 * 16},
		"as unavailable":                {answer: answerOf{status: 503, header: http.Header{"Retry-After": {"60"}}}, most: 2 * 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, refused := time.Now(), 0
				s := &stub{answer: func(_ int, req request) (*http.Response, error) {
					id := strings.TrimPrefix(req.Path, "/jobs/")
					switch at := time.Since(start); {
					case at < 2*time.Second:
						return answerFor(id, jobStarted), nil
					case at < 2*time.Minute:
						refused++
						return c.answer.response(), nil
					}
					return answerFor(id, jobSucceeded), nil
				}}
				client := newClient(t, serial{s}, basiq.WithRetry(basiq.RetryPolicy{}))
				seen := map[string]bool{}
				for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numbered(jobs))) {
					require.NoError(t, err)
					seen[job.ID] = true
				}
				assert.Len(t, seen, jobs)
				assert.LessOrEqual(t, refused, c.most)
				assert.Less(t, time.Since(start), 4*time.Minute)
			})
		})
	}
	t.Run("until there is no time left", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, answerOf{status: 429, header: http.Header{"Retry-After": {"7200"}}})
			start, n := time.Now(), 0
			for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numbered(40)), basiq.WithMaxWait(time.Hour)) {
				n++
				require.ErrorIs(t, err, basiq.ErrWaitTimeout)
				require.ErrorIs(t, err, basiq.ErrTooManyRequests, "which is why")
			}
			assert.Equal(t, 40, n)
			assert.Equal(t, time.Hour, time.Since(start))
		})
	})
	t.Run("once, and then goes on", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			refuses := []any{ok(429, ""), ok(429, ""), ok(429, ""), ok(429, "")} // all attempts of a look
			answers := slices.Concat(refuses, []any{jobStarted}, refuses, []any{jobStarted})
			s, client := newStub(t, answers...)
			var at []time.Duration
			start := time.Now()
			inOrder := s.answer
			s.answer = func(n int, req request) (*http.Response, error) {
				at = append(at, time.Since(start).Round(time.Second))
				return inOrder(n, req)
			}
			for _, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}), basiq.WithMaxWait(time.Minute)) {
				require.ErrorIs(t, err, basiq.ErrWaitTimeout)
				require.NotErrorIs(t, err, basiq.ErrTooManyRequests, "not any more")
			}
			assert.Equal(t, []time.Duration{8 * time.Second, 9 * time.Second, 21 * time.Second}, []time.Duration{at[4], at[5], at[9]}, "the backoff starts again after a success")
		})
	})
}

// serial has a stub answer one request at a time.
type serial struct{ *stub }

var serialMu sync.Mutex

func (s serial) RoundTrip(req *http.Request) (*http.Response, error) {
	serialMu.Lock()
	defer serialMu.Unlock()
	return s.stub.RoundTrip(req)
}

// A user who takes a minute to answer keeps nobody from being looked at, even where there is room for one look.
func TestWaitEachWithMFA(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := newClient(t, &jobServer{answer: func(req *http.Request, jobID string) (*http.Response, error) {
			switch {
			case req.Method == http.MethodPost:
				assert.Equal(t, "mfa/mfa", jobID)
				return reply(202, jobJSON), nil
			case jobID == "mfa" && time.Since(start) > 70*time.Second:
				return answerFor(jobID, jobAnsweredAll), nil
			case jobID == "mfa":
				return answerFor(jobID, jobAsks), nil // for a while after it was answered, too
			case time.Since(start) < 20*time.Second:
				return answerFor(jobID, jobStarted), nil
			}
			return answerFor(jobID, jobSucceeded), nil
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

// Two challenges that read the same are two, when the first was over in between.
func TestWaitEachWithTheSameChallengeTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, asked, posted := time.Now(), 0, 0
		client := newClient(t, &jobServer{answer: func(req *http.Request, _ string) (*http.Response, error) {
			switch at := time.Since(start); {
			case req.Method == http.MethodPost:
				posted++
				return reply(202, jobJSON), nil
			case at > time.Minute:
				return jobSucceeded.response(), nil
			case at > 20*time.Second && at < 40*time.Second:
				return jobThinks.response(), nil
			}
			return jobAsks.response(), nil
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

func TestWaitEachMFAThatFails(t *testing.T) {
	t.Parallel()
	two := []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}
	for name, c := range map[string]struct {
		answers []basiq.Secret
		err     error
		post    answerOf
		is      error
		failed  bool
	}{
		"no answer":    {err: errReset, is: errReset},
		"too few":      {answers: two[:1], is: basiq.ErrMFARequired},
		"wrong":        {answers: two, post: ok(400, envelope("parameter-not-valid", "", "wrong")), is: basiq.ErrBadRequest, failed: true},
		"out of reach": {answers: two, post: ok(500, ""), failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				posted := false
				client := newClient(t, &jobServer{answer: func(req *http.Request, _ string) (*http.Response, error) {
					switch {
					case req.Method == http.MethodPost:
						posted = true
						return c.post.response(), nil
					case posted:
						return ok(200, job(step("mfa-challenge", "failed", "null"))).response(), nil
					}
					return jobAsks.response(), nil
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

// What a function of the caller's panics with comes out where the caller can recover it, and at once.
func TestWaitEachHandsOnPanics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hook   basiq.Middleware
		answer func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error)
	}{
		"an answer": {answer: func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) { return ouch() }},
		"a hook": {hook: func(next basiq.Doer) basiq.Doer {
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
				s := &jobServer{answer: func(req *http.Request, jobID string) (*http.Response, error) {
					switch jobID {
					case "mfa":
						return answerFor(jobID, jobAsks), nil
					case "slower":
						<-req.Context().Done()
						return nil, req.Context().Err()
					}
					return answerFor(jobID, jobStarted), nil
				}}
				var options []basiq.Option
				if c.hook != nil {
					options = append(options, basiq.WithMiddleware(c.hook))
				}
				var waits []basiq.WaitOption
				if c.answer != nil {
					waits = append(waits, basiq.WithMFA(c.answer))
				}
				start := time.Now()
				panicsWithStack(t, func() {
					for job, err := range newClient(t, s, options...).Jobs.WaitEach(t.Context(), slices.Values([]string{"slow", "mfa", "slower"}), waits...) {
						t.Error("nobody is done", job, err)
					}
				})
				assert.Less(t, time.Since(start), time.Second)
			})
		})
	}
}

// What ends a goroutine without returning ends one wait, and not the program.
func TestWaitEachOfAFunctionThatNeverReturns(t *testing.T) {
	t.Parallel()
	client := newClient(t, waitAllStub(), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "hook") {
				runtime.Goexit()
			}
			return next.Do(req)
		})
	}))
	seen := map[string]string{}
	for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{"mfa", "hook", "ok"}), basiq.WithPollRate(50, 1),
		basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			runtime.Goexit()
			return nil, nil
		})) {
		seen[idOf(t, job, err)] = fmt.Sprint(err)
	}
	assert.Equal(t, map[string]string{
		"ok": "<nil>", "mfa": "basiq: waiting for job mfa: wait abandoned", "hook": "basiq: waiting for job hook: wait abandoned",
	}, seen)
}

// A loop whose body takes its time finds all jobs that were over in time, and has all banks answered.
func TestWaitEachWithASlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, overAfter())
		n := 0
		for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values(numbered(60)), basiq.WithMaxWait(2*time.Minute)) {
			require.NoError(t, err)
			require.True(t, job.Done())
			n++
			time.Sleep(time.Minute)
		}
		assert.Equal(t, 60, n)
	})
}

// What another user's job says is nobody's business, and it is not shown.
func TestWaitEachForUser(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, jobHalfway) // of u1, says the link
	for job, err := range client.Jobs.WaitEach(t.Context(), slices.Values([]string{jobID}), basiq.WithUser("u2")) {
		require.ErrorIs(t, err, basiq.ErrUserMismatch)
		require.Nil(t, job)
	}
}

// WaitAll has a job as it was last seen, where WaitEach keeps none.
func TestWaitAllKeepsWhatWasSeen(t *testing.T) {
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

// An invalid or duplicate ID of a stream is an error of its own.
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

// An endless source ends with the loop, and with the context.
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
				s := &jobServer{answer: func(_ *http.Request, jobID string) (*http.Response, error) {
					return answerFor(jobID, jobSucceeded), nil
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
