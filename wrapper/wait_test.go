package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

var (
	jobStarted     = ok(200, job(step("verify-credentials", "in-progress", "null"), step("retrieve-accounts", "pending", "null")))
	jobHalfway     = ok(200, job(step("verify-credentials", "success", link), step("retrieve-accounts", "in-progress", "null")))
	jobSucceeded   = ok(200, job(step("verify-credentials", "success", link), step("retrieve-accounts", "success", link)))
	jobFailed      = ok(200, job(step("verify-credentials", "failed", failed), step("retrieve-accounts", "pending", "null")))
	jobRequiresMFA = ok(200, job(step("verify-credentials", "success", link), step("mfa-challenge", "in-progress", challenge)))
	jobVerifying   = ok(200, job(step("verify-credentials", "success", link), step("mfa-challenge", "in-progress", "null")))
	jobAnswered    = ok(200, job(step("verify-credentials", "success", link), step("mfa-challenge", "success", challenge)))
	jobQueued      = ok(200, job(step("verify-credentials", "pending", queued)))
)

// Watch yields a job only if it has changed.
func TestWatch_EveryChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, jobStarted, jobStarted, jobStarted, jobHalfway, jobHalfway, jobSucceeded)
		start := time.Now()
		var seen []string
		for job, err := range client.Jobs.Watch(t.Context(), jobID) {
			require.NoError(t, err)
			seen = append(seen, string(job.Steps[0].Status)+" "+string(job.Steps[1].Status)+" at "+time.Since(start).String())
		}
		assert.Equal(t, []string{
			"in-progress pending at 0s",
			"success in-progress at 4.75s", // 1 s, 1.5 s, 2.25 s
			"success success at 7.25s",     // 1 s, 1.5 s
		}, seen)
		assert.Len(t, s.seen(), 6)
	})
}

// Watch does not poll before the loop starts or after it ends.
func TestWatch_NoPollsOutsideLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, jobStarted)
		jobs := client.Jobs.Watch(t.Context(), jobID)
		time.Sleep(time.Minute)
		assert.Empty(t, s.seen())
		for range 2 {
			for _, err := range jobs {
				require.NoError(t, err)
				break
			}
		}
		time.Sleep(time.Minute)
		assert.Len(t, s.seen(), 2, "each loop must poll once")
	})
}

func TestWait_Outcomes(t *testing.T) {
	t.Parallel()
	fails := func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) { return nil, errReset }
	one := func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
		return []basiq.Secret{basiq.NewSecret("1")}, nil
	}
	for name, c := range map[string]struct {
		responses []any
		options   []basiq.WaitOption
		is        error
		text      string
		took      time.Duration
	}{
		"success": {responses: []any{jobStarted, jobSucceeded}, took: time.Second},
		"failure": {responses: []any{jobStarted, jobFailed}, is: basiq.CodeInvalidCredentials, text: "basiq: job j1 failed at verify-credentials", took: time.Second},
		"queued":  {responses: []any{jobQueued}, is: basiq.ErrJobQueued, text: "basiq: waiting for job j1: institution unavailable"},
		"MFA":     {responses: []any{jobRequiresMFA}, is: basiq.ErrMFARequired, text: "basiq: waiting for job j1: bank requires a second factor"},
		"MFA fails": {
			responses: []any{jobRequiresMFA}, options: []basiq.WaitOption{basiq.WithMFA(fails)}, is: errReset,
			text: "basiq: waiting for job j1: read: connection reset",
		},
		"too few MFA answers": {
			responses: []any{jobRequiresMFA}, options: []basiq.WaitOption{basiq.WithMFA(one)}, is: basiq.ErrMFARequired,
			text: "1 answers for 2 questions",
		},
		"job not found": {
			responses: []any{jobStarted, ok(404, envelope("resource-not-found", "", ""))}, is: basiq.ErrNotFound,
			text: "basiq: waiting for job j1: basiq: Jobs.Get: 404", took: time.Second,
		},
		"never": {
			responses: []any{jobStarted}, options: []basiq.WaitOption{basiq.WithMaxWait(time.Minute)}, is: basiq.ErrWaitTimeout,
			text: "job not over within the maximum wait", took: time.Minute,
		},
		"never, by default": {responses: []any{jobStarted}, is: basiq.ErrWaitTimeout, took: 15 * time.Minute},
		"slower polls": {
			responses: []any{jobStarted, jobSucceeded}, options: []basiq.WaitOption{basiq.WithPollInterval(time.Minute, time.Hour)},
			took: time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, client := newStub(t, c.responses...)
				start := time.Now()
				job, err := client.Jobs.Wait(t.Context(), jobID, c.options...)
				assert.Equal(t, c.took, time.Since(start))
				require.NotNil(t, job, "the last known job must be returned")
				if c.is == nil {
					require.NoError(t, err)
					assert.True(t, job.Done())
					return
				}
				require.ErrorIs(t, err, c.is)
				require.ErrorContains(t, err, c.text)
				if waited, ok := errors.AsType[*basiq.WaitError](err); ok {
					assert.Equal(t, jobID, waited.JobID, "the error must contain the job ID")
					assert.Same(t, job, waited.Job)
				}
			})
		})
	}
}

func TestWait_ContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := newStub(t, jobStarted)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		job, err := client.Jobs.Wait(ctx, jobID)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, basiq.ErrWaitTimeout)
		assert.Equal(t, jobID, job.ID)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
	t.Run("before the first poll", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, jobStarted)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		job, err := client.Jobs.Wait(ctx, jobID)
		require.ErrorIs(t, err, context.Canceled)
		assert.Nil(t, job)
	})
}

func TestWait_InvalidOptions(t *testing.T) {
	t.Parallel()
	const interval = "WithPollInterval: shortest must be at least 100 ms and longest at least shortest"
	for name, c := range map[string]struct {
		option basiq.WaitOption
		want   string
	}{
		"nil":            {nil, "nil option"},
		"no function":    {basiq.WithMFA(nil), "WithMFA: function must not be nil"},
		"no interval":    {basiq.WithPollInterval(0, time.Second), interval},
		"too often":      {basiq.WithPollInterval(99*time.Millisecond, time.Second), interval},
		"crossed":        {basiq.WithPollInterval(2*time.Second, time.Second), interval},
		"no rate":        {basiq.WithPollRate(0, 1), "WithPollRate: rate must be positive and concurrency at least 1"},
		"no concurrency": {basiq.WithPollRate(1, 0), "WithPollRate: rate must be positive and concurrency at least 1"},
		"not a rate":     {basiq.WithPollRate(math.NaN(), 1), "WithPollRate: rate must be positive and concurrency at least 1"},
		"zero maximum":   {basiq.WithMaxWait(0), "WithMaxWait: limit must be positive"},
		"empty user":     {basiq.WithUser(""), "WithUser: invalid userID"},
		"invalid user":   {basiq.WithUser("../u1"), "WithUser: invalid userID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, jobSucceeded)
			_, err := client.Jobs.Wait(t.Context(), jobID, c.option)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			require.EqualError(t, err, "basiq: Jobs.Wait: options: "+c.want)
			assert.Empty(t, s.seen())
		})
	}
}

// foreignContext is a context created by the caller that never ends. If a derived context is not canceled, it keeps a goroutine,
// which synctest detects.
type foreignContext struct {
	context.Context //nolint:containedctx // implements context.Context

	done chan struct{}
}

func (c foreignContext) Done() <-chan struct{} { return c.done }

func newForeignContext() context.Context {
	return foreignContext{context.Background(), make(chan struct{})}
}

// A wait does not leave goroutines behind, even if the context never ends.
func TestWaits_NoGoroutines(t *testing.T) {
	t.Parallel()
	answers := basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
		return []basiq.Secret{basiq.NewSecret("Basiq"), basiq.NewSecret("AU00000")}, nil
	})
	for name, wait := range map[string]func(ctx context.Context, client *basiq.Client) error{
		"one": func(ctx context.Context, client *basiq.Client) error {
			_, err := client.Jobs.Wait(ctx, jobID, answers)
			return err
		},
		"all": func(ctx context.Context, client *basiq.Client) error {
			_, err := client.Jobs.WaitAll(ctx, []string{jobID}, answers)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, client := newStub(t, jobRequiresMFA, ok(202, jobJSON), jobSucceeded)
				require.NoError(t, wait(newForeignContext(), client))
				assert.Len(t, s.seen(), 3)
			})
		})
	}
}

func TestWithPollInterval_Shortest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := newStub(t, jobStarted, jobStarted, jobStarted, jobSucceeded)
		start := time.Now()
		_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithPollInterval(100*time.Millisecond, 100*time.Millisecond))
		require.NoError(t, err)
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
	})
}

// A challenge may require a confirmation in an app instead of an answer, and may have no expiry.
func TestWithMFA_NoQuestions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		challenged := ok(200, job(step("verify-credentials", "success", link), step("mfa-challenge", "in-progress", `{"type":"mfa","method":"token"}`)))
		s, client := newStub(t, challenged, ok(202, jobJSON), jobSucceeded)
		_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithMFA(func(ctx context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
			assert.Empty(t, challenge.Questions)
			assert.Zero(t, challenge.ValidFor)
			return []basiq.Secret{basiq.NewSecret("yes")}, ctx.Err()
		}))
		require.NoError(t, err)
		assert.JSONEq(t, `{"mfa-response":["yes"]}`, s.seen()[1].Body)
	})
}

func TestWithMFA(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		get := respondWith(jobStarted, jobRequiresMFA, jobRequiresMFA, jobVerifying, jobAnswered)
		gets := 0
		s.respond = func(_ int, req request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				return reply(202, jobJSON), nil
			}
			gets++
			return get(gets, req)
		}
		asked := 0
		job, err := newClient(t, s).Jobs.Wait(t.Context(), jobID, basiq.WithMFA(
			func(ctx context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
				asked++
				deadline, bounded := ctx.Deadline()
				assert.True(t, bounded)
				assert.Equal(t, 2*time.Minute, time.Until(deadline))
				assert.Equal(t, []string{"One?", "Two?"}, challenge.Questions)
				assert.Equal(t, "u1", challenge.UserID)
				return []basiq.Secret{basiq.NewSecret("Basiq"), basiq.NewSecret("AU00000")}, nil
			}))
		require.NoError(t, err)
		assert.True(t, job.Done())
		assert.Equal(t, 1, asked, "a challenge that remains in the job must be answered once")
		var posts []request
		for _, r := range s.seen() {
			if r.Method == http.MethodPost {
				posts = append(posts, r)
			}
		}
		require.Len(t, posts, 1)
		assert.Equal(t, "/jobs/j1/mfa", posts[0].Path)
		assert.JSONEq(t, `{"mfa-response":["Basiq","AU00000"]}`, posts[0].Body)
		assert.Equal(t, "Bearer token-2", posts[0].Authorization, "the MFA answer must be sent with a token of the user")
		assert.Equal(t, 2, s.tokenRequests())
	})
}

// An MFA answer for a job without a user requires WithUser. The outcome of the POST decides how the wait continues.
func TestWithMFA_UnknownUser(t *testing.T) {
	t.Parallel()
	challenged := ok(200, job(step("mfa-challenge", "in-progress", challenge)))
	answers := basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
		return []basiq.Secret{basiq.NewSecret("Basiq"), basiq.NewSecret("AU00000")}, nil
	})
	t.Run("without WithUser", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, challenged)
		_, err := client.Jobs.Wait(t.Context(), jobID, answers)
		require.ErrorContains(t, err, "see basiq.WithUser")
	})
	t.Run("with WithUser", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, client := newStub(t, challenged, ok(202, jobJSON), jobSucceeded)
			_, err := client.Jobs.Wait(t.Context(), jobID, answers, basiq.WithUser("u1"))
			require.NoError(t, err)
			assert.Equal(t, "POST /jobs/j1/mfa", s.seen()[1].String())
		})
	})
	t.Run("wrong answer", func(t *testing.T) {
		t.Parallel()
		over := ok(200, job(step("mfa-challenge", "failed", "null")))
		s, client := newStub(t, challenged, ok(400, envelope("parameter-not-valid", "", "wrong")), over)
		job, err := client.Jobs.Wait(t.Context(), jobID, answers, basiq.WithUser("u1"))
		require.ErrorIs(t, err, basiq.ErrBadRequest)
		require.ErrorIs(t, err, basiq.ErrMFARejected)
		var failure *basiq.JobError
		require.ErrorAs(t, err, &failure, "the job has failed")
		require.EqualError(t, err, "basiq: job j1 failed at mfa-challenge: Jobs.AnswerMFA: 400 parameter-not-valid: wrong (correlation corr-1)")
		assert.Same(t, job, failure.Job)
		assert.True(t, job.Done())
		assert.Len(t, s.seen(), 3)
	})
	t.Run("rejected, job continues", func(t *testing.T) {
		t.Parallel()
		for _, second := range []any{challenged, ok(404, "")} {
			s, client := newStub(t, challenged, ok(403, envelope("forbidden-access", "", "")), second)
			job, err := client.Jobs.Wait(t.Context(), jobID, answers, basiq.WithUser("u1"))
			require.ErrorIs(t, err, basiq.CodeForbiddenAccess)
			var waited *basiq.WaitError
			require.ErrorAs(t, err, &waited)
			assert.Equal(t, jobID, job.ID)
			assert.Len(t, s.seen(), 3)
		}
	})
	t.Run("lost response", func(t *testing.T) { // the POST may have succeeded, so the job's state decides
		t.Parallel()
		for _, status := range []int{200, 408, 500, 503} {
			synctest.Test(t, func(t *testing.T) {
				s, client := newStub(t, challenged, ok(status, ""), challenged, challenged, jobSucceeded)
				_, err := client.Jobs.Wait(t.Context(), jobID, answers, basiq.WithUser("u1"))
				require.NoError(t, err)
				assert.Len(t, s.seen(), 5)
			})
		}
	})
	t.Run("not received", func(t *testing.T) { // the same answer is sent without another challenge
		t.Parallel()
		for name, failure := range map[string]any{"429": ok(429, ""), "HTML 403": ok(403, "<html>"), "connection refused": &net.OpError{Op: "dial", Err: errReset}} {
			synctest.Test(t, func(t *testing.T) {
				s, client := newStub(t, challenged, failure, challenged, failure, challenged, ok(202, jobJSON), challenged, jobSucceeded)
				asked := 0
				_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithUser("u1"), basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
					asked++
					return []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}, nil
				}))
				require.NoError(t, err, name)
				assert.Equal(t, 1, asked, name)
				assert.Len(t, s.seen(), 8, name)
			})
		}
	})
	t.Run("not received before the challenge expired", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start, posts := time.Now(), 0
			client := newClient(t, &jobServer{respond: func(req *http.Request, _ string) (*http.Response, error) {
				if req.Method == http.MethodPost {
					posts++
					assert.Less(t, time.Since(start), 2*time.Minute)
					return reply(429, ""), nil
				}
				return challenged.httpResponse(), nil
			}})
			_, err := client.Jobs.Wait(t.Context(), jobID, answers, basiq.WithUser("u1"), basiq.WithMaxWait(10*time.Minute))
			require.ErrorIs(t, err, basiq.ErrWaitTimeout)
			assert.Greater(t, posts, 10)
		})
	})
}

// A challenge may remain in a job after it was answered, even if the job's time of change differs.
func TestWithAnsweredMFA(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		later := ok(200, strings.Replace(jobRequiresMFA.body, `"id":"j1"`, `"id":"j1","updated":"2024-09-25T04:46:00Z"`, 1))
		s, client := newStub(t, jobRequiresMFA, ok(202, jobJSON), jobRequiresMFA, later, jobSucceeded)
		job, err := client.Jobs.Wait(t.Context(), jobID)
		require.ErrorIs(t, err, basiq.ErrMFARequired)
		challenge := job.MFA()
		_, err = client.Jobs.AnswerMFA(t.Context(), challenge.UserID, job.ID, basiq.NewSecret("a"), basiq.NewSecret("b"))
		require.NoError(t, err)
		job, err = client.Jobs.Wait(t.Context(), job.ID, basiq.WithAnsweredMFA(*challenge))
		require.NoError(t, err)
		assert.True(t, job.Done())
		assert.Len(t, s.seen(), 5)
	})
	t.Run("same challenge again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, jobRequiresMFA, jobVerifying, jobRequiresMFA)
			_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithAnsweredMFA(*parseJob(t, jobRequiresMFA.body).MFA()))
			require.ErrorIs(t, err, basiq.ErrMFARequired)
		})
	})
	t.Run("with an MFA function", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, client := newStub(t, jobRequiresMFA, jobRequiresMFA, jobSucceeded)
			_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithAnsweredMFA(*parseJob(t, jobRequiresMFA.body).MFA()),
				basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) { return nil, errReset }))
			require.NoError(t, err, "the function must not be called for an answered challenge")
			assert.Len(t, s.seen(), 3)
		})
	})
	t.Run("another challenge", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			other := ok(200, strings.ReplaceAll(jobRequiresMFA.body, "One?", "Another?"))
			_, client := newStub(t, jobRequiresMFA, other)
			_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithAnsweredMFA(*parseJob(t, jobRequiresMFA.body).MFA()))
			require.ErrorIs(t, err, basiq.ErrMFARequired)
		})
	})
}

// A challenge in a pending step is answered once, although it remains in the job while the state of its step changes.
func TestWait_MFAInPendingStep(t *testing.T) {
	t.Parallel()
	shows := func(status, next string) stubResponse {
		result := strings.Replace(challenge, `"type":"mfa"`, `"type":"link"`, 1)
		return ok(200, job(step("verify-credentials", "success", link), step("mfa-challenge", status, result), step("retrieve-accounts", next, "null")))
	}
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, jobStarted, shows("pending", "pending"))
		start := time.Now()
		job, err := client.Jobs.Wait(t.Context(), jobID)
		require.ErrorIs(t, err, basiq.ErrMFARequired)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, []string{"One?", "Two?"}, job.MFA().Questions)
		assert.Len(t, s.seen(), 2)
	})
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s, client := newStub(t, shows("pending", "pending"), ok(202, jobJSON), shows("pending", "pending"), shows("in-progress", "pending"),
			shows("in-progress", "in-progress"), shows("in-progress", "success"), jobSucceeded)
		_, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			asked++
			return []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}, nil
		}))
		require.NoError(t, err)
		assert.Equal(t, 1, asked)
		assert.Len(t, s.seen(), 7)
	})
	synctest.Test(t, func(t *testing.T) { // a second wait, without WithAnsweredMFA, after the job has continued
		_, client := newStub(t, shows("in-progress", "in-progress"), jobSucceeded)
		_, err := client.Jobs.Wait(t.Context(), jobID)
		require.NoError(t, err)
	})
}

// A challenge that appears again after it was completed is a new challenge, even if the text is identical.
func TestWithMFA_RepeatedChallenge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		get, gets, posts, asked := respondWith(jobRequiresMFA, jobVerifying, jobRequiresMFA, jobSucceeded), 0, 0, 0
		s.respond = func(_ int, req request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				posts++
				return reply(202, jobJSON), nil
			}
			gets++
			return get(gets, req)
		}
		_, err := newClient(t, s).Jobs.Wait(t.Context(), jobID, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			asked++
			return []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}, nil
		}))
		require.NoError(t, err)
		assert.Equal(t, []int{2, 2}, []int{asked, posts})
	})
}

// A caller can answer an MFA challenge in a Watch loop.
func TestWatch_MFA(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, jobRequiresMFA, ok(202, jobJSON), jobSucceeded)
		for job, err := range client.Jobs.Watch(t.Context(), jobID) {
			require.NoError(t, err)
			if challenge := job.MFA(); challenge != nil {
				_, err = client.Jobs.AnswerMFA(t.Context(), challenge.UserID, job.ID, basiq.NewSecret("a"), basiq.NewSecret("b"))
				require.NoError(t, err)
			}
		}
		assert.Len(t, s.seen(), 3)
	})
}

// WithUser must match the user of the job.
func TestWithUser_Mismatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub21(t, ok(202, jobJSON), jobRequiresMFA)
		_, err := client.Connections.CreateAndWait(t.Context(), userID, login, basiq.WithUser("u2"),
			basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
				return []basiq.Secret{basiq.NewSecret("a"), basiq.NewSecret("b")}, nil
			}))
		require.ErrorIs(t, err, basiq.ErrUserMismatch)
		assert.Len(t, s.seen(), 2, "the MFA function must not be called, and no token of another user used")
	})
	t.Run("user known later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, jobStarted, jobHalfway)
			job, err := client.Jobs.Wait(t.Context(), jobID, basiq.WithUser("u2"))
			require.ErrorIs(t, err, basiq.ErrUserMismatch)
			assert.Nil(t, job, "the job of another user must not be returned")
		})
	})
}

// Options are validated before a job is started, because the caller would not get its ID.
func TestConnections_CreateAndWait_InvalidOptions(t *testing.T) {
	t.Parallel()
	s, client := newStub21(t, ok(202, jobJSON))
	_, err := client.Connections.CreateAndWait(t.Context(), userID, login, basiq.WithMaxWait(0))
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	require.ErrorContains(t, err, "basiq: Connections.CreateAndWait: options: ")
	assert.Empty(t, s.seen())
}

func TestConnections_AndWait(t *testing.T) {
	t.Parallel()
	accepted, running := ok(202, jobJSON), ok(200, jobJSON)
	calls := map[string]func(context.Context, *basiq.Client) (*basiq.Connection, error){
		"create": func(ctx context.Context, c *basiq.Client) (*basiq.Connection, error) {
			return c.Connections.CreateAndWait(ctx, userID, login)
		},
		"refresh": func(ctx context.Context, c *basiq.Client) (*basiq.Connection, error) {
			return c.Connections.RefreshAndWait(ctx, userID, connID)
		},
		"update": func(ctx context.Context, c *basiq.Client) (*basiq.Connection, error) {
			return c.Connections.UpdateAndWait(ctx, userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("x")})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, first := range []stubResponse{accepted, running} {
					s, client := newStub21(t, first, jobStarted, jobSucceeded, ok(200, connectionJSON))
					connection, err := call(t.Context(), client)
					require.NoError(t, err)
					assert.Equal(t, connID, connection.ID)
					seen := s.seen()
					assert.Equal(t, "GET /users/u1/connections/c1", seen[len(seen)-1].String())
				}
				_, client := newStub21(t, ok(400, envelope("invalid-credentials", "", "")))
				_, err := call(t.Context(), client)
				require.ErrorIs(t, err, basiq.CodeInvalidCredentials)

				_, client = newStub21(t, accepted, jobFailed)
				_, err = call(t.Context(), client)
				var failure *basiq.JobError
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, jobID, failure.JobID)
				assert.True(t, basiq.MayHaveSucceeded(err), "the job was started")

				// A job may have no connection. Only a create requires one.
				_, client = newStub21(t, accepted, ok(200, job(step("create-report", "success", "null"))), ok(200, connectionJSON))
				_, err = call(t.Context(), client)
				if name == "create" {
					require.ErrorContains(t, err, "basiq: waiting for job j1: job does not name its connection")
					assert.True(t, basiq.MayHaveSucceeded(err))
				} else {
					require.NoError(t, err)
				}

				// If the connection cannot be read, the job is still returned.
				_, client = newStub21(t, accepted, jobSucceeded, ok(403, envelope("forbidden-access", "", "")))
				_, err = call(t.Context(), client)
				require.ErrorIs(t, err, basiq.ErrForbidden)
				assert.True(t, basiq.MayHaveSucceeded(err))
				var waited *basiq.WaitError
				require.ErrorAs(t, err, &waited)
				assert.Equal(t, jobID, waited.JobID)
				known, _ := waited.Job.ConnectionID()
				assert.Equal(t, connID, known)
			})
		})
	}
}

// waitAllStub responds to each poll by the ID of the job: "ok" succeeds, "bad" fails and "mfa" requires an answer to a challenge.
func waitAllStub() *stub {
	return &stub{respond: func(_ int, req request) (*http.Response, error) {
		id := strings.TrimPrefix(req.Path, "/jobs/")
		response := jobSucceeded
		switch {
		case strings.Contains(id, "bad"):
			response = jobFailed
		case strings.Contains(id, "mfa"):
			response = jobRequiresMFA
		case strings.Contains(id, "lost"):
			response = ok(404, envelope("resource-not-found", "", "gone"))
		}
		return reply(response.status, strings.Replace(response.body, `"id":"j1"`, `"id":"`+id+`"`, 1)), nil
	}}
}

func TestWaitAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		jobs  []string
		is    []error
		text  string
		known []bool
	}{
		"none":        {},
		"all succeed": {jobs: []string{"ok1", "ok2", "ok3"}, known: []bool{true, true, true}},
		"one fails": {
			jobs: []string{"ok1", "bad", "ok2"}, known: []bool{true, true, true},
			is: []error{basiq.CodeInvalidCredentials}, text: "basiq: 1 of 3 jobs: job bad failed at verify-credentials",
		},
		"several": {
			jobs: []string{"lost", "mfa", "bad"}, known: []bool{false, true, true},
			is: []error{basiq.ErrNotFound, basiq.ErrMFARequired, basiq.CodeInvalidCredentials}, text: "basiq: 3 of 3 jobs: waiting for job lost",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, waitAllStub())
				jobs, err := client.Jobs.WaitAll(t.Context(), c.jobs)
				require.Len(t, jobs, len(c.jobs))
				for i, job := range jobs {
					assert.Equal(t, c.known[i], job != nil)
					if job != nil {
						assert.Equal(t, c.jobs[i], job.ID)
					}
				}
				if c.is == nil {
					require.NoError(t, err)
				}
				for _, target := range c.is {
					require.ErrorIs(t, err, target)
				}
				if c.text != "" {
					assert.True(t, strings.HasPrefix(err.Error(), c.text), err.Error())
				}
			})
		})
	}
}

// WaitAll waits for all jobs concurrently.
func TestWaitAll_Concurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := newClient(t, &jobServer{respond: func(_ *http.Request, jobID string) (*http.Response, error) {
			if time.Since(start) < 10*time.Second {
				return responseFor(jobID, jobStarted), nil
			}
			return responseFor(jobID, jobSucceeded), nil
		}})
		_, err := client.Jobs.WaitAll(t.Context(), []string{"a", "b", "c"}, basiq.WithPollInterval(time.Second, time.Second))
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestWaitAll_InvalidInput(t *testing.T) {
	t.Parallel()
	s := waitAllStub()
	client := newClient(t, s)
	for name, call := range map[string]func() error{
		"invalid ID":   func() error { _, err := client.Jobs.WaitAll(t.Context(), []string{"ok1", ".."}); return err },
		"duplicate ID": func() error { _, err := client.Jobs.WaitAll(t.Context(), []string{"ok1", "ok1"}); return err },
		"nil option":   func() error { _, err := client.Jobs.WaitAll(t.Context(), []string{"ok1"}, nil); return err },
	} {
		require.ErrorIs(t, call(), basiq.ErrInvalidInput, name)
	}
	assert.Empty(t, s.seen())
}

func TestWaitAll_ContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := newStub(t, jobStarted)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := client.Jobs.WaitAll(ctx, []string{"a", "b"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A panic in the caller's function can be recovered by the caller.
func TestWaitAll_Panic(t *testing.T) {
	t.Parallel()
	client := newClient(t, waitAllStub())
	panicsWithStack(t, func() {
		_, _ = client.Jobs.WaitAll(t.Context(), []string{"mfa"}, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			return ouch()
		}))
	})
}

// Two jobs at one bank may have the same challenge. The answer for one job does not apply to the other.
func TestWaitAll_AnsweredMFAOfOneJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, waitAllStub())
		asked := map[string]int{}
		challenge := *parseJob(t, strings.Replace(jobRequiresMFA.body, `"id":"j1"`, `"id":"mfa1"`, 1)).MFA()
		_, err := client.Jobs.WaitAll(t.Context(), []string{"mfa1", "mfa2"}, basiq.WithAnsweredMFA(challenge), basiq.WithMaxWait(time.Minute),
			basiq.WithMFA(func(_ context.Context, c basiq.MFAChallenge) ([]basiq.Secret, error) {
				asked[c.JobID]++
				return nil, errReset
			}))
		require.Error(t, err)
		assert.Equal(t, map[string]int{"mfa2": 1}, asked)
	})
}

// If the caller's function ends its goroutine, the job is not reported as done.
func TestWaitAll_Goexit(t *testing.T) {
	t.Parallel()
	client := newClient(t, waitAllStub())
	jobs, err := client.Jobs.WaitAll(t.Context(), []string{"mfa", "ok"}, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
		runtime.Goexit()
		return nil, nil
	}))
	require.ErrorContains(t, err, "1 of 2 jobs: waiting for job mfa: wait abandoned")
	assert.Nil(t, jobs[0])
	assert.NotNil(t, jobs[1])
}

// A panic reaches the caller without waiting for the other jobs.
func TestWaitAll_PanicIsImmediate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := newClient(t, &stub{respond: func(_ int, req request) (*http.Response, error) {
			jobID := strings.TrimPrefix(req.Path, "/jobs/")
			if jobID == "mfa" {
				return responseFor(jobID, jobRequiresMFA), nil
			}
			return responseFor(jobID, jobStarted), nil
		}})
		panicsWithStack(t, func() {
			_, _ = client.Jobs.WaitAll(t.Context(), []string{"mfa", "slow"}, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
				return ouch()
			}))
		})
		assert.Less(t, time.Since(start), time.Second)
	})
}

// The job IDs may come from a browser, so a job of another user must not be returned.
func TestWithUser_JobOfAnotherUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := newStub(t, jobStarted, jobHalfway, jobSucceeded) // the link contains u1
		_, err := client.Jobs.WaitAll(t.Context(), []string{jobID}, basiq.WithUser(strings.ToUpper(userID)))
		require.NoError(t, err)

		_, client = newStub(t, jobSucceeded)
		jobs, err := client.Jobs.WaitAll(t.Context(), []string{jobID}, basiq.WithUser("u2"))
		require.ErrorIs(t, err, basiq.ErrUserMismatch)
		assert.Nil(t, jobs[0])
		var ended *basiq.WaitError
		require.ErrorAs(t, err, &ended)
		assert.Nil(t, ended.Job)

		s, client := newStub(t, jobRequiresMFA)
		_, err = client.Jobs.Wait(t.Context(), jobID, basiq.WithUser("u2"), basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
			t.Error("the MFA function must not be called")
			return nil, nil
		}))
		require.ErrorIs(t, err, basiq.ErrUserMismatch)
		assert.Len(t, s.seen(), 1)
	})
}

// ouch represents a function of the caller that panics.
func ouch() ([]basiq.Secret, error) { panic("ouch") }

// panicsWithStack checks that f panics with the value of the panic in ouch and its stack.
func panicsWithStack(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		text := fmt.Sprint(recover())
		assert.True(t, strings.HasPrefix(text, "ouch\n"), text)
		assert.Contains(t, text, "wrapper_test.ouch")
	}()
	f()
}
