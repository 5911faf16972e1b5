package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// usersRead is a sequence of n users that counts how many have been read.
func usersRead(n int, read *atomic.Int32) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			read.Add(1)
			if !yield("u" + strconv.Itoa(i)) {
				return
			}
		}
	}
}

// Every user has one turn, so many at once, and the sequence is read no further than to those.
func TestForEach(t *testing.T) {
	t.Parallel()
	const users = 10_000
	for name, c := range map[string]struct {
		options []basiq.ForEachOption
		atOnce  int
	}{
		"by default": {atOnce: 8},
		"one":        {options: []basiq.ForEachOption{basiq.UsersAtOnce(1)}, atOnce: 1},
		"many":       {options: []basiq.ForEachOption{basiq.UsersAtOnce(3), basiq.UsersAtOnce(100)}, atOnce: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, client := newStub(t, ok(200, userJSON))
				var read, done atomic.Int32
				var underway gauge
				var mu sync.Mutex
				turns := map[string]int{}
				start := time.Now()
				err := client.Users.ForEach(t.Context(), usersRead(users, &read), func(ctx context.Context, userID string) error {
					underway.enter()
					time.Sleep(time.Second)
					if ahead := int(read.Load() - done.Load()); ahead > c.atOnce {
						t.Errorf("%d users have been read who have not had their turn", ahead)
					}
					mu.Lock()
					turns[userID]++
					mu.Unlock()
					underway.leave()
					done.Add(1)
					return ctx.Err()
				}, c.options...)
				require.NoError(t, err)
				assert.Len(t, turns, users)
				assert.EqualValues(t, users, done.Load())
				_, atOnce := underway.read()
				assert.Equal(t, c.atOnce, atOnce)
				assert.Equal(t, time.Duration(users/c.atOnce)*time.Second, time.Since(start))
			})
		})
	}
}

func TestForEachInput(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, list(transactionJSON)))
	one := slices.Values([]string{userID})
	do := func(context.Context, string) error {
		t.Error("nobody has a turn")
		return nil
	}
	doList := func(context.Context, string, iter.Seq2[*basiq.Transaction, error]) error {
		t.Error("nobody has a turn")
		return nil
	}
	for name, err := range map[string]error{
		"no function": client.Users.ForEach(t.Context(), one, nil),
		"no users":    client.Users.ForEach(t.Context(), nil, do),
		"nil":         client.Users.ForEach(t.Context(), one, do, nil),
		"none":        client.Users.ForEach(t.Context(), one, do, basiq.UsersAtOnce(0)),
	} {
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		require.ErrorContains(t, err, "basiq: Users.ForEach: ", name)
	}
	for name, err := range map[string]error{
		"no function":   client.Transactions.ListEach(t.Context(), one, nil),
		"no users":      client.Transactions.ListEach(t.Context(), nil, doList),
		"nil":           client.Transactions.ListEach(t.Context(), one, doList, nil),
		"nil of a kind": client.Transactions.ListEach(t.Context(), one, doList, basiq.ForEachOption(nil)),
		"none":          client.Transactions.ListEach(t.Context(), one, doList, basiq.UsersAtOnce(0)),
		"no page":       client.Transactions.ListEach(t.Context(), one, doList, basiq.PageSize[basiq.Transaction](0)),
		"no date":       client.Transactions.ListEach(t.Context(), one, doList, basiq.TransactionFields.PostDate.Eq("yesterday")),
	} {
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		require.ErrorContains(t, err, "basiq: Transactions.ListEach: ", name)
		_, started := errors.AsType[*basiq.ForEachError](err)
		assert.False(t, started, name)
	}
	assert.Empty(t, s.seen())
	require.NoError(t, client.Users.ForEach(t.Context(), slices.Values([]string(nil)), do))
}

// One user's failure stops nobody else, and is in the error with its user.
func TestForEachFailures(t *testing.T) {
	t.Parallel()
	s := &stub{answer: func(_ int, req request) (*http.Response, error) {
		if strings.HasSuffix(req.Path, "gone") {
			return reply(404, envelope("resource-not-found", "", "no such user")), nil
		}
		return reply(200, userJSON), nil
	}}
	client := newClient(t, s)
	called := map[string]bool{}
	err := client.Users.ForEach(t.Context(), slices.Values([]string{"u1", "gone", "..", "", "u2", "odd", "u3"}), func(ctx context.Context, userID string) error {
		called[userID] = true
		if userID == "odd" {
			return fmt.Errorf("ours:\n%w", errReset)
		}
		_, err := client.Users.Get(ctx, userID)
		return err
	}, basiq.UsersAtOnce(1))
	require.EqualError(t, err, "basiq: Users.ForEach: 4 of 7 users failed, the first with: Users.Get: 404 resource-not-found: no such user (correlation corr-1)")
	assert.Equal(t, map[string]bool{"u1": true, "u2": true, "u3": true, "gone": true, "odd": true}, called)
	assert.Len(t, s.seen(), 4)
	for _, is := range []error{basiq.ErrNotFound, basiq.ErrInvalidInput, errReset, basiq.CodeResourceNotFound} {
		require.ErrorIs(t, err, is)
	}
	all, ok := errors.AsType[*basiq.ForEachError](err)
	require.True(t, ok)
	require.NoError(t, all.Err)
	assert.Equal(t, 7, all.Users)
	var failed []string
	for _, failure := range all.Failures {
		failed = append(failed, failure.UserID)
	}
	assert.Equal(t, []string{"gone", "..", "", "odd"}, failed)
	assert.Equal(t, "ours: read: connection reset by peer", all.Failures[3].Error(), "one line")
	first, ok := errors.AsType[*basiq.UserError](err)
	require.True(t, ok)
	assert.Equal(t, "gone", first.UserID)
	answer, ok := errors.AsType[*basiq.Error](err)
	require.True(t, ok)
	assert.Equal(t, 404, answer.StatusCode)
}

// Ten thousand failures, each with as large an answer as an error keeps, take a few MiB.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestForEachKeepsFailuresSmall(t *testing.T) {
	const users, mib = 10_000, 1 << 20
	client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/token" {
			return reply(200, tokenJSON), nil
		}
		return reply(400, envelope("parameter-not-valid", "", "no")+strings.Repeat(" ", 16<<10)), nil
	}))
	var read atomic.Int32
	empty := heap()
	err := client.Users.ForEach(t.Context(), usersRead(users, &read), func(ctx context.Context, userID string) error {
		_, err := client.Users.Get(ctx, userID)
		return err
	})
	kept := heap() - empty
	t.Logf("10,000 failures: %.1f MiB", kept/mib)
	assert.Less(t, kept, 12.0*mib)
	all, ok := errors.AsType[*basiq.ForEachError](err)
	require.True(t, ok)
	require.Len(t, all.Failures, users)
	assert.Equal(t, users, all.Users)
	seen := map[string]bool{}
	whole := 0
	for _, failure := range all.Failures {
		seen[failure.UserID] = true
		require.EqualError(t, failure, "basiq: Users.Get: 400 parameter-not-valid: no (correlation corr-1)")
		if errors.Is(failure, basiq.ErrBadRequest) {
			whole++
		}
	}
	assert.Len(t, seen, users, "each with its user")
	assert.Equal(t, 256, whole)
	require.ErrorIs(t, err, basiq.ErrBadRequest)
}

// What concerns all users ends it early, and says so.
func TestForEachEndsEarly(t *testing.T) {
	t.Parallel()
	t.Run("with the context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, ok(200, userJSON))
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			start := time.Now()
			var read atomic.Int32
			err := client.Users.ForEach(ctx, usersRead(1000, &read), func(ctx context.Context, _ string) error {
				select {
				case <-time.After(time.Minute):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}, basiq.UsersAtOnce(4))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 90*time.Second, time.Since(start))
			all, isAll := errors.AsType[*basiq.ForEachError](err)
			require.True(t, isAll)
			require.ErrorIs(t, all.Err, context.DeadlineExceeded)
			assert.Equal(t, 8, all.Users)
			assert.Len(t, all.Failures, 4, "those who were in the midst of it")
			assert.EqualValues(t, 8, read.Load())
			require.EqualError(t, err, "basiq: Users.ForEach: ended early: context deadline exceeded: 4 of 8 users failed, the first with: context deadline exceeded")
		})
	})
	t.Run("before it begins", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, userJSON))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var read atomic.Int32
		err := client.Users.ForEach(ctx, usersRead(5, &read), func(context.Context, string) error { return nil })
		require.EqualError(t, err, "basiq: Users.ForEach: ended early: context canceled: 0 of 0 users failed")
		require.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, read.Load())
	})
	t.Run("with a key that is no good", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{onToken: func(int) (*http.Response, error) {
				return reply(404, envelope("parameter-not-valid", "", "Unable to authenticate. Please, check your API key")), nil
			}}
			client := newClient(t, s)
			var read, ended atomic.Int32
			err := client.Users.ForEach(t.Context(), usersRead(1000, &read), func(ctx context.Context, userID string) error {
				if userID != "u5" {
					<-ctx.Done()
					ended.Add(1)
					return nil
				}
				_, err := client.Users.Get(ctx, userID)
				return err
			})
			require.ErrorIs(t, err, basiq.ErrInvalidAPIKey)
			all, isAll := errors.AsType[*basiq.ForEachError](err)
			require.True(t, isAll)
			require.ErrorIs(t, all.Err, basiq.ErrInvalidAPIKey)
			require.Len(t, all.Failures, 1)
			assert.Equal(t, "u5", all.Failures[0].UserID)
			assert.Equal(t, 8, all.Users)
			assert.EqualValues(t, 7, ended.Load(), "it returns when all have")
			assert.EqualValues(t, 8, read.Load())
		})
	})
	t.Run("not with what one user's do makes of its own context", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, userJSON))
		var read atomic.Int32
		err := client.Users.ForEach(t.Context(), usersRead(20, &read), func(_ context.Context, userID string) error {
			if userID == "u3" {
				return context.Canceled
			}
			return nil
		})
		require.EqualError(t, err, "basiq: Users.ForEach: 1 of 20 users failed, the first with: context canceled")
	})
}

// Whatever the caller's functions do to their goroutines, the caller gets to know, and nothing is left.
func TestForEachAndFunctionsThatDoNotReturn(t *testing.T) {
	t.Parallel()
	t.Run("do panics", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, ok(200, userJSON))
			var read, ended atomic.Int32
			assert.PanicsWithValue(t, "ouch", func() {
				_ = client.Users.ForEach(newForeignContext(), usersRead(1000, &read), func(ctx context.Context, userID string) error {
					if userID == "u3" {
						panic("ouch")
					}
					<-ctx.Done()
					time.Sleep(time.Second)
					ended.Add(1)
					return nil
				})
			})
			assert.EqualValues(t, 7, ended.Load())
			assert.LessOrEqual(t, read.Load(), int32(9))
		})
	})
	t.Run("do ends its goroutine", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, userJSON))
		var read atomic.Int32
		err := client.Users.ForEach(t.Context(), usersRead(20, &read), func(_ context.Context, userID string) error {
			if userID == "u3" {
				runtime.Goexit()
			}
			return nil
		})
		failure, isUser := errors.AsType[*basiq.UserError](err)
		require.True(t, isUser)
		assert.Equal(t, "u3", failure.UserID)
		require.ErrorContains(t, err, "1 of 20 users failed, the first with: a function of the caller's has ended its goroutine")
	})
	t.Run("the sequence panics", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, client := newStub(t, ok(200, userJSON))
			var ended atomic.Int32
			assert.PanicsWithValue(t, "ouch", func() {
				_ = client.Users.ForEach(newForeignContext(), func(yield func(string) bool) {
					yield("u1")
					panic("ouch")
				}, func(ctx context.Context, _ string) error {
					<-ctx.Done()
					time.Sleep(time.Second)
					ended.Add(1)
					return nil
				})
			})
			assert.EqualValues(t, 1, ended.Load())
		})
	})
}

// Each user's transactions come whole, in order and apart from the others', with the filters and the page size of the call.
func TestListEach(t *testing.T) {
	t.Parallel()
	const each = 25
	s := &stub{answer: func(n int, req request) (*http.Response, error) {
		if strings.Contains(req.Path, "/u7/") && strings.Contains(req.Query, "next") {
			return reply(404, envelope("resource-not-found", "", "gone")), nil
		}
		return ledger{each}.answer(n, req)
	}}
	client := newClient(t, s)
	var read atomic.Int32
	var mu sync.Mutex
	got := map[string][]string{}
	err := client.Transactions.ListEach(t.Context(), usersRead(50, &read),
		func(_ context.Context, userID string, transactions iter.Seq2[*basiq.Transaction, error]) error {
			var ids []string
			for transaction, err := range transactions {
				if err != nil {
					return err
				}
				ids = append(ids, transaction.ID)
				if userID == "u9" {
					break // which is no failure
				}
			}
			mu.Lock()
			got[userID] = ids
			mu.Unlock()
			return nil
		},
		basiq.TransactionFields.Status.Eq(basiq.TransactionStatusPosted), basiq.PageSize[basiq.Transaction](10),
		basiq.UsersAtOnce(4), basiq.Prefetch[basiq.Transaction]())

	require.ErrorIs(t, err, basiq.ErrNotFound)
	all, ok := errors.AsType[*basiq.ForEachError](err)
	require.True(t, ok)
	assert.Equal(t, "Transactions.ListEach", all.Operation)
	assert.Equal(t, 50, all.Users)
	require.Len(t, all.Failures, 1)
	assert.Equal(t, "u7", all.Failures[0].UserID)
	assert.Len(t, got, 49)
	var whole []string
	for i := range each {
		whole = append(whole, "t"+strconv.Itoa(i))
	}
	for userID, ids := range got {
		if userID == "u9" {
			assert.Equal(t, []string{"t0"}, ids)
			continue
		}
		assert.Equal(t, whole, ids, userID)
	}
	assert.Contains(t, s.seen()[0].Query, "limit=10&filter=transaction.status.eq")
}

// Prefetch holds for each user's list.
func TestListEachPrefetches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &stub{answer: func(n int, req request) (*http.Response, error) {
			time.Sleep(time.Second)
			return ledger{10}.answer(n, req)
		}})
		var read atomic.Int32
		start := time.Now()
		err := client.Transactions.ListEach(t.Context(), usersRead(1, &read), func(_ context.Context, _ string, transactions iter.Seq2[*basiq.Transaction, error]) error {
			for _, err := range transactions {
				if err != nil {
					return err
				}
				time.Sleep(time.Second)
			}
			return nil
		}, ahead, twoEach)
		require.NoError(t, err)
		assert.Equal(t, 11*time.Second, time.Since(start), "one wait for a page, and not five")
	})
}

// The transactions of many users are read with a page or two of each in memory: those of a user who is done are not kept.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestListEachTakesLittleMemory(t *testing.T) {
	const users, each, mib = 20, 5000, 1 << 20
	client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/token" {
			return reply(200, tokenJSON), nil
		}
		return ledger{each}.answer(0, request{Path: req.URL.Path, Query: req.URL.RawQuery})
	}))
	var read, seen atomic.Int32
	empty, most := heap(), 0.0
	var mu sync.Mutex
	err := client.Transactions.ListEach(t.Context(), usersRead(users, &read), func(_ context.Context, _ string, transactions iter.Seq2[*basiq.Transaction, error]) error {
		for _, err := range transactions {
			if err != nil {
				return err
			}
			if seen.Add(1)%10_000 == 0 {
				mu.Lock()
				most = max(most, heap()-empty)
				mu.Unlock()
			}
		}
		return nil
	}, basiq.Prefetch[basiq.Transaction]())
	require.NoError(t, err)
	assert.EqualValues(t, users*each, seen.Load())
	t.Logf("8 users at once, two pages of 500 transactions each: %.1f MiB", most/mib)
	assert.Positive(t, most)
	assert.Less(t, most, 32.0*mib)
}
