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

// apiKey is obviously fake, so that it cannot be mistaken for a leaked key.
const apiKey = "basiqtest-not-a-real-api-key"

// The partner and application of the API key.
const (
	partnerID     = "b1d2a3c4-0000-4000-8000-000000000001"
	applicationID = "b1d2a3c4-0000-4000-8000-000000000002"
)

// TB is the part of *testing.T, *testing.B and *testing.F that [New] uses. It is an interface so that programs that use
// [Start] do not link package testing.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// A Sandbox is a fake Basiq API server, created with [New] or [Start]. It implements [http.Handler], so it can be
// mounted in any server. Links in responses use the scheme and host of the request. Its methods are safe for concurrent
// use.
type Sandbox struct {
	config    config
	tb        TB // nil if created by Start
	url       string
	routes    []route
	server    *http.Server
	transport *http.Transport
	client    *http.Client

	served   chan struct{}  // closed when the server has stopped accepting connections
	conns    sync.WaitGroup // open server connections
	closing  sync.Once
	closeErr error

	background sync.WaitGroup  // background tasks
	lifetime   context.Context //nolint:containedctx // canceled by Close, to stop deliveries
	cancel     context.CancelFunc
	books      *bank.Books

	mu     sync.Mutex // guards everything below
	closed bool
	// advanced is the difference between the sandbox's clock and the real one.
	advanced time.Duration
	random   *rand.Rand

	scheduler scheduler
	timer     *time.Timer // nil if no task is scheduled
	timerAt   time.Time

	injections  []*Injection
	currentCall *call // call whose handler is running

	users        map[string]*user
	usersCreated int
	// userCounts contains the number of users created and deleted on each day.
	userCounts userCounts
	jobs       map[string]*job
	// tokens includes expired tokens, because the response for those differs from that for unknown tokens.
	tokens        map[string]*token
	tokenOrder    []string // keys of tokens, the oldest first; may include revoked tokens
	cursors       cursors
	visits        map[string]*visit // to the consent page
	enrichments   enrichments
	reports       []*report
	events        []*event
	webhooks      []*webhook
	webhookClient *http.Client   // delivers webhook messages
	receivers     []*http.Server // of DeliverTo
	limits        limits
	log           requestLog
}

// New creates an in-memory sandbox. It opens no port and can only be reached with [Sandbox.HTTPClient]. It is closed
// when the test ends. To use it in a synctest bubble, create it in the bubble. If an option is invalid, New fails the
// test.
func New(tb TB, options ...Option) *Sandbox {
	tb.Helper()
	s, err := newSandbox(options)
	if err != nil {
		tb.Fatalf("basiqtest.New: %v", err)
		return nil
	}
	s.tb = tb
	listener := newPipeListener()
	s.serve(listener, "http://localhost", listener.dial)
	// In-memory connections do not use TLS, so that requests for https://au-api.basiq.io also work.
	s.transport.DialTLSContext = listener.dialTLS
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// Start creates a sandbox that listens on a free port of the loopback interface, or on the address of [WithAddress].
// The caller must close it. Start returns an error if an option is invalid or listening fails.
func Start(options ...Option) (*Sandbox, error) {
	s, err := newSandbox(options)
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

func newSandbox(options []Option) (*Sandbox, error) {
	config, err := newConfig(options)
	if err != nil {
		return nil, err
	}
	lifetime, end := context.WithCancel(context.Background())
	return &Sandbox{
		config:        config,
		routes:        routes(),
		served:        make(chan struct{}),
		webhookClient: newWebhookClient(config.webhookClient),
		lifetime:      lifetime,
		cancel:        end,
		books:         bank.Open(config.seed, time.Now()),
		random:        newRandom(config.seed),
		users:         map[string]*user{},
		userCounts:    userCounts{},
		jobs:          map[string]*job{},
		tokens:        map[string]*token{},
		visits:        map[string]*visit{},
	}, nil
}

func (s *Sandbox) serve(listener net.Listener, url string, dial func(context.Context, string, string) (net.Conn, error)) {
	for _, i := range s.config.injections {
		s.registerInjection(i)
	}
	s.url = url
	s.transport = &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100}
	s.client = &http.Client{Transport: s.transport}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ConnState: s.trackConn, ConnContext: connContext}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // always http.ErrServerClosed
	}()
}

// trackConn counts the server's connections, so that Close can wait for their goroutines.
func (s *Sandbox) trackConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	case http.StateActive, http.StateIdle:
	}
}

// Close stops the sandbox, closes its connections and waits for its goroutines. Further calls have no effect and return
// the same result.
func (s *Sandbox) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.stop()
		s.mu.Unlock()
		s.cancel()
		s.transport.CloseIdleConnections()
		s.closeErr = s.server.Close()
		for _, receiver := range s.receivers {
			_ = receiver.Close()
		}
		<-s.served
		s.background.Wait() // including the accept loops of DeliverTo
		s.conns.Wait()
	})
	return s.closeErr
}

// Shutdown waits for requests in flight until ctx is done, and then calls [Sandbox.Close]. It returns the result of
// Close, even if not all requests have completed.
func (s *Sandbox) Shutdown(ctx context.Context) error {
	_ = s.server.Shutdown(ctx)
	return s.Close()
}

// URL returns the sandbox's base URL without a trailing slash. For an in-memory sandbox it is "http://localhost", which
// works with [Sandbox.HTTPClient] only.
func (s *Sandbox) URL() string { return s.url }

// HTTPClient returns an HTTP client for the sandbox. For an in-memory sandbox, it sends every request to the sandbox
// regardless of scheme and host. It can therefore replace a client that calls https://au-api.basiq.io. It does not perform
// a TLS handshake, so the TLS field of responses is nil.
func (s *Sandbox) HTTPClient() *http.Client { return s.client }

// APIKey returns the only API key that POST /token accepts, as `Authorization: Basic KEY`. It is the same for all
// sandboxes and not a secret.
func (s *Sandbox) APIKey() string { return apiKey }

// Format implements [fmt.Formatter]. It prints only the URL, so that formatting a Sandbox never reveals tokens or user
// data and does not race with requests.
func (s *Sandbox) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "basiqtest.Sandbox(%s)", s.url) }

// RevokeTokens revokes all tokens issued so far. Requests with them fail with 401 invalid-authorization-token.
func (s *Sandbox) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// ExpireTokens expires all tokens issued so far. Requests with them fail with 403 access-denied, "Token has expired".
func (s *Sandbox) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireTokens()
}
