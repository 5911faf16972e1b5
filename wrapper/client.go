package basiq

import (
	"fmt"

	"github.com/basiq-go/basiq-go/gen"
)

// Version identifies this package in the User-Agent header.
const Version = "0.1.0"

// DefaultBaseURL is the URL of Basiq's API. The API key selects production or Basiq's own sandbox.
const DefaultBaseURL = "https://au-api.basiq.io"

// Client calls the Basiq API. It is safe for concurrent use. Create one and reuse it, because it holds the access
// tokens and the connections. A Client does not have to be closed.
//
//nolint:recvcheck // a copy of a Client must print as safely as the Client
type Client struct {
	Tokens        *TokensService
	Users         *UsersService
	Connections   *ConnectionsService
	Consents      *ConsentsService
	AuthLinks     *AuthLinksService
	Jobs          *JobsService
	Accounts      *AccountsService
	Transactions  *TransactionsService
	Identities    *IdentitiesService
	Statements    *StatementsService
	Enrichment    *EnrichmentService
	Connectors    *ConnectorsService
	Institutions  *InstitutionsService
	Reports       *ReportsService
	Affordability *AffordabilityService
	Income        *IncomeService
	Expenses      *ExpensesService
	Insights      *InsightsService
	Payees        *PayeesService
	Merchants     *MerchantsService
	Analytics     *AnalyticsService
	Events        *EventsService
	Webhooks      *WebhooksService

	raw    *gen.Client
	tokens TokenSource
	config config
}

// New returns a client. apiKey is the key exactly as shown in Basiq's dashboard, without the prefix "Basic". It may
// only be empty with [WithTokenSource]. New sends no request and reads no environment variables, except that the
// default http.Client uses HTTPS_PROXY. The first call returns [ErrInvalidAPIKey] if the key is wrong. New returns
// [ErrInvalidInput] if an argument is invalid.
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
	c.Insights = &InsightsService{client: c}
	c.Payees = &PayeesService{client: c}
	c.Merchants = &MerchantsService{client: c}
	c.Analytics = &AnalyticsService{client: c}
	c.Events = &EventsService{client: c}
	c.Webhooks = &WebhooksService{client: c}

	c.tokens = config.tokenSource
	if c.tokens == nil {
		c.tokens = newTokenCache(config.apiKey, c.Tokens.Create)
	}

	c.raw = &gen.Client{Server: config.baseURL.String() + "/", Client: newChain(config, c.tokens)}
	return c, nil
}

// Format implements [fmt.Formatter]. It prints only the base URL and API version, so that formatting a Client never
// reveals credentials.
func (c Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "basiq.Client(%s, API %s)", c.config.baseURL, c.config.version)
}

// Raw returns the generated client, for features that the services do not have. Its calls pass the same stages as calls
// of the services, and IDs are checked. Its methods return the response with any status. The body is in memory and does
// not have to be closed. The response of PostToken contains the token.
func (c *Client) Raw() *gen.Client {
	raw := *c.raw
	return &raw
}
