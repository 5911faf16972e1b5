package basiqtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// apiKey says what it is, so that nobody takes it for a real one that was leaked.
const apiKey = "basiqtest-not-a-real-api-key"

// The partner and the application that the API key stands for.
const (
	partnerID     = "b1d2a3c4-0000-4000-8000-000000000001"
	applicationID = "b1d2a3c4-0000-4000-8000-000000000002"
)

// TB is what [New] needs of a *testing.T, *testing.B or *testing.F. It is an interface so that programs which use
// [Start] do not link package testing.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// Sandbox plays the Basiq API. [New] and [Start] make one. It is an [http.Handler] too, so it can be mounted in any
// server; the links in its answers begin with the scheme and host of the request. All its methods are safe for
// concurrent use.
type Sandbox struct {
	config    config
	tb        TB // nil for one that Start made
	url       string
	routes    []route
	server    *http.Server
	transport *http.Transport
	client    *http.Client

	served   chan struct{}  // closed when the server accepts no more
	conns    sync.WaitGroup // the server's open connections
	closing  sync.Once
	closeErr error

	background sync.WaitGroup  // what the sandbox does of its own accord
	deliverer  *http.Client    // of webhooks' messages
	lifetime   context.Context //nolint:containedctx // It ends with the sandbox, and deliveries with it.
	end        context.CancelFunc
	books      *bank.Books

	mu     sync.Mutex // guards everything below
	closed bool
	random *rand.Rand

	agenda  agenda
	alarm   *time.Timer // nil when nothing is to come
	alarmAt time.Time

	injections []*Injection
	calling    *call // whose handler runs

	users     map[string]*user
	usersMade int
	// userCounts holds how many users were created and deleted on each day.
	userCounts userCounts
	jobs       map[string]*job
	// tokens holds expired tokens too: they are answered differently from unknown ones.
	tokens      map[string]*token
	tokenOrder  []string // their texts, the oldest first, and those of some that were revoked
	cursors     cursors
	visits      map[string]*visit // to the consent page
	enrichments enrichments
	reports     []*report
	events      []*event
	webhooks    []*webhook
	limits      limits
	log         requestLog
}

// New starts a sandbox in memory: it opens no port, and only [Sandbox.HTTPClient] reaches it. It is closed when the
// test ends. To use it inside a bubble of testing/synctest, make it there. A bad option ends the test.
func New(tb TB, opts ...Option) *Sandbox {
	tb.Helper()
	s, err := newSandbox(opts)
	if err != nil {
		tb.Fatalf("basiqtest.New: %v", err)
		return nil
	}
	s.tb = tb
	listener := newPipeListener()
	s.serve(listener, "http://localhost", listener.dial)
	// Connections in memory carry no TLS, so that requests for https://au-api.basiq.io arrive as well.
	s.transport.DialTLSContext = listener.dial
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// Start starts a sandbox that listens on a free port of the loopback interface, or where [Address] says. Close it after
// use. The error is a bad option's or the operating system's.
func Start(opts ...Option) (*Sandbox, error) {
	s, err := newSandbox(opts)
	if err != nil {
		return nil, fmt.Errorf("basiqtest.Start: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.config.address)
	if err != nil {
		return nil, fmt.Errorf("basiqtest.Start: %w", err)
	}
	s.serve(listener, "http://"+listener.Addr().String(), new(net.Dialer).DialContext)
	return s, nil
}

func newSandbox(opts []Option) (*Sandbox, error) {
	config, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	lifetime, end := context.WithCancel(context.Background())
	return &Sandbox{
		config:     config,
		routes:     routes(),
		served:     make(chan struct{}),
		deliverer:  newDeliverer(config.deliverer),
		lifetime:   lifetime,
		end:        end,
		books:      bank.Open(config.seed, time.Now()),
		random:     newRandom(config.seed),
		users:      map[string]*user{},
		userCounts: userCounts{},
		jobs:       map[string]*job{},
		tokens:     map[string]*token{},
		visits:     map[string]*visit{},
	}, nil
}

func (s *Sandbox) serve(listener net.Listener, url string, dial func(context.Context, string, string) (net.Conn, error)) {
	for _, i := range s.config.injections {
		s.arm(i)
	}
	s.url = url
	s.transport = &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100}
	s.client = &http.Client{Transport: s.transport}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ConnState: s.track}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // always http.ErrServerClosed
	}()
}

// track counts the server's connections, so that Close can wait until the goroutine of each has ended.
func (s *Sandbox) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	case http.StateActive, http.StateIdle:
	}
}

// Close stops the sandbox, closes its connections and waits until all its goroutines have ended. Further calls do
// nothing and return what the first did.
func (s *Sandbox) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.retire()
		s.mu.Unlock()
		s.end()
		s.transport.CloseIdleConnections()
		s.closeErr = s.server.Close()
		<-s.served
		s.conns.Wait()
		s.background.Wait()
	})
	return s.closeErr
}

// Shutdown is [Sandbox.Close], but waits until the requests that are under way have been answered, for as long as the
// context allows. It returns what Close does: that some were not answered is no error.
func (s *Sandbox) Shutdown(ctx context.Context) error {
	_ = s.server.Shutdown(ctx)
	return s.Close()
}

// URL returns where the sandbox listens, without a slash at the end. For one in memory it is "http://localhost", which
// means something to its [Sandbox.HTTPClient] only.
func (s *Sandbox) URL() string { return s.url }

// HTTPClient returns the client to reach the sandbox with. That of a sandbox in memory sends every request to it,
// whatever its scheme and host, so that it can stand in for an http.Client that calls https://au-api.basiq.io.
func (s *Sandbox) HTTPClient() *http.Client { return s.client }

// APIKey returns the one API key that POST /token takes, in `Authorization: Basic KEY`. It is the same for all sandboxes
// and no secret.
func (s *Sandbox) APIKey() string { return apiKey }

// Format prints where the sandbox is, under every verb: inside are tokens and what users have sent, and all of it changes
// while it is printed.
func (s *Sandbox) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "basiqtest.Sandbox(%s)", s.url) }

// RevokeTokens makes the sandbox forget all tokens handed out so far: from now on they are refused with 401
// invalid-authorization-token.
func (s *Sandbox) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// ExpireTokens makes all tokens handed out so far expire: from now on they are refused with 403 access-denied, "Token
// has expired".
func (s *Sandbox) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireTokens()
}
