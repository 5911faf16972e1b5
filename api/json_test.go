package api_test

import (
	stdjson "encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

// decoders are the two decoders that the value types must support.
var decoders = map[string]func([]byte, any) error{"api": api.Unmarshal, "encoding/json": stdjson.Unmarshal}

type leaf struct {
	Code string `json:"code"`
	Next *leaf  `json:"next"`
}

func TestUnmarshal_MistypedField(t *testing.T) {
	t.Parallel()
	type tree struct {
		Number int64              `json:"number"`
		Yes    *bool              `json:"yes"`
		Texts  []string           `json:"texts"`
		Leaves []leaf             `json:"leaves"`
		Map    map[string]*string `json:"map"`
		Last   string             `json:"last"`
	}
	tests := []struct{ name, text, field, kind string }{
		{"nested", `{"leaves":[{"code":"1"},{"next":{"code":true}}],"number":"x","last":"kept"}`, "leaves.1.next.code", "string"},
		{"number as a string", `{"number":"x","last":"kept"}`, "number", "int64"},
		{"fraction as a string", `{"number":"1.5","last":"kept"}`, "number", "int64"},
		{"empty string for a number", `{"number":"","last":"kept"}`, "number", "int64"},
		{"quoted number out of range", `{"number":"9223372036854775808","last":"kept"}`, "number", "int64"},
		{"quoted number with spaces", `{"number":" 1","last":"kept"}`, "number", "int64"},
		{"quoted number with a plus sign", `{"number":"+1","last":"kept"}`, "number", "int64"},
		{"boolean as a string", `{"last":"kept","texts":["a",true]}`, "texts.1", "string"},
		{"after numbers", `{"texts":[1,2,{}],"map":{"a":1},"number":"2","last":"kept"}`, "texts.2", "string"},
		{"boolean as a number", `{"yes":0,"last":"kept"}`, "yes", "bool"},
		{"object for a list", `{"texts":{"a":true},"last":"kept"}`, "texts", "[]string"},
		{"out of range", `{"number":9223372036854775808,"last":"kept"}`, "number", "int64"},
		{"long key", `{"map":{"` + strings.Repeat("ü", 1000) + `":[]},"last":"kept"}`, "map." + strings.Repeat("ü", 126), "string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got tree
			err := api.Unmarshal([]byte(tt.text), &got)
			require.Equal(t, &api.TypeError{Field: tt.field, Kind: tt.kind}, err)
			assert.Equal(t, "kept", got.Last)
		})
	}
	require.Equal(t, &api.TypeError{Kind: "api_test.leaf"}, api.Unmarshal([]byte(`[]`), new(leaf)))
	require.EqualError(t, &api.TypeError{Field: "a.b", Kind: "string"}, `field "a.b" is not of type string`)
}

func TestUnmarshal_Invalid(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, ` `, `{`, `{}{}`, `{} x`, `{"code"}`, `{"code":"a",}`, `{"code":"\x"}`, `nul`, `{'code':'a'}`} {
		var syntax *stdjson.SyntaxError
		require.ErrorAs(t, stdjson.Unmarshal([]byte(text), new(leaf)), &syntax)
		err := api.Unmarshal([]byte(text), new(leaf))
		require.Error(t, err, text)
		assert.NotErrorAs(t, err, new(*api.TypeError), text)
	}
	require.Error(t, api.Unmarshal([]byte(`{}`), leaf{}))
	require.Error(t, api.Unmarshal([]byte(`{}`), nil))
}

// values has a field of each value type.
type values struct {
	Amount    api.Amount          `json:"amount"`
	Date      api.Date            `json:"date"`
	Time      api.Time            `json:"time"`
	Decimal   api.Decimal         `json:"decimal"`
	Reference api.Reference       `json:"reference"`
	Text      api.StringOrList    `json:"text"`
	Many      api.OneOrMany[leaf] `json:"many"`
	Secret    api.WireSecret      `json:"secret"`
	Last      string              `json:"last"`
}

// A value of any JSON kind in a value type does not affect the other fields, and an amount keeps its text.
func TestValueTypes_AnyKind(t *testing.T) {
	t.Parallel()
	for name, decode := range decoders {
		for _, sent := range []string{`1700000000`, `-12.50`, `true`, `{}`, `{"code":1}`, `[]`, `[{"code":1}]`, `[null]`, `[[]]`, `""`, `"a"`, `null`} {
			for _, field := range []string{"amount", "date", "time", "decimal", "reference", "text", "many", "secret"} {
				if name == "encoding/json" && (field == "many" || field == "secret") {
					continue // before Go 1.27 it stops at an error of UnmarshalJSON
				}
				got := values{Amount: "before"}
				err := decode([]byte(`{"`+field+`":`+sent+`,"last":"kept"}`), &got)
				require.Equal(t, "kept", got.Last, "%s: %s: %s: %v", name, field, sent, err)
				if field == "amount" {
					require.NoError(t, err)
					assert.Equal(t, strings.Trim(strings.TrimPrefix(sent, "null"), `"`), string(got.Amount))
				}
			}
		}
	}
}

func TestOneOrMany_MistypedElement(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sent, field string
		want        api.OneOrMany[leaf]
	}{
		{`7`, "0", api.OneOrMany[leaf]{}},
		{`""`, "0", api.OneOrMany[leaf]{}},
		{`{"code":true,"next":{"code":"n"}}`, "0.code", api.OneOrMany[leaf]{Items: []leaf{{Next: &leaf{Code: "n"}}}, Single: true}},
		{`[{"code":"1"},7,{"code":false}]`, "1", api.Many(leaf{Code: "1"}, leaf{}, leaf{})},
	}
	for _, tt := range tests {
		got := struct {
			Many api.OneOrMany[leaf]
			Last string
		}{Many: api.Many(leaf{Code: "before"})}
		err := api.Unmarshal([]byte(`{"Many":`+tt.sent+`,"Last":"kept"}`), &got)
		mistyped, ok := errors.AsType[*api.TypeError](err)
		require.True(t, ok, "%s: %v", tt.sent, err)
		assert.Equal(t, tt.field, mistyped.Field)
		assert.Equal(t, tt.want, got.Many, tt.sent)
		assert.Equal(t, "kept", got.Last)
	}
}

type money struct {
	api.Decimal

	Currency string
}

func (m *money) UnmarshalJSON(data []byte) error {
	var wire struct {
		Value    api.Decimal
		Currency string
	}
	if err := api.Unmarshal(data, &wire); err != nil {
		return err
	}
	m.Decimal, m.Currency = wire.Value, wire.Currency
	return nil
}

// A type that embeds a value type is decoded by its own method.
func TestUnmarshal_EmbeddedValueType(t *testing.T) {
	t.Parallel()
	for name, decode := range decoders {
		var got struct {
			Total  money
			Totals api.OneOrMany[money]
		}
		require.NoError(t, decode([]byte(`{"Total":{"value":12.5,"currency":"AUD"},"Totals":[{"value":1,"currency":"NZD"}]}`), &got), name)
		assert.Equal(t, "12.5", got.Total.String())
		assert.Equal(t, "AUD", got.Total.Currency)
		assert.Equal(t, "NZD", got.Totals.First().Currency)
	}
}

func TestUnmarshal_TaggedEmbeddedStruct(t *testing.T) {
	t.Parallel()
	type Inner struct{ A string }
	type outer struct {
		Inner `json:"inner"`
	}
	for name, decode := range decoders {
		var got outer
		require.NoError(t, decode([]byte(`{"inner":{"A":"x"}}`), &got))
		assert.Equal(t, outer{Inner{"x"}}, got, name)
	}
}

func TestDateOf_ZeroTime(t *testing.T) {
	t.Parallel()
	assert.Empty(t, api.DateOf(time.Time{}))
	assert.Empty(t, api.TimeOf(time.Time{}))
}
