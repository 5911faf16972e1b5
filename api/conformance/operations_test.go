package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// calls has the wrapper's call of every operation, with arguments that are good.
var calls = map[string]func(context.Context, *basiq.Client) error{
	"postToken": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Tokens.Create(ctx, basiq.ClientAccess("u1")))
	},
	"createUser": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Users.Create(ctx, basiq.CreateUser{
			Email: "gavin@hooli.com", Mobile: "+61410888999", FirstName: "Gavin", MiddleName: "M", LastName: "Belson",
			BusinessName: "Manly Accounting PTY LTD", BusinessIDNo: "16 7645 892", BusinessIDNoType: basiq.BusinessIDNoTypeABN,
			BusinessAddress:    &basiq.BusinessAddress{AddressLine1: "21 Sydney Rd", Suburb: "Manly", State: "NSW", Postcode: "2095", CountryCode: "AUS"},
			VerificationStatus: new(bool), VerificationDate: "12/01/2024",
		}))
	},
	"getUser": func(ctx context.Context, c *basiq.Client) error { return failure(c.Users.Get(ctx, "u1")) },
	"updateUser": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Users.Update(ctx, "u1", basiq.UpdateUser{Mobile: "+61410888999", FirstName: "Malcolm"}))
	},
	"deleteUser": func(ctx context.Context, c *basiq.Client) error { return c.Users.Delete(ctx, "u1") },
	"getConnections": func(ctx context.Context, c *basiq.Client) error {
		return last(c.Connections.List(ctx, "u1", basiq.ConnectionFields.InstitutionID.Eq("AU00000"),
			basiq.ConnectionFields.Status.Eq(basiq.ConnectionStatusActive), basiq.ConnectionFields.ID.Eq("c1")))
	},
	"postConnection": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Connections.Create(ctx, "u1", basiq.CreateConnection{
			InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret("hooli2016"),
			SecondaryLoginID: basiq.NewSecret("4321"), SecurityCode: basiq.NewSecret("1234"),
		}))
	},
	"getConnection": func(ctx context.Context, c *basiq.Client) error { return failure(c.Connections.Get(ctx, "u1", "c1")) },
	"updateConnection": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Connections.Update(ctx, "u1", "c1", basiq.UpdateConnection{
			Password: basiq.NewSecret("hooli2016"), SecondaryLoginID: basiq.NewSecret("4321"), SecurityCode: basiq.NewSecret("1234"),
		}))
	},
	"deleteConnection": func(ctx context.Context, c *basiq.Client) error { return c.Connections.Delete(ctx, "u1", "c1") },
	"refreshConnection": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Connections.Refresh(ctx, "u1", "c1"))
	},
	"refreshConnections":  func(ctx context.Context, c *basiq.Client) error { return failure(c.Connections.RefreshAll(ctx, "u1")) },
	"purgeConnectionData": func(ctx context.Context, c *basiq.Client) error { return c.Connections.Purge(ctx, "u1", "c1") },
	"getJobs":             func(ctx context.Context, c *basiq.Client) error { return failure(c.Jobs.Get(ctx, "j1")) },
	"getUserJobs": func(ctx context.Context, c *basiq.Client) error {
		return last(c.Jobs.List(ctx, "u1", basiq.JobFields.ConnectionID.Eq("c1")))
	},
	"postJobMfa": func(ctx context.Context, c *basiq.Client) error {
		return failure(c.Jobs.AnswerMFA(ctx, "u1", "j1", basiq.NewSecret("1234")))
	},
}

func failure[T any](_ T, err error) error { return err }

func last[T any](list iter.Seq2[T, error]) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// answers sends the same answer to every request of one operation, and a token to those for one.
type answers struct {
	operation string
	status    int
	mediaType string
	body      string
}

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/token" && a.operation != "postToken" {
		return respond(http.StatusOK, "application/json", `{"access_token":"t","token_type":"Bearer","expires_in":3600}`), nil
	}
	return respond(a.status, a.mediaType, a.body), nil
}

func respond(status int, mediaType, body string) *http.Response {
	header := http.Header{}
	if body != "" {
		header.Set("Content-Type", mediaType)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// client returns a client whose traffic is held to the contract, and which never tries twice.
func client(t *testing.T, base http.RoundTripper, options ...basiq.Option) (*basiq.Client, *Transport) {
	t.Helper()
	transport, err := NewTransport(base)
	require.NoError(t, err)
	c, err := basiq.New("key", append([]basiq.Option{
		basiq.WithHTTPClient(&http.Client{Transport: transport}),
		basiq.WithRetry(basiq.Retry{MaxAttempts: 1, BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}),
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.Empty(t, transport.Violations()) })
	return c, transport
}

func TestEveryOperationOfTheContractIsInTheWrapper(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for path, item := range loaded(t).Paths.Map() {
		for method, op := range item.Operations() {
			want[op.OperationID] = method + " " + path
		}
	}
	have := map[string]string{}
	c, _ := client(t, answers{})
	for _, op := range basiq.Operations() {
		have[op.ID] = op.Method + " " + op.Path
		service, method, _ := strings.Cut(op.Name, ".")
		field := reflect.ValueOf(c).Elem().FieldByName(service)
		if assert.True(t, field.IsValid(), "%s: Client has no %s", op.ID, service) {
			assert.True(t, field.MethodByName(method).IsValid(), "%s: there is no %s", op.ID, op.Name)
		}
		assert.Contains(t, calls, op.ID, "this test calls every operation")
	}
	assert.Equal(t, want, have)
}

// A client that is told no other address goes to the contract's server.
func TestDefaultBaseURLIsTheContracts(t *testing.T) {
	t.Parallel()
	servers := loaded(t).Servers
	require.Len(t, servers, 1)
	assert.Equal(t, basiq.DefaultBaseURL, servers[0].URL)
	var sent []string
	c, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		sent = append(sent, req.URL.String())
		return answers{operation: "getJobs", status: http.StatusOK, mediaType: "application/json", body: `{"id":"j1"}`}.RoundTrip(req)
	})}))
	require.NoError(t, err)
	_, err = c.Jobs.Get(t.Context(), "j1")
	require.NoError(t, err)
	assert.Equal(t, []string{servers[0].URL + "/token", servers[0].URL + "/jobs/j1"}, sent)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Every example of a success in the contract is one to the wrapper.
func TestEveryDocumentedSuccess(t *testing.T) {
	t.Parallel()
	n := 0
	for _, op := range operations(loaded(t)) {
		for status, response := range op.Responses.Map() {
			code, err := strconv.Atoi(status)
			require.NoError(t, err)
			if code > 299 {
				continue
			}
			bodies := map[string]string{"without a body": ""}
			if media := response.Value.Content.Get("application/json"); media != nil {
				bodies = map[string]string{}
				if media.Example != nil {
					bodies["the example"] = marshal(t, media.Example)
				}
				for name, example := range media.Examples {
					bodies[name] = marshal(t, example.Value.Value)
				}
				if len(bodies) == 0 { // as updateUser, which answers as getUser does
					bodies["made up"] = `{"type":"user","id":"u1"}`
				}
			}
			for name, body := range bodies {
				n++
				t.Run(fmt.Sprintf("%s/%s/%s", op.OperationID, status, name), func(t *testing.T) {
					t.Parallel()
					c, transport := client(t, answers{op.OperationID, code, "application/json", body})
					require.NoError(t, calls[op.OperationID](t.Context(), c))
					assert.Equal(t, 1, transport.Exchanges()[op.OperationID+" "+status])
				})
			}
		}
	}
	assert.GreaterOrEqual(t, n, 16)
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	body, err := json.Marshal(value)
	require.NoError(t, err)
	return string(body)
}

// Every status that the contract declares arrives as an Error with all that Basiq says, and every request that was sent
// for it is one of the contract.
func TestEveryDocumentedStatus(t *testing.T) {
	t.Parallel()
	for _, op := range operations(loaded(t)) {
		for status := range op.Responses.Map() {
			code, err := strconv.Atoi(status)
			require.NoError(t, err)
			if code < 300 {
				continue
			}
			t.Run(op.OperationID+"/"+status, func(t *testing.T) {
				t.Parallel()
				c, _ := client(t, answers{op.OperationID, code, "application/json", `{"type":"list","correlationId":"ac5ah5i","data":[` +
					`{"type":"error","code":"unauthorized-access","title":"The title.","detail":"The detail.","source":{"parameter":"p","pointer":"a/p"}}]}`})
				got := require.New(t)
				var e *basiq.Error
				got.ErrorAs(calls[op.OperationID](t.Context(), c), &e)
				got.Equal(code, e.StatusCode)
				got.Equal("ac5ah5i", e.CorrelationID)
				got.Equal([]basiq.ErrorDetail{{
					Type: "error", Code: "unauthorized-access", Title: "The title.", Detail: "The detail.",
					Source: &basiq.ErrorSource{Parameter: "p", Pointer: "a/p"},
				}}, e.Details)
			})
		}
	}
}

// Basiq's own list of errors, endpoint by endpoint. It names no codes.
func TestEveryDocumentedError(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("testdata/errors.tsv")
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")[1:]
	require.Greater(t, len(rows), 100)
	for _, row := range rows {
		fields := strings.Split(row, "\t")
		require.Len(t, fields, 3)
		operation, detail := fields[0], fields[2]
		status, err := strconv.Atoi(fields[1])
		require.NoError(t, err)
		t.Run(strings.Join(fields, "/"), func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"type":"list","correlationId":"ac5ah5i","data":[{"type":"error","code":"a-code","title":"A title","detail":%q}]}`, detail)
			mediaType := "application/json"
			if strings.HasPrefix(detail, "Route not found") {
				body, mediaType = detail, "text/plain"
			}
			c, _ := client(t, answers{operation, status, mediaType, body})
			err := calls[operation](t.Context(), c)
			var e *basiq.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, status, e.StatusCode)
			assert.Equal(t, detail, e.Detail())
			assert.Contains(t, err.Error(), detail)
		})
	}
	t.Logf("%d documented errors", len(rows))
}
