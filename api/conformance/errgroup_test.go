package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const (
	groupSize = 200
	// groupLimit is how many creates run at once. pending is how many of them wait for a response when the group is canceled.
	groupLimit = 32
	pending    = 8
)

// groupServer is a server that records which create requests it has received completely.
type groupServer struct {
	// sibling is the status of the response to the sibling of the creates.
	sibling int
	// cancelAt is how many creates arrive before reached is closed. The last of them get no response.
	cancelAt int
	reached  chan struct{}

	mu      sync.Mutex
	arrived map[string]bool // by email
}

func (s *groupServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case req.URL.Path == "/token":
		_, _ = io.WriteString(w, `{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	case req.Method == http.MethodGet:
		select {
		case <-s.reached:
		case <-req.Context().Done():
		}
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(s.sibling)
		_, _ = io.WriteString(w, envelope(s.sibling, "sibling", "The sibling's error.").body)
	default:
		if s.log(sent) {
			<-req.Context().Done()
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"type":"user","id":"u1"}`)
	}
}

// log records a create and reports whether it gets no response.
func (s *groupServer) log(sent []byte) bool {
	var user struct{ Email string }
	if err := json.Unmarshal(sent, &user); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived[user.Email] = true
	if len(s.arrived) == s.cancelAt {
		close(s.reached)
	}
	return len(s.arrived) > s.cancelAt-pending
}

// Creates in an errgroup are canceled by the error of a sibling or by the caller. They must not return the sibling's error, and
// must not report that a create certainly failed if the server received it.
func TestUsers_Create_CancelledErrgroup(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		for _, status := range []int{http.StatusNotFound, http.StatusTooManyRequests} {
			t.Run(fmt.Sprintf("%s: a sibling's %d", p, status), func(t *testing.T) {
				t.Parallel()
				createInGroup(t, p, &groupServer{sibling: status, cancelAt: groupSize / 2})
			})
		}
		t.Run(string(p)+": random moments", func(t *testing.T) {
			t.Parallel()
			for range 50 {
				createInGroup(t, p, &groupServer{cancelAt: 1 + rand.IntN(groupSize)})
				if t.Failed() {
					return
				}
			}
		})
	}
}

// createInGroup runs the creates and compares their errors with the server's log.
func createInGroup(t *testing.T, p protocol, s *groupServer) {
	t.Helper()
	s.reached, s.arrived = make(chan struct{}), map[string]bool{}
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2, server.TLS = p == h2, serverTLS(p)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	transport := newFaultTransport()
	client, err := basiq.New("key", basiq.WithBaseURL(server.URL), basiq.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	// Fetch the token first, so that the token request cannot be the one that is canceled.
	_, err = client.Tokens.Get(t.Context(), basiq.ServerAccess())
	require.NoError(t, err)

	caller, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	group, ctx := errgroup.WithContext(caller)
	group.SetLimit(groupLimit)
	group.Go(func() error {
		if s.sibling != 0 {
			_, err := client.Users.Get(ctx, "u1")
			return err
		}
		select {
		case <-s.reached:
			cancel(basiq.ErrNotFound) // a cause that is not an error of the call
		case <-ctx.Done():
		}
		return nil
	})
	errs := make([]error, groupSize)
	for i := range errs {
		group.Go(func() error {
			_, errs[i] = client.Users.Create(ctx, basiq.CreateUser{Email: email(i)})
			return errs[i]
		})
	}
	groupErr := group.Wait()
	transport.CloseIdleConnections()
	server.Close() // waits for all requests, so that the log is complete
	if s.sibling != 0 {
		var sibling *basiq.Error
		require.ErrorAs(t, groupErr, &sibling)
		require.Equal(t, s.sibling, sibling.StatusCode)
	}
	checkGroup(t, s, errs)
}

func checkGroup(t *testing.T, s *groupServer, errs []error) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	cancelled := 0
	for i, err := range errs {
		arrived := s.arrived[email(i)]
		if err == nil {
			require.True(t, arrived, "create %d succeeded, but the server did not receive it", i)
			continue
		}
		cancelled++
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, basiq.ErrNotFound)
		require.NotErrorIs(t, err, basiq.ErrTooManyRequests)
		if arrived {
			require.True(t, basiq.MayHaveSucceeded(err), "create %d arrived: %v", i, err)
		}
	}
	require.Positive(t, cancelled, "the test must cancel some creates")
	assert.GreaterOrEqual(t, len(s.arrived), s.cancelAt)
}

func email(i int) string { return fmt.Sprintf("user-%d@example.com", i) }
