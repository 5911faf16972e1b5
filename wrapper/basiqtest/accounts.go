package basiqtest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// australianDollar is the currency of all test bank accounts. Uploaded statements may use another currency.
const australianDollar = "AUD"

// A holding is a bank account of a user, as a connection's job fetched it. It is immutable: a refresh creates new
// holdings.
type holding struct {
	bank.Account

	id          string
	user        *user
	connection  *connection // may be deleted
	institution string
	currency    string
	fetched     time.Time
	updated     time.Time // time of the bank's data; may be old for a statement
	read        time.Time // time up to which transactions were retrieved; zero if none were
	reader      string    // ID of the job that retrieved the transactions

	loaded       bool
	transactions []transaction // valid if loaded is true; see [Sandbox.transactions]
}

// A transaction is a bank transaction as part of a user's account.
type transaction struct {
	*bank.Transaction

	id      string
	holding *holding
}

// accountCache holds the accounts of a connection at a point in time. Deriving thousands of transaction IDs again for
// each page of a list would take longer than sending the page.
type accountCache struct {
	fetched, read time.Time
	list          []*holding
}

// holdings returns the accounts that a connection has fetched, or nil if no job has fetched any. IDs of accounts and of
// posted transactions do not change when the connection is refreshed. Callers must not modify the list.
func (s *Sandbox) holdings(conn *connection, now time.Time) []*holding {
	state := conn.stateAt(now)
	if state.fetched.IsZero() {
		return nil
	}
	if conn.accountCache.fetched.Equal(state.fetched) && conn.accountCache.read.Equal(state.read) {
		return conn.accountCache.list
	}
	accounts := s.accountsAt(conn, state.fetched)
	for i := range accounts {
		if edits := conn.edits[accounts[i].Key]; edits != nil {
			before := s.transactionsAt(conn, accounts[i].Key, state.fetched)
			applyTo(&accounts[i], before, edits.apply(before, accounts[i].Balance))
		}
	}
	list := make([]*holding, 0, len(accounts))
	for _, account := range accounts {
		h := &holding{
			Account: account, id: derivedID(conn.id, "account "+account.Key), user: conn.user, connection: conn,
			institution: conn.institution.ID, currency: australianDollar, fetched: state.fetched, updated: state.fetched,
			read: state.read, reader: state.reader,
		}
		if conn.statement != nil {
			conn.statement.describe(h)
		}
		list = append(list, h)
	}
	conn.accountCache = accountCache{fetched: state.fetched, read: state.read, list: list}
	return conn.accountCache.list
}

// userHoldings returns the user's current accounts. Accounts of deleted connections come last.
func (s *Sandbox) userHoldings(u *user, now time.Time) []*holding {
	list := make([]*holding, 0, 4*len(u.connections)+len(u.detachedAccounts)) // most people have four accounts
	for _, conn := range u.connections {
		list = append(list, s.holdings(conn, now)...)
	}
	return append(list, u.detachedAccounts...)
}

// accountsAt returns the accounts of a connection without the edits of tests.
func (s *Sandbox) accountsAt(conn *connection, at time.Time) []bank.Account {
	switch {
	case conn.statement != nil:
		return conn.statement.list()
	case conn.person() == nil:
		return nil
	default:
		return s.books.Accounts(conn.person(), conn.institution.ID, at)
	}
}

// bankTransactions returns the transactions of an account from the test bank or the uploaded statement: pending
// transactions first, then the newest first. All users of a login share the list, so callers must not modify it.
func (s *Sandbox) bankTransactions(h *holding) []*bank.Transaction {
	if h.read.IsZero() {
		return nil
	}
	list := s.transactionsAt(h.connection, h.Key, h.read)
	if edits := h.connection.edits[h.Key]; edits != nil {
		for _, account := range s.accountsAt(h.connection, h.read) {
			if account.Key == h.Key {
				return edits.apply(list, account.Balance)
			}
		}
	}
	return list
}

// transactionsAt returns the transactions of an account without the edits of tests.
func (s *Sandbox) transactionsAt(conn *connection, account string, at time.Time) []*bank.Transaction {
	if conn.statement != nil {
		return conn.statement.transactions(account)
	}
	return s.books.Transactions(conn.person(), conn.institution.ID, account, at)
}

// transactions returns the transactions of an account with their IDs, in the order of bankTransactions. The list
// belongs to one user and takes most of a user's memory, so it is created when a request first reads it. Callers must
// not modify it.
func (s *Sandbox) transactions(h *holding) []transaction {
	if h.read.IsZero() || h.loaded {
		return h.transactions
	}
	transactions := s.bankTransactions(h)
	h.transactions = make([]transaction, 0, len(transactions))
	for _, t := range transactions {
		name := "transaction " + h.Key + " " + t.Key
		if t.Pending() {
			// Every refresh imports pending transactions anew, with new IDs. Derive the ID from the job and not from the time,
			// so that the same calls with the same seed produce the same IDs.
			name += " " + h.reader
		}
		h.transactions = append(h.transactions, transaction{Transaction: t, id: derivedID(h.connection.id, name), holding: h})
	}
	h.loaded = true
	return h.transactions
}

var accountFilters = filterable{
	"account.id": {operators: eq}, "connection.id": {operators: eq}, "institution.id": {operators: eq},
}

func (h *holding) property(name string) string {
	switch name {
	case "account.id":
		return h.id
	case "connection.id":
		return h.connection.id
	default:
		return h.institution
	}
}

// accountConditions parses the filter of the account operations. A filter by a deleted connection is an error, even if
// its accounts remain.
func (c *call) accountConditions(u *user) (filterConditions, error) {
	found, err := c.filter(accountFilters)
	if err != nil {
		return nil, err
	}
	for _, cond := range found {
		if cond.property == "connection.id" &&
			!slices.ContainsFunc(u.connections, func(conn *connection) bool { return conn.id == cond.values[0] }) {
			return nil, connectionUnknown()
		}
	}
	return found, nil
}

func (s *Sandbox) getAccounts(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	conditions, err := c.accountConditions(u)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, h := range s.userHoldings(u, c.now) {
		if conditions.match(h.property) {
			data = append(data, h.full(&c.view))
		}
	}
	return response{http.StatusOK, object{
		"type": "list", "data": data, "links": c.requestLinks(),
	}}, nil
}

// getAccount accepts the filter of the list operation, as documented. It responds with 404 if the account does not
// match the filter.
func (s *Sandbox) getAccount(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	conditions, err := c.accountConditions(u)
	if err != nil {
		return response{}, err
	}
	for _, h := range s.userHoldings(u, c.now) {
		if h.id == c.http.PathValue("accountId") && conditions.match(h.property) {
			return response{http.StatusOK, h.full(&c.view)}, nil
		}
	}
	return response{}, resourceNotFound()
}

func (h *holding) path() string { return h.user.path() + "/accounts/" + h.id }

// nickname returns the name that the user gave the account, which is its name in API 3.0. The credit cards of open-banking
// connections have no nickname. Basiq does not document whether a missing name is sent as an empty string or as null.
func (h *holding) nickname() string {
	if h.connection.openBanking() && h.Kind == bank.CreditCard {
		return ""
	}
	return h.Name
}

// embedded returns the account as it appears in a connection. Its name is from the user or the institution, as in API 2.1.
func (h *holding) embedded(v *view) object {
	available := ""
	if h.HasAvailable {
		available = h.Available.String()
	}
	return object{
		"type": "account", "id": h.id, "accountNo": h.Number, "name": cmp.Or(h.nickname(), h.Product), "currency": h.currency,
		"class":   object{"type": h.Kind, "product": h.Product},
		"balance": h.Balance.String(), "availableFunds": available,
		"lastUpdated": formatTime(h.updated),
		"status":      gen.AccountStatusAvailable,
		"links": object{
			"self":         v.url(h.path()),
			"transactions": v.url(h.user.path() + "/transactions?filter=account.id.eq('" + h.id + "')"),
		},
	}
}

// full returns the account as it appears on its own and in the list of accounts. The 3.0 documentation puts the links
// on the list, where they make no sense. The sandbox puts them on each account in both versions.
func (h *holding) full(v *view) object {
	o := h.embedded(v)
	o["accountHolder"] = textOrNull(h.Holder)
	o["connection"], o["institution"] = h.connection.id, h.institution
	o["transactionIntervals"] = []object{}
	if !h.read.IsZero() {
		o["transactionIntervals"] = h.intervals()
	}
	links, _ := o["links"].(object)
	links["institution"] = v.url(v.institutionPath(h.institution))
	links["connection"] = h.connectionLink(v)
	if v.version.since(v30) {
		h.addDetails(o)
	} else {
		o["class"] = object{"type": h.Kind, "product": h.Product, "meta": h.classMeta()}
	}
	return o
}

// intervals returns the period covered by the transactions, or an empty list if there are none.
func (h *holding) intervals() []object {
	if h.First.IsZero() {
		return []object{}
	}
	return []object{{"from": day(h.First), "to": day(h.Last)}}
}

// connectionLink returns the link to the connection for an account or its transactions. It is always null in 2.1, as
// documented and recorded.
func (h *holding) connectionLink(v *view) *string {
	if !v.version.since(v30) || h.connection.deleted {
		return nil
	}
	return new(v.url(h.connection.path()))
}

func textOrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// classMeta returns the product details of 2.1. Its field names are not documented, so it uses the names of 3.0.
func (h *holding) classMeta() object {
	o := object{}
	if h.Limit != 0 {
		o["creditLimit"] = h.Limit.String()
	}
	if h.Rate != "" {
		o[h.rateName()] = h.rate()
	}
	return o
}

func (h *holding) borrows() bool {
	return h.Kind == bank.CreditCard || h.Kind == bank.Mortgage || h.Kind == bank.Loan
}

func (h *holding) rateName() string {
	if h.borrows() {
		return "lendingRate"
	}
	return "depositRate"
}

// rate returns the interest rate in the format of 3.0. For example, 6.14 percent is "0.0614".
func (h *holding) rate() string {
	percent, _ := strconv.ParseFloat(h.Rate, 64)
	return strconv.FormatFloat(percent/100, 'f', 4, 64)
}

// addDetails adds the fields of 3.0. The available funds of a loan are null here, but an empty string if the account is
// embedded in a connection.
func (h *holding) addDetails(o object) {
	o["name"] = h.nickname()
	o["displayName"] = cmp.Or(h.Product, h.Name) // statements may have no product
	if !h.HasAvailable {
		o["availableFunds"] = nil
	}
	o["isOwned"], o["accountOwnership"] = true, gen.AccountOwnershipOneParty
	if h.Joint {
		o["accountOwnership"] = gen.AccountOwnershipTwoParty
	}
	o["creditLimit"] = nil
	if h.borrows() && h.Limit != 0 {
		o["creditLimit"] = h.Limit.String()
	}
	if h.Kind == bank.Mortgage || h.Kind == bank.Loan {
		o["amortisedLimit"] = (-h.Balance).String() // repaid exactly as scheduled
	}
	o.addIfSet("bsb", h.BSB)
	o["maskedNumber"] = masked(h.Number)
	if h.Kind != bank.CreditCard {
		o["unmaskedAccNum"] = digitsOnly(strings.TrimPrefix(h.Number, h.BSB)) // card numbers are not exposed
	}
	if !h.Opened.IsZero() {
		o["creationDate"] = day(h.Opened)
	}
	if h.Rate != "" {
		o[h.rateName()] = h.rate()
	}
	o["meta"] = h.meta()
}

// masked replaces all but the last four characters of a number.
func masked(number string) string {
	if len(number) <= 4 {
		return number
	}
	return strings.Repeat("x", len(number)-4) + number[len(number)-4:]
}

func digitsOnly(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// Terms of loans and deposits in years.
const (
	mortgageYears = 30
	loanYears     = 7
	depositYears  = 1
)

// meta returns the product details known to the test bank.
func (h *holding) meta() object {
	o := object{
		"fees": nil, "depositRates": nil, "lendingRates": nil, "loan": nil, "features": nil, "addresses": nil,
	}
	switch {
	case h.Rate == "":
	case h.borrows():
		kind := "VARIABLE"
		if h.Kind == bank.CreditCard {
			kind = "PURCHASE"
		}
		o["lendingRates"] = []object{{"lendingRateType": kind, "rate": h.rate(), "applicationFrequency": "P1M"}}
	default:
		kind := "VARIABLE"
		if h.Kind == bank.TermDeposit {
			kind = "FIXED"
		}
		o["depositRates"] = []object{{"depositRateType": kind, "rate": h.rate(), "applicationFrequency": "P1M"}}
	}
	switch h.Kind {
	case bank.Mortgage:
		o["loan"] = h.loanMeta(mortgageYears)
	case bank.Loan:
		o["loan"] = h.loanMeta(loanYears)
	case bank.CreditCard:
		// The due date is the 14th of the next month. The minimum payment is 2 percent of the balance.
		due := max(-h.Balance, 0)
		dueDate := time.Date(h.updated.Year(), h.updated.Month()+1, 14, 0, 0, 0, 0, time.UTC)
		o["creditCard"] = object{
			"minPaymentAmount": (due / 50).String(), "paymentDueAmount": due.String(), "paymentCurrency": h.currency,
			"paymentDueDate": day(dueDate),
		}
	case bank.TermDeposit:
		o["termDeposit"] = []object{{
			"lodgementDate":        day(h.Opened),
			"maturityDate":         day(h.matures()),
			"maturityAmount":       h.Balance.String(),
			"maturityCurrency":     h.currency,
			"maturityInstructions": "ROLLED_OVER",
		}}
	case bank.Everyday, bank.Savings, bank.Investment:
	}
	return o
}

func (h *holding) loanMeta(years int) object {
	return object{
		"startDate": day(h.Opened), "endDate": day(h.Opened.AddDate(years, 0, 0)),
		"repaymentType": "PRINCIPAL_AND_INTEREST", "repaymentFrequency": "P1M",
		"originalLoanAmount": h.Limit.String(), "originalLoanCurrency": h.currency,
	}
}

// matures returns the next maturity date of a term deposit, which is rolled over every year.
func (h *holding) matures() time.Time {
	end := h.Opened.AddDate(depositYears, 0, 0)
	for !end.After(h.updated) {
		end = end.AddDate(depositYears, 0, 0)
	}
	return end
}
