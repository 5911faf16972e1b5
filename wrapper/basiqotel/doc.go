// Package basiqotel reports the calls of a [basiq.Client] to OpenTelemetry, as traces and metrics:
//
//	observer, err := basiqotel.New()
//	if err != nil {
//		return err
//	}
//	client, err := basiq.New(apiKey, basiq.WithObserver(observer))
//
// The package depends on the OpenTelemetry API. The program chooses the SDK and the exporters. The directory examples is a
// module of its own with two programs: one prints traces and metrics, the other serves them to Prometheus and has a Grafana
// dashboard to import.
//
// # Traces
//
// Each call is a span of kind client with the name of the Go method, for example "Users.Get". Its children are its attempts,
// which are spans of kind client by the semantic conventions for HTTP, for example "GET /users/{userId}", and its waits,
// for example "wait backoff". The span of an attempt includes the waits for a token, which are its children. Each page of a
// list, each poll of a wait for a job and each token request is a call. A wait for a job is a span "wait for job", and its
// polls are its children. A token request has no parent, because all calls that need the token share it.
//
// The attributes are:
//
//   - http.request.method, url.template, server.address, server.port, http.response.status_code, http.request.resend_count
//     and error.type, as in the semantic conventions. error.type is the status of a response that is not 2xx, or a
//     [basiq.Failure]. url.full is omitted, because it contains IDs.
//   - basiq.operation: the name of the Go method.
//   - basiq.page, basiq.poll: the number of the page or poll; see [basiq.CallInfo].
//   - basiq.attempts, basiq.items, basiq.response.size: the number of attempts and items of a call, and the size of its
//     response bodies in bytes.
//   - basiq.requests: the number of requests of an attempt, unless it is 1.
//   - basiq.correlation_id: the ID of an error response for Basiq's support.
//   - basiq.job.outcome, basiq.job.polls: the result of a wait for a job, and how often the job was polled.
//
// # Metrics
//
//   - basiq.client.call.duration (histogram, s), by basiq.operation, http.response.status_code and error.type
//   - basiq.client.call.attempts (histogram), by basiq.operation
//   - basiq.client.wait.duration (histogram, s), by basiq.operation and basiq.wait.reason
//   - basiq.client.throttled (counter): responses that asked the client to slow down, by basiq.operation
//   - basiq.client.token.requests (counter), by http.response.status_code and error.type
//   - basiq.client.job.wait.duration (histogram, s), by basiq.job.outcome
//
// Waits for the rate limit or a token that take less than a millisecond are not reported, because every call checks both.
//
// Neither traces nor metrics contain URLs, IDs of users or other resources, error texts, or secrets.
package basiqotel
