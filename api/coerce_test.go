package api_test

import (
	"encoding"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

type (
	color string
	shout string
	count int
)

func (s *shout) UnmarshalText(text []byte) error {
	*s = shout(text) + "!"
	return nil
}

var _ encoding.TextUnmarshaler = new(shout)

// coerced has a field of each kind that a number or a quoted integer can be decoded into.
type coerced struct {
	Text     string            `json:"text"`
	Nullable *string           `json:"nullable"`
	Color    color             `json:"color"`
	Colors   []color           `json:"colors"`
	Map      map[color]*string `json:"map"`
	Date     api.Date          `json:"date"`
	Amount   api.Amount        `json:"amount"`
	Decimal  api.Decimal       `json:"decimal"`
	Any      any               `json:"any"`
	Number   int64             `json:"number"`
	Pointer  *int64            `json:"pointer"`
	Count    count             `json:"count"`
	Small    int8              `json:"small"`

	Many  api.OneOrMany[leaf]   `json:"many"`
	Text2 api.OneOrMany[string] `json:"text2"`
	Inner struct {
		leaf

		Codes [2]string `json:"codes"`
	} `json:"inner"`
	Last string `json:"last"`
}

func TestUnmarshal_Coerce(t *testing.T) {
	t.Parallel()
	pointer := func(text string) *string { return &text }
	number := int64(-7)
	tests := []struct {
		sent string
		want coerced
	}{
		{`"text":722`, coerced{Text: "722"}},
		{`"text":-12.50`, coerced{Text: "-12.50"}},
		{`"text":61412345678901234567890`, coerced{Text: "61412345678901234567890"}},
		{`"text":1E+2`, coerced{Text: "1E+2"}},
		{`"text":-0`, coerced{Text: "-0"}},
		{`"nullable":1.0`, coerced{Nullable: pointer("1.0")}},
		{`"color":3`, coerced{Color: "3"}},
		{`"colors":["red",4,null]`, coerced{Colors: []color{"red", "4", ""}}},
		{`"map":{"1":2,"a":"b","n":null}`, coerced{Map: map[color]*string{"1": pointer("2"), "a": pointer("b"), "n": nil}}},
		{`"date":20240131`, coerced{Date: "20240131"}},
		{`"amount":-12.50,"text":1`, coerced{Amount: "-12.50", Text: "1"}},
		{`"any":1.50,"text":1`, coerced{Any: 1.5, Text: "1"}},
		{`"number":"3600"`, coerced{Number: 3600}},
		{`"number":"\u0033600"`, coerced{Number: 3600}},
		{`"number":"-9223372036854775808"`, coerced{Number: -9223372036854775808}},
		{`"pointer":"-7"`, coerced{Pointer: &number}},
		{`"count":"7","small":"-128"`, coerced{Count: 7, Small: -128}},
		{`"many":{"code":2}`, coerced{Many: api.OneOrMany[leaf]{Items: []leaf{{Code: "2"}}, Single: true}}},
		{`"many":[{"code":2},{"next":{"code":3}}]`, coerced{Many: api.Many(leaf{Code: "2"}, leaf{Next: &leaf{Code: "3"}})}},
		{`"text2":5`, coerced{Text2: api.OneOrMany[string]{Items: []string{"5"}, Single: true}}},
		{`"text2":[5,"a"]`, coerced{Text2: api.Many("5", "a")}},
		{`"text":1,"text":null`, coerced{Text: "1"}},
		{`"text":1,"number":null,"pointer":null,"nullable":null`, coerced{Text: "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.sent, func(t *testing.T) {
			t.Parallel()
			var got coerced
			require.NoError(t, api.Unmarshal([]byte(`{`+tt.sent+`,"last":"kept"}`), &got))
			tt.want.Last = "kept"
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestUnmarshal_CoerceEmbedded(t *testing.T) {
	t.Parallel()
	var got coerced
	require.NoError(t, api.Unmarshal([]byte(`{"inner":{"code":1,"codes":[2,3.0]},"decimal":"1.0"}`), &got))
	assert.Equal(t, "1", got.Inner.Code)
	assert.Equal(t, [2]string{"2", "3.0"}, got.Inner.Codes)
	assert.Equal(t, "1.0", got.Decimal.String())
}

// A type with a method that decodes it is left to the method.
func TestUnmarshal_CoerceOwnMethod(t *testing.T) {
	t.Parallel()
	var got struct {
		Shout, Last shout
		Code        string
	}
	err := api.Unmarshal([]byte(`{"Code":1,"Shout":2,"Last":"kept"}`), &got)
	_, ok := errors.AsType[*api.TypeError](err)
	assert.True(t, ok, "%v", err)
	assert.Equal(t, shout("kept!"), got.Last)
	assert.Empty(t, got.Shout)
	assert.Equal(t, "1", got.Code)
}
