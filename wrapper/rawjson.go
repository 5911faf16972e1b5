package basiq

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ContextWithRawJSON returns a context that makes a call store the JSON of its response in *raw, exactly as Basiq sent
// it. Use it to keep fields that this version of the package does not know:
//
//	var raw []byte
//	account, err := client.Accounts.Get(basiq.ContextWithRawJSON(ctx, &raw), userID, accountID)
//
// In a loop over a list, raw is the JSON of the current item. After the last item it is the response with the last page.
// A method that returns a page stores the whole response, and the JSON of each item in [Page].Raw.
// [JobsService.Wait], [JobsService.Watch] and [JobsService.WaitEach] store the JSON of each job that they return, also
// with an error. [JobsService.WaitAll] stores nothing.
//
// The call sets raw to nil before it sends a request. It remains nil after any other error, for a response that is not
// JSON, and for responses that hold a secret (access tokens, created and updated webhooks). The slices are copies. The
// slices of one page share their memory. Calls that run concurrently need separate contexts.
func ContextWithRawJSON(ctx context.Context, raw *[]byte) context.Context {
	options, _ := ctx.Value(optionsKey).(callOptions)
	options.raw = (*rawJSON)(raw)
	return context.WithValue(ctx, optionsKey, options)
}

// A rawJSON receives the JSON of a response. It is nil if the caller did not request it.
type rawJSON []byte

// rawOf returns the value of [ContextWithRawJSON], or nil. It accepts a nil context, which the call rejects.
func rawOf(ctx context.Context) *rawJSON {
	if ctx == nil {
		return nil
	}
	options, _ := ctx.Value(optionsKey).(callOptions)
	return options.raw
}

// set stores the JSON unless r is nil.
func (r *rawJSON) set(value []byte) {
	if r != nil {
		*r = value
	}
}

// hasSecret reports whether the response of an operation contains a secret.
func hasSecret(op *Operation) bool {
	return op == opPostToken || op == opAddWebhook || op == opUpdateWebhook
}

// storeRaw copies the body of a valid response if the caller requested it.
func (r response) storeRaw() {
	if r.raw != nil && !hasSecret(r.op) {
		r.raw.set(bytes.Clone(r.body.bytes()))
	}
}

// newDecoder returns a decoder of the tokens of a JSON text. It accepts all texts that encoding/json accepts.
func newDecoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// rawItems returns the JSON of the items in a list response. They share the memory of body.
func rawItems(body []byte) ([][]byte, error) {
	decoder := newDecoder(body)
	next := func() []byte { // the next value; nil after an error
		value, err := decoder.ReadValue()
		if err != nil {
			return nil
		}
		end := int(decoder.InputOffset())
		return body[end-len(value) : end : end]
	}
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, errors.New("not a JSON object")
	}
	var items [][]byte
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		if !strings.EqualFold(name.String(), "data") || decoder.PeekKind() == 'n' {
			if next() == nil {
				return nil, errors.New("invalid JSON")
			}
			continue
		}
		items = nil // the last of duplicate members is used
		if decoder.PeekKind() != '[' {
			items = append(items, next())
			continue
		}
		_, _ = decoder.ReadToken()
		for decoder.PeekKind() != ']' {
			item := next()
			if item == nil {
				return nil, errors.New("invalid JSON")
			}
			items = append(items, item)
		}
		_, _ = decoder.ReadToken()
	}
	return items, nil
}
