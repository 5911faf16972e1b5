package basiq

import (
	"fmt"

	"github.com/basiq-go/basiq-go/gen"
)

// Version identifies this package in the User-Agent header.
const Version = "0.1.0"

// DefaultBaseURL is where Basiq's API is, for production and for Basiq's own sandbox: the API key decides which.
const DefaultBaseURL = "https://au-api.basiq.io"

// Client calls the Basiq API. It is safe for use by many goroutines at once; make one and keep it, because it holds the
// access tokens and the connections. It needs no closing.
//
//nolint:recvcheck // a copy of a Client must print as safely as the Client
type Client struct {
	// Tokens trades the API key for access tokens. The other services do that by themselves.
	Tokens *TokensService
	// Users are the people whose bank data an application reads.
	Users *UsersService
	// Connections link a user to a bank, one for each login.
	Connections *ConnectionsService
	// Consents are what users allow the application to read. With API 3.0 they give them on Basiq's consent page.
	Consents *ConsentsService
	// AuthLinks take users to the consent page from a message.
	AuthLinks *AuthLinksService
	// Jobs is the work that Basiq does in the background, for example when a connection is created or refreshed.
	Jobs *JobsService
	// Accounts are the accounts that connections have fetched.
	Accounts *AccountsService
	// Transactions are the transactions that connections have fetched.
	Transactions *TransactionsService
	// Identities tell who users are, as their banks know them.
	Identities *IdentitiesService
	// Statements are bank statements that are uploaded, in place of a connection.
	Statements *StatementsService
	// Enrichment tells of a transaction's text who was paid and for what.
	Enrichment *EnrichmentService
	// Connectors are the ways to connect to banks.
	Connectors *ConnectorsService
	// Institutions are the banks, in API 2.1.
	Institutions *InstitutionsService
	// Reports are made of users' data, for example to assess what they can afford.
	Reports *ReportsService
	// Affordability sums up what users own, owe, earn and spend.
	Affordability *AffordabilityService
	// Income sums up what users earn.
	Income *IncomeService
	// Expenses sum up what users spend.
	Expenses *ExpensesService
	// Events are what has happened in the last seven days.
	Events *EventsService
	// Webhooks have Basiq tell the application of events as they happen.
	Webhooks *WebhooksService

	raw    *gen.Client
	tokens TokenSource
	config config
}

// New returns a client. apiKey is the key exactly as Basiq's dashboard shows it, without "Basic" before it; it may be
// empty only beside [WithTokenSource]. New sends nothing and reads no environment (the default http.Client obeys
// HTTPS_PROXY and its kin): a wrong key shows with the first call, as [ErrInvalidAPIKey]. An argument that cannot be right is an error that is [ErrInvalidInput].
func New(apiKey string, options ...Option) (*Client, error) {
	config, err := newConfig(apiKey, options)
	if err != nil {
		return nil, err
	}
	c := &Client{config: config}
	c.Tokens = &TokensService{client: c}
	c.Users = &UsersService{client: c}
	c.Connections = &ConnectionsService{client: c}
	c.Consents = &ConsentsService{client: c}
	c.AuthLinks = &AuthLinksService{client: c}
	c.Jobs = &JobsService{client: c}
	c.Accounts = &AccountsService{client: c}
	c.Transactions = &TransactionsService{client: c}
	c.Identities = &IdentitiesService{client: c}
	c.Statements = &StatementsService{client: c}
	c.Enrichment = &EnrichmentService{client: c}
	c.Connectors = &ConnectorsService{client: c}
	c.Institutions = &InstitutionsService{client: c}
	c.Reports = &ReportsService{client: c}
	c.Affordability = &AffordabilityService{client: c}
	c.Income = &IncomeService{client: c}
	c.Expenses = &ExpensesService{client: c}
	c.Events = &EventsService{client: c}
	c.Webhooks = &WebhooksService{client: c}

	c.tokens = config.tokenSource
	if c.tokens == nil {
		c.tokens = newTokenCache(config.apiKey, c.Tokens.Create)
	}

	c.raw = &gen.Client{Server: config.baseURL.String() + "/", Client: newChain(config, c.tokens)}
	return c, nil
}

// Format prints where the client goes, under every verb: what is inside is secret, and changes while it is printed.
func (c Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "basiq.Client(%s, API %s)", c.config.baseURL, c.config.version)
}

// Raw returns the generated client, for what the services do not offer. Its calls go the same way as those of the
// services: with a token, retries and hooks, and with ids checked. What comes back is the plain answer, whatever its
// status; its body has been read and need not be closed. That of PostToken is the token itself.
func (c *Client) Raw() *gen.Client {
	raw := *c.raw
	return &raw
}
