package basiqtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// mainUser and otherUser are prefixes of email addresses, of the callers' own users and of temporary
// users.
const (
	mainUser  = "main"
	otherUser = "other"
)

// A soaker is one of the callers of a soak. No other caller touches the resources it creates.
type soaker struct {
	*soak

	ctx     context.Context //nolint:containedctx // the test's context, for all calls
	name    string
	random  *rand.Rand
	created int // makes names unique

	user, email  string
	connections  []connected
	accounts     []string
	transactions []string
	jobs         []string
	others       map[string]string   // emails of other users by ID
	webhooks     map[string]string   // names of webhooks by ID
	event        basiq.EventTypeName // event type for the subscriber; "" for none, or if already tried
	subscriber   string              // webhook ID
	reports      map[string]string   // titles of reports by ID
	affordable   []string            // IDs of summaries, like the next two fields
	incomes      []string
	expenses     []string
	link         string // public URL of the auth link, if known
}

// connected is a connection.
type connected struct{ id, password string }

// subscribable lists event types. Only one webhook of an application can subscribe to each.
var subscribable = []basiq.EventTypeName{
	basiq.EventTypeNameConnectionActivated, basiq.EventTypeNameConnectionDeleted, basiq.EventTypeNameConnectionInvalidated,
	basiq.EventTypeNameConsentCreated, basiq.EventTypeNameConsentExpired, basiq.EventTypeNameConsentRevoked,
	basiq.EventTypeNameTransactionsUpdated, basiq.EventTypeNameUserCreated, basiq.EventTypeNameUserDeleted,
}

func newSoaker(ctx context.Context, s *soak, i int) *soaker {
	c := &soaker{
		soak: s, ctx: ctx, name: fmt.Sprintf("c%d", i), random: rand.New(rand.NewPCG(s.seed, uint64(i))),
		others: map[string]string{}, webhooks: map[string]string{}, reports: map[string]string{},
	}
	if i < len(subscribable) {
		c.event = subscribable[i]
	}
	return c
}

// weightedStep is a possible step of a caller.
type weightedStep struct {
	weight int
	step   func(*soaker)
}

// longSteps are the additional steps of the long form.
var longSteps = []weightedStep{{3, (*soaker).insights}, {2, (*soaker).payees}, {1, (*soaker).merchants}, {1, (*soaker).analytics}}

// soakSteps lists the steps with their weights.
var soakSteps = []weightedStep{
	{3, (*soaker).createUser},
	{4, (*soaker).readUsers},
	{3, (*soaker).updateUser},
	{3, (*soaker).deleteUser},
	{1, (*soaker).listUsers},
	{3, (*soaker).connect},
	{5, (*soaker).readConnections},
	{3, (*soaker).refresh},
	{2, (*soaker).updateConnection},
	{1, (*soaker).deleteConnection},
	{1, (*soaker).upload},
	{4, (*soaker).readJobs},
	{8, (*soaker).readAccounts},
	{10, (*soaker).readTransactions},
	{3, (*soaker).readIdentities},
	{4, (*soaker).authLink},
	{1, (*soaker).consents},
	{2, (*soaker).challenge},
	{3, (*soaker).readBanks},
	{3, (*soaker).enrich},
	{3, (*soaker).affordability},
	{2, (*soaker).income},
	{2, (*soaker).expense},
	{3, (*soaker).report},
	{3, (*soaker).readEvents},
	{3, (*soaker).webhook},
	{6, (*soaker).readMessages},
}

// run makes calls until all callers together have made enough.
func (c *soaker) run() {
	total := 0
	steps := soakSteps
	if *soakCalls > 0 {
		steps = slices.Concat(soakSteps, longSteps)
	}
	for _, s := range steps {
		total += s.weight
	}
	for c.soFar() < c.enough {
		if c.user == "" || len(c.accounts) == 0 {
			c.setUp()
			continue
		}
		at := c.random.IntN(total)
		for _, s := range steps {
			if at -= s.weight; at < 0 {
				s.step(c)
				break
			}
		}
	}
}

// client returns a client of a random version, old and now a client of a specific version.
func (c *soaker) client() *basiq.Client {
	if c.random.IntN(2) == 0 {
		return c.old()
	}
	return c.now()
}

func (c *soaker) old() *basiq.Client { return c.clients[basiq.APIVersion21] }
func (c *soaker) now() *basiq.Client { return c.clients[basiq.APIVersion30] }

// new returns a unique name.
func (c *soaker) new(kind string) string {
	c.created++
	return fmt.Sprintf("%s-%s-%d", kind, c.name, c.created)
}

// one returns a random ID, or "" if there are none.
func (c *soaker) one(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[c.random.IntN(len(ids))]
}

// connection returns a random connection. Its ID is empty if there is none.
func (c *soaker) connection() connected {
	if len(c.connections) == 0 {
		return connected{}
	}
	return c.connections[c.random.IntN(len(c.connections))]
}

// oneOf returns the entry with the smallest name of a non-empty map, so that the result is deterministic.
func oneOf(things map[string]string) (id, name string) {
	for key, value := range things {
		if name == "" || value < name {
			id, name = key, value
		}
	}
	return id, name
}

// get is like do, for a call with a result. The result is nil if there is an error.
func get[T any](c *soaker, name string, call func(ctx context.Context) (*T, error), allowed ...error) (result *T, err error) {
	err = c.do(c.ctx, name, func(ctx context.Context) (err error) {
		result, err = call(ctx)
		return err
	}, allowed...)
	if err != nil {
		return nil, err
	}
	if result == nil {
		c.addProblem("%s: nil result and nil error", name)
		return nil, errors.New("nothing")
	}
	return result, nil
}

// list is like do, for a list. It reads at most most items.
func list[T any](c *soaker, name string, most int, call func(ctx context.Context) iter.Seq2[*T, error]) (items []*T) {
	_ = c.do(c.ctx, name, func(ctx context.Context) error {
		for item, err := range call(ctx) {
			if err != nil {
				return err
			}
			if items = append(items, item); len(items) == most {
				break
			}
		}
		return nil
	})
	return items
}

const all = 1 << 30

// same reports a problem if a response is about another resource than requested, to detect mixed-up responses.
func (c *soaker) same(name, want, got string) {
	if want != got {
		c.addProblem("%s: got %q for %q", name, got, want)
	}
}

// setUp creates the caller's user and waits until its data is available.
func (c *soaker) setUp() {
	if c.user == "" {
		c.email = c.new(mainUser) + "@example.com"
		user, err := get(c, "Users.Create", func(ctx context.Context) (*basiq.User, error) {
			return c.client().Users.Create(ctx, basiq.CreateUser{Email: c.email, Mobile: "+61410888666"})
		})
		c.ledger.created("user "+c.email, err)
		if err != nil {
			return
		}
		c.user = user.ID
	}
	c.connect()
	for _, account := range list(c, "Accounts.List", all, func(ctx context.Context) iter.Seq2[*basiq.Account, error] {
		return c.client().Accounts.List(ctx, c.user)
	}) {
		c.accounts = append(c.accounts, account.ID)
	}
}

func (c *soaker) createUser() {
	email := c.new(otherUser) + "@example.com"
	user, err := get(c, "Users.Create", func(ctx context.Context) (*basiq.User, error) {
		return c.client().Users.Create(ctx, basiq.CreateUser{Email: email})
	})
	c.ledger.created("user "+email, err)
	if err == nil {
		c.others[user.ID] = email
	}
}

func (c *soaker) readUsers() {
	user, err := get(c, "Users.Get", func(ctx context.Context) (*basiq.User, error) { return c.client().Users.Get(ctx, c.user) })
	if err == nil {
		c.same("Users.Get", c.email, user.Email)
	}
}

func (c *soaker) listUsers() {
	list(c, "Users.List", all, func(ctx context.Context) iter.Seq2[*basiq.User, error] { return c.old().Users.List(ctx) })
}

func (c *soaker) updateUser() {
	name := c.new("name")
	_, err := get(c, "Users.Update", func(ctx context.Context) (*basiq.User, error) {
		return c.client().Users.Update(ctx, c.user, basiq.UpdateUser{FirstName: name})
	})
	user, unread := get(c, "Users.Get", func(ctx context.Context) (*basiq.User, error) { return c.client().Users.Get(ctx, c.user) })
	switch {
	case unread != nil:
	case err == nil && user.Name != name:
		c.addProblem("Users.Update: succeeded, but the name is %q, want %q", user.Name, name)
	case err != nil && !basiq.MayHaveSucceeded(err) && user.Name == name:
		c.addProblem("Users.Update: executed, but the error denies it: %v", err)
	}
}

func (c *soaker) deleteUser() {
	if len(c.others) == 0 {
		return
	}
	id, email := oneOf(c.others)
	delete(c.others, id)
	err := c.do(c.ctx, "Users.Delete", func(ctx context.Context) error { return c.client().Users.Delete(ctx, id) })
	c.ledger.deleted("user "+email, err)
	if err == nil {
		c.gone("Users.Get", func(ctx context.Context) error { _, err := c.client().Users.Get(ctx, id); return err })
	}
}

// gone requests a deleted resource.
func (c *soaker) gone(name string, call func(ctx context.Context) error) {
	if c.do(c.ctx, name, call, basiq.ErrNotFound) == nil {
		c.addProblem("%s: still exists after deletion", name)
	}
}

// connect connects the user to a bank.
func (c *soaker) connect() {
	who := logins[c.random.IntN(len(logins))]
	job, err := get(c, "Connections.Create", func(ctx context.Context) (*basiq.Job, error) {
		return c.old().Connections.Create(ctx, c.user, basiq.CreateConnection{
			InstitutionID: hooli, LoginID: basiq.NewSecret(who.login), Password: basiq.NewSecret(who.password),
		})
	})
	if err == nil && job.AlreadyRunning {
		return // created by an earlier call that took effect despite its error
	}
	c.ledger.created("connection of "+c.email, err)
	if err != nil {
		return
	}
	c.jobs = append(c.jobs, job.ID)
	done, err := get(c, "Jobs.Wait", func(ctx context.Context) (*basiq.Job, error) {
		return c.client().Jobs.Wait(ctx, job.ID, c.wait...)
	})
	if err != nil {
		return
	}
	id, ok := done.ConnectionID()
	if !ok {
		c.addProblem("Jobs.Wait: the job is done without a connection")
		return
	}
	c.connections = append(c.connections, connected{id, who.password})
}

func (c *soaker) readConnections() {
	list(c, "Connections.List", all, func(ctx context.Context) iter.Seq2[*basiq.Connection, error] {
		return c.client().Connections.List(ctx, c.user, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.InstitutionID.Eq(hooli)})
	})
	if id := c.connection().id; id != "" {
		connection, err := get(c, "Connections.Get", func(ctx context.Context) (*basiq.Connection, error) {
			return c.client().Connections.Get(ctx, c.user, id)
		})
		if err == nil {
			c.same("Connections.Get", id, connection.ID)
		}
	}
}

func (c *soaker) refresh() {
	id := c.connection().id
	if id == "" {
		return
	}
	if c.random.IntN(3) == 0 {
		_ = c.do(c.ctx, "Connections.RefreshAll", func(ctx context.Context) error {
			_, err := c.client().Connections.RefreshAll(ctx, c.user)
			return err
		})
		return
	}
	connection, err := get(c, "Connections.RefreshAndWait", func(ctx context.Context) (*basiq.Connection, error) {
		return c.client().Connections.RefreshAndWait(ctx, c.user, id, c.wait...)
	})
	if err == nil {
		c.same("Connections.RefreshAndWait", id, connection.ID)
	}
}

// updateConnection stores the current password again, because jobs with another one would fail.
func (c *soaker) updateConnection() {
	if connection := c.connection(); connection.id != "" {
		_, _ = get(c, "Connections.Update", func(ctx context.Context) (*basiq.Job, error) {
			return c.old().Connections.Update(ctx, c.user, connection.id, basiq.UpdateConnection{
				Password: basiq.NewSecret(connection.password),
			})
		})
	}
}

func (c *soaker) deleteConnection() {
	if len(c.connections) == 0 {
		return
	}
	id := c.connections[0].id
	c.connections = c.connections[1:]
	err := c.do(c.ctx, "Connections.Delete", func(ctx context.Context) error {
		return c.client().Connections.Delete(ctx, c.user, id)
	})
	c.ledger.deleted("connection of "+c.email, err)
	if err == nil {
		c.gone("Connections.Get", func(ctx context.Context) error {
			_, err := c.client().Connections.Get(ctx, c.user, id)
			return err
		})
	}
}

func (c *soaker) upload() {
	_, err := get(c, "Statements.Upload", func(ctx context.Context) (*basiq.Job, error) {
		return c.client().Statements.Upload(ctx, c.user, basiq.Statement{
			InstitutionID: nab, Name: "a.csv", Content: strings.NewReader(twoAccounts),
		})
	})
	c.ledger.created("connection of "+c.email, err)
}

func (c *soaker) readJobs() {
	list(c, "Jobs.List", all, func(ctx context.Context) iter.Seq2[*basiq.Job, error] { return c.client().Jobs.List(ctx, c.user) })
	if id := c.one(c.jobs); id != "" {
		job, err := get(c, "Jobs.Get", func(ctx context.Context) (*basiq.Job, error) { return c.client().Jobs.Get(ctx, id) })
		if err == nil {
			c.same("Jobs.Get", id, job.ID)
		}
	}
}

func (c *soaker) readAccounts() {
	list(c, "Accounts.List", all, func(ctx context.Context) iter.Seq2[*basiq.Account, error] {
		return c.client().Accounts.List(ctx, c.user)
	})
	id := c.one(c.accounts)
	account, err := get(c, "Accounts.Get", func(ctx context.Context) (*basiq.Account, error) {
		return c.client().Accounts.Get(ctx, c.user, id)
	})
	if err == nil {
		c.same("Accounts.Get", id, account.ID)
	}
}

// readTransactions reads some pages, and sometimes all of them. No transaction may be repeated, even if pages were
// retried.
func (c *soaker) readTransactions() {
	most, size := 100, 40
	if c.random.IntN(10) == 0 {
		most, size = all, basiq.MaxPageSize
	}
	seen := map[string]bool{}
	for _, transaction := range list(c, "Transactions.List", most, func(ctx context.Context) iter.Seq2[*basiq.Transaction, error] {
		return c.client().Transactions.List(ctx, c.user, basiq.TransactionListOptions{PageSize: size})
	}) {
		if seen[transaction.ID] {
			c.addProblem("Transactions.List: duplicate transaction %s", transaction.ID)
		}
		seen[transaction.ID] = true
		if len(c.transactions) < 10 {
			c.transactions = append(c.transactions, transaction.ID)
		}
	}
	if id := c.one(c.transactions); id != "" {
		transaction, err := get(c, "Transactions.Get", func(ctx context.Context) (*basiq.Transaction, error) {
			return c.client().Transactions.Get(ctx, c.user, id)
		}, basiq.ErrNotFound) // a pending transaction may have been replaced
		if err == nil {
			c.same("Transactions.Get", id, transaction.ID)
		}
	}
}

func (c *soaker) readIdentities() {
	for _, identity := range firstOf(c, "Identities.List", func(ctx context.Context) iter.Seq2[*basiq.Identity, error] {
		return c.client().Identities.List(ctx, c.user)
	}) {
		_, _ = get(c, "Identities.Get", func(ctx context.Context) (*basiq.Identity, error) {
			return c.client().Identities.Get(ctx, c.user, identity.ID)
		})
	}
}

// authLink creates, reads or deletes the user's auth link. After an error, the outcome may be unknown.
func (c *soaker) authLink() {
	public := func(link *basiq.AuthLink) string { return link.Links.Public }
	read := func(allowed ...error) (*basiq.AuthLink, error) {
		return get(c, "AuthLinks.Get", func(ctx context.Context) (*basiq.AuthLink, error) { return c.client().AuthLinks.Get(ctx, c.user) }, allowed...)
	}
	if c.link == "" || c.random.IntN(3) == 0 {
		link, err := get(c, "AuthLinks.Create", func(ctx context.Context) (*basiq.AuthLink, error) {
			return c.client().AuthLinks.Create(ctx, c.user, basiq.CreateAuthLink{})
		})
		switch {
		case err == nil:
			c.link = public(link)
		case basiq.MayHaveSucceeded(err):
			c.link = ""
		}
		return
	}
	link, err := read()
	if err == nil {
		c.same("AuthLinks.Get", c.link, public(link))
	}
	if c.random.IntN(2) == 0 {
		return
	}
	err = c.do(c.ctx, "AuthLinks.Delete", func(ctx context.Context) error { return c.client().AuthLinks.Delete(ctx, c.user) })
	switch {
	case err == nil:
		c.link = ""
		if _, err := read(basiq.ErrNotFound); err == nil {
			c.addProblem("AuthLinks.Get: still exists after deletion")
		}
	case basiq.MayHaveSucceeded(err):
		c.link = ""
	}
}

// visitor creates a user who connects on the consent page.
func (c *soaker) visitor(institution, login string) (userID, jobID string) {
	email := c.new(otherUser) + "@example.com"
	user, err := get(c, "Users.Create", func(ctx context.Context) (*basiq.User, error) {
		return c.now().Users.Create(ctx, basiq.CreateUser{Email: email})
	})
	c.ledger.created("user "+email, err)
	if err != nil {
		return "", ""
	}
	c.others[user.ID] = email
	if login == "" {
		return user.ID, ""
	}
	return user.ID, c.sandbox.Connect(user.ID, institution, login)
}

// consents runs the lifecycle of a consent, including purging its data and revoking it.
func (c *soaker) consents() {
	userID, jobID := c.visitor(hooli, "gavinBelson")
	if userID == "" {
		return
	}
	job, err := get(c, "Jobs.Wait", func(ctx context.Context) (*basiq.Job, error) { return c.now().Jobs.Wait(ctx, jobID, c.wait...) })
	if err != nil {
		return
	}
	connectionID, _ := job.ConnectionID()
	_ = c.do(c.ctx, "Connections.Purge", func(ctx context.Context) error {
		return c.now().Connections.Purge(ctx, userID, connectionID)
	})
	for _, consent := range list(c, "Consents.List", all, func(ctx context.Context) iter.Seq2[*basiq.Consent, error] {
		return c.now().Consents.List(ctx, userID)
	}) {
		_ = c.do(c.ctx, "Consents.Delete", func(ctx context.Context) error {
			return c.now().Consents.Delete(ctx, userID, consent.ID)
		})
	}
}

// challenge connects a user to a bank with a second factor. A lost MFA answer fails the job.
func (c *soaker) challenge() {
	userID, _ := c.visitor("", "")
	if userID == "" {
		return
	}
	asked := 0
	options := append([]basiq.WaitOption{basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
		asked++
		return []basiq.Secret{basiq.NewSecret("Basiq"), basiq.NewSecret(piedPiper)}, nil
	})}, c.wait...)
	_ = c.do(c.ctx, "Connections.CreateAndWait", func(ctx context.Context) error {
		_, err := c.old().Connections.CreateAndWait(ctx, userID, basiq.CreateConnection{
			InstitutionID: piedPiper, LoginID: basiq.NewSecret("Whistler"), Password: basiq.NewSecret("ShowBox"),
		}, options...)
		return err
	})
	if asked > 1 {
		c.addProblem("Connections.CreateAndWait: %d MFA answers for one challenge", asked)
	}
}

func (c *soaker) readBanks() {
	connector := func(list func(ctx context.Context) iter.Seq2[*basiq.Connector, error], one func(context.Context, string, basiq.ConnectionMethod) (*basiq.Connector, error)) {
		for _, connector := range firstOf(c, "Connectors.List", list) {
			_, _ = get(c, "Connectors.Get", func(ctx context.Context) (*basiq.Connector, error) {
				return one(ctx, connector.ID, connector.Method)
			})
		}
	}
	switch c.random.IntN(4) {
	case 0:
		client := c.client()
		connector(func(ctx context.Context) iter.Seq2[*basiq.Connector, error] { return client.Connectors.List(ctx) }, client.Connectors.Get)
	case 1:
		client := c.old()
		connector(func(ctx context.Context) iter.Seq2[*basiq.Connector, error] { return client.Connectors.ListPublic(ctx) }, client.Connectors.GetPublic)
	case 2:
		for _, institution := range firstOf(c, "Institutions.List", func(ctx context.Context) iter.Seq2[*basiq.Institution, error] {
			return c.old().Institutions.List(ctx)
		}) {
			_, _ = get(c, "Institutions.Get", func(ctx context.Context) (*basiq.Institution, error) {
				return c.old().Institutions.Get(ctx, institution.ID)
			})
		}
	default:
		firstOf(c, "Institutions.ListPublic", func(ctx context.Context) iter.Seq2[*basiq.Institution, error] {
			return c.old().Institutions.ListPublic(ctx)
		})
	}
}

// firstOf returns at most the first item of a list.
func firstOf[T any](c *soaker, name string, call func(ctx context.Context) iter.Seq2[*T, error]) []*T {
	return list(c, name, 1, call)
}

func (c *soaker) enrich() {
	_, _ = get(c, "Enrichment.Get", func(ctx context.Context) (*basiq.Enrich, error) {
		return c.client().Enrichment.Get(ctx, basiq.EnrichQuery{Description: "WOOLWORTHS 1234 SYDNEY", InstitutionID: hooli, Country: "AU"})
	})
}

func (c *soaker) insights() {
	insight := func(name string, call func(ctx context.Context) (*basiq.Insight, error)) { _, _ = get(c, name, call) }
	switch c.random.IntN(6) {
	case 0:
		insight("Insights.VerifyAccount", func(ctx context.Context) (*basiq.Insight, error) {
			return c.now().Insights.VerifyAccount(ctx, c.user, basiq.VerifyAccount{AccountNumber: "10445533"})
		})
	case 1:
		insight("Insights.VerifyBalance", func(ctx context.Context) (*basiq.Insight, error) {
			return c.now().Insights.VerifyBalance(ctx, c.user, basiq.BalanceRange{Min: "1"})
		})
	case 2:
		insight("Insights.VerifyIdentity", func(ctx context.Context) (*basiq.Insight, error) {
			return c.now().Insights.VerifyIdentity(ctx, c.user, basiq.VerifyIdentity{Name: "Gavin Belson"})
		})
	case 3:
		insight("Insights.Create", func(ctx context.Context) (*basiq.Insight, error) {
			return c.now().Insights.Create(ctx, basiq.CreateInsight{
				Users: []string{c.user}, Type: basiq.InsightTypeIDExpenseRatio, Data: map[string]any{"expense": "1000"},
			})
		})
	case 4:
		for _, kind := range firstOf(c, "Insights.Types", func(ctx context.Context) iter.Seq2[*basiq.InsightType, error] { return c.now().Insights.Types(ctx) }) {
			_, _ = get(c, "Insights.Type", func(ctx context.Context) (*basiq.InsightType, error) {
				return c.now().Insights.Type(ctx, kind.ID)
			})
		}
	default:
		for _, made := range firstOf(c, "Insights.List", func(ctx context.Context) iter.Seq2[*basiq.Insight, error] { return c.now().Insights.List(ctx, c.user) }) {
			insight("Insights.Get", func(ctx context.Context) (*basiq.Insight, error) { return c.now().Insights.Get(ctx, c.user, made.ID) })
		}
	}
}

func (c *soaker) payees() {
	for _, payee := range firstOf(c, "Payees.List", func(ctx context.Context) iter.Seq2[*basiq.Payee, error] { return c.now().Payees.List(ctx, c.user) }) {
		_, _ = get(c, "Payees.Get", func(ctx context.Context) (*basiq.Payee, error) { return c.now().Payees.Get(ctx, c.user, payee.ID) })
	}
}

func (c *soaker) analytics() {
	_, _ = get(c, "Analytics.Users", func(ctx context.Context) (*basiq.UserAnalytics, error) {
		return c.now().Analytics.Users(ctx, basiq.UserAnalyticsQuery{Interval: basiq.AnalyticsIntervalMonthly})
	})
}

func (c *soaker) merchants() {
	for _, found := range firstOf(c, "Merchants.Search", func(ctx context.Context) iter.Seq2[*basiq.MerchantMatch, error] {
		return c.now().Merchants.Search(ctx, basiq.MerchantQuery{Name: "Coles"})
	}) {
		_, _ = get(c, "Merchants.Get", func(ctx context.Context) (*basiq.Merchant, error) {
			return c.now().Merchants.Get(ctx, found.MerchantID)
		})
	}
}

func (c *soaker) affordability() {
	if c.random.IntN(2) == 0 || len(c.affordable) == 0 {
		made, err := get(c, "Affordability.Create", func(ctx context.Context) (*basiq.Affordability, error) {
			return c.client().Affordability.Create(ctx, c.user, basiq.AffordabilityRequest{Accounts: c.accounts[:1]})
		}, basiq.ErrNoTransactions)
		if err == nil {
			c.affordable = append(c.affordable, made.ID)
		}
		return
	}
	id := c.one(c.affordable)
	switch c.random.IntN(5) {
	case 0:
		list(c, "Affordability.List", all, func(ctx context.Context) iter.Seq2[*basiq.Affordability, error] {
			return c.client().Affordability.List(ctx, c.user)
		})
	case 1:
		_ = c.do(c.ctx, "Affordability.PDF", func(ctx context.Context) error {
			_, err := c.client().Affordability.PDF(ctx, c.user, id)
			return err
		})
	case 2:
		_ = c.do(c.ctx, "Affordability.TransactionsCSV", func(ctx context.Context) error {
			_, err := c.client().Affordability.TransactionsCSV(ctx, c.user, id)
			return err
		})
	case 3:
		list(c, "Affordability.Transactions", 60, func(ctx context.Context) iter.Seq2[*basiq.AffordabilityTransaction, error] {
			return c.client().Affordability.Transactions(ctx, c.user, id, basiq.AffordabilityTransactionListOptions{PageSize: 40})
		})
	default:
		got, err := get(c, "Affordability.Get", func(ctx context.Context) (*basiq.Affordability, error) {
			return c.client().Affordability.Get(ctx, c.user, id)
		})
		if err == nil {
			c.same("Affordability.Get", id, got.ID)
		}
	}
}

func (c *soaker) income() {
	if id := c.one(c.incomes); id != "" && c.random.IntN(2) == 0 {
		_, _ = get(c, "Income.Get", func(ctx context.Context) (*basiq.Income, error) { return c.client().Income.Get(ctx, c.user, id) })
		return
	}
	made, err := get(c, "Income.Create", func(ctx context.Context) (*basiq.Income, error) {
		return c.client().Income.Create(ctx, c.user, basiq.AffordabilityRequest{Accounts: c.accounts[:1]})
	}, basiq.ErrNoTransactions)
	if err == nil {
		c.incomes = append(c.incomes, made.ID)
	}
}

func (c *soaker) expense() {
	if id := c.one(c.expenses); id != "" && c.random.IntN(2) == 0 {
		_, _ = get(c, "Expenses.Get", func(ctx context.Context) (*basiq.Expenses, error) { return c.client().Expenses.Get(ctx, c.user, id) })
		return
	}
	made, err := get(c, "Expenses.Create", func(ctx context.Context) (*basiq.Expenses, error) {
		return c.client().Expenses.Create(ctx, c.user, basiq.AffordabilityRequest{Accounts: c.accounts[:1]})
	}, basiq.ErrNoTransactions)
	if err == nil {
		c.expenses = append(c.expenses, made.ID)
	}
}

// report creates, reads or deletes a report. Reports disappear when the user is deleted.
func (c *soaker) report() {
	switch c.random.IntN(5) {
	case 0:
		list(c, "Reports.List", 5, func(ctx context.Context) iter.Seq2[*basiq.Report, error] { return c.now().Reports.List(ctx) })
		return
	case 1:
		for _, kind := range firstOf(c, "Reports.Types", func(ctx context.Context) iter.Seq2[*basiq.ReportType, error] { return c.now().Reports.Types(ctx) }) {
			_, _ = get(c, "Reports.Type", func(ctx context.Context) (*basiq.ReportType, error) { return c.now().Reports.Type(ctx, kind.ID) })
		}
		return
	}
	if len(c.reports) < 2 {
		c.makeReport()
		return
	}
	id, title := oneOf(c.reports)
	_, _ = get(c, "Reports.Get", func(ctx context.Context) (*basiq.Report, error) { return c.now().Reports.Get(ctx, id) })
	list(c, "Reports.Transactions", 60, func(ctx context.Context) iter.Seq2[*basiq.ReportTransaction, error] {
		return c.now().Reports.Transactions(ctx, id, basiq.ReportTransactionListOptions{PageSize: 40})
	})
	delete(c.reports, id)
	err := c.do(c.ctx, "Reports.Delete", func(ctx context.Context) error { return c.now().Reports.Delete(ctx, id) })
	c.ledger.deleted("report "+title, err)
	if err == nil {
		c.gone("Reports.Get", func(ctx context.Context) error { _, err := c.now().Reports.Get(ctx, id); return err })
	}
}

func (c *soaker) makeReport() {
	title := c.new("report")
	today := time.Now()
	job, err := get(c, "Reports.Create", func(ctx context.Context) (*basiq.Job, error) {
		return c.now().Reports.Create(ctx, basiq.CreateReport{
			ReportType: basiq.ReportTypeAffordability, Title: title,
			Filters: []basiq.ReportFilter{
				basiq.ReportFilterString(basiq.ReportFilterNameFromDate, today.AddDate(0, -2, 0).Format(time.DateOnly)),
				basiq.ReportFilterString(basiq.ReportFilterNameToDate, today.Format(time.DateOnly)),
				basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, c.user),
				basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, c.accounts[0]),
			},
		})
	})
	c.ledger.created("report "+title, err)
	if err != nil {
		return
	}
	done, err := get(c, "Jobs.Wait", func(ctx context.Context) (*basiq.Job, error) { return c.now().Jobs.Wait(ctx, job.ID, c.wait...) })
	if err != nil {
		return
	}
	if id, ok := done.ReportID(); ok {
		c.reports[id] = title
	} else {
		c.addProblem("Jobs.Wait: the job is done without a report")
	}
}

func (c *soaker) readEvents() {
	if c.random.IntN(2) == 0 {
		for _, kind := range firstOf(c, "Events.Types", func(ctx context.Context) iter.Seq2[*basiq.EventType, error] { return c.now().Events.Types(ctx) }) {
			_, _ = get(c, "Events.Type", func(ctx context.Context) (*basiq.EventType, error) { return c.now().Events.Type(ctx, kind.ID) })
		}
		return
	}
	for _, event := range firstOf(c, "Events.List", func(ctx context.Context) iter.Seq2[*basiq.Event, error] {
		return c.now().Events.List(ctx, basiq.EventListOptions{Filter: basiq.EventFields.UserID.Eq(c.user)})
	}) {
		_, _ = get(c, "Events.Get", func(ctx context.Context) (*basiq.Event, error) { return c.now().Events.Get(ctx, event.ID) })
	}
}

func (c *soaker) webhook() {
	if len(c.webhooks) < 1+c.random.IntN(2) {
		c.makeWebhook(basiq.CreateWebhook{})
		return
	}
	id, name := oneOf(c.webhooks)
	switch c.random.IntN(4) {
	case 0:
		_, _ = get(c, "Webhooks.Update", func(ctx context.Context) (*basiq.Webhook, error) {
			return c.now().Webhooks.Update(ctx, id, basiq.UpdateWebhook{
				Name: name, URL: "https://example.com/new-" + name,
			})
		})
	case 1:
		list(c, "Webhooks.List", all, func(ctx context.Context) iter.Seq2[*basiq.Webhook, error] { return c.now().Webhooks.List(ctx) })
	case 2:
		delete(c.webhooks, id)
		err := c.do(c.ctx, "Webhooks.Delete", func(ctx context.Context) error { return c.now().Webhooks.Delete(ctx, id) })
		c.ledger.deleted("webhook "+name, err)
		if err == nil {
			c.gone("Webhooks.Get", func(ctx context.Context) error { _, err := c.now().Webhooks.Get(ctx, id); return err })
		}
	default:
		webhook, err := get(c, "Webhooks.Get", func(ctx context.Context) (*basiq.Webhook, error) { return c.now().Webhooks.Get(ctx, id) })
		if err == nil {
			c.same("Webhooks.Get", name, webhook.Name)
		}
	}
}

// makeWebhook creates a webhook and returns its ID, or "".
func (c *soaker) makeWebhook(webhook basiq.CreateWebhook) (id string) {
	webhook.Name = c.new("webhook")
	webhook.URL = "https://example.com/" + webhook.Name
	made, err := get(c, "Webhooks.Create", func(ctx context.Context) (*basiq.Webhook, error) {
		return c.now().Webhooks.Create(ctx, webhook)
	})
	c.ledger.created("webhook "+webhook.Name, err)
	if err != nil {
		return ""
	}
	if len(webhook.SubscribedEvents) == 0 {
		c.webhooks[made.ID] = webhook.Name
	}
	return made.ID
}

// readMessages sends a test message and reads the sent messages, using a webhook that subscribes to an event.
func (c *soaker) readMessages() {
	if c.event != "" {
		c.subscriber = c.makeWebhook(basiq.CreateWebhook{SubscribedEvents: []basiq.EventTypeName{c.event}})
		if c.subscriber != "" {
			_ = c.do(c.ctx, "Webhooks.SendTest", func(ctx context.Context) error {
				return c.now().Webhooks.SendTest(ctx, basiq.WebhookTestMessage{EventTypeID: c.event, Text: "a test"})
			})
		}
		c.event = "" // the webhook may exist despite the error
		return
	}
	if c.subscriber == "" {
		return
	}
	for _, message := range firstOf(c, "Webhooks.Messages", func(ctx context.Context) iter.Seq2[*basiq.WebhookMessage, error] {
		return c.now().Webhooks.Messages(ctx, c.subscriber)
	}) {
		_, _ = get(c, "Webhooks.Message", func(ctx context.Context) (*basiq.WebhookMessage, error) {
			return c.now().Webhooks.Message(ctx, c.subscriber, message.ID)
		})
	}
}
