// Package basiq is a client for Basiq's open-banking API, which connects applications to people's bank accounts in
// Australia and New Zealand.
//
// A user has connections, one for each bank login. Creating or refreshing one starts a job, whose steps take 3 to 30
// seconds as a rule; then the connection's accounts and transactions can be read.
//
// # Services
//
// A [Client] has a service for each kind of thing; README.md lists the operations of Basiq's documents beside their
// methods.
//
//   - Users, and how they connect: [UsersService], [ConsentsService], [AuthLinksService], [ConnectionsService],
//     [StatementsService], [JobsService].
//   - What comes of it: [AccountsService], [TransactionsService], [IdentitiesService], [EnrichmentService].
//   - What can be made of that: [ReportsService], [AffordabilityService], [IncomeService], [ExpensesService].
//   - Where to connect: [ConnectorsService], [InstitutionsService].
//   - What happens meanwhile: [EventsService], [WebhooksService].
//   - Access: [TokensService].
//
// # Connect
//
//	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"), basiq.WithAPIVersion(basiq.APIVersion21))
//	...
//	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
//	...
//	connection, err := client.Connections.CreateAndWait(ctx, user.ID, basiq.CreateConnection{
//		InstitutionID: "AU00000",
//		LoginID:       basiq.NewSecret("gavinBelson"),
//		Password:      basiq.NewSecret("hooli2016"),
//	})
//
// Make one [Client] and keep it. It holds the access tokens. It requests one with the first call, renews it before it
// expires, and replaces it if Basiq rejects it, with 403 "Token has expired" or with 401.
//
// Creating and updating connections with bank credentials needs tokens of API 2.1. With API 3.0, the default of [New],
// users connect on Basiq's consent page: send their browser to [ConsentsService.PageURL], read where it comes back with
// [ParseConsentRedirect], and wait for the jobs with [JobsService.WaitAll]:
//
//	page, err := client.Consents.PageURL(ctx, userID, basiq.ConsentPage{State: state}) // state: basiq.NewConsentState()
//	...
//	redirect, err := basiq.ParseConsentRedirect(r.URL, state)
//	...
//	jobs, err := client.Jobs.WaitAll(ctx, redirect.JobIDs, basiq.WaitForUser(userID)) // a browser has carried the ids
//
// # Wait
//
// [JobsService.Wait] waits for a job, [JobsService.Watch] shows its steps meanwhile. The job's id is all that is needed
// to go on after a restart. Where the bank asks the user for a second factor, [WithMFA] has the questions answered:
//
//	job, err := client.Jobs.Wait(ctx, jobID, basiq.WithMFA(
//		func(ctx context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
//			return askTheUser(ctx, challenge.Questions)
//		}))
//
// Without it the wait ends with [ErrMFARequired]: answer with [JobsService.AnswerMFA] when the user has, and wait again
// with [AfterMFA].
//
// [JobsService.WaitEach] waits for thousands of jobs and yields each when its wait ends. [WithPollRate] limits the polls of
// all jobs together:
//
//	for job, err := range client.Jobs.WaitEach(ctx, slices.Values(jobIDs)) {
//		failure, failed := errors.AsType[*basiq.JobError](err) // failure.JobID failed; the other waits continue
//		...
//	}
//
// Basiq asks partners not to refresh connections in bulk. [ConnectionsService.RefreshIfStale] looks at a connection first, and
// refreshes it only when it is active and was last used longer ago than you say.
//
// # Read
//
// Lists are iterators. Nothing is sent before the range begins, and an error comes once and last:
//
//	for connection, err := range client.Connections.List(ctx, userID, basiq.ConnectionFields.InstitutionID.Eq("AU00000")) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(connection.ID, connection.Status)
//	}
//
// Collections that come in pages come through all of them, in order; [PageSize] chooses how large they are, and methods
// such as [TransactionsService.Page] return one page with the [Cursor] of the next, for those who store it. [Prefetch] fetches
// each page while you work on the one before:
//
//	for transaction, err := range client.Transactions.List(ctx, userID,
//		basiq.TransactionFields.PostDate.Between("2024-01-01", "2024-03-31")) {
//		if err != nil {
//			return err
//		}
//		cents, known := transaction.Amount.MinorUnits(2)
//		...
//	}
//
// For many users, call List in the goroutines of an errgroup with a limit; see the example "ManyUsers".
//
// What can be filtered by, the variables such as [TransactionFields] have: conditions that Basiq does not document for a
// collection do not compile.
//
// Most types are aliases of generated ones: go doc github.com/basiq-go/basiq-go/gen.Connection shows their fields. Those
// that are only parts of an answer have their names in that package alone. Amount, Date, Time, Decimal and Secret are types
// of package api: go doc github.com/basiq-go/basiq-go/api.Amount shows their methods.
//
// Values are kept as Basiq sent them, with every digit. [Amount], [Decimal], [Date] and [Time] say by their methods whether
// they hold anything, so that a date which is null, empty or malformed fails nobody's call; nor does a status that this
// package does not know.
//
// # Errors
//
// An answer that is no success is an [Error]: it has the status, whatever the body is, and what Basiq says: codes,
// titles, details and the correlation id that support asks for. A job that failed is a [JobError], a call that got no
// answer a [TransportError], an argument that cannot be right an [InputError], with nothing sent. A wait that ended
// before its job did is a [WaitError], which names the job.
//
//	switch {
//	case errors.Is(err, basiq.ErrNotFound): // by status
//	case errors.Is(err, basiq.CodeInvalidCredentials): // by code, of an answer or of a failed job
//	}
//
// # Retries
//
// A call makes up to four attempts if the failure may be temporary and a retry is safe. Whether it is safe depends on the
// operation, see [Operation.Repeatable]:
//
//   - Reads, deletes of what has an ID, refreshes and token requests are retried after timeouts, resets, 408 and 5xx. A
//     delete that was retried and finds nothing has succeeded.
//   - Creates, updates, purges, uploads and MFA answers are retried only if there is proof that Basiq did not carry out the
//     request. Banks lock logins that are tried too often. Proof comes from an http.Transport; see [PassThrough].
//   - Every call is retried after 429, 421 and 425, with which a request is refused unread.
//
// Failures that no retry changes are not retried: a host name that does not exist, a certificate or TLS version that is
// rejected, a proxy that wants credentials ([ErrProxyAuth]).
//
// [MayHaveBeenDone] reports whether Basiq may have carried out a call that returned an error.
//
// The delay between attempts is random and grows. Retry-After is obeyed; if it asks for more than [Retry].MaxDelay, the
// call ends at once. Every wait ends with the call's context. An error holds the context's error but never its cause
// (context.Cause), which may be the error of another call.
//
// RELIABILITY.md, beside this package's source, has a table of what each operation does under each failure.
//
// # Limits
//
// If Basiq responds to a call with 429, or with 503 and Retry-After, the other calls of that operation wait too, or end with
// a [PausedError] if they cannot. [WithRateLimit] sets a rate limit of your own. Retries that do not help their calls are
// limited to a tenth of the calls that get a response, once the first hundred are spent, so that an outage is not
// multiplied. However many calls there are, a client makes at most 700 token requests in five minutes, of the 1,500 that
// Basiq allows an address. The comment at the top of throttle.go describes what these limits do together.
//
// # Middleware, logs, secrets
//
// Each call passes these stages: retries, with throttling and the rate limit before each attempt; the middleware of
// [WithMiddleware]; authorization; the http.Client of [WithHTTPClient]. Middleware runs once per attempt and sees no token.
// [CallFromContext] returns the call in middleware, in a [Limiter], in a [TokenSource] and in a transport. [WithLogger] logs
// attempts without IDs, headers or bodies. Secrets are of a type that prints, logs and marshals as "[redacted]".
//
// # Webhooks
//
// [WebhooksService] subscribes to events, package webhook verifies and reads what Basiq posts then, and
// [EventsService.Get] has the data.
//
// # Testing
//
// Package basiqtest plays the whole API in memory, with Basiq's own test banks and test users, and a year of transactions
// for each of them. A test of a program that uses this package needs five lines of it. Inside testing/synctest, a job's
// half minute takes no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		sandbox := basiqtest.New(t)
//		client, err := sandbox.NewClient()
//		...
//		job, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson"))
//	})
//
// It also fails when a test wants it to, tells what was sent, delivers webhooks, and serves a consent page for browsers.
package basiq
