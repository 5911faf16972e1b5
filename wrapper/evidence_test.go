package basiq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// One call that may have been carried out is enough, at any position in a tree of errors.
func TestMayHaveSucceeded_ErrorTrees(t *testing.T) {
	t.Parallel()
	unsent := &basiq.TransportError{Operation: "Users.Create", Err: io.EOF}
	arrived := &basiq.TransportError{Operation: "Users.Create", Err: io.EOF, RequestMayHaveBeenReceived: true}
	rejected := &basiq.Error{Operation: "Users.Create", StatusCode: 400}
	failed := &basiq.Error{Operation: "Users.Create", StatusCode: 502}
	unreadable := &basiq.Error{Operation: "Users.Create", StatusCode: 201}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                           {nil, false},
		"foreign":                       {io.EOF, false},
		"unsent":                        {unsent, false},
		"arrived":                       {arrived, true},
		"joined, none":                  {errors.Join(unsent, rejected, io.EOF), false},
		"joined, arrived first":         {errors.Join(arrived, unsent), true},
		"joined, arrived last":          {errors.Join(unsent, arrived), true},
		"joined, 502 last":              {errors.Join(unsent, rejected, failed), true},
		"joined, invalid response last": {errors.Join(rejected, unreadable), true},
		"wrapped":                       {fmt.Errorf("user u1: %w", arrived), true},
		"wrapped twice, %w and %w":      {fmt.Errorf("%w after %w", unsent, failed), true},
		"nested":                        {fmt.Errorf("batch: %w", errors.Join(unsent, fmt.Errorf("user u2: %w", errors.Join(rejected, arrived)))), true},
		"below an unsent call":          {&basiq.TransportError{Operation: "Users.Get", Err: failed}, false},
		"below an unsent call, joined":  {&basiq.TransportError{Operation: "Users.Get", Err: errors.Join(arrived, failed)}, false},
		"a wait":                        {&basiq.WaitError{}, true},
		"a failed job":                  {fmt.Errorf("x: %w", &basiq.JobError{}), true},
		"nil *TransportError":           {(*basiq.TransportError)(nil), false},
		"nil *Error":                    {(*basiq.Error)(nil), false},
		"an argument":                   {&basiq.InputError{}, false},
		"a throttled operation":         {&basiq.TransportError{Operation: "Users.Get", Err: &basiq.ThrottledError{}}, false},
		"failed token request":          {&basiq.TransportError{Operation: "Users.Create", Err: &basiq.Error{Operation: "Tokens.Create", StatusCode: 503}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, basiq.MayHaveSucceeded(c.err))
		})
	}
}

// passThrough delegates requests to another RoundTripper.
type passThrough struct{ http.RoundTripper }

func (p passThrough) PassThrough() http.RoundTripper { return p.RoundTripper }

// loop is a RoundTripper whose PassThrough method returns itself.
type loop struct{ http.RoundTripper }

func (l loop) PassThrough() http.RoundTripper { return l }

// hidden is a RoundTripper without a PassThrough method.
type hidden struct{ http.RoundTripper }

func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// An error proves that a request was not sent only if the transport's behavior is known.
func TestEvidence_Transports(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		transport func(*http.Transport) http.RoundTripper
		unsent    bool
	}{
		"*http.Transport":               {func(tr *http.Transport) http.RoundTripper { return tr }, true},
		"PassThrough":                   {func(tr *http.Transport) http.RoundTripper { return passThrough{tr} }, true},
		"PassThrough twice":             {func(tr *http.Transport) http.RoundTripper { return passThrough{passThrough{tr}} }, true},
		"http.DefaultTransport":         {func(*http.Transport) http.RoundTripper { return nil }, true},
		"RoundTripper":                  {func(tr *http.Transport) http.RoundTripper { return hidden{tr} }, false},
		"PassThrough of a RoundTripper": {func(tr *http.Transport) http.RoundTripper { return passThrough{hidden{tr}} }, false},
		"PassThrough of itself":         {func(tr *http.Transport) http.RoundTripper { return loop{tr} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, c.transport(&http.Transport{}), basiq.WithBaseURL("http://"+closedAddress(t)), basiq.WithTokenSource(fixedTokens("token-1")))
			_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			var lost *basiq.TransportError
			require.ErrorAs(t, err, &lost)
			assert.Equal(t, map[bool]int{true: 4, false: 1}[c.unsent], lost.Attempts)
			assert.Equal(t, !c.unsent, basiq.MayHaveSucceeded(err))
		})
	}
}

// A RoundTripper that fails over to a second gateway may have succeeded there, whatever its trace contains.
func TestEvidence_Failover(t *testing.T) {
	t.Parallel()
	var creates atomic.Int32
	second := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		creates.Add(1)
		panic(http.ErrAbortHandler) // the request was carried out, but the response is lost
	}))
	t.Cleanup(second.Close)
	inner := new(http.Transport)
	t.Cleanup(inner.CloseIdleConnections)
	failover := roundTripper(func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		again := req.Clone(context.WithoutCancel(t.Context())) //nolint:contextcheck // a transport that drops the context
		again.Body = io.NopCloser(bytes.NewReader(body))
		again.URL.Host = second.Listener.Addr().String()
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
		if resp, err := inner.RoundTrip(req); err == nil {
			return resp, nil
		}
		return inner.RoundTrip(again)
	})
	client := newClient(t, failover, basiq.WithBaseURL("http://"+closedAddress(t)), basiq.WithTokenSource(fixedTokens("token-1")))
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.Error(t, err)
	assert.True(t, basiq.MayHaveSucceeded(err))
	assert.EqualValues(t, 1, creates.Load())
}

// The transport calls its Proxy function before it opens a connection.
func TestEvidence_ProxyFunctionFails(t *testing.T) {
	t.Parallel()
	noProxy := errors.New("no proxy available")
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, noProxy }}
	client := newClient(t, transport, basiq.WithTokenSource(fixedTokens("token-1")))
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.ErrorIs(t, err, noProxy)
	assert.False(t, basiq.MayHaveSucceeded(err))
}

// A 4xx status other than 408 proves that the request was not carried out, even after an earlier attempt.
func TestEvidence_Statuses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{421, 425, 429} {
		s, client := newStub(t, ok(status, ""), errRefused, ok(201, userJSON))
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.NoError(t, err, "%d is retried for every operation", status)
		assert.Len(t, s.seen(), 3)

		_, client = newStub(t, ok(status, ""), errRefused)
		_, err = client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.False(t, basiq.MayHaveSucceeded(err), status)
	}
	for _, status := range []int{408, 500, 502, 503, 504, 520, 530} {
		s, client := newStub(t, ok(status, ""))
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.Error(t, err)
		assert.True(t, basiq.MayHaveSucceeded(err), status)
		assert.Len(t, s.seen(), 1)
		assert.Equal(t, status > 501, errors.Is(err, basiq.ErrUnavailable), status)
	}
}

// ofCalls applies middleware to all requests except token requests.
func ofCalls(do func(next basiq.Doer, req *http.Request, attempt int) (*http.Response, error)) basiq.Option {
	return basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			call, _ := basiq.CallFromContext(req.Context())
			if call.Operation.ID == "postToken" {
				return next.Do(req)
			}
			return do(next, req, call.Attempt)
		})
	})
}

// hedge sends a copy of req in the background.
func hedge(t *testing.T, next basiq.Doer, req *http.Request) {
	t.Helper()
	body, err := req.GetBody()
	require.NoError(t, err)
	second := req.Clone(req.Context())
	second.Body = body
	go func() {
		if resp, err := next.Do(second); err == nil {
			_ = resp.Body.Close()
		}
	}()
}

// A request that middleware left in flight at the end of an attempt is not retried, and does not change the evidence of a
// later attempt.
func TestHedging_RequestOutlivesAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body, rest := io.Pipe()
		creates := 0
		s := &stub{respond: func(n int, _ request) (*http.Response, error) {
			switch n {
			case 1: // the hedge: a rejected token with a delayed body
				resp := reply(401, "")
				resp.Body = body
				return resp, nil
			case 2:
				return reply(429, "{}"), nil
			}
			creates++
			_, _ = rest.Write([]byte("{}"))
			_ = rest.Close()
			synctest.Wait() // the hedge continues with another token
			return nil, io.ErrUnexpectedEOF
		}}
		client := newClient(t, s, ofCalls(func(next basiq.Doer, req *http.Request, attempt int) (*http.Response, error) {
			if attempt == 1 {
				hedge(t, next, req)
				synctest.Wait()
			}
			return next.Do(req)
		}))
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.True(t, basiq.MayHaveSucceeded(err))
		assert.Equal(t, 1, creates)
	})
}

// A rejected request proves nothing about an identical request in flight.
func TestHedging_OneRejected(t *testing.T) {
	t.Parallel()
	for _, second := range []any{ok(429, "{}"), ok(401, "{}"), errRefused, ok(425, "{}")} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: func(n int, req request) (*http.Response, error) {
				if n == 1 {
					time.Sleep(time.Minute)
					return reply(201, userJSON), nil
				}
				return respondWith(second)(n, req)
			}}
			client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")),
				ofCalls(func(next basiq.Doer, req *http.Request, _ int) (*http.Response, error) {
					hedge(t, next, req)
					synctest.Wait()
					return next.Do(req)
				}))
			_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
			require.Error(t, err)
			assert.True(t, basiq.MayHaveSucceeded(err), "%v", second)
			assert.Len(t, s.seen(), 2, "a create in flight is not retried")
			time.Sleep(time.Minute)
		})
	}
}
