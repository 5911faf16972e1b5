// Package basiqtest provides an in-process sandbox of the Basiq API: a stateful fake server for tests. Tests of a
// program that uses Basiq need no network, no API key and no waiting. In this package, "the sandbox" is this fake
// server, and Basiq's own test system is called "Basiq's sandbox environment". A test takes five lines:
//
//	synctest.Test(t, func(t *testing.T) { // virtual time: a job of half a minute completes immediately
//		sandbox := basiqtest.New(t)
//		client, err := sandbox.NewClient()
//		...
//		jobID := sandbox.Connect(user.ID, "AU00000", "gavinBelson")
//	})
//
// [New] is for tests. It opens no port and closes the sandbox when the test ends. [Start] listens on the loopback
// interface, for programs and for clients in other languages, as does the command basiq-sandbox:
//
//	go run github.com/basiq-go/basiq-go/wrapper/basiqtest/cmd/basiq-sandbox -h
//
// A [Sandbox] implements all operations of the contract, for API versions 2.1 and 3.0. Resources that are created can
// be read, updated and deleted. As at Basiq, the accounts and transactions of a deleted web connection stay with the
// user until they are purged, while open-banking data is deleted with the connection. Tokens are limited to their scope
// and to the operations of their API version. Filters, limits, cursors and errors follow Basiq's documentation,
// including its mistakes. Where the documentation is silent, the sandbox does what is plausible, and a comment in the
// code says so.
//
// Insights are computed from the accounts and identities of the sandbox, and stored. Each connection of a test user comes
// with the same five payees. Merchants are the merchants of the transactions.
//
// # Banks
//
// AU00000 (Hooli) and AU00004 (HooliGov) never ask for a second factor. AU00002 (Pied Piper) always does. AU00003
// (Nucleus) does in every other job of a connection, starting with the first. Each test user can connect to each of
// these banks. AU00000 also supports open banking; see [WithOpenBanking]. On its consent page, log in as a test user,
// or with the member number 374829 and the one-time password 227470 that Basiq documents.
//
// AU01001 and AU00201 accept only uploaded statements, as CSV or PDF. The accounts and transactions of a CSV file can
// be read. The sandbox cannot parse PDF files, so it generates a small statement for each.
//
// # Test users
//
// The logins and passwords, and the income and spending of each user, are documented by Basiq:
//
//	Wentworth-Smith  whislter       joint account, two salaries, mortgage, a car loan
//	Whistler         ShowBox        one salary, buy now pay later, a large transfer to jared
//	Gilfoyle         PiedPiper      a salary that stopped, then benefits, buy now pay later, a late fee
//	gavinBelson      hooli2016      a salary with a raise, weekly tutoring income, a personal loan
//	jared            django         ride-share income, mortgage and car loan elsewhere, a term deposit
//	richard          tabsnotspaces  a high salary, two rents, three mortgages, two car loans, four cards
//	laurieBream      business2024   a business
//	ashMann          hooli2024      a salary and a rent, gambling, cash, crypto
//	bighead          password       fails in verify-credentials with invalid-credentials
//	erlich           aviato         fails in retrieve-accounts with account-not-accessible-requires-user-action
//	jianYang         nothotdog      fails in retrieve-accounts with service-unavailable
//
// Any other login or password fails in verify-credentials with invalid-credentials. Transactions start twelve months
// before the first day of the month in which the sandbox was created. New transactions appear every day, so a refresh
// on the next day returns more. The transactions of an account add up to its balance, and both sides of a transfer
// between accounts match.
//
// The correct MFA answer is 1234 for jared and richard, and Hooli for Gilfoyle and gavinBelson. Whistler and
// Wentworth-Smith have two questions, with the answers Basiq and the bank's ID (or AU00000). Answers must match
// exactly. They are accepted only once, within two minutes. The other test users have no challenge, and their MFA step
// is skipped.
//
// # Time
//
// A job takes between 6 and 17 seconds, and always the same time for the same login. [WithSpeed] divides this time and
// the delays of webhook deliveries. In a bubble of [testing/synctest], a sandbox created with [New] uses the bubble's
// clock. Tokens then expire after an hour, and jobs and events after seven days, without any real waiting. Elsewhere,
// [Sandbox.Advance] moves the sandbox's clock forward. In the program, use -advance and -admin.
//
// # Transactions of a test
//
// [Sandbox.AddTransaction] adds a transaction to an account, [Sandbox.ChangeTransaction] replaces one, and
// [Sandbox.RemoveTransaction] removes one. The balances change with them.
//
// # Seed
//
// The sandbox is deterministic: IDs, tokens, amounts and random faults are derived from [WithSeed]. The same calls in
// the same order on the same day return the same responses.
//
// # Faults
//
// [Sandbox.Inject] makes requests fail in realistic ways, for as many requests as a test needs:
//
//	sandbox.Inject(basiqtest.Fail(503), basiqtest.Operations("getJobs"), basiqtest.Times(2))
//	sandbox.Inject(basiqtest.ResetAfter(), basiqtest.Operations("postConnection"))
//	sandbox.Inject(basiqtest.Latency(2*time.Second), basiqtest.Probability(0.1))
//
// [Sandbox.ExpireTokens] and [Sandbox.RevokeTokens] invalidate tokens. [WithLimits] enforces Basiq's documented limits.
//
// # Recorded requests
//
// [Sandbox.Requests] and [Sandbox.RequestsOf] return the requests received so far, with secrets redacted:
//
//	created := sandbox.RequestsOf("postConnection")
//	require.Len(t, created, 1, "creates must not be retried")
//
// # Webhooks
//
// The sandbox records events and delivers them to the webhooks that were created through the API. Messages are signed
// and retried on the documented schedule. Package webhook verifies them. [Sandbox.DeliverTo] delivers them to a handler in
// memory, also in a synctest bubble. As at Basiq, account.updated and transactions.updated are raised only for changes: a
// refresh that fetches nothing new raises neither.
//
// # Consent page
//
// The sandbox serves its own consent page at /home. In a browser, a user can grant consent, choose a bank, log in as a
// test user and answer the bank's questions. The page then redirects to the URL of [WithRedirectURL]. For clients
// created by [Sandbox.NewClient], Consents.PageURL returns URLs of this page. The web app in wrapper/examples/consent
// uses it. In tests without a browser, use [Sandbox.VisitConsentPage], or [Sandbox.Connect] to skip the page.
package basiqtest
