package basiq

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// APIVersion is a version of the Basiq API. It belongs to the access token, and so to the client.
type APIVersion string

const (
	// APIVersion21 lets the application create and update connections with bank credentials.
	APIVersion21 APIVersion = "2.1"
	// APIVersion30 has the user connect on Basiq's consent page, and adds consents, events, reports and more. It is
	// what [New] takes unless told otherwise.
	APIVersion30 APIVersion = "3.0"
)

// Retry says how often, and after how long, a call is sent again. A field that is 0 has its default. See the package
// documentation for when calls are sent again.
type Retry struct {
	// MaxAttempts is how often a call is sent in all: 1 to 10, by default 4. 1 means never again.
	MaxAttempts int
	// BaseDelay bounds the first wait, which is drawn at random from 0 to BaseDelay: by default 0.5 s. Each further bound
	// is twice the one before.
	BaseDelay time.Duration
	// MaxDelay bounds every wait: by default 30 s, or BaseDelay if that is more; at most an hour. When the server asks
	// for a longer wait in Retry-After, the call ends at once with its error.
	MaxDelay time.Duration
}

const (
	maxAttemptsLimit = 10
	maxDelayLimit    = time.Hour
	// A page of 500 transactions is a third of a MiB; this leaves room for reports and still bounds a hostile answer.
	defaultBodyLimit = 32 << 20
)

var defaultRetry = Retry{MaxAttempts: 4, BaseDelay: 500 * time.Millisecond, MaxDelay: 30 * time.Second}

// Option changes what [New] returns. Of two that set the same thing, the later wins.
type Option func(*config) error

// config is what the options say; nothing changes it after New.
type config struct {
	apiKey     Secret
	baseURL    *url.URL
	consentURL *url.URL
	version    APIVersion
	httpClient *http.Client
	// uploadClient is for what takes longer to send than other requests.
	uploadClient *http.Client
	product      string
	retry        Retry
	bodyLimit    int64
	middleware   []Middleware
	logger       *slog.Logger
	tokenSource  TokenSource
	limiter      Limiter
}

func newConfig(apiKey string, options []Option) (config, error) {
	c := config{
		apiKey:    api.NewSecret(apiKey),
		version:   APIVersion30,
		retry:     defaultRetry,
		bodyLimit: defaultBodyLimit,
		logger:    slog.New(slog.DiscardHandler),
	}
	for _, option := range []Option{WithBaseURL(DefaultBaseURL), WithConsentURL(DefaultConsentURL)} {
		if err := option(&c); err != nil {
			return config{}, err
		}
	}
	for _, option := range options {
		if option == nil {
			return config{}, invalidInput("New", "options", "one of them is nil")
		}
		if err := option(&c); err != nil {
			return config{}, err
		}
	}
	c.setHTTPClients()
	if c.tokenSource == nil || apiKey != "" {
		if problem := checkAPIKey(apiKey); problem != "" {
			return config{}, invalidInput("New", "apiKey", problem)
		}
	}
	return c, nil
}

// checkAPIKey says what is wrong with a key. The key itself must not appear in the answer.
func checkAPIKey(apiKey string) string {
	switch {
	case apiKey == "":
		return "it is empty; copy the key from Basiq's dashboard"
	case strings.HasPrefix(apiKey, "Basic "):
		return `it begins with "Basic "; give only what follows`
	case !inHeader(apiKey):
		return "it has a space, a line break or a character beyond ASCII; copy the key exactly as the dashboard shows it"
	}
	return ""
}

// userAgent returns what the User-Agent header says.
func (c *config) userAgent() string {
	own := fmt.Sprintf("basiq-go/%s (%s; %s)", Version, runtime.Version(), runtime.GOOS)
	return strings.TrimSpace(c.product + " " + own)
}

// WithAPIVersion sets the API version that the client's tokens speak: [APIVersion21] or [APIVersion30], the default.
func WithAPIVersion(version APIVersion) Option {
	return func(c *config) error {
		if version != APIVersion21 && version != APIVersion30 {
			return invalidInput("New", "WithAPIVersion", fmt.Sprintf("%q is not supported; use basiq.APIVersion21 or basiq.APIVersion30", version))
		}
		c.version = version
		return nil
	}
}

// WithBaseURL sets where the API is, [DefaultBaseURL] by default. It must be an https URL, or an http URL of this very
// machine (localhost, 127.0.0.1, ::1): over anything else the token could be read on its way.
func WithBaseURL(baseURL string) Option {
	return func(c *config) error {
		u, err := parseEndpoint("WithBaseURL", baseURL, DefaultBaseURL)
		if err != nil {
			return err
		}
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
		c.baseURL = u
		return nil
	}
}

// WithConsentURL sets where the consent page is, [DefaultConsentURL] by default. What [WithBaseURL] asks of a URL holds
// for this one too: the user's browser carries a token there.
func WithConsentURL(consentURL string) Option {
	return func(c *config) error {
		u, err := parseEndpoint("WithConsentURL", consentURL, DefaultConsentURL)
		if err != nil {
			return err
		}
		c.consentURL = u
		return nil
	}
}

// parseEndpoint reads a URL that tokens are sent to.
func parseEndpoint(option, text, example string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse repeats the URL, which may hold a password.
		return nil, invalidInput("New", option, "it is not a URL")
	}
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, invalidInput("New", option, "it names no host; give something like "+example)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, invalidInput("New", option, "it has a user, a query or a fragment; give something like "+example)
	case u.Path != "" && path.Clean(u.Path) != strings.TrimRight(u.Path, "/") && path.Clean(u.Path) != "/":
		return nil, invalidInput("New", option, "its path has a step or an empty part; give something like "+example)
	case !secure(u):
		return nil, invalidInput("New", option, "it is neither https nor http on this machine")
	}
	return u, nil
}

// WithHTTPClient sets the client that sends the requests. It is never changed: its Timeout bounds one attempt, and its
// Transport is the place for tracing, proxies and certificates. Only its CheckRedirect is not used: redirects are not
// followed, because the API has none, and are returned as an [Error] with their status. By default, and with a client whose
// Timeout is 0, an attempt has 30 s, and one of [StatementsService.Upload] ten minutes. A transport that allows TLS below
// 1.2 is [ErrInvalidInput].
//
// Start from [NewTransport] rather than from an empty http.Transport: without HTTP/2 pings (http.HTTP2Config) a connection
// that died silently is used until TCP gives up. A RoundTripper that wraps a transport should implement [PassThrough] where
// that is true; otherwise a create is not retried even if the connection was refused.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return invalidInput("New", "WithHTTPClient", "it is nil; leave the option out to use the default")
		}
		if transport, ok := client.Transport.(*http.Transport); ok && transport != nil && allowsOldTLS(transport.TLSClientConfig) {
			return invalidInput("New", "WithHTTPClient", "it allows TLS below 1.2; leave MinVersion out, or set it to tls.VersionTLS12")
		}
		c.httpClient = client
		return nil
	}
}

// A Limiter delays requests to stay within a rate limit. [golang.org/x/time/rate.Limiter] implements it; implement your own
// to share a limit between processes. [CallFromContext] returns the call that waits. It must be safe for concurrent use.
type Limiter interface {
	// Wait returns when a request may be sent, or an error if it may not be sent, because ctx has ended or would end before.
	Wait(ctx context.Context) error
}

// WithRateLimit makes every request wait for limiter before it is sent, retries and token requests included:
//
//	basiq.WithRateLimit(rate.NewLimiter(20, 10)) // at most 20 a second, 10 at once
//
// Use it if you know the quota that you have with Basiq: only that of token requests is published. By default nothing
// waits until Basiq responds with 429. If limiter returns an error, the request is not sent and the call ends with it.
//
// The wait comes before the attempt: middleware, the logger's duration and the attempt's timeout do not include it. Only a
// request that is sent again inside an attempt, because its token was rejected or by middleware, waits inside it.
func WithRateLimit(limiter Limiter) Option {
	return func(c *config) error {
		if limiter == nil {
			return invalidInput("New", "WithRateLimit", "it is nil; leave the option out to have no limit")
		}
		c.limiter = limiter
		return nil
	}
}

// WithRetry sets how often, and after how long, a call is sent again: by default 4 attempts in all, with waits of up to
// 0.5 s, 1 s and 2 s drawn at random, and 30 s as the most that Retry-After can ask for.
func WithRetry(retry Retry) Option {
	return func(c *config) error {
		if retry.MaxAttempts == 0 {
			retry.MaxAttempts = defaultRetry.MaxAttempts
		}
		if retry.BaseDelay == 0 {
			retry.BaseDelay = defaultRetry.BaseDelay
		}
		if retry.MaxDelay == 0 {
			retry.MaxDelay = max(defaultRetry.MaxDelay, retry.BaseDelay)
		}
		switch {
		case retry.MaxAttempts < 1 || retry.MaxAttempts > maxAttemptsLimit:
			return invalidInput("New", "WithRetry", fmt.Sprintf("MaxAttempts is %d; give 1 to %d", retry.MaxAttempts, maxAttemptsLimit))
		case retry.BaseDelay < 0 || retry.MaxDelay < retry.BaseDelay || retry.MaxDelay > maxDelayLimit:
			return invalidInput("New", "WithRetry", "give a BaseDelay of 0 or more, and a MaxDelay from BaseDelay to an hour")
		}
		c.retry = retry
		return nil
	}
}

// WithMiddleware adds hooks around every attempt of every call, the first outermost.
func WithMiddleware(middleware ...Middleware) Option {
	return func(c *config) error {
		for _, m := range middleware {
			if m == nil {
				return invalidInput("New", "WithMiddleware", "one of them is nil")
			}
		}
		c.middleware = append(c.middleware, middleware...)
		return nil
	}
}

// WithLogger logs every attempt at level debug: operation, method, path template, attempt, status, duration without any
// waiting, correlation ID, and the transport's error without the URL. Fields of a response that are not of the documented
// kind are logged at level warn, by their path. IDs of people, headers and bodies are never logged. By default nothing is
// logged.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return invalidInput("New", "WithLogger", "it is nil; leave the option out to log nothing")
		}
		c.logger = logger
		return nil
	}
}

// WithUserAgent puts product, for example "acme-lending/2.3", before this package's own name in the User-Agent header.
func WithUserAgent(product string) Option {
	return func(c *config) error {
		if product == "" || strings.ContainsFunc(product, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return invalidInput("New", "WithUserAgent", "it is empty or has characters that a header cannot hold")
		}
		c.product = product
		return nil
	}
}

// WithMaxResponseBytes sets the largest size of a response body, after decompression. The default is 32 MiB. The error for a
// larger body is [ErrResponseTooLarge]. It is also returned if the values of a body would take more than about 100 MiB.
func WithMaxResponseBytes(limit int64) Option {
	return func(c *config) error {
		if limit < 1 {
			return invalidInput("New", "WithMaxResponseBytes", "give at least 1")
		}
		c.bodyLimit = limit
		return nil
	}
}

// WithTokenSource replaces where access tokens come from, for example to share them among processes. By default the
// client gets them with its API key and keeps them in memory.
func WithTokenSource(source TokenSource) Option {
	return func(c *config) error {
		if source == nil {
			return invalidInput("New", "WithTokenSource", "it is nil; leave the option out to use the API key")
		}
		c.tokenSource = source
		return nil
	}
}

// secure reports whether a token may be sent to u: to https, or to this very machine.
func secure(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	if u.Scheme != "http" {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// sameOrigin reports whether both URLs have the same scheme and host.
func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
