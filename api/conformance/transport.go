package conformance

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing/iotest"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/basiq-go/basiq-go/api"
)

// Violation is an error: a request or a response that the contract does not allow.
type Violation struct {
	// Operation is the operationId, or empty when the contract has no such operation.
	Operation string
	// Part is "request" or "response".
	Part string
	// Reason says what is wrong. It names fields and never holds a value of a body or a credential.
	Reason string
}

// Error names the operation, the part and the reason.
func (v *Violation) Error() string {
	return fmt.Sprintf("contract: %s: %s: %s", cmp.Or(v.Operation, "unknown operation"), v.Part, v.Reason)
}

// Transport sends requests through another transport and holds both ways to the contract, in a form stricter than
// what a client of a growing API could bear: fields and query parameters that the contract does not name are refused
// too, but for the query of a link to a next page that came through the same Transport. A request that breaks it is not
// sent, a response that breaks it is not handed on: RoundTrip returns a *[Violation] in their place. Make one with
// [NewTransport]; many goroutines may use it.
type Transport struct {
	base     http.RoundTripper
	contract *contract

	mu         sync.Mutex
	violations []error
	exchanges  map[string]int
	links      map[string]bool // where the next pages are, by the responses that were handed on
}

// NewTransport returns a Transport that sends through base.
func NewTransport(base http.RoundTripper) (*Transport, error) {
	contract, err := strictContract()
	if err != nil {
		return nil, err
	}
	return newTransport(base, contract), nil
}

func newTransport(base http.RoundTripper, contract *contract) *Transport {
	return &Transport{base: base, contract: contract, exchanges: map[string]int{}, links: map[string]bool{}}
}

// Violations returns what was refused so far. A test asks at its end, because a client may swallow the error of
// RoundTrip, or try again.
func (t *Transport) Violations() []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.violations)
}

// Exchanges returns how many requests with their responses passed, by operationId and status, as in "getJobs 200".
func (t *Transport) Exchanges() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.exchanges)
}

// RoundTrip sends the request if the contract allows it, and returns the response if the contract allows that.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("reading the request's body: %w", err)
		}
	}

	route, params, err := t.contract.router.FindRoute(req)
	if err != nil {
		return nil, t.refuse("", "request", fmt.Errorf("no operation has %s %s", req.Method, req.URL.Path))
	}
	operation := route.Operation.OperationID
	input := &openapi3filter.RequestValidationInput{
		Request:    withBody(req, body), // a copy, because validation reads the body and may write to the request
		PathParams: params,
		Route:      route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:                checkCredential,
			IncludeResponseStatus:             true,
			RejectWhenRequestBodyNotSpecified: true,
			SkipSettingDefaults:               true,
			SchemaValidationOptions:           schemaOptions(),
		},
	}
	if err := checkRequest(req.Context(), input, body, t.linked(req.URL)); err != nil {
		return nil, t.refuse(operation, "request", err)
	}

	resp, err := t.base.RoundTrip(withBody(req, body))
	if err != nil {
		return nil, err // The client must see the very error of the transport under us.
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	if err != nil {
		// A connection that broke says nothing about the contract; the client gets what it would have got.
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer), iotest.ErrReader(err)))
		return resp, nil
	}
	if err := checkResponse(req.Context(), input, resp, answer); err != nil {
		return nil, t.refuse(operation, "response", err)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges[fmt.Sprintf("%s %d", operation, resp.StatusCode)]++
	if next := nextPage(req.URL, answer); next != "" {
		t.links[next] = true
	}
	return resp, nil
}

// linked reports whether a response has named the URL as that of a next page. The contract does not say what is in its
// query, only that it is to be followed as it is.
func (t *Transport) linked(u *url.URL) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.links[u.String()]
}

// nextPage returns the URL of the page after the one in a response, if it names one.
func nextPage(page *url.URL, body []byte) string {
	var list struct {
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Links.Next == "" {
		return ""
	}
	next, err := page.Parse(list.Links.Next)
	if err != nil {
		return ""
	}
	return next.String()
}

func (t *Transport) refuse(operation, part string, err error) error {
	violation := &Violation{Operation: operation, Part: part, Reason: reason(err)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations = append(t.violations, violation)
	return violation
}

// withBody returns a copy of the request that has its own reader over the body.
func withBody(req *http.Request, body []byte) *http.Request {
	clone := req.Clone(req.Context())
	if req.Body != nil && req.Body != http.NoBody {
		clone.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		clone.Body, _ = clone.GetBody()
	}
	return clone
}

// checkCredential holds the Authorization header to the operation's security scheme. The OpenAPI library leaves this
// to its caller.
func checkCredential(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	want := map[string]string{"api_key": "Basic", "access_token": "Bearer"}[input.SecuritySchemeName]
	values := input.RequestValidationInput.Request.Header.Values("Authorization")
	if len(values) != 1 {
		return fmt.Errorf("%d Authorization headers, want one", len(values))
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	if want == "" || scheme != want || credential == "" || strings.TrimSpace(credential) != credential {
		return fmt.Errorf("the Authorization header is not %q, a space and a credential", want)
	}
	return nil
}

// checkRequest adds to the OpenAPI library's checks what that lets pass: credentials where none belongs, ids that lead
// elsewhere, unknown and repeated query parameters and form fields, bodies of unknown length where none belongs, and
// text after the JSON. The query of a link is the server's.
func checkRequest(ctx context.Context, input *openapi3filter.RequestValidationInput, body []byte, linked bool) error {
	if err := openapi3filter.ValidateRequest(ctx, input); err != nil {
		return err
	}
	security := input.Route.Operation.Security
	if security == nil {
		security = &input.Route.Spec.Security
	}
	if len(*security) == 0 && input.Request.Header["Authorization"] != nil {
		return errors.New("it has an Authorization header, and the operation takes no credential")
	}
	for name, value := range input.PathParams {
		if err := api.ID(value).Validate(); err != nil {
			return fmt.Errorf("path parameter %q: %w", name, err)
		}
	}
	operation, item := input.Route.Operation, input.Route.PathItem
	err := checkNames("query parameter", input.Request.URL.RawQuery, func(name string) *openapi3.Schema {
		for _, parameters := range []openapi3.Parameters{operation.Parameters, item.Parameters} {
			if parameter := parameters.GetByInAndName("query", name); parameter != nil {
				return parameter.Schema.Value
			}
		}
		return nil
	})
	if err != nil && !linked {
		return err
	}
	declared := operation.RequestBody
	if declared == nil {
		if len(body) > 0 {
			return errors.New("it has a body, and the operation takes none")
		}
		return nil
	}
	media := declared.Value.Content.Get(input.Request.Header.Get("Content-Type"))
	switch contentType(input.Request.Header) {
	case "application/json":
		if !json.Valid(body) {
			return errors.New("the body is not one JSON value")
		}
	case "application/x-www-form-urlencoded":
		return checkNames("form field", string(body), func(name string) *openapi3.Schema {
			if property := media.Schema.Value.Properties[name]; property != nil {
				return property.Value
			}
			return nil
		})
	case "multipart/form-data":
		return checkParts(input.Request.Header, body, media.Schema.Value)
	}
	return nil
}

// checkParts demands that every part of a multipart form is known and stands there once, and that files, and only
// files, have a name and a type: without a name they are text to a server. The OpenAPI library takes the first of several
// parts.
func checkParts(header http.Header, body []byte, schema *openapi3.Schema) error {
	_, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return errors.New("the Content-Type cannot be read")
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	seen := map[string]bool{}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("the multipart form cannot be read")
		}
		name := part.FormName()
		property := schema.Properties[name]
		switch {
		case property == nil:
			return fmt.Errorf("form field %q is not in the contract", name)
		case seen[name]:
			return fmt.Errorf("form field %q stands there twice", name)
		}
		seen[name] = true
		file := property.Value.Format == "binary"
		if (part.FileName() != "") != file || (part.Header.Get("Content-Type") != "") != file {
			return fmt.Errorf("form field %q: a file has a name and a type, and nothing else has", name)
		}
	}
}

// checkNames returns an error for a name of a URL-encoded list that has no schema, or that is repeated although its schema
// is not an array.
func checkNames(what, encoded string, schema func(name string) *openapi3.Schema) error {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return fmt.Errorf("a %s is not URL-encoded", what)
	}
	for name, given := range values {
		known := schema(name)
		if known == nil {
			return fmt.Errorf("%s %q is not in the contract", what, name)
		}
		if len(given) > 1 && !known.Type.Is("array") {
			return fmt.Errorf("%s %q stands there %d times", what, name, len(given))
		}
	}
	return nil
}

// checkResponse adds to the OpenAPI library's checks what that lets pass: some redirects, bodies where none belongs,
// and text after the JSON.
func checkResponse(
	ctx context.Context, request *openapi3filter.RequestValidationInput, resp *http.Response, body []byte,
) error {
	declared := request.Route.Operation.Responses.Status(resp.StatusCode)
	if declared == nil {
		return fmt.Errorf("status %d is not declared", resp.StatusCode)
	}
	if len(declared.Value.Content) == 0 && len(body) > 0 {
		return fmt.Errorf("status %d has a body, and none is declared", resp.StatusCode)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 resp.StatusCode,
		Header:                 resp.Header,
		Options:                request.Options,
	}
	input.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(ctx, input); err != nil {
		return fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	if contentType(resp.Header) == "application/json" && !json.Valid(body) {
		return fmt.Errorf("status %d: the body is not one JSON value", resp.StatusCode)
	}
	return nil
}

func contentType(header http.Header) string {
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// reason is what err says, without any value of a body.
func reason(err error) string {
	// These quote what they could not read, unlike the errors of schemas, which schemaOptions keeps from that.
	if _, ok := errors.AsType[*openapi3filter.ParseError](err); ok {
		if request, ok := errors.AsType[*openapi3filter.RequestError](err); ok && request.Parameter != nil {
			return fmt.Sprintf("parameter %q in %s cannot be read", request.Parameter.Name, request.Parameter.In)
		}
		return "the body or a header cannot be read"
	}
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok { // quotes too
		return "the header of a part cannot be read"
	}
	return err.Error()
}
