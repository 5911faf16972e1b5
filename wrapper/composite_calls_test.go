package basiq_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A compositeCall is a call of a method that is not an operation: it makes several requests, or is another form of an operation.
type compositeCall struct {
	method string
	// first is the operation of the first request.
	first string
	// arguments are the names of the IDs in error texts. An error names the method, or the operation first.
	arguments []string
	// paths are the paths of the requests.
	paths []string
	// call returns a result that is nil if there is an error, except for a page with an invalid link.
	call func(t testing.TB, c *basiq.Client, ids ...string) (any, error)
}

const doneJobJSON = `{"type":"job","id":"j1","steps":[{"title":"verify-credentials","status":"success"}],"links":{"source":"/users/u1/connections/c1"}}`

const failedJobJSON = `{"type":"job","id":"j1","steps":[{"title":"verify-credentials","status":"failed","result":{"code":"invalid-credentials"}}]}`

var compositeReport = basiq.CreateReport{ReportType: basiq.ReportTypeAffordability, Title: "March"}

// result returns a pointer as a value that is nil if the pointer is nil.
func result[T any](value *T, err error) (any, error) {
	if value == nil {
		return nil, err
	}
	return value, err
}

// document returns the bytes of a document as a value. It returns nil if the document is missing.
func document(body []byte, err error) (any, error) {
	if body == nil {
		return nil, err
	}
	return string(body), err
}

// briefly limits waits to a few polls, because each request takes part in the search for secrets.
var briefly = basiq.WithMaxWait(30 * time.Second)

var compositeCalls = []compositeCall{
	{
		"Connections.CreateAndWait", "postConnection",
		[]string{"userID"},
		[]string{"/users/u1/connections", "/jobs/j1", "/users/u1/connections/c1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Connections.CreateAndWait(t.Context(), ids[0], basiq.CreateConnection{
				InstitutionID: "AU00000", LoginID: basiq.NewSecret(plantedLogin), Password: basiq.NewSecret(plantedPassword),
			}, briefly))
		},
	},
	{
		"Connections.UpdateAndWait", "updateConnection",
		[]string{"userID", "connectionID"},
		[]string{"/users/u1/connections/c1", "/jobs/j1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Connections.UpdateAndWait(t.Context(), ids[0], ids[1], basiq.UpdateConnection{Password: basiq.NewSecret(plantedPassword)}, briefly))
		},
	},
	{
		"Connections.RefreshAndWait", "refreshConnection",
		[]string{"userID", "connectionID"},
		[]string{"/users/u1/connections/c1/refresh", "/jobs/j1", "/users/u1/connections/c1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Connections.RefreshAndWait(t.Context(), ids[0], ids[1], briefly))
		},
	},
	{
		"Connections.RefreshIfStale", "getConnection",
		[]string{"userID", "connectionID"},
		[]string{"/users/u1/connections/c1", "/users/u1/connections/c1/refresh"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Connections.RefreshIfStale(t.Context(), ids[0], ids[1], time.Hour))
		},
	},
	{
		"Connections.RefreshListedIfStale", "refreshConnection",
		[]string{"userID", "connectionID"},
		[]string{"/users/u1/connections/c1/refresh"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			listed := &basiq.Connection{ID: ids[1], Status: basiq.ConnectionStatusActive, LastUsed: "1999-01-01T00:00:00Z"}
			return result(c.Connections.RefreshListedIfStale(t.Context(), ids[0], listed, time.Hour))
		},
	},
	{
		"Jobs.Wait", "getJobs",
		[]string{"jobID"},
		[]string{"/jobs/j1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			job, err := c.Jobs.Wait(t.Context(), ids[0], briefly)
			if err != nil {
				return nil, err // Wait also returns the job as of the last poll
			}
			return job, nil
		},
	},
	{
		"Jobs.Watch", "getJobs",
		[]string{"jobID"},
		[]string{"/jobs/j1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			var last *basiq.Job
			for job, err := range c.Jobs.Watch(t.Context(), ids[0], briefly) {
				if err != nil {
					return nil, err
				}
				last = job
			}
			return last, nil
		},
	},
	{
		"Jobs.WaitAll", "getJobs",
		[]string{"jobIDs"},
		[]string{"/jobs/j1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			jobs, err := c.Jobs.WaitAll(t.Context(), ids, briefly)
			if err != nil {
				return nil, err
			}
			require.Len(t, jobs, 1)
			return jobs[0], nil
		},
	},
	{
		"Jobs.WaitEach", "getJobs",
		[]string{"jobIDs"},
		[]string{"/jobs/j1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			for job, err := range c.Jobs.WaitEach(t.Context(), slices.Values(ids), briefly) {
				if err != nil {
					return nil, err
				}
				return job, nil
			}
			return nil, nil
		},
	},
	{
		"Consents.PageURL", "postToken",
		[]string{"userID"},
		nil,
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			page, err := c.Consents.PageURL(t.Context(), ids[0], basiq.ConsentPage{State: plantedState})
			if err != nil {
				return nil, err
			}
			return page, nil
		},
	},
	{
		"Tokens.Get", "postToken",
		[]string{"scope"},
		nil,
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			token, err := c.Tokens.Get(t.Context(), basiq.ClientAccess(ids[0]))
			if err != nil {
				return nil, err
			}
			return token, nil
		},
	},
	{
		"Reports.CreateAndWait", "createReport", nil,
		[]string{"/reports", "/jobs/j1", "/reports/r1"},
		func(t testing.TB, c *basiq.Client, _ ...string) (any, error) {
			report, err := c.Reports.CreateAndWait(t.Context(), compositeReport, briefly)
			if report != nil {
				require.NotEmpty(t, report.ID)
			}
			return result(report, err)
		},
	},
	{
		"Reports.PDF", "retrieveReport",
		[]string{"reportID"},
		[]string{"/reports/r1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return document(c.Reports.PDF(t.Context(), ids[0]))
		},
	},
	{
		"Reports.Page", "listReports", nil,
		[]string{"/reports"},
		func(t testing.TB, c *basiq.Client, _ ...string) (any, error) {
			return result(c.Reports.Page(t.Context(), ""))
		},
	},
	{
		"Reports.TransactionsPage", "retrieveReportTransactions",
		[]string{"reportID"},
		[]string{"/reports/r1/transactions"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Reports.TransactionsPage(t.Context(), ids[0], ""))
		},
	},
	{
		"Affordability.PDF", "getAffordability",
		[]string{"userID", "snapshotID"},
		[]string{"/users/u1/affordability/s1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return document(c.Affordability.PDF(t.Context(), ids[0], ids[1]))
		},
	},
	{
		"Affordability.TransactionsCSV", "getAffordabilitySnapshotTransactions",
		[]string{"userID", "snapshotID"},
		[]string{"/users/u1/affordability/s1/transactions"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return document(c.Affordability.TransactionsCSV(t.Context(), ids[0], ids[1]))
		},
	},
	{
		"Affordability.TransactionsPage", "getAffordabilitySnapshotTransactions",
		[]string{"userID", "snapshotID"},
		[]string{"/users/u1/affordability/s1/transactions"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Affordability.TransactionsPage(t.Context(), ids[0], ids[1], ""))
		},
	},
	{
		"Expenses.CSV", "getExpenses",
		[]string{"userID", "snapshotID"},
		[]string{"/users/u1/expenses/s1"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return document(c.Expenses.CSV(t.Context(), ids[0], ids[1]))
		},
	},
	{
		"Events.Page", "getEvents", nil,
		[]string{"/events"},
		func(t testing.TB, c *basiq.Client, _ ...string) (any, error) {
			return result(c.Events.Page(t.Context(), ""))
		},
	},
	{
		"Insights.Page", "listUserInsights",
		[]string{"userID"},
		[]string{"/users/u1/insights"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Insights.Page(t.Context(), ids[0], ""))
		},
	},
	{
		"Payees.Page", "GetPayees",
		[]string{"userID"},
		[]string{"/users/u1/payees"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Payees.Page(t.Context(), ids[0], ""))
		},
	},
	{
		"Transactions.Page", "getTransactions",
		[]string{"userID"},
		[]string{"/users/u1/transactions"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Transactions.Page(t.Context(), ids[0], ""))
		},
	},
	{
		"Webhooks.Ensure", "listAppWebhooks", nil,
		[]string{"/notifications/webhooks"},
		func(t testing.TB, c *basiq.Client, _ ...string) (any, error) {
			hook, created, err := c.Webhooks.Ensure(t.Context(), basiq.CreateWebhook{URL: plantedHookURL})
			assert.False(t, created && hook == nil)
			return result(hook, err)
		},
	},
	{
		"Webhooks.MessagesPage", "listMessages",
		[]string{"webhookID"},
		[]string{"/notifications/webhooks/w1/messages"},
		func(t testing.TB, c *basiq.Client, ids ...string) (any, error) {
			return result(c.Webhooks.MessagesPage(t.Context(), ids[0], ""))
		},
	},
}

// goodIDs returns IDs for which respond responds with success.
func (c compositeCall) goodIDs() []string {
	known := map[string]string{
		"userID": userID, "connectionID": connID, "jobID": jobID, "jobIDs": jobID, "scope": userID, "reportID": "r1", "snapshotID": "s1", "webhookID": "w1",
	}
	ids := make([]string, len(c.arguments))
	for i, argument := range c.arguments {
		ids[i] = known[argument]
	}
	return ids
}

// respond returns the response to a request of the call. Jobs have succeeded, and responses that have secrets have planted ones.
func (c compositeCall) respond(req *http.Request) *http.Response {
	document := strings.HasSuffix(c.method, "PDF") || strings.HasSuffix(c.method, "CSV")
	switch key := req.Method + " " + req.URL.Path; {
	case key == "POST /token":
		return reply(http.StatusOK, plantedTokenJSON)
	case key == "GET /jobs/j1" && strings.HasPrefix(c.method, "Reports."):
		return reply(http.StatusOK, strings.ReplaceAll(doneJobJSON, "/users/u1/connections/c1", "/reports/r1"))
	case key == "GET /jobs/j1":
		return reply(http.StatusOK, doneJobJSON)
	case key == "GET /users/u1/connections/c1" && c.method == "Connections.RefreshIfStale":
		return reply(http.StatusOK, `{"type":"connection","id":"c1","status":"active","lastUsed":"1999-01-01T00:00:00Z"}`)
	case key == "GET /notifications/webhooks":
		return reply(http.StatusOK, list(strings.ReplaceAll(plantedWebhookJSON, plantedHookURL, "https://other.example")))
	case key == "POST /notifications/webhooks":
		return reply(http.StatusCreated, plantedWebhookJSON)
	case document:
		resp := reply(http.StatusOK, "%PDF-1.4")
		resp.Header.Set("Content-Type", req.Header.Get("Accept"))
		return resp
	default:
		for _, operation := range operationCalls {
			if op := operationByID(operation.id); op.Method == req.Method && operation.path == req.URL.Path {
				return reply(operation.status, operation.body)
			}
		}
		return reply(http.StatusNotFound, "")
	}
}

func operationByID(id string) basiq.Operation {
	all := basiq.Operations()
	return all[slices.IndexFunc(all, func(op basiq.Operation) bool { return op.ID == id })]
}

// secretCalls returns the call as rows of secretCalls. The situation applies to each path alone, so that each of several requests
// is tested.
func (c compositeCall) secretCalls() []secretCall {
	row := secretCall{name: c.method, operation: c.first, respond: c.respond, call: func(t testing.TB, client *basiq.Client) (any, error) {
		return c.call(t, client, c.goodIDs()...)
	}}
	if len(c.paths) < 2 {
		return []secretCall{row}
	}
	var rows []secretCall
	for _, at := range c.paths {
		at := secretCall{name: c.method + " at " + at, at: at, operation: row.operation, respond: row.respond, call: row.call}
		rows = append(rows, at)
	}
	return rows
}

// Each exported method of a service is an operation or has a row in compositeCalls with all its IDs, so that it is in the tables of
// the tests of secrets, IDs and invalid responses.
func TestCalls_EveryMethod(t *testing.T) {
	t.Parallel()
	covered, ids := map[string]bool{}, map[string]int{}
	for _, op := range basiq.Operations() {
		covered[op.Name] = true
	}
	for _, c := range compositeCalls {
		assert.False(t, covered[c.method], "%s is in the table twice, or is an operation", c.method)
		covered[c.method] = true
		ids[c.method] = len(c.arguments)
	}
	exported := map[string]bool{}
	for service := range reflect.TypeFor[basiq.Client]().Fields() {
		if !service.IsExported() {
			continue
		}
		for method := range service.Type.Methods() {
			name := service.Name + "." + method.Name
			exported[name] = true
			if !assert.True(t, covered[name], "%s is in no table of calls: add it to compositeCalls", name) {
				continue
			}
			count, composite := ids[name]
			if !composite {
				continue
			}
			want := 0
			for in := range method.Type.Ins() {
				if slices.Contains([]reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[[]string](), reflect.TypeFor[*basiq.Connection](), reflect.TypeFor[basiq.Scope]()}, in) || in.Kind() == reflect.Func && in.NumIn() == 1 {
					want++
				}
			}
			assert.Equal(t, want, count, "the IDs of %s", name)
		}
	}
	for _, c := range compositeCalls {
		assert.True(t, exported[c.method], "%s does not exist", c.method)
	}
}

// Each composite call succeeds if the responses are valid, and sends requests to the expected paths only.
func TestCompositeCalls_Success(t *testing.T) {
	t.Parallel()
	for _, c := range compositeCalls {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var paths []string
				client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					if req.URL.Path != "/token" && !slices.Contains(paths, req.URL.Path) {
						paths = append(paths, req.URL.Path)
					}
					return c.respond(req), nil
				}), versionOf(t, c.first))
				value, err := c.call(t, client, c.goodIDs()...)
				require.NoError(t, err)
				require.NotNil(t, value)
				assert.Equal(t, c.paths, paths)
			})
		})
	}
}

// An invalid ID is rejected before a request is sent.
func TestCompositeCalls_InvalidIDs(t *testing.T) {
	t.Parallel()
	for _, c := range compositeCalls {
		for i, argument := range c.arguments {
			t.Run(c.method+"/"+argument, func(t *testing.T) {
				t.Parallel()
				client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					t.Errorf("%s %s was sent", req.Method, req.URL.Path)
					return c.respond(req), nil
				}), versionOf(t, c.first))
				for _, id := range []string{"", ".", "..", "a/b", "a%2fb", "a?b", "ä", "a b", "a\n"} {
					require.Error(t, api.ID(id).Validate())
					value, err := c.call(t, client, slices.Replace(c.goodIDs(), i, i+1, id)...)
					assert.Nil(t, value)
					var input *basiq.InputError
					require.ErrorAs(t, err, &input, "%q", id)
					assert.Equal(t, argument, input.Argument)
					assert.Contains(t, []string{c.method, operationByID(c.first).Name}, input.Operation)
				}
			})
		}
	}
}

// For any response to any of its requests, a composite call ends with a result or with an error in one line.
func FuzzCompositeBody(f *testing.F) {
	for i, body := range []string{"", "{}", "null", `{"data":[null]}`, `{"id":"x1"}`, jobJSON, doneJobJSON, connectionJSON, reportJSON, failedJobJSON, list(webhookJSON), list(transactionJSON)} {
		f.Add([]byte(body), uint(i), []byte(replacements[i%len(replacements)]))
		f.Add([]byte(body), uint(0), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, body []byte, at uint, value []byte) {
		body = replaceValue(body, at, value)
		for _, c := range compositeCalls {
			synctest.Test(t, func(t *testing.T) {
				// A job may never end.
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var mu sync.Mutex
				sent, fuzzed := uint(0), at%uint(len(c.paths)+1)
				client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					if req.Body != nil {
						_ = req.Body.Close()
					}
					mu.Lock()
					defer mu.Unlock()
					sent++
					if sent-1 == fuzzed {
						return reply(http.StatusOK, string(body)), nil
					}
					return c.respond(req), nil
				}), oneAttempt, versionOf(t, c.first))
				value, err := c.call(withContext{t, ctx}, client, c.goodIDs()...)
				if !errors.Is(err, basiq.ErrBadPageLink) {
					require.NotEqual(t, err == nil, value == nil, "%s must return either a result or an error", c.method)
				}
				if err != nil {
					checkText(t, err, 600)
				}
			})
		}
	})
}

// withContext is a test whose context is ctx.
type withContext struct {
	testing.TB

	ctx context.Context //nolint:containedctx // it is the context that the test returns
}

func (t withContext) Context() context.Context { return t.ctx }
