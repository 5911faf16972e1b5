package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

var (
	throughputFor = flag.Duration("throughput", 10*time.Second, "duration of BenchmarkThroughput")
	largest       = flag.Int("transactions", 1_000_000, "number of transactions in BenchmarkTransactions")
	pages         = flag.Int("pages", 200, "number of pages of transactions in BenchmarkWork")
)

// work is a typical use of the client, and equivalent handwritten code.
type work struct {
	name   string
	hand   func(ctx context.Context, h *hand) error
	client func(ctx context.Context, c *basiq.Client) error
}

var errWrong = errors.New("unexpected result")

var works = []work{
	{
		"Connections.Get",
		func(ctx context.Context, h *hand) error {
			connection, err := h.connection(ctx, userID, connectionID)
			return expect(err, connection.Accounts != nil)
		},
		func(ctx context.Context, c *basiq.Client) error {
			connection, err := c.Connections.Get(ctx, userID, connectionID)
			return expect(err, err == nil && connection.Accounts != nil)
		},
	},
	{
		"Connections.List",
		func(ctx context.Context, h *hand) error {
			list, err := h.connections(ctx, userID)
			return expect(err, len(list) == 100)
		},
		func(ctx context.Context, c *basiq.Client) error {
			count, err := lengthOf(c.Connections.List(ctx, userID))
			return expect(err, count == 100)
		},
	},
	{
		"Transactions.Page",
		func(ctx context.Context, h *hand) error {
			var page handList[basiq.Transaction]
			err := h.call(ctx, http.MethodGet, h.baseURL+"/users/"+userID+"/transactions?limit=500", nil, &page)
			return expect(err, len(page.Data) == basiq.MaxPageSize)
		},
		func(ctx context.Context, c *basiq.Client) error {
			page, err := c.Transactions.Page(ctx, userID, "")
			return expect(err, err == nil && len(page.Items) == basiq.MaxPageSize)
		},
	},
	{
		"Transactions.List",
		func(ctx context.Context, h *hand) error {
			count := 0
			err := h.transactions(ctx, userID, func(*basiq.Transaction) { count++ })
			return expect(err, count == *pages*basiq.MaxPageSize)
		},
		func(ctx context.Context, c *basiq.Client) error {
			count, err := lengthOf(c.Transactions.List(ctx, userID))
			return expect(err, count == *pages*basiq.MaxPageSize)
		},
	},
	{
		"Connections.CreateAndWait",
		func(ctx context.Context, h *hand) error {
			connection, err := h.createAndWait(ctx, userID)
			return expect(err, err == nil && connection.ID != "")
		},
		func(ctx context.Context, c *basiq.Client) error {
			connection, err := c.Connections.CreateAndWait(ctx, userID, basiq.CreateConnection{
				InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret("hooli2016"),
			})
			return expect(err, err == nil && connection.ID != "")
		},
	},
	{
		"NotFound",
		func(ctx context.Context, h *hand) error {
			_, err := h.connection(ctx, userID, missingID)
			failure, ok := errors.AsType[*handError](err)
			return expect(nil, ok && failure.body.Data[0].Code == "resource-not-found" && failure.Error() != "")
		},
		func(ctx context.Context, c *basiq.Client) error {
			_, err := c.Connections.Get(ctx, userID, missingID)
			return expect(nil, errors.Is(err, basiq.CodeResourceNotFound) && err.Error() != "")
		},
	},
}

func expect(err error, right bool) error {
	if err == nil && !right {
		return errWrong
	}
	return err
}

func lengthOf[T any](list iter.Seq2[T, error]) (int, error) {
	count := 0
	for _, err := range list {
		if err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

func newClient(b *testing.B, baseURL string, transport http.RoundTripper, options ...basiq.Option) *basiq.Client {
	b.Helper()
	if transport != nil {
		options = append(options, basiq.WithHTTPClient(&http.Client{Transport: transport, Timeout: 30 * time.Second}))
	}
	client, err := basiq.New(apiKey, append(options, basiq.WithBaseURL(baseURL), basiq.WithAPIVersion(basiq.APIVersion21))...)
	require.NoError(b, err)
	return client
}

// BenchmarkWork compares handwritten code with the client for each work: in memory, which shows their own cost, and over
// loopback.
func BenchmarkWork(b *testing.B) {
	for _, work := range works {
		b.Run("work="+work.name, func(b *testing.B) {
			b.Run("over=stub", func(b *testing.B) {
				stub := new(server)
				stub.fill(stubURL, *pages, basiq.MaxPageSize)
				work.run(b, stub, new(atomic.Int64), newHand(stubURL, stub), newClient(b, stubURL, stub))
			})
			b.Run("over=loopback", func(b *testing.B) {
				srv := new(server)
				baseURL, opened := listen(b, srv)
				srv.fill(baseURL, *pages, basiq.MaxPageSize)
				work.run(b, srv, opened, newHand(baseURL, nil), newClient(b, baseURL, nil))
			})
		})
	}
}

func (w work) run(b *testing.B, srv *server, opened *atomic.Int64, h *hand, c *basiq.Client) {
	b.Helper()
	for _, by := range []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"hand", func(ctx context.Context) error { return w.hand(ctx, h) }},
		{"client", func(ctx context.Context) error { return w.client(ctx, c) }},
	} {
		b.Run("by="+by.name, func(b *testing.B) {
			require.NoError(b, by.do(b.Context())) // fetches the token and opens the connection
			b.ReportAllocs()
			requests, connections, heap := srv.requests.Load(), opened.Load(), startHeap()
			for b.Loop() {
				if err := by.do(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(heap.growth(), "peak-MiB")
			b.ReportMetric(float64(srv.requests.Load()-requests)/float64(b.N), "requests/op")
			b.ReportMetric(float64(opened.Load()-connections), "connections")
		})
	}
}

// heap measures the maximum size of the heap.
type heap struct {
	start, peak uint64
	stop        chan struct{}
	stopped     sync.WaitGroup
}

func startHeap() *heap {
	runtime.GC()
	h := &heap{start: heapSize(), stop: make(chan struct{})}
	h.stopped.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			h.peak = max(h.peak, heapSize())
			select {
			case <-ticker.C:
			case <-h.stop:
				return
			}
		}
	})
	return h
}

// growth stops the measurement and returns the growth of the heap since the start in MiB, including garbage.
func (h *heap) growth() float64 {
	close(h.stop)
	h.stopped.Wait()
	return float64(max(h.peak, h.start)-h.start) / (1 << 20)
}

func heapSize() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// BenchmarkRetained measures the memory that stays in use if a program copies one transaction of a page.
func BenchmarkRetained(b *testing.B) {
	stub := new(server)
	stub.fill(stubURL, 1, basiq.MaxPageSize)
	client := newClient(b, stubURL, stub)
	b.Run("by=client", func(b *testing.B) {
		const pages = 200
		var grown float64
		for b.Loop() {
			kept := make([]basiq.Transaction, 0, pages)
			runtime.GC()
			before := heapSize()
			for range pages {
				page, err := client.Transactions.Page(b.Context(), userID, "")
				require.NoError(b, err)
				kept = append(kept, page.Items[len(page.Items)/2])
			}
			runtime.GC()
			runtime.GC()
			grown = float64(heapSize()-before)/pages/(1<<10) + float64(unsafe.Sizeof(kept[0]))/(1<<10)
			runtime.KeepAlive(kept)
		}
		b.ReportMetric(grown, "KiB/transaction")
	})
}

// BenchmarkInspect measures what [basiq.ContextWithRawJSON] and [basiq.WithUnknownFields] cost. by=unused must cost what the
// same work in BenchmarkWork does.
func BenchmarkInspect(b *testing.B) {
	stub := new(server)
	stub.fill(stubURL, 1, basiq.MaxPageSize)
	plain := newClient(b, stubURL, stub)
	reporting := newClient(b, stubURL, stub, basiq.WithUnknownFields(func(basiq.UnknownField) {}))
	for _, work := range []work{works[0], works[2]} {
		run := func(ctx context.Context, by string, client *basiq.Client) {
			b.Run("work="+work.name+"/by="+by, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, work.client(ctx, client))
				}
			})
		}
		var raw []byte
		run(b.Context(), "unused", plain)
		run(basiq.ContextWithRawJSON(b.Context(), &raw), "raw", plain)
		run(b.Context(), "unknown", reporting)
	}
}

// BenchmarkToken measures the cost of getting a cached token.
func BenchmarkToken(b *testing.B) {
	stub := new(server)
	b.Run("by=hand", func(b *testing.B) {
		b.ReportAllocs()
		h := newHand(stubURL, stub)
		for b.Loop() {
			if _, err := h.bearer(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by=client", func(b *testing.B) {
		b.ReportAllocs()
		c, ctx := newClient(b, stubURL, stub), context.Background()
		for b.Loop() {
			if _, err := c.Tokens.Get(ctx, basiq.ServerAccess()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkColdStart makes 10,000 concurrent calls with a new client, which has no token yet.
func BenchmarkColdStart(b *testing.B) {
	const callers = 10_000
	stub := new(server)
	stub.fill(stubURL, 1, 1)
	run := func(b *testing.B, fresh func() func(context.Context) error) {
		b.Helper()
		b.ReportAllocs()
		tokens := stub.tokens.Load()
		for b.Loop() {
			call := fresh()
			start := make(chan struct{})
			var all sync.WaitGroup
			var failures atomic.Int64
			for range callers {
				all.Go(func() {
					<-start
					if call(b.Context()) != nil {
						failures.Add(1)
					}
				})
			}
			close(start)
			all.Wait()
			require.Zero(b, failures.Load())
		}
		b.ReportMetric(float64(stub.tokens.Load()-tokens)/float64(b.N), "tokens/op")
	}
	b.Run("by=hand", func(b *testing.B) {
		run(b, func() func(context.Context) error {
			h := newHand(stubURL, stub)
			return func(ctx context.Context) error { return works[0].hand(ctx, h) }
		})
	})
	b.Run("by=client", func(b *testing.B) {
		run(b, func() func(context.Context) error {
			c := newClient(b, stubURL, stub)
			return func(ctx context.Context) error { return works[0].client(ctx, c) }
		})
	})
}

// latency is the response time of the server in BenchmarkThroughput.
const latency = 20 * time.Millisecond

// BenchmarkThroughput makes calls for ten seconds, from many goroutines, to a server on loopback with a response time of 20 ms.
// by=transport is the throughput of net/http's transport with the same requests and without decoding. of-ideal is the ratio to
// the throughput if calls had no cost.
func BenchmarkThroughput(b *testing.B) {
	for _, callers := range []int{64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			srv := new(server)
			baseURL, opened := listen(b, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				time.Sleep(latency)
				srv.ServeHTTP(w, req)
			}))
			srv.fill(baseURL, 1, 1)
			srv.connection = []byte(`{"type":"connection","id":"` + connectionID + `","status":"active"}`)
			run := func(b *testing.B, call func(ctx context.Context) error) {
				b.Helper()
				connections := opened.Load()
				for b.Loop() {
					throughput(b, callers, call)
				}
				b.ReportMetric(float64(opened.Load()-connections), "connections")
			}
			b.Run("by=transport", func(b *testing.B) {
				transport := &http.Transport{MaxIdleConnsPerHost: callers}
				defer transport.CloseIdleConnections()
				token, err := newHand(baseURL, transport).bearer(b.Context())
				require.NoError(b, err)
				run(b, func(ctx context.Context) error {
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/users/"+userID+"/connections/"+connectionID, nil)
					if err != nil {
						return err
					}
					req.Header.Set("Accept", "application/json")
					req.Header.Set("Authorization", "Bearer "+token)
					resp, err := transport.RoundTrip(req)
					if err != nil {
						return err
					}
					_, err = io.Copy(io.Discard, resp.Body)
					return errors.Join(err, resp.Body.Close())
				})
			})
			b.Run("by=client", func(b *testing.B) {
				c := newClient(b, baseURL, nil)
				run(b, func(ctx context.Context) error {
					_, err := c.Connections.Get(ctx, userID, connectionID)
					return err
				})
			})
		})
	}
}

// throughput makes calls from concurrent goroutines for a while and reports the calls per second.
func throughput(b *testing.B, callers int, call func(ctx context.Context) error) {
	b.Helper()
	var calls, failures atomic.Int64
	start := time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for time.Since(start) < *throughputFor {
				if call(b.Context()) != nil {
					failures.Add(1)
				}
				calls.Add(1)
			}
		})
	}
	all.Wait()
	require.Zero(b, failures.Load())
	took := time.Since(start)
	b.ReportMetric(float64(calls.Load())/took.Seconds(), "calls/s")
	b.ReportMetric(float64(calls.Load())/took.Seconds()/(float64(callers)/latency.Seconds()), "of-ideal")
}

// BenchmarkTransactions reads a million transactions, and a quarter of them. The time per transaction must not depend on their
// number.
func BenchmarkTransactions(b *testing.B) {
	for _, size := range []struct {
		name  string
		count int
	}{{"count=250000", *largest / 4}, {"count=1000000", *largest}} {
		b.Run(size.name, func(b *testing.B) {
			stub := new(server)
			stub.fill(stubURL, size.count/basiq.MaxPageSize, basiq.MaxPageSize)
			c := newClient(b, stubURL, stub)
			b.ReportAllocs()
			heap := startHeap()
			for b.Loop() {
				count, err := lengthOf(c.Transactions.List(b.Context(), userID))
				require.NoError(b, err)
				require.Equal(b, size.count, count)
			}
			b.ReportMetric(heap.growth(), "peak-MiB")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size.count), "ns/transaction")
		})
	}
}

// BenchmarkWaitEach waits for 5,000 jobs concurrently. Each is done at the second poll. The default of 50 polls per second would
// take minutes. The benchmark measures the cost of a poll and the memory for 5,000 jobs.
func BenchmarkWaitEach(b *testing.B) {
	const jobs, atOnce = 5_000, 64
	jobIDs := make([]string, jobs)
	for i := range jobIDs {
		jobIDs[i] = fmt.Sprintf("%08x-0b12-43ba-a3c1-286dd5f4f396", i)
	}
	run := func(b *testing.B, wait func(stub *server) (int, error)) {
		b.Helper()
		b.ReportAllocs()
		stub := new(server)
		stub.fill(stubURL, 1, 1)
		stub.laterDone = jobs
		heap := startHeap()
		goroutines := 0
		for b.Loop() {
			stub.jobs.Store(0)
			stub.watch = func() { goroutines = max(goroutines, runtime.NumGoroutine()) }
			done, err := wait(stub)
			require.NoError(b, err)
			require.Equal(b, jobs, done)
		}
		b.ReportMetric(heap.growth(), "peak-MiB")
		b.ReportMetric(float64(stub.jobs.Load()), "requests/op")
		b.ReportMetric(float64(goroutines), "goroutines")
	}
	b.Run("by=hand", func(b *testing.B) {
		run(b, func(stub *server) (int, error) {
			h := newHand(stubURL, stub)
			room := make(chan struct{}, atOnce)
			var done atomic.Int64
			var all sync.WaitGroup
			for _, jobID := range jobIDs {
				all.Go(func() {
					for {
						room <- struct{}{}
						job := new(basiq.Job)
						err := h.call(b.Context(), http.MethodGet, stubURL+"/jobs/"+jobID, nil, job)
						<-room
						if err != nil {
							return
						}
						if job.Done() {
							done.Add(1)
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				})
			}
			all.Wait()
			return int(done.Load()), nil
		})
	})
	b.Run("by=client", func(b *testing.B) {
		run(b, func(stub *server) (int, error) {
			c, done := newClient(b, stubURL, stub), 0
			for job, err := range c.Jobs.WaitEach(b.Context(), slices.Values(jobIDs), basiq.WithPollInterval(100*time.Millisecond, 100*time.Millisecond), basiq.WithPollRate(1e6, atOnce)) {
				if err != nil {
					return done, err
				}
				if job.Done() {
					done++
				}
			}
			return done, nil
		})
	})
}

// BenchmarkPrefetch reads ten pages from a server with a response time of 20 ms, and processes each page for 20 ms.
func BenchmarkPrefetch(b *testing.B) {
	const pages = 10
	srv := new(server)
	baseURL, _ := listen(b, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		time.Sleep(latency)
		srv.ServeHTTP(w, req)
	}))
	srv.fill(baseURL, pages, basiq.MaxPageSize)
	c := newClient(b, baseURL, nil)
	for name, options := range map[string][]basiq.TransactionListOptions{
		"prefetch=off": nil, "prefetch=on": {{Prefetch: true}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			heap := startHeap()
			for b.Loop() {
				count := 0
				for _, err := range c.Transactions.List(b.Context(), userID, options...) {
					require.NoError(b, err)
					if count++; count%basiq.MaxPageSize == 0 {
						time.Sleep(latency)
					}
				}
				require.Equal(b, pages*basiq.MaxPageSize, count)
			}
			b.ReportMetric(heap.growth(), "peak-MiB")
		})
	}
}
