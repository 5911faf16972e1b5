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

// Violation is the error for a request or a response that violates the contract.
type Violation struct {
	// Operation is the operationId. It is empty if the contract has no such operation.
	Operation string
	// Part is "request" or "response".
	Part string
	// Reason describes the violation. It names fields and never contains a value of a body or a credential.
	Reason string
}

// Error returns the operation, the part and the reason.
func (v *Violation) Error() string {
	return fmt.Sprintf("contract: %s: %s: %s", cmp.Or(v.Operation, "unknown operation"), v.Part, v.Reason)
}

// Transport sends requests through another transport and validates requests and responses against the contract. It is stricter
// than a client of an evolving API can be: it also rejects unknown fields and query parameters, except in the query of a
// next-page link that it has returned before. It does not send an invalid request and does not return an invalid response:
// RoundTrip returns a *[Violation] instead. Create one with [NewTransport]. It is safe for concurrent use.
type Transport struct {
	base     http.RoundTripper
	contract *contract

	mu         sync.Mutex
	violations []error
	exchanges  map[string]int
	links      map[string]bool // next-page links of returned responses
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

// Violations returns all violations so far. Tests check it at the end, because a client may discard an error of RoundTrip or
// retry the request.
func (t *Transport) Violations() []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.violations)
}

// Exchanges returns the number of valid requests with valid responses, by operationId and status, as in "getJobs 200".
func (t *Transport) Exchanges() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.exchanges)
}

// RoundTrip sends the request if it is valid, and returns the response if that is valid.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("reading request body: %w", err)
		}
	}

	route, params, err := t.contract.router.FindRoute(req)
	if err != nil {
		return nil, t.reject("", "request", fmt.Errorf("no operation for %s %s", req.Method, req.URL.Path))
	}
	operation := route.Operation.OperationID
	input := &openapi3filter.RequestValidationInput{
		Request:    withBody(req, body), // a copy, because validation reads the body and may modify the request
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
		return nil, t.reject(operation, "request", err)
	}

	resp, err := t.base.RoundTrip(withBody(req, body))
	if err != nil {
		return nil, err // return the error of the base transport unchanged
	}
	received, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(received))
	if err != nil {
		// A broken connection does not violate the contract. The client gets what it would get without this transport.
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(received), iotest.ErrReader(err)))
		return resp, nil
	}
	if err := checkResponse(req.Context(), input, resp, received); err != nil {
		return nil, t.reject(operation, "response", err)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges[fmt.Sprintf("%s %d", operation, resp.StatusCode)]++
	if next := nextPage(req.URL, received); next != "" {
		t.links[next] = true
	}
	return resp, nil
}

// linked reports whether u is a next-page link of a previous response. The contract does not define the query of such links,
// only that clients must use them unchanged.
func (t *Transport) linked(u *url.URL) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.links[u.String()]
}

// nextPage returns the URL of the next page, or "" if the response has no link to one.
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

func (t *Transport) reject(operation, part string, err error) error {
	violation := &Violation{Operation: operation, Part: part, Reason: reason(err)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations = append(t.violations, violation)
	return violation
}

// withBody returns a copy of the request with its own reader of the body.
func withBody(req *http.Request, body []byte) *http.Request {
	clone := req.Clone(req.Context())
	if req.Body != nil && req.Body != http.NoBody {
		clone.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		clone.Body, _ = clone.GetBody()
	}
	return clone
}

// checkCredential validates the Authorization header against the operation's security scheme. The OpenAPI library requires
// callers to implement this.
func checkCredential(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	want := map[string]string{"api_key": "Basic", "access_token": "Bearer"}[input.SecuritySchemeName]
	values := input.RequestValidationInput.Request.Header.Values("Authorization")
	if len(values) != 1 {
		return fmt.Errorf("%d Authorization headers, want 1", len(values))
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	if want == "" || scheme != want || credential == "" || strings.TrimSpace(credential) != credential {
		return fmt.Errorf("header Authorization must be %q, a space and a credential", want)
	}
	return nil
}

// checkRequest adds to the checks of the OpenAPI library. It rejects credentials for public operations, IDs that change the path,
// unknown and duplicate query parameters and form fields, bodies of unknown length for operations without a body, and data after
// the JSON value. It accepts any query of a next-page link.
func checkRequest(ctx context.Context, input *openapi3filter.RequestValidationInput, body []byte, linked bool) error {
	if err := openapi3filter.ValidateRequest(ctx, input); err != nil {
		return err
	}
	security := input.Route.Operation.Security
	if security == nil {
		security = &input.Route.Spec.Security
	}
	if len(*security) == 0 && input.Request.Header["Authorization"] != nil {
		return errors.New("unexpected Authorization header: the operation is public")
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
			return errors.New("unexpected body")
		}
		return nil
	}
	media := declared.Value.Content.Get(input.Request.Header.Get("Content-Type"))
	switch contentType(input.Request.Header) {
	case "application/json":
		if !json.Valid(body) {
			return errors.New("body must be a single JSON value")
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

// checkParts checks that every part of a multipart form is known and unique, and that files, and only files, have a file name
// and a content type. Servers treat a part without a file name as text. The OpenAPI library ignores duplicate parts.
func checkParts(header http.Header, body []byte, schema *openapi3.Schema) error {
	_, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return errors.New("invalid Content-Type")
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	seen := map[string]bool{}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("invalid multipart form")
		}
		name := part.FormName()
		property := schema.Properties[name]
		switch {
		case property == nil:
			return fmt.Errorf("form field %q is not in the contract", name)
		case seen[name]:
			return fmt.Errorf("duplicate form field %q", name)
		}
		seen[name] = true
		file := property.Value.Format == "binary"
		if (part.FileName() != "") != file || (part.Header.Get("Content-Type") != "") != file {
			return fmt.Errorf("form field %q: files, and only files, must have a file name and a content type", name)
		}
	}
}

// checkNames checks that every name in a URL-encoded list has a schema and is unique, unless the schema is an array.
func checkNames(what, encoded string, schema func(name string) *openapi3.Schema) error {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return fmt.Errorf("invalid URL encoding of a %s", what)
	}
	for name, given := range values {
		known := schema(name)
		if known == nil {
			return fmt.Errorf("%s %q is not in the contract", what, name)
		}
		if len(given) > 1 && !known.Type.Is("array") {
			return fmt.Errorf("duplicate %s %q", what, name)
		}
	}
	return nil
}

// checkResponse adds to the checks of the OpenAPI library. It rejects undeclared redirects, undeclared bodies, and data after the
// JSON value.
func checkResponse(
	ctx context.Context, request *openapi3filter.RequestValidationInput, resp *http.Response, body []byte,
) error {
	declared := request.Route.Operation.Responses.Status(resp.StatusCode)
	if declared == nil {
		return fmt.Errorf("status %d is not declared", resp.StatusCode)
	}
	if len(declared.Value.Content) == 0 && len(body) > 0 {
		return fmt.Errorf("status %d: unexpected body", resp.StatusCode)
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
		return fmt.Errorf("status %d: body must be a single JSON value", resp.StatusCode)
	}
	return nil
}

func contentType(header http.Header) string {
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// reason returns the message of err without any value of a body.
func reason(err error) string {
	// Parse errors quote their input. Schema errors do not, because of schemaOptions.
	if _, ok := errors.AsType[*openapi3filter.ParseError](err); ok {
		if request, ok := errors.AsType[*openapi3filter.RequestError](err); ok && request.Parameter != nil {
			return fmt.Sprintf("invalid parameter %q in %s", request.Parameter.Name, request.Parameter.In)
		}
		return "invalid body or header"
	}
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok { // also quotes its input
		return "invalid header of a part"
	}
	return err.Error()
}
