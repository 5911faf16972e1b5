package conformance

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// planted is part of every value that a violation could quote.
	planted = "Pl4nted"
	// none is the type of a response without a Content-Type.
	none = "none"

	aJob        = `{"type":"job","id":"j1","links":{"self":"https://au-api.basiq.io/jobs/j1"}}`
	aToken      = `{"access_token":"` + planted + `","token_type":"Bearer","expires_in":3600}`
	aConnection = `{"type":"connection","id":"c1","institution":{"id":"AU00000"},"links":{}}`
	anError     = `{"type":"list","correlationId":"x","data":[{"type":"error","code":"c","title":"t","detail":"d"}]}`
)

// exchange is a request and the server's response. The zero value of a field means a valid default.
type exchange struct {
	method, path, query string
	form, json          string // the body
	parts               string // also the body: a multipart form with the boundary b
	requestType         string
	authorization       string
	noVersion, chunked  bool

	status       int
	responseType string
	response     string
	retryAfter   string
}

func (e exchange) request(t *testing.T) *http.Request {
	t.Helper()
	var body io.Reader
	header := http.Header{"Authorization": {"Bearer " + planted}}
	switch {
	case e.form != "":
		body = strings.NewReader(e.form)
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case e.json != "":
		body = strings.NewReader(e.json)
		header.Set("Content-Type", "application/json")
	case e.parts != "":
		body = strings.NewReader(e.parts)
		header.Set("Content-Type", "multipart/form-data; boundary=b")
	}
	if strings.HasPrefix(e.path, "/public/") {
		header.Del("Authorization")
	}
	if e.path == "/token" {
		header.Set("Authorization", "Basic "+planted)
		if !e.noVersion {
			header.Set("Basiq-Version", "3.0")
		}
	}
	if e.requestType != "" {
		header.Set("Content-Type", e.requestType)
	}
	if e.authorization != "" {
		header.Set("Authorization", e.authorization)
	}
	req, err := http.NewRequestWithContext(t.Context(), e.method, "http://127.0.0.1:8080"+e.path+e.query, body)
	require.NoError(t, err)
	req.Header = header
	if e.chunked {
		req.ContentLength = -1
	}
	return req
}

// RoundTrip simulates the server. It reads the whole request and returns the response of the exchange.
func (e exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		sent, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if string(sent) != e.form+e.json+e.parts {
			return nil, errors.New("validation modified the body")
		}
	}
	header := http.Header{}
	switch {
	case e.responseType == none:
	case e.responseType != "":
		header.Set("Content-Type", e.responseType)
	case e.response != "":
		header.Set("Content-Type", "application/json")
	}
	if e.retryAfter != "" {
		header.Set("Retry-After", e.retryAfter)
	}
	return &http.Response{StatusCode: e.status, Header: header, Body: io.NopCloser(strings.NewReader(e.response)), Request: req}, nil
}

const (
	connections = "/users/u1/connections"
	connection  = "/users/u1/connections/c1"
	statements  = "/users/u1/statements"
	login       = `{"institution":{"id":"AU00000"},"loginId":"` + planted + `","password":"` + planted + `"}`
)

// formPart returns a part of a multipart form. formOf returns a form of the parts.
func formPart(header, body string) string {
	return "--b\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + body + "\r\n"
}

func formOf(parts ...string) string { return strings.Join(parts, "") + "--b--\r\n" }

var (
	bank      = formPart(`name="institutionId"`, "AU01001")
	statement = formPart(`name="statement"; filename="march.csv"`+"\r\nContent-Type: text/csv", `a,"`+planted)
)

func TestTransport_Valid(t *testing.T) {
	t.Parallel()
	cases := map[string]exchange{
		"token":                     {method: "POST", path: "/token", form: "scope=CLIENT_ACCESS&userId=u1", status: 200, response: aToken},
		"charset":                   {method: "GET", path: "/jobs/j1", status: 200, response: aJob, responseType: "application/json; charset=utf-8"},
		"filter":                    {method: "GET", path: connections, query: "?filter=status.eq%28%27active%27%29", status: 200, response: `{"type":"list","data":[]}`},
		"create":                    {method: "POST", path: connections, json: login, status: 202, response: aJob},
		"create while a job runs":   {method: "POST", path: connections, json: login, status: 200, response: aJob},
		"refresh, not a connection": {method: "POST", path: connections + "/refresh", status: 202, response: `{"type":"list","data":[` + aJob + `]}`},
		"upload":                    {method: "POST", path: statements, parts: formOf(bank, statement), status: 202, response: aJob},
		"public":                    {method: "GET", path: "/public/connectors", status: 200, response: `{"type":"list","data":[]}`},
		"PDF":                       {method: "GET", path: "/reports/r1", status: 200, response: "%PDF-1.7", responseType: "application/pdf"},
		"CSV":                       {method: "GET", path: "/users/u1/affordability/s1/transactions", status: 200, response: `a,"b` + "\n", responseType: "application/csv"},
		"CSV as text/csv":           {method: "GET", path: "/users/u1/expenses/s1", status: 200, response: `a,"b` + "\n", responseType: "text/csv; charset=utf-8"},
		"no content":                {method: "DELETE", path: connection, status: 204},
		"error":                     {method: "GET", path: connection, status: 403, response: anError},
		"error of the gateway":      {method: "GET", path: connection, status: 403, response: `{"message":"Forbidden"}`},
		"plain text":                {method: "POST", path: connections, json: login, status: 404, response: "Route not found for this API version.", responseType: "text/plain; charset=utf-8"},
		"Retry-After in seconds":    {method: "GET", path: connection, status: 429, response: anError, retryAfter: "7"},
		"Retry-After as a date":     {method: "GET", path: connection, status: 429, response: anError, retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT"},
		"result in an array":        {method: "GET", path: "/jobs/j1", status: 200, response: `{"id":"j1","steps":[{"status":"failed","result":[{"code":"x"}]}]}`},
		"empty amount":              {method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"links"`, `"accounts":{"data":[{"type":"account","id":"a","balance":""}]},"links"`, 1)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport, err := NewTransport(tc)
			require.NoError(t, err)
			resp, err := transport.RoundTrip(tc.request(t))
			require.NoError(t, err)
			defer func() { assert.NoError(t, resp.Body.Close()) }()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, tc.response, string(body))
			assert.Empty(t, transport.Violations())
			assert.Len(t, transport.Exchanges(), 1)
		})
	}
}

func TestTransport_Violations(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		exchange
		want string // part of the error
	}{
		// Requests
		"unknown path":             {exchange{method: "GET", path: "/payments"}, "unknown operation: request: no operation for GET /payments"},
		"unknown method":           {exchange{method: "PUT", path: connection}, "no operation for PUT"},
		"trailing slash":           {exchange{method: "DELETE", path: "/users/u1/connections/"}, "no operation for DELETE"},
		"ID that changes the path": {exchange{method: "DELETE", path: "/users/u1/connections/.."}, `path parameter "connectionId"`},
		"missing header":           {exchange{method: "POST", path: "/token", form: "scope=SERVER_ACCESS", noVersion: true}, `parameter "basiq-version" in header`},
		"no credential":            {exchange{method: "GET", path: connection, authorization: "Bearer "}, "header Authorization must be"},
		"key instead of a token":   {exchange{method: "GET", path: connection, authorization: "Basic " + planted}, `header Authorization must be "Bearer"`},
		"token instead of a key":   {exchange{method: "POST", path: "/token", form: "scope=SERVER_ACCESS", authorization: "Bearer " + planted}, `header Authorization must be "Basic"`},
		"unexpected credential":    {exchange{method: "GET", path: "/public/connectors", authorization: "Bearer " + planted}, "unexpected Authorization header"},
		"bad enum in a form":       {exchange{method: "POST", path: "/token", form: "scope=" + planted}, "postToken: request: "},
		"missing form field":       {exchange{method: "POST", path: "/token", form: "userId=" + planted}, `"scope" is missing`},
		"unknown form field":       {exchange{method: "POST", path: "/token", form: "scope=SERVER_ACCESS&user=" + planted}, `form field "user"`},
		"repeated form field":      {exchange{method: "POST", path: "/token", form: "scope=SERVER_ACCESS&scope=CLIENT_ACCESS"}, `duplicate form field "scope"`},
		"JSON instead of a form":   {exchange{method: "POST", path: "/token", json: `{"scope":"SERVER_ACCESS"}`}, "Content-Type"},
		"form instead of JSON":     {exchange{method: "POST", path: connections, json: login, requestType: "application/x-www-form-urlencoded"}, "Content-Type"},
		"unknown query parameter":  {exchange{method: "GET", path: connections, query: "?limit=" + planted}, `query parameter "limit"`},
		"repeated query parameter": {exchange{method: "GET", path: connections, query: "?filter=a&filter=b"}, `duplicate query parameter "filter"`},
		"unexpected body":          {exchange{method: "POST", path: connection + "/refresh", json: `{}`}, "body"},
		"chunked body":             {exchange{method: "POST", path: connection + "/refresh", json: `{}`, chunked: true}, "unexpected body"},
		"missing body":             {exchange{method: "POST", path: connections}, "required"},
		"form instead of parts":    {exchange{method: "POST", path: statements, form: "institutionId=AU01001&statement=" + planted}, "Content-Type"},
		"missing part":             {exchange{method: "POST", path: statements, parts: formOf(statement)}, `"institutionId" is missing`},
		"unknown part":             {exchange{method: "POST", path: statements, parts: formOf(bank, statement, formPart(`name="file"`, planted))}, "invalid body"},
		"repeated part":            {exchange{method: "POST", path: statements, parts: formOf(bank, statement, statement)}, `duplicate form field "statement"`},
		"file without a name":      {exchange{method: "POST", path: statements, parts: formOf(bank, formPart(`name="statement"`, planted))}, `"statement": files, and only files`},
		"text with a name":         {exchange{method: "POST", path: statements, parts: formOf(statement, formPart(`name="institutionId"; filename="march.csv"`, planted))}, `"institutionId": files, and only files`},
		"half a form":              {exchange{method: "POST", path: statements, parts: bank + strings.TrimSuffix(statement, "\r\n")}, "unexpected EOF"},
		"part with a bad header":   {exchange{method: "POST", path: statements, parts: formOf(bank, formPart(`name="statement"`+"\r\n"+planted, ""))}, "invalid"},
		"unknown page":             {exchange{method: "GET", path: "/users/u1/transactions", query: "?next=" + planted}, `query parameter "next"`},
		"wrong field":              {exchange{method: "POST", path: connections, json: strings.Replace(login, "loginId", "loginID", 1)}, `"loginID" is unsupported`},
		"wrong type":               {exchange{method: "POST", path: connections, json: strings.Replace(login, `"`+planted+`"`, `["`+planted+`"]`, 1)}, "/loginId"},
		"missing required field":   {exchange{method: "POST", path: connection, json: `{"securityCode":"` + planted + `"}`}, `"password" is missing`},
		"null":                     {exchange{method: "POST", path: connection, json: `{"password":null}`}, "/password"},
		"no MFA answers":           {exchange{method: "POST", path: "/jobs/j1/mfa", json: `{"mfa-response":[]}`}, "/mfa-response"},
		"two values":               {exchange{method: "POST", path: connections, json: login + login}, "must be a single JSON value"},
		"broken JSON":              {exchange{method: "POST", path: connections, json: `{"password":"` + planted}, "invalid body"},

		// Responses
		"undeclared status":         {exchange{method: "GET", path: connection, status: 418, response: anError}, "status 418"},
		"success of another kind":   {exchange{method: "GET", path: connection, status: 202, response: aConnection}, "status 202"},
		"redirect":                  {exchange{method: "GET", path: connection, status: 307}, "status 307"},
		"null for an object":        {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"links":{}`, `"links":null`, 1)}, "/links"},
		"word for a boolean":        {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"links"`, `"mfaEnabled":"`+planted+`","links"`, 1)}, "/mfaEnabled"},
		"word for a date":           {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"links"`, `"createdDate":"`+planted+`","links"`, 1)}, "/createdDate"},
		"unexpected PDF":            {exchange{method: "GET", path: connection, status: 200, response: planted, responseType: "application/pdf"}, "Content-Type"},
		"HTML error":                {exchange{method: "GET", path: connection, status: 503, response: "<html>" + planted, responseType: "text/html"}, "Content-Type"},
		"text for JSON":             {exchange{method: "GET", path: connection, status: 200, response: aConnection, responseType: "text/plain; charset=utf-8"}, "Content-Type"},
		"no content type":           {exchange{method: "GET", path: connection, status: 200, response: aConnection, responseType: none}, "Content-Type"},
		"text instead of JSON":      {exchange{method: "GET", path: connection, status: 403, response: planted, responseType: "text/plain"}, "Content-Type"},
		"body of no content":        {exchange{method: "DELETE", path: connection, status: 204, response: aJob}, "status 204: unexpected body"},
		"empty body":                {exchange{method: "GET", path: connection, status: 200, responseType: "application/json"}, "invalid body"},
		"unknown field":             {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, "{", `{"loginId":"`+planted+`",`, 1)}, `"loginId" is unsupported`},
		"unknown nested field":      {exchange{method: "GET", path: "/jobs/j1", status: 200, response: `{"id":"j1","steps":[{"status":"failed","result":{"Code":"` + planted + `"}}]}`}, "/steps/0/result"},
		"unknown field of an error": {exchange{method: "GET", path: connection, status: 404, response: `{"error":"` + planted + `"}`}, `"error" is unsupported`},
		"missing field":             {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"id":"c1",`, "", 1)}, `"id" is missing`},
		"unknown enum value":        {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"links"`, `"status":"`+planted+`","links"`, 1)}, "/status"},
		"number for a string":       {exchange{method: "GET", path: "/jobs/j1", status: 200, response: `{"id":7}`}, "/id"},
		"string for a number":       {exchange{method: "POST", path: "/token", form: "scope=SERVER_ACCESS", status: 200, response: strings.Replace(aToken, "3600", `"3600"`, 1)}, "/expires_in"},
		"impossible date":           {exchange{method: "GET", path: "/jobs/j1", status: 200, response: `{"id":"j1","created":"2019-02-31T00:00:00Z"}`}, "/created"},
		"invalid amount":            {exchange{method: "GET", path: connection, status: 200, response: strings.Replace(aConnection, `"links"`, `"accounts":{"data":[{"type":"account","id":"a","balance":"`+planted+`"}]},"links"`, 1)}, "/accounts/data/0/balance"},
		"two JSON values":           {exchange{method: "GET", path: "/jobs/j1", status: 200, response: aJob + aJob}, "must be a single JSON value"},
		"truncated JSON":            {exchange{method: "GET", path: "/jobs/j1", status: 200, response: `{"id":"` + planted}, "invalid body"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport, err := NewTransport(tc.exchange)
			require.NoError(t, err)
			resp, err := transport.RoundTrip(tc.request(t))
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			var violation *Violation
			require.ErrorAs(t, err, &violation)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), planted)
			assert.Equal(t, []error{violation}, transport.Violations())
			assert.Empty(t, transport.Exchanges())
			t.Log(err)
		})
	}
}

// A next-page link may be followed with any query. Other queries must match the contract.
func TestTransport_NextPageLinks(t *testing.T) {
	t.Parallel()
	const transactions = "/users/u1/transactions"
	server := exchange{
		method: "GET", path: transactions, query: "?limit=1", status: 200,
		response: `{"type":"list","data":[],"links":{"next":"` + transactions + `?next=a%2Fb"}}`,
	}
	transport, err := NewTransport(server)
	require.NoError(t, err)
	send := func(path, query string) error {
		ex := server
		ex.path, ex.query = path, query
		resp, err := transport.RoundTrip(ex.request(t))
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		return err
	}
	require.ErrorContains(t, send(transactions, "?next=a%2Fb"), `query parameter "next"`, "the link has not been returned yet")
	require.NoError(t, send(transactions, "?limit=1"))
	require.NoError(t, send(transactions, "?next=a%2Fb"))
	require.ErrorContains(t, send(transactions, "?next=a%2Fc"), `query parameter "next"`)
	require.ErrorContains(t, send("/users/u2/transactions", "?next=a%2Fb"), `query parameter "next"`)
	assert.Len(t, transport.Violations(), 3)
}

// A connection error is not a violation. It is returned unchanged.
func TestTransport_ConnectionErrors(t *testing.T) {
	t.Parallel()
	reset := errors.New("reset")
	ex := exchange{method: "GET", path: "/jobs/j1"}

	t.Run("no response", func(t *testing.T) {
		t.Parallel()
		transport, err := NewTransport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, reset }))
		require.NoError(t, err)
		_, err = transport.RoundTrip(ex.request(t))
		assert.Equal(t, reset, err)
		assert.Empty(t, transport.Violations())
	})
	t.Run("half a response", func(t *testing.T) {
		t.Parallel()
		transport, err := NewTransport(roundTripper(func(*http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(`{"id":`), iotest.ErrReader(reset))
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, nil
		}))
		require.NoError(t, err)
		resp, err := transport.RoundTrip(ex.request(t))
		require.NoError(t, err)
		defer func() { assert.NoError(t, resp.Body.Close()) }()
		body, err := io.ReadAll(resp.Body)
		require.ErrorIs(t, err, reset)
		assert.Equal(t, `{"id":`, string(body))
		assert.Empty(t, transport.Violations())
	})
	t.Run("a body that cannot be sent", func(t *testing.T) {
		t.Parallel()
		transport, err := NewTransport(roundTripper(nil))
		require.NoError(t, err)
		req := exchange{method: "POST", path: connections, json: login}.request(t)
		req.Body = io.NopCloser(iotest.ErrReader(reset))
		_, err = transport.RoundTrip(req)
		require.ErrorIs(t, err, reset)
		assert.Empty(t, transport.Violations())
	})
}
