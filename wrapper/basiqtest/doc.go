// Package basiqtest plays the whole Basiq API, so that a program which uses it can be tested with no network, no API key
// and no waiting. A test needs five lines:
//
//	synctest.Test(t, func(t *testing.T) { // a job's half minute takes no time in here
//		sandbox := basiqtest.New(t)
//		client, err := sandbox.NewClient()
//		...
//		jobID := sandbox.Connect(user.ID, "AU00000", "gavinBelson")
//	})
//
// [New] is for tests: it opens no port and closes itself. [Start] listens on the loopback interface, for programs and for
// clients in other languages; so does the program basiq-sandbox:
//
//	go run github.com/basiq-go/basiq-go/wrapper/basiqtest/cmd/basiq-sandbox -h
//
// A [Sandbox] has all operations of the contract, of API 2.1 and 3.0. What is created can be read, changed and deleted; what
// is deleted is gone, except what Basiq keeps: the accounts and transactions of a deleted web connection stay with the user
// until they are purged. Those of an open-banking connection are deleted with it. Tokens have the rights of their scopes and the operations of their API version. Filters, limits,
// cursors and errors are the documented ones, wrong ones included. Where the documents are silent it does what is
// plausible, and a comment in the code says so.
//
// Insights are computed from the accounts and identities of the sandbox, and stored. Each connection of a test user comes
// with the same five payees. Merchants are those of the transactions.
//
// # Banks
//
// AU00000 (Hooli) and AU00004 (HooliGov) ask for no second factor, AU00002 (Pied Piper) always does, AU00003 (Nucleus)
// does in every other job of a connection, beginning with the first. Each test user can connect to each of these. AU00000
// also has open banking, see [OpenBanking]: on the consent page, log in as a test user, or with the member number 374829 and
// the one-time password 227470 that Basiq documents. AU01001
// and AU00201 take statements only, as CSV and PDF: what a CSV holds can be read as accounts and transactions; a PDF, which nobody
// here can read, gives a small made-up statement.
//
// # Test users
//
// The login and password of each are those of Basiq's documents, and so is what they earn and spend:
//
//	Wentworth-Smith  whislter       joint account, two salaries, mortgage, a car loan
//	Whistler         ShowBox        one salary, buy now pay later, a large transfer to jared
//	Gilfoyle         PiedPiper      a salary that stopped, benefits since, buy now pay later, a late fee
//	gavinBelson      hooli2016      a salary that has risen, tutoring by the week, a personal loan
//	jared            django         ride-share income, mortgage and car loan elsewhere, a term deposit
//	richard          tabsnotspaces  a high salary, two rents, three mortgages, two car loans, four cards
//	laurieBream      business2024   a business
//	ashMann          hooli2024      a salary and a rent, gambling, cash, crypto
//	bighead          password       fails in verify-credentials with invalid-credentials
//	erlich           aviato         fails in retrieve-accounts with account-not-accessible-requires-user-action
//	jianYang         nothotdog      fails in retrieve-accounts with service-unavailable
//
// Any other login or password fails in verify-credentials with invalid-credentials. The books go back twelve months from
// the first day of the month in which the sandbox was made, and go on by the day: a refresh tomorrow brings tomorrow's
// transactions. Each account's transactions add up to its balance, and transfers between accounts meet.
//
// To the question of jared and richard the answer is 1234, to that of Gilfoyle and gavinBelson it is Hooli, to the two
// of Whistler and Wentworth-Smith they are Basiq and the bank's id (or AU00000). Answers are compared exactly, and can be
// given once, within two minutes. The other test users are never asked: their step is skipped.
//
// # Time
//
// A job takes between 6 and 17 seconds, the same for the same login every time; [Speed] divides that, and the waits of
// webhooks' deliveries. Inside a bubble of [testing/synctest] the clock is the bubble's, and a sandbox that [New] made
// there works on it: tokens end after an hour, jobs and events are forgotten after seven days, in no time at all.
//
// # Seed
//
// Nothing is left to chance: ids, tokens, amounts and odds follow from [Seed]. The same calls in the same order on the
// same day get the same answers.
//
// # When things go wrong
//
// [Sandbox.Inject] has calls fail in the ways in which calls do fail, when and as often as a test wants:
//
//	sandbox.Inject(basiqtest.Fail(503), basiqtest.On("getJobs"), basiqtest.Next(2))
//	sandbox.Inject(basiqtest.ResetAfter(), basiqtest.On("postConnection"))
//	sandbox.Inject(basiqtest.Latency(2*time.Second), basiqtest.Chance(0.1))
//
// [Sandbox.ExpireTokens] and [Sandbox.RevokeTokens] end tokens, [EnforceLimits] plays the limits of Basiq's.
//
// # What was sent
//
// [Sandbox.Requests] and [Sandbox.RequestsOf] tell what has come, with secrets redacted:
//
//	created := sandbox.RequestsOf("postConnection")
//	require.Len(t, created, 1, "a create is never sent twice")
//
// # Webhooks
//
// Events are told of as they happen, and delivered to those who have subscribed by the API, signed, on the documented
// schedule of retries; package webhook verifies them. In a bubble, [DeliverWith] a client that opens no socket.
//
// # The consent page
//
// At /home the sandbox serves its own consent page, where a browser gives consent, chooses a bank, logs in as a test user
// and answers the bank's questions; [RedirectURL] is where it is sent afterwards. [Sandbox.NewClient] makes clients whose
// Consents.PageURL leads there. wrapper/examples/consent is a web app that uses it. Without a browser,
// [Sandbox.VisitConsentPage] goes the same way, and [Sandbox.Connect] takes the short one.
package basiqtest
