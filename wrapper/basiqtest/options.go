package basiqtest

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

// config holds the settings that options change.
type config struct {
	seed          uint64
	speed         float64
	tokenLifetime time.Duration
	limits        bool
	// concurrentRefreshes makes every refresh start a new job.
	concurrentRefreshes bool
	address             string
	redirectURL         *url.URL
	origins             []string // origins that may use the API; "*" for all
	webhookClient       *http.Client
	logger              *slog.Logger
	injections          []*Injection
}

// An Option configures a [Sandbox]. [New] and [Start] report invalid options.
type Option func(*config) error

func newConfig(options []Option) (config, error) {
	c := config{speed: 1, tokenLifetime: time.Hour, address: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler)}
	for _, option := range options {
		if option == nil {
			return c, errors.New("nil option")
		}
		if err := option(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// WithSeed sets the seed of IDs, tokens, amounts and random faults. Two sandboxes with the same seed that receive the
// same calls in the same order on the same day return the same responses. The default is 0.
func WithSeed(seed uint64) Option {
	return func(c *config) error {
		c.seed = seed
		return nil
	}
}

// WithSpeed sets how much faster than documented the sandbox works: the steps of jobs and the delays between webhook
// deliveries. The default is 1. The factor must be positive and finite.
//
// It does not change dates or time limits for clients: the two minutes for answering a challenge, the lifetime of
// tokens and links, and the seven days that jobs and events are kept. To test those, use testing/synctest.
func WithSpeed(factor float64) Option {
	return func(c *config) error {
		if !(factor > 0) || math.IsInf(factor, 0) {
			return fmt.Errorf("speed %v is not a positive finite number", factor)
		}
		c.speed = factor
		return nil
	}
}

// WithTokenLifetime sets the lifetime of tokens. The default is one hour. The minimum is one second. The expires_in
// field of a token is the lifetime in whole seconds, rounded down.
func WithTokenLifetime(d time.Duration) Option {
	return func(c *config) error {
		if d < time.Second {
			return fmt.Errorf("token lifetime %v is less than a second", d)
		}
		c.tokenLifetime = d
		return nil
	}
}

// WithLimits enforces the limits that Basiq documents. By default only the refreshes of open-banking connections are
// limited (see [WithOpenBanking]). The limits are:
//
//   - 1,500 token requests in five minutes, then 403
//   - 500 connections, then 403
//   - 100 enrichments per month, then 429
//   - affordability, income and expense summaries together, and reports: each
//     as many per day as users were created that day, at most 1,000, then 429
func WithLimits() Option {
	return func(c *config) error {
		c.limits = true
		return nil
	}
}

// WithConcurrentRefreshes makes every refresh or password update start a job and respond with 202, even if a job of the
// connection is running. This was recorded with API 2.1. By default, the response is 200 with the running job, as in
// Basiq's guide.
func WithConcurrentRefreshes() Option {
	return func(c *config) error {
		c.concurrentRefreshes = true
		return nil
	}
}

// WithAddress sets the address that [Start] listens on, such as "127.0.0.1:8080". The default is a free port of the
// loopback interface. The address must have a port. [New] ignores this option. Anyone who can reach the address can use
// the sandbox, because its API key is public.
func WithAddress(address string) Option {
	return func(c *config) error {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("invalid address %q: must be host:port, such as 127.0.0.1:8080", address)
		}
		c.address = address
		return nil
	}
}

// WithRedirectURL sets the URL that the consent page redirects to after a visit, which is configured in the dashboard
// at Basiq. It must be an absolute http or https URL. Without it, the page shows a message instead.
func WithRedirectURL(text string) Option {
	return func(c *config) error {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("invalid redirect URL %q: must be an absolute http or https URL", text)
		}
		c.redirectURL = u
		return nil
	}
}

// WithAllowedOrigin allows web pages of an origin, such as "http://localhost:3000", to call the API from a browser. The
// sandbox then sends CORS headers and responds to preflight requests. The option can be given several times. The value
// "*" allows all origins. An origin must have an http or https scheme and a host, and no path. By default, no origin is
// allowed.
//
// Basiq's CORS support is not documented, so a front end that works with this option may need a server of its own in
// production.
func WithAllowedOrigin(origin string) Option {
	return func(c *config) error {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
			origin != u.Scheme+"://"+u.Host) {
			return fmt.Errorf(`invalid origin %q: must be a scheme and host, such as http://localhost:3000, or "*"`, origin)
		}
		c.origins = append(c.origins, origin)
		return nil
	}
}

// WithWebhookClient sets the HTTP client that delivers webhook messages. The default is a client with a timeout of ten
// seconds. The client must not be nil.
//
// The sandbox uses a copy of the client that does not follow redirects, and with the default timeout if it has none.
// The transport must respect request contexts, or [Sandbox.Close] blocks. In a synctest bubble, use a transport that
// opens no sockets, or [Sandbox.DeliverTo].
func WithWebhookClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return errors.New("WithWebhookClient: nil client")
		}
		c.webhookClient = client
		return nil
	}
}

// WithLogger sets the logger, which must not be nil. By default, nothing is logged. The sandbox logs a record "request"
// at level Info before each response, with the attributes of [Request.LogValue]. At level Debug, the record includes
// the redacted body. It also logs a record "delivery" for each attempt to deliver a webhook message.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return errors.New("nil logger")
		}
		c.logger = logger
		return nil
	}
}
