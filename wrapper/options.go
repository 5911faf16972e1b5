package basiq

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// APIVersion is a version of the Basiq API. It belongs to the access token, and so to the client.
type APIVersion string

// The versions of the API.
const (
	// APIVersion21 lets the application create and update connections with bank credentials.
	APIVersion21 APIVersion = "2.1"
	// APIVersion30 lets users connect on Basiq's consent page, and adds consents, events, reports and more. It is the
	// default.
	APIVersion30 APIVersion = "3.0"
)

// RetryPolicy specifies how often, and after what delays, a call is retried. The package documentation describes when.
// A zero field has its default.
type RetryPolicy struct {
	// MaxAttempts is the number of attempts in total, from 1 to 10. The default is 4.
	MaxAttempts int
	// BaseDelay is the maximum of the first delay, which is a random duration from 0 to BaseDelay. The maximum doubles
	// with each further delay. The default is 0.5 s.
	BaseDelay time.Duration
	// MaxDelay is the maximum of every delay, at most an hour. The default is 30 s, or BaseDelay if it is longer. If a
	// Retry-After is longer, the call is not retried.
	MaxDelay time.Duration
}

const (
	maxAttemptsLimit = 10
	maxDelayLimit    = time.Hour
	// A page of 500 transactions takes a third of a MiB. The limit allows for reports and still limits a hostile
	// response.
	defaultBodyLimit = 32 << 20
)

var defaultRetry = RetryPolicy{MaxAttempts: 4, BaseDelay: 500 * time.Millisecond, MaxDelay: 30 * time.Second}

// An Option configures a [Client]. If an option is given more than once, the last one takes effect, except for
// [WithMiddleware] and [WithObserver], which add to the previous ones.
type Option func(*config) error

// config holds the settings of a client. It does not change after New.
type config struct {
	apiKey  Secret
	baseURL *url.URL
	// server is the host and the port of baseURL.
	server     string
	consentURL *url.URL
	version    APIVersion
	httpClient *http.Client
	// timeout limits one attempt, uploadTimeout one attempt of an upload.
	timeout, uploadTimeout time.Duration
	product                string
	retry                  RetryPolicy
	bodyLimit              int64
	middleware             []Middleware
	logger                 *slog.Logger
	tokenSource            TokenSource
	limiter                Limiter
	unknown                *unknownFields
	observers              observers
}

func newConfig(apiKey string, options []Option) (config, error) {
	c := config{
		apiKey:    api.NewSecret(apiKey),
		version:   APIVersion30,
		retry:     defaultRetry,
		bodyLimit: defaultBodyLimit,
	}
	for _, option := range append([]Option{WithBaseURL(DefaultBaseURL), WithConsentURL(DefaultConsentURL)}, options...) {
		if option == nil {
			return config{}, invalidInput("New", "options", "nil option")
		}
		if err := option(&c); err != nil {
			return config{}, err
		}
	}
	c.setHTTPClient()
	port := map[string]string{"http": "80", "https": "443"}[c.baseURL.Scheme]
	c.server = net.JoinHostPort(c.baseURL.Hostname(), cmp.Or(c.baseURL.Port(), port))
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	} else {
		c.observers = append(observers{logObserver(c.logger)}, c.observers...)
	}
	if c.tokenSource == nil || apiKey != "" {
		if problem := checkAPIKey(apiKey); problem != "" {
			return config{}, invalidInput("New", "apiKey", problem)
		}
	}
	return c, nil
}

// checkAPIKey describes why a key is invalid, without the key, or returns "".
func checkAPIKey(apiKey string) string {
	switch {
	case apiKey == "":
		return "must not be empty"
	case strings.HasPrefix(apiKey, "Basic "):
		return `must not begin with "Basic "`
	case !isHeaderSafe(apiKey):
		return "must not contain spaces, line breaks or non-ASCII characters"
	}
	return ""
}

// setting returns an option that returns an error with problem unless its argument is valid.
func setting(name string, valid bool, problem string, set func(*config)) Option {
	return func(c *config) error {
		if !valid {
			return invalidInput("New", name, problem)
		}
		set(c)
		return nil
	}
}

// WithAPIVersion sets the API version of the client's tokens: [APIVersion21] or [APIVersion30]. The default is
// [APIVersion30].
func WithAPIVersion(version APIVersion) Option {
	return setting("WithAPIVersion", version == APIVersion21 || version == APIVersion30,
		fmt.Sprintf("unsupported version %q", version),
		func(c *config) { c.version = version })
}

// WithBaseURL sets the URL of the API. The default is [DefaultBaseURL]. It must be an https URL, or an http URL of this
// machine (localhost, 127.0.0.0/8, ::1), so that the token is not sent in clear text. It may have a path, but no user,
// query or fragment.
func WithBaseURL(baseURL string) Option {
	u, problem := parseEndpoint(baseURL, DefaultBaseURL)
	if problem == "" {
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	}
	return setting("WithBaseURL", problem == "", problem, func(c *config) { c.baseURL = u })
}

// WithConsentURL sets the URL of the consent page. The default is [DefaultConsentURL]. As in [WithBaseURL], it must be
// an https URL, or an http URL of this machine, because the user's browser sends a token to it.
func WithConsentURL(consentURL string) Option {
	u, problem := parseEndpoint(consentURL, DefaultConsentURL)
	return setting("WithConsentURL", problem == "", problem, func(c *config) { c.consentURL = u })
}

// parseEndpoint parses a URL that tokens are sent to. It also returns why the URL is invalid, or "".
func parseEndpoint(text, example string) (u *url.URL, problem string) {
	u, err := url.Parse(text)
	switch {
	case err != nil: // the error repeats the URL, which may contain a password
		return nil, "invalid URL"
	case u.Host == "" || u.Opaque != "":
		return nil, "missing host, for example " + example
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "must not contain a user, query or fragment"
	case u.Path != "" && path.Clean(u.Path) != strings.TrimRight(u.Path, "/") && path.Clean(u.Path) != "/":
		return nil, "path must not contain dot segments or empty segments"
	case !secure(u):
		return nil, "scheme must be https (http is allowed for localhost only)"
	}
	return u, ""
}

// WithHTTPClient sets the client whose Transport, Jar and Timeout are used for the requests. It is not modified. Its
// Timeout limits one attempt. The default is 30 s, and ten minutes for [StatementsService.Upload]. Its Transport is the
// place for tracing, proxies and certificates, and must not allow TLS below 1.2. Its CheckRedirect is not used: a redirect
// is returned as an [Error].
//
// Start from [NewTransport] rather than from an empty http.Transport. Without HTTP/2 pings (http.HTTP2Config) a dead
// connection is used until TCP times out. A RoundTripper that wraps a transport should implement [PassThrough] if it
// satisfies its conditions; otherwise a create is not retried even if the connection was refused.
func WithHTTPClient(client *http.Client) Option {
	if client == nil {
		return setting("WithHTTPClient", false, "must not be nil", nil)
	}
	transport, _ := client.Transport.(*http.Transport)
	return setting("WithHTTPClient", transport == nil || !allowsOldTLS(transport.TLSClientConfig),
		"must not allow TLS versions below 1.2",
		func(c *config) { c.httpClient = client })
}

// A Limiter delays requests to stay within a rate limit. [golang.org/x/time/rate.Limiter] implements it; implement your
// own to share a limit between processes. [CallFromContext] returns the call that waits. It must be safe for concurrent
// use.
type Limiter interface {
	// Wait returns when a request may be sent, or an error if it may not be sent, because ctx has ended or would end
	// before.
	Wait(ctx context.Context) error
}

// WithRateLimit makes every request wait for limiter before it is sent, retries and token requests included:
//
//	basiq.WithRateLimit(rate.NewLimiter(20, 10)) // at most 20 a second, 10 at once
//
// By default requests wait only after Basiq responds with 429. Use it if you know your quota. Basiq publishes only the
// quota of token requests. If limiter returns an error, the request is not sent and the call ends with it.
//
// The wait precedes the attempt, so middleware, the logged duration and the timeout of the attempt do not include it.
// This does not apply to further requests inside an attempt, which are sent after a rejected token or by middleware.
func WithRateLimit(limiter Limiter) Option {
	return setting("WithRateLimit", limiter != nil, "must not be nil",
		func(c *config) { c.limiter = limiter })
}

// WithRetry sets how often, and after what delays, a call is retried. The default is the zero [RetryPolicy].
func WithRetry(retry RetryPolicy) Option {
	retry.MaxAttempts = cmp.Or(retry.MaxAttempts, defaultRetry.MaxAttempts)
	retry.BaseDelay = cmp.Or(retry.BaseDelay, defaultRetry.BaseDelay)
	retry.MaxDelay = cmp.Or(retry.MaxDelay, max(defaultRetry.MaxDelay, retry.BaseDelay))
	if retry.MaxAttempts < 1 || retry.MaxAttempts > maxAttemptsLimit {
		return setting("WithRetry", false, fmt.Sprintf("MaxAttempts %d out of range [1, %d]", retry.MaxAttempts, maxAttemptsLimit), nil)
	}
	return setting("WithRetry", retry.BaseDelay >= 0 && retry.MaxDelay >= retry.BaseDelay && retry.MaxDelay <= maxDelayLimit,
		"BaseDelay must not be negative and MaxDelay must be in the range [BaseDelay, 1h]",
		func(c *config) { c.retry = retry })
}

// WithMiddleware adds middleware around every attempt of every call, the first outermost. It can be given more than once.
func WithMiddleware(middleware ...Middleware) Option {
	hasNil := slices.ContainsFunc(middleware, func(m Middleware) bool { return m == nil })
	return setting("WithMiddleware", !hasNil, "nil middleware",
		func(c *config) { c.middleware = append(c.middleware, middleware...) })
}

// WithLogger logs calls that failed at level warn, calls that succeeded after a retry at level info, and every attempt at
// level debug: operation, method, path template, number of attempts, status, duration without any waiting, correlation
// ID, and the transport's error without the URL. A call whose context was canceled is logged at level debug. Response
// fields that are not of the documented kind are logged at level warn, by their path. IDs, headers and bodies are never
// logged. By default nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return setting("WithLogger", logger != nil, "must not be nil",
		func(c *config) { c.logger = logger })
}

// WithUserAgent sets the product, for example "acme-lending/2.3", that precedes the name of this package in the
// User-Agent header. product must not be empty. By default the header names only this package.
func WithUserAgent(product string) Option {
	invalid := strings.ContainsFunc(product, func(r rune) bool { return r < ' ' || r >= 0x7f })
	return setting("WithUserAgent", product != "" && !invalid, "must not be empty or contain characters that are invalid in a header",
		func(c *config) { c.product = product })
}

// WithMaxResponseBytes sets the largest size of a response body, after decompression. The default is 32 MiB, and the
// minimum 1. The error for a larger body is [ErrResponseTooLarge]. It is also returned if the values of a body would take more
// than about 100 MiB.
func WithMaxResponseBytes(limit int64) Option {
	return setting("WithMaxResponseBytes", limit >= 1, "must be at least 1", func(c *config) { c.bodyLimit = limit })
}

// WithTokenSource sets the source of access tokens, for example to share them among processes. By default the client
// requests them with its API key and keeps them in memory.
func WithTokenSource(source TokenSource) Option {
	return setting("WithTokenSource", source != nil, "must not be nil",
		func(c *config) { c.tokenSource = source })
}

// secure reports whether a token may be sent to u: over https, or to this machine.
func secure(u *url.URL) bool {
	host := u.Hostname()
	local := strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// sameOrigin reports whether both URLs have the same scheme and host.
func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
