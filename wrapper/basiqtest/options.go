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

// config is what options change.
type config struct {
	seed          uint64
	speed         float64
	tokenLifetime time.Duration
	limits        bool
	// concurrentRefreshes makes every refresh start a job.
	concurrentRefreshes bool
	address             string
	redirectURL         *url.URL
	origins             []string // whose pages may use the API; "*" for all
	webhookClient       *http.Client
	logger              *slog.Logger
	injections          []*Injection
}

// Option changes how a [Sandbox] behaves. Its error is reported by [New] and [Start].
type Option func(*config) error

func newConfig(opts []Option) (config, error) {
	c := config{speed: 1, tokenLifetime: time.Hour, address: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		if opt == nil {
			return c, errors.New("an option is nil")
		}
		if err := opt(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Seed chooses what the sandbox draws: ids, tokens, the amounts in the banks' books, the odds of faults. Two sandboxes
// with the same seed that get the same calls in the same order, on the same day, give the same answers. The default is
// the seed 0.
func Seed(seed uint64) Option {
	return func(c *config) error {
		c.seed = seed
		return nil
	}
}

// Speed makes what the sandbox does of its own accord run factor times as fast as it is documented to: the steps of jobs,
// and the waits before a webhook's message is delivered again. The default is 1. Times that others have to keep stay as
// they are, and so do all dates: the two minutes for answering a challenge, the lifetime of tokens and links, the seven
// days for which jobs and events are kept. To see those pass, use testing/synctest. A factor that is not a positive finite
// number is an error.
func Speed(factor float64) Option {
	return func(c *config) error {
		if !(factor > 0) || math.IsInf(factor, 0) {
			return fmt.Errorf("speed %v is not a positive finite number", factor)
		}
		c.speed = factor
		return nil
	}
}

// TokenLifetime sets for how long a token is good; the default is one hour. Less than a second is an error. The
// expires_in of a token is the lifetime in whole seconds, rounded down.
func TokenLifetime(d time.Duration) Option {
	return func(c *config) error {
		if d < time.Second {
			return fmt.Errorf("token lifetime %v is less than a second", d)
		}
		c.tokenLifetime = d
		return nil
	}
}

// EnforceLimits switches on the limits that Basiq documents: 1,500 requests for tokens in five minutes, then 403; 500
// connections, then 403; 100 enrichments a month, then 429; affordability, income and expenses together, and reports, as
// many a day as users were created that day, 1,000 at the most, then 429. Without it there are none.
func EnforceLimits() Option {
	return func(c *config) error {
		c.limits = true
		return nil
	}
}

// ConcurrentRefreshes makes a refresh, or an update of a password, start a job and return 202 also while a job of the
// connection is running. That was recorded with API 2.1. The default is what Basiq's guide says: 200 with the running job.
func ConcurrentRefreshes() Option {
	return func(c *config) error {
		c.concurrentRefreshes = true
		return nil
	}
}

// Address chooses where [Start] listens, such as "127.0.0.1:8080"; the default is a free port of the loopback interface.
// Everyone who can reach the address can use the sandbox: its API key is public. An address without a port is an error.
// [New] does not listen, and takes no notice.
func Address(address string) Option {
	return func(c *config) error {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("address %q is no host and port, such as 127.0.0.1:8080", address)
		}
		c.address = address
		return nil
	}
}

// RedirectURL sets where the consent page sends the browser when its user is done, as the dashboard does at Basiq. Without
// it the page says so and stays. A URL that is not an absolute one of http or https is an error.
func RedirectURL(text string) Option {
	return func(c *config) error {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("redirect URL %q is no absolute URL, such as http://localhost:8080/back", text)
		}
		c.redirectURL = u
		return nil
	}
}

// AllowOrigin lets the pages of a web site, such as "http://localhost:3000", call the API from the browser: the answers get
// the headers of CORS, and the browser's question before a call, OPTIONS, is answered. It may be given several times; "*" is
// every site. Without it no browser hands an answer to a page of another origin. What Basiq does is not documented, so a
// front end that works with this may need a server of its own there. An origin has a scheme and a host and no path; any
// other text is an error.
func AllowOrigin(origin string) Option {
	return func(c *config) error {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
			origin != u.Scheme+"://"+u.Host) {
			return fmt.Errorf(`origin %q is none, such as http://localhost:3000, nor "*"`, origin)
		}
		c.origins = append(c.origins, origin)
		return nil
	}
}

// DeliverWith sets the client that delivers the messages of webhooks; the default is one with a timeout of ten seconds. A
// client without a timeout gets that too, and none follows redirects; the given one is not changed. Its transport must obey
// the context of a request, or [Sandbox.Close] waits for it. A test in a bubble of testing/synctest needs one whose transport
// opens no sockets. Nil is an error.
func DeliverWith(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return errors.New("the client of DeliverWith is nil")
		}
		c.webhookClient = client
		return nil
	}
}

// Logger logs what comes to the sandbox and goes out of it, at level Info: a line "request" for each request, when its
// answer is about to be sent, with the attributes of [Request.LogValue], and at level Debug its redacted body too; and a
// line "delivery" for each attempt at delivering a webhook's message. Nil is an error.
func Logger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return errors.New("the logger is nil")
		}
		c.logger = logger
		return nil
	}
}
