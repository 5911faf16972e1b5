package conformance

import (
	"fmt"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	spec "github.com/basiq-go/basiq-go"
	"github.com/basiq-go/basiq-go/api"
)

// load reads openapi.yaml without changes.
func load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(spec.OpenAPI))
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return doc, nil
}

// contract is the strict form of openapi.yaml, which tests validate traffic against, with a router for its paths.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

// strictContract is loaded once, because loading is slow.
var strictContract = sync.OnceValues(func() (*contract, error) {
	doc, err := load()
	if err != nil {
		return nil, err
	}
	forbidUnknownFields(doc)
	return newContract(doc)
})

func newContract(doc *openapi3.T) (*contract, error) {
	// The router would reject requests to hosts that the contract does not list, such as a sandbox on loopback.
	doc.Servers = openapi3.Servers{{URL: "/"}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return &contract{doc: doc, router: router}, nil
}

// forbidUnknownFields rejects unknown fields in every object that lists its properties. The contract itself allows them,
// because Basiq may add fields, but the client and the sandbox must use only fields in the contract.
func forbidUnknownFields(doc *openapi3.T) {
	closed := false
	visitSchemas(doc, func(_ string, ref *openapi3.SchemaRef) {
		s := ref.Value
		if len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = &closed
		}
	})
}

// visitSchemas calls visit for every schema of the contract, with a descriptive name.
func visitSchemas(doc *openapi3.T, visit func(name string, ref *openapi3.SchemaRef)) {
	seen := map[*openapi3.Schema]bool{}
	var walk func(string, *openapi3.SchemaRef)
	walk = func(name string, ref *openapi3.SchemaRef) {
		if ref == nil {
			return
		}
		visit(name, ref)
		if seen[ref.Value] {
			return
		}
		seen[ref.Value] = true
		for field, property := range ref.Value.Properties {
			walk(name+"."+field, property)
		}
		walk(name+"[]", ref.Value.Items)
		walk(name+".*", ref.Value.AdditionalProperties.Schema)
		for _, refs := range []openapi3.SchemaRefs{ref.Value.OneOf, ref.Value.AnyOf, ref.Value.AllOf} {
			for i, one := range refs {
				walk(fmt.Sprintf("%s(%d)", name, i), one)
			}
		}
	}
	for name, ref := range doc.Components.Schemas {
		walk(name, ref)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			if op.RequestBody != nil {
				for _, media := range op.RequestBody.Value.Content {
					walk(name+" request", media.Schema)
				}
			}
			for status, response := range op.Responses.Map() {
				for _, media := range response.Value.Content {
					walk(name+" "+status, media.Schema)
				}
			}
		}
	}
}

// formats validates the formats that the OpenAPI library does not know, or knows only as a pattern, which accepts dates such
// as 2019-02-31.
var formats = map[string]openapi3.StringFormatValidator{
	"decimal": openapi3.NewCallbackValidator(func(value string) error {
		// Basiq sends "" for an unknown amount.
		if _, ok := api.Amount(value).Rat(); !ok && value != "" {
			return &openapi3.SchemaError{Reason: "not a decimal number", SchemaField: "format"}
		}
		return nil
	}),
	"date":      timeFormat(time.DateOnly),
	"date-time": timeFormat(time.RFC3339),
}

func timeFormat(layout string) openapi3.StringFormatValidator {
	return openapi3.NewCallbackValidator(func(value string) error {
		if _, err := time.Parse(layout, value); err != nil {
			// Do not wrap err: it contains the value.
			return &openapi3.SchemaError{Reason: "not of the form " + layout, SchemaField: "format"}
		}
		return nil
	})
}

// schemaOptions returns options that validate the contract's formats and keep values out of errors. A value may be a password.
func schemaOptions() []openapi3.SchemaValidationOption {
	return []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidators(formats),
		openapi3.DisableSchemaErrorDetails(),
	}
}
