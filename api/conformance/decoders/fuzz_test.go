package decoders

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// fuzzed are the types of answers that are fuzzed, with the payloads to begin with.
var fuzzed = []struct {
	into     func() any
	payloads string
}{
	{into[gen.TransactionList], "official/assembled/*/getTransactions.*.json"},
	{into[gen.Connection], "Connection/*.json"},
	{into[gen.ConnectionList], "ConnectionList/*.json"},
	{into[basiq.Job], "Job/*.json"},
	{into[gen.Account], "official/assembled/*/getAccount.*.json"},
	{into[gen.Report], "official/assembled/reports/retrieveReport.*.json"},
	{into[gen.EventList], "official/assembled/*/getEvents.*.json"},
	{into[gen.Affordability], "official/assembled/*/getAffordability.*.json"},
	{into[gen.ConsentList], "official/assembled/*/getConsents.*.json"},
	{into[gen.WebhookList], "official/assembled/*/listAppWebhooks.*.json"},
	{into[gen.ErrorResponse], "ErrorResponse/*.json"},
}

// api.Unmarshal accepts and refuses what encoding/json does, with the same value.
func FuzzUnmarshalLikeEncodingJSON(f *testing.F) {
	for number, answer := range fuzzed {
		files, err := filepath.Glob(filepath.Join("..", "testdata", answer.payloads))
		require.NoError(f, err)
		require.NotEmpty(f, files, "%s", answer.payloads)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(uint8(number), text)
		}
	}
	// Each oddity once, where most of it is accepted, and each document that is not huge.
	for _, value := range values {
		f.Add(uint8(0), []byte(`{"data":[{"id":"1","new":`+value.text+`}],"size":1}`))
	}
	for _, document := range documents() {
		if len(document.text) < 1000 {
			f.Add(uint8(0), []byte(document.text))
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, text []byte) {
		both := decodeBoth(ours, string(text), fuzzed[int(number)%len(fuzzed)].into)
		difference := both.difference()
		if difference == differs && repeatsName(text) {
			return // a list that is there twice is read anew
		}
		require.Empty(t, difference, "%v instead of %v", both.haveErr, both.wantErr)
		if difference, _ := both.ofMistyped(); difference != differs || !repeatsName(text) {
			require.Empty(t, difference)
		}
		var all []memory
		held(reflect.ValueOf(both.have), &all)
		require.Empty(t, shared(all))
	})
}

// repeatsName reports whether an object of a JSON text has a name twice, in whatever case.
func repeatsName(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var within []map[string]bool // the names so far; nil for a list
	name := false                // whether a name comes next
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		inObject := func() bool { return len(within) > 0 && within[len(within)-1] != nil }
		switch token {
		case json.Delim('{'):
			within, name = append(within, map[string]bool{}), true
			continue
		case json.Delim('['):
			within, name = append(within, nil), false
			continue
		case json.Delim('}'), json.Delim(']'):
			within = within[:len(within)-1]
			name = inObject()
			continue
		}
		if !name {
			name = inObject()
			continue
		}
		folded := strings.ToLower(strings.ToUpper(token.(string)))
		if within[len(within)-1][folded] {
			return true
		}
		within[len(within)-1][folded], name = true, false
	}
}

func TestRepeatsName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"a":1,"b":"a","c":["c","c"],"d":{"a":1}}`: false,
		`{"a":1,"a":2}`:                      true,
		`{"a":1,"A":2}`:                      true,
		`{"s":1,"\u017f":2}`:                 true,
		`{"a":{"x":1},"b":{"x":1}}`:          false,
		`{"a":[{"x":1},{"x":1}]}`:            false,
		`{"a":[{"x":[]},{"y":{},"z":1}]}`:    false,
		`{"a":[{"x":1},{"x":{},"x":null}]}`:  true,
		`{"a":{"b":[1,"a"],"c":null},"a":1}`: true,
		`["a","a"]`:                          false,
		`"a"`:                                false,
		``:                                   false,
	} {
		assert.Equal(t, want, repeatsName([]byte(text)), text)
	}
}
