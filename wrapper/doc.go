// Package basiq is a client for Basiq's open-banking API, which connects applications to bank accounts of users in
// Australia and New Zealand.
//
// A user has one connection for each bank login. Creating or refreshing a connection starts a job, which usually takes 3
// to 30 seconds. Then the connection's accounts and transactions can be read. A [Client] has one service for each kind of
// resource. The services cover Basiq's documents of September 2026. OPERATIONS.md lists the operations and their methods.
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
// Create one [Client] and reuse it, because it holds the access tokens. It requests a token with the first call, renews it
// before it expires, and replaces it if Basiq rejects it.
//
// Creating and updating connections with bank credentials requires API 2.1. With API 3.0, the default of [New], users
// connect on Basiq's consent page. Redirect the browser to [ConsentsService.PageURL], parse the URL it returns to with
// [ParseConsentRedirect], and wait for the jobs with [JobsService.WaitAll]:
//
//	page, err := client.Consents.PageURL(ctx, userID, basiq.ConsentPage{State: state}) // state: basiq.NewConsentState()
//	...
//	redirect, err := basiq.ParseConsentRedirect(r.URL, state)
//	...
//	jobs, err := client.Jobs.WaitAll(ctx, redirect.JobIDs, basiq.WithUser(userID)) // the IDs come from a browser
//
// # Wait
//
// [JobsService.Wait] waits for a job. [JobsService.Watch] also yields its steps. Only the job ID is needed to continue
// after a restart. If the bank asks the user for a second factor, [WithMFA] answers the questions:
//
//	job, err := client.Jobs.Wait(ctx, jobID, basiq.WithMFA(
//		func(ctx context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
//			return askTheUser(ctx, challenge.Questions)
//		}))
//
// Without WithMFA the wait ends with [ErrMFARequired]. Call [JobsService.AnswerMFA] with the user's answers, and wait again
// with [WithAnsweredMFA].
//
// [JobsService.WaitEach] waits for thousands of jobs and yields each when its wait ends. [WithPollRate] limits the polls of
// all jobs together:
//
//	for job, err := range client.Jobs.WaitEach(ctx, slices.Values(jobIDs)) {
//		failure, failed := errors.AsType[*basiq.JobError](err) // failure.JobID failed; the other waits continue
//		...
//	}
//
// Basiq asks partners not to refresh connections in bulk; see [ConnectionsService.RefreshIfStale].
//
// # Read
//
// List methods return iterators. No request is sent before the range begins. An empty list has no iterations. Lists page
// automatically, keep Basiq's order and hold one page in memory; each page is one call. Leaving the loop early releases
// all resources. An error ends the list, and the items before it are valid. It is a [*PageError] with the [Cursor] of the
// page that failed, unless an argument is invalid. In addition to the errors of any call, its cause may be
// [ErrBadPageLink] or [ErrListChanged].
//
//	for transaction, err := range client.Transactions.List(ctx, userID, basiq.TransactionListOptions{
//		Filter: basiq.TransactionFields.AccountID.Eq(accountID),
//	}) {
//		if err != nil {
//			return err
//		}
//		cents, known := transaction.Amount.MinorUnits(2)
//		...
//	}
//
// Package mirror keeps a copy of accounts and transactions in a database. To read new transactions without it, read each account
// whose LastUpdated has changed after a refresh job has ended, without a filter by date, which excludes pending transactions.
// Stop 35 days before the newest posted transaction that is stored, and replace the stored pending transactions of the account;
// see the example "Incremental" of [TransactionsService.List].
//
// Display accounts with [AccountName], because the Name of an open-banking account may be empty. Deleting an open-banking
// connection also deletes its accounts and transactions, see [ConnectionsService.Delete].
//
// List methods with options accept at most one options struct, such as [TransactionListOptions]. It holds a filter, a page
// size, and whether to prefetch the next page. Methods such as [TransactionsService.Page] return one page and the [Cursor]
// of the next page. For many users, call List in the goroutines of an errgroup with a limit; see the example "ManyUsers".
//
// Variables such as [TransactionFields] list the fields that a collection can be filtered by. A condition that Basiq does
// not document for a field is a compile-time error.
//
// Most types are aliases of generated ones: go doc github.com/basiq-go/basiq-go/gen.Connection shows their fields. Types
// that occur only inside other types have no alias. Amount, Date, Time, Decimal and Secret are types of package api.
//
// [ContextWithRawJSON] returns the JSON of a response or of a list item, with fields that this version does not know.
// [WithUnknownFields] reports such fields.
//
// Basiq may add values to the types with constants, such as [ConnectionStatus]; values without a constant are kept
// unchanged. Numbers keep every digit that Basiq sent. A null, empty or malformed date or amount does not make a call fail:
// the methods of [Amount], [Decimal], [Date] and [Time] report whether there is a value.
//
// Types and methods whose comments contain "Preview, outside the stability promise" may change or disappear in any version,
// because Basiq has not described their operations in full.
//
// # Errors
//
// A response with a non-2xx status is returned as an [*Error]. It holds the status and, if the body is a Basiq error, its
// codes, titles, details and correlation ID. A failed job is a [*JobError]. A call without a response is a
// [*TransportError]. A wait that ended before its job did is a [*WaitError], which names the job.
//
//	switch {
//	case errors.Is(err, basiq.ErrNotFound): // by status
//	case errors.Is(err, basiq.CodeInvalidCredentials): // by code, of a response or of a failed job
//	}
//
// These errors are common, and the comments of methods do not repeat them: [ErrInvalidInput] for an invalid argument, with
// no request sent; [ErrNotFound] if a resource does not exist; [ErrWrongAPIVersion] if the operation does not exist in the
// client's API version.
//
// # Retries
//
// A call makes up to four attempts if the failure may be temporary and a retry is safe. Whether it is safe depends on the
// operation, see [Operation.Idempotent]:
//
//   - Reads, deletes of resources with an ID, refreshes and token requests are retried after timeouts, resets, 408 and 5xx.
//     A retried delete succeeds if the resource no longer exists. Deleting a resource that does not exist is otherwise an
//     error.
//   - Creates, updates, purges, uploads, insights and MFA answers are retried only if there is proof that Basiq did not carry
//     out the request. Banks lock logins that are tried too often. Proof comes from an http.Transport; see [PassThrough].
//     After an error for which [MayHaveSucceeded] is true, check the list of the resource before calling again.
//   - Every call is retried after 429, 421 and 425, which mean that the request was not processed.
//
// Permanent failures are not retried: a host name that does not exist, a rejected certificate or TLS version, a proxy that
// requires credentials ([ErrProxyAuth]).
//
// The delay between attempts is random and grows. The client obeys Retry-After, unless it exceeds [RetryPolicy].MaxDelay;
// then the call ends immediately. Every wait ends with the call's context. An error holds the context's error but never its
// cause (context.Cause), which may be the error of another call.
//
// RELIABILITY.md, next to this package's source, has a table of the result of each operation for each failure.
//
// # Limits
//
// If Basiq responds to a call with 429, or with 503 and Retry-After, other calls of that operation wait too, or end with a
// [ThrottledError] if they cannot. [WithRateLimit] sets an additional rate limit. After the first hundred, unsuccessful
// retries are limited to a tenth of the calls with a response below 500, so that retries do not multiply the load during an
// outage. A client makes at most 700 token requests in five minutes; Basiq allows 1,500 per address. The comment at the top
// of throttle.go describes how these limits interact.
//
// # Middleware, logs, secrets
//
// Each call passes these stages: retries, with throttling and the rate limit before each attempt; the middleware of
// [WithMiddleware]; authorization; the http.Client of [WithHTTPClient]. Middleware runs once per attempt without the token.
// [WithLogger] logs calls and attempts without IDs, headers or bodies. Secrets are of a type that prints, logs and marshals as
// "[redacted]".
//
// # Observers
//
// An [Observer], see [WithObserver], learns the start and the end of each call and of each attempt, each wait with its reason,
// and the outcome of each wait for a job, without IDs and secrets. Package basiqotel, a module of its own, exports them to
// OpenTelemetry as traces and metrics.
//
// These functions of the caller run during a call. [CallFromContext] on their context returns the call: its operation, its
// server, the number of the attempt, and the number of the page of a list or of the poll of a wait.
//
//   - The functions of an [Observer]. They may add values to the contexts of the call and of the attempt, and all functions below
//     get these values.
//   - [Limiter].Wait, before an attempt. The number is the one of the previous attempt, or 0. Before the second request of an
//     attempt, whose first token was rejected, it is the one of this attempt.
//   - [Middleware], during an attempt, without the token.
//   - [TokenSource].Token and Reject, during an attempt. The request for a token that the default source makes is a call with a
//     context of its own, because all calls that wait for the token share it.
//   - The transport of [WithHTTPClient], during an attempt, with the token.
//
// # Webhooks
//
// [WebhooksService] subscribes to events. Package webhook verifies and parses Basiq's messages, and [EventsService.Get]
// returns the data of an event.
//
// # Testing
//
// Package basiqtest simulates all operations in memory, with Basiq's test banks and test users. It can inject faults, record
// requests, deliver webhooks and serve a consent page. Inside testing/synctest, waits take no real time:
//
//	synctest.Test(t, func(t *testing.T) {
//		sandbox := basiqtest.New(t)
//		client, err := sandbox.NewClient()
//		...
//		job, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson"))
//	})
package basiq
