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
	ahead    = basiq.TransactionListOptions{Prefetch: true}
	withLink = ok(200, `{"type":"list","data":[{"id":"t1"},{"id":"t2"}],"links":{"next":"/users/u1/transactions?next=a"}}`)
)

// Only the next page is fetched while the caller processes the current one.
func TestPrefetch_OnePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: ledger{10}.respond}
		client := newClient(t, s)
		all := client.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{Prefetch: true, PageSize: 2})
		time.Sleep(time.Minute)
		assert.Empty(t, s.seen(), "no request before the loop starts")
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

// The wait for a page overlaps with the processing of the previous page.
func TestPrefetch_Overlap(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way  basiq.TransactionListOptions
		took time.Duration
	}{
		"on demand":  {took: 5*time.Second + 10*time.Second},
		"prefetched": {way: ahead, took: time.Second + 10*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, &stub{respond: func(n int, req request) (*http.Response, error) {
					time.Sleep(time.Second)
					return ledger{10}.respond(n, req)
				}})
				start := time.Now()
				options := c.way
				options.PageSize = 2
				for _, err := range client.Transactions.List(t.Context(), userID, options) {
					require.NoError(t, err)
					time.Sleep(time.Second)
				}
				assert.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

// The error of a prefetched page is returned after the items of the current page.
func TestPrefetch_FailedPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, withLink, ok(404, envelope("resource-not-found", "", "gone")))
		var ids []string
		for transaction, err := range client.Transactions.List(t.Context(), userID, ahead) {
			synctest.Wait()
			assert.Len(t, s.seen(), 2, "the second page must already have failed")
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

// After the loop ends in any way, no request is in flight and no goroutine is running.
func TestPrefetch_EarlyExit(t *testing.T) {
	t.Parallel()
	for name, leave := range earlyExits[*basiq.Transaction](synctest.Wait) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var inFlight, canceled atomic.Int32
				client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					switch {
					case req.URL.Path == "/token":
						return reply(200, tokenJSON), nil
					case !req.URL.Query().Has("next"):
						return withLink.httpResponse(), nil
					}
					inFlight.Add(1)
					defer inFlight.Add(-1)
					<-req.Context().Done()
					canceled.Add(1)
					time.Sleep(time.Second) // the transport reacts with a delay
					return nil, req.Context().Err()
				}))
				leave(t, client.Transactions.List(newForeignContext(), userID, ahead))
				assert.Zero(t, inFlight.Load())
				assert.LessOrEqual(t, canceled.Load(), int32(1))
			})
		})
	}
}

func panicDeepInside() { panic("ouch") }

// panicText returns the value and the stack of a panic in call.
func panicText(call func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) + string(debug.Stack()) }()
	call()
	return ""
}

// A panic in middleware during prefetching can be recovered by the caller, as without prefetching.
func TestPrefetch_Panic(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
		client := newClient(t, &stub{respond: respondWith(withLink)}, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if strings.HasPrefix(req.URL.RawQuery, "next") {
					panicDeepInside()
				}
				return next.Do(req)
			})
		}))
		n := 0
		text := panicText(func() {
			for _, err := range client.Transactions.List(t.Context(), userID, way) {
				assert.NoError(t, err)
				n++
			}
		})
		assert.Contains(t, text, "ouch")
		assert.Contains(t, text, "panicDeepInside", "the stack must contain the middleware")
		assert.Equal(t, 2, n, "the items before the panic must be returned")
	})
}

// The panic also reaches a caller that has left the loop before the prefetched page.
func TestPrefetch_PanicAfterBreak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &stub{respond: respondWith(withLink)}, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
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

// If middleware ends the goroutine of a prefetch, the list ends with an error.
func TestPrefetch_Goexit(t *testing.T) {
	t.Parallel()
	client := newClient(t, &stub{respond: respondWith(withLink)}, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
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

// The context ends the call: a page that was fetched before the context ended is not returned afterwards.
func TestPrefetch_Context(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
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
					for transaction, err := range client.Transactions.List(ctx, userID, way) {
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

// Other collections can also be prefetched.
func TestPrefetch_OtherCollections(t *testing.T) {
	t.Parallel()
	page := ok(200, `{"type":"list","data":[{"id":"x1"}],"links":{"next":"?next=a"}}`)
	last := ok(200, `{"type":"list","data":[{"id":"x2"}]}`)
	for name, list := range map[string]func(ctx context.Context, c *basiq.Client) int{
		"events": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Events.List(ctx, basiq.EventListOptions{Prefetch: true}))
		},
		"messages": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Webhooks.Messages(ctx, "w1", basiq.WebhookMessageListOptions{Prefetch: true}))
		},
		"snapshot transactions": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Affordability.Transactions(ctx, userID, "s1", basiq.AffordabilityTransactionListOptions{Prefetch: true}))
		},
		"report transactions": func(ctx context.Context, c *basiq.Client) int {
			return count(c.Reports.Transactions(ctx, "r1", basiq.ReportTransactionListOptions{Prefetch: true}))
		},
	} {
		s, client := newStub(t, page, last)
		assert.Equal(t, 2, list(t.Context(), client), name)
		assert.Len(t, s.seen(), 2, name)
	}
}

// count counts the items of a list without errors.
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
