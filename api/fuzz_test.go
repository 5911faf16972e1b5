package api_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

// FuzzRoundTrip checks that the types that accept any JSON value marshal it unchanged.
func FuzzRoundTrip(f *testing.F) {
	for _, text := range []string{`1`, `"1.50"`, `null`, `""`, `{"id":"a"}`, `["a",null]`, `[]`, `true`, `1e400`, `"\u0000"`, `{"id":1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		if !json.Valid(sent) {
			return
		}
		for _, kept := range []json.Unmarshaler{new(api.Decimal), new(api.Reference), new(api.StringOrList)} {
			require.NoError(t, json.Unmarshal(sent, kept), "%T", kept)
			again, err := json.Marshal(kept)
			require.NoError(t, err)
			before, after := decoded(t, sent), decoded(t, again)
			if _, isReference := kept.(*api.Reference); isReference && before == "" {
				before = nil // a Reference with an empty ID is null
			}
			require.Equal(t, before, after, "%T", kept)
		}
		var list api.OneOrMany[json.RawMessage]
		require.NoError(t, json.Unmarshal(sent, &list))
		again, err := json.Marshal(list)
		require.NoError(t, err)
		require.Equal(t, decoded(t, sent), decoded(t, again), "%s", again)
	})
}

// decoded returns the JSON value in data. Numbers keep their text.
func decoded(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	return value
}

// FuzzMinorUnits checks that minor units are exact, or missing if no exact value exists or fits.
func FuzzMinorUnits(f *testing.F) {
	f.Add("-12.95", 2)
	f.Add("92233720368547758.08", 2)
	f.Add(".5", 0)
	f.Add("1e9", 3)
	f.Add("0.0000000000000000000000001", 25)
	f.Add("1.+5", 2)
	f.Fuzz(func(t *testing.T, text string, places int) {
		amount := api.Amount(text)
		if len(text) > 1000 || places > 1000 {
			return // Rat rejects longer texts, and a larger scale would exhaust memory
		}
		units, known := amount.MinorUnits(places)
		value, isNumber := amount.Rat()
		if !isNumber || places < 0 {
			require.False(t, known)
			require.Zero(t, units)
			return
		}
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		exact := new(big.Rat).Mul(value, new(big.Rat).SetInt(scale))
		fits := exact.IsInt() && exact.Num().IsInt64() && (places <= 20 || exact.Sign() == 0)
		if known {
			require.True(t, fits)
			require.Equal(t, exact.Num().Int64(), units)
			return
		}
		require.Zero(t, units)
		require.False(t, fits && places <= 20, "%s has %v units", text, exact)
	})
}
