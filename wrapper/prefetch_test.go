package basiq_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

var (
	ahead    = basiq.Prefetch[basiq.Transaction]()
	twoEach  = basiq.PageSize[basiq.Transaction](2)
	withLink = ok(200, `{"type":"list","data":[{"id":"t1"},{"id":"t2"}],"links":{"next":"/users/u1/transactions?next=a"}}`)
)

// The next page is fetched while the caller works on the one before: that one, and no further.
func TestPrefetchIsOnePageAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: ledger{10}.answer}
		client := newClient(t, s)
		all := client.Transactions.List(t.Context(), userID, ahead, twoEach)
		time.Sleep(time.Minute)
		assert.Empty(t, s.seen(), "nothing is sent before the range")
		n := 0
		for _, err := range all {
			require.NoError(t, err)
			time.Sleep(time.Minute)
			page := n/2 + 1
			assert.Len(t, s.seen(), min(page+1, 5), "at item %d", n)
			n++
		}
		assert.Equal(t, 10, n)
	})
}

// The wait for a page falls into the work on the one before.
func TestPrefetchSavesTheWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way  []basiq.ListOption[basiq.Transaction]
		took time.Duration
	}{
		"as they are wanted": {took: 5*time.Second + 10*time.Second},
		"one ahead":          {way: []basiq.ListOption[basiq.Transaction]{ahead}, took: time.Second + 10*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, &stub{answer: func(n int, req request) (*http.Response, error) {
					time.Sleep(time.Second)
					return ledger{10}.answer(n, req)
				}})
				start := time.Now()
				for _, err := range client.Transactions.List(t.Context(), userID, append(c.way, twoEach)...) {
					require.NoError(t, err)
					time.Sleep(time.Second)
				}
				assert.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

// A page that fails meanwhile is not told of before it is its turn.
func TestPrefetchThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, withLink, ok(404, envelope("resource-not-found", "", "gone")))
		var ids []string
		for transaction, err := range client.Transactions.List(t.Context(), userID, ahead) {
			synctest.Wait()
			assert.Len(t, s.seen(), 2, "it has failed already")
			if err != nil {
				require.ErrorIs(t, err, basiq.ErrNotFound)
				ids = append(ids, "error")
				continue
			}
			ids = append(ids, transaction.ID)
		}
		assert.Equal(t, []string{"t1", "t2", "error"}, ids)
	})
}

// Whoever leaves the loop, in whatever way, leaves no request under way and no goroutine.
func TestPrefetchLeftEarly(t *testing.T) {
	t.Parallel()
	for name, leave := range waysToLeave[*basiq.Transaction](synctest.Wait) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var underway, canceled atomic.Int32
				client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					switch {
					case req.URL.Path == "/token":
						return reply(200, tokenJSON), nil
					case !req.URL.Query().Has("next"):
						return withLink.response(), nil
					}
					underway.Add(1)
					defer underway.Add(-1)
					<-req.Context().Done()
					canceled.Add(1)
					time.Sleep(time.Second) // it takes a while to notice
					return nil, req.Context().Err()
				}))
				leave(t, client.Transactions.List(newForeignContext(), userID, ahead))
				assert.Zero(t, underway.Load())
				assert.LessOrEqual(t, canceled.Load(), int32(1))
			})
		})
	}
}

func panicDeepInside() { panic("ouch") }

// panicText returns what is printed of a panic of call: its value and stack.
func panicText(call func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) + string(debug.Stack()) }()
	call()
	return ""
}

// A hook that panics does so where the caller can recover it, as it does without prefetching.
func TestPrefetchHandsOnPanics(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, way []basiq.ListOption[basiq.Transaction]) {
		client := newClient(t, &stub{answer: inTurn(withLink)}, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if strings.HasPrefix(req.URL.RawQuery, "next") {
					panicDeepInside()
				}
				return next.Do(req)
			})
		}))
		n := 0
		text := panicText(func() {
			for _, err := range client.Transactions.List(t.Context(), userID, way...) {
				assert.NoError(t, err)
				n++
			}
		})
		assert.Contains(t, text, "ouch")
		assert.Contains(t, text, "panicDeepInside", "the stack is that of the middleware")
		assert.Equal(t, 2, n, "what came before is good")
	})
}

// So it does when the caller has left the loop, and not wanted that page.
func TestPrefetchHandsOnPanicsToThoseWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &stub{answer: inTurn(withLink)}, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if strings.HasPrefix(req.URL.RawQuery, "next") {
					panicDeepInside()
				}
				return next.Do(req)
			})
		}))
		text := panicText(func() {
			for _, err := range client.Transactions.List(t.Context(), userID, ahead) {
				require.NoError(t, err)
				synctest.Wait()
				break
			}
		})
		assert.Contains(t, text, "ouch")
		assert.Contains(t, text, "panicDeepInside")
	})
}

func TestPrefetchOfAHookThatNeverReturns(t *testing.T) {
	t.Parallel()
	client := newClient(t, &stub{answer: inTurn(withLink)}, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if strings.HasPrefix(req.URL.RawQuery, "next") {
				runtime.Goexit()
			}
			return next.Do(req)
		})
	}))
	var failure error
	n := 0
	for _, err := range client.Transactions.List(t.Context(), userID, ahead) {
		n++
		failure = err
	}
	require.ErrorContains(t, failure, "called runtime.Goexit")
	assert.Equal(t, 3, n)
}

// The context of the call governs: what was fetched before it ended does not come after that.
func TestPrefetchAndTheContext(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, way []basiq.ListOption[basiq.Transaction]) {
		for name, end := range map[string]func(ctx context.Context) (context.Context, context.CancelFunc){
			"context canceled": context.WithCancel,
			"context deadline exceeded": func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Minute)
			},
		} {
			for _, second := range []any{ok(200, `{"type":"list","data":[{"id":"t3"}]}`), ok(404, ""), errReset} {
				synctest.Test(t, func(t *testing.T) {
					_, client := newStub(t, withLink, second)
					ctx, cancel := end(t.Context())
					defer cancel()
					var ids []string
					var failure error
					for transaction, err := range client.Transactions.List(ctx, userID, way...) {
						require.NoError(t, failure)
						if failure = err; err != nil {
							continue
						}
						ids = append(ids, transaction.ID)
						time.Sleep(40 * time.Second)
						if len(ids) == 2 && name == "context canceled" {
							cancel()
						}
					}
					assert.Equal(t, []string{"t1", "t2"}, ids)
					require.EqualError(t, failure, "basiq: Transactions.List: no response after 1 attempt: "+name+" (the request did not reach Basiq)")
					require.ErrorIs(t, failure, ctx.Err())
				})
			}
		}
	})
}

// Collections other than transactions can be prefetched, too.
func TestPrefetchOfOtherCollections(t *testing.T) {
	t.Parallel()
	page := ok(200, `{"type":"list","data":[{"id":"x1"}],"links":{"next":"?next=a"}}`)
	last := ok(200, `{"type":"list","data":[{"id":"x2"}]}`)
	for name, list := range map[string]func(ctx context.Context, c *basiq.Client) int{
		"events": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Events.List(ctx, basiq.Prefetch[basiq.Event]()))
		},
		"messages": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Webhooks.Messages(ctx, "w1", basiq.Prefetch[basiq.WebhookMessage]()))
		},
		"of a snapshot": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Affordability.Transactions(ctx, userID, "s1", basiq.Prefetch[basiq.AffordabilityTransaction]()))
		},
		"of a report": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Reports.Transactions(ctx, "r1", basiq.Prefetch[basiq.ReportTransaction]()))
		},
	} {
		s, client := newStub(t, page, last)
		assert.Equal(t, 2, list(t.Context(), client), name)
		assert.Len(t, s.seen(), 2, name)
	}
}

// count counts the items of a list that is without errors.
func count[T any](list iter.Seq2[*T, error]) int {
	n := 0
	for _, err := range list {
		if err != nil {
			return -1
		}
		n++
	}
	return n
}
