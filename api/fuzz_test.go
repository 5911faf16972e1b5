package api_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

// The types that keep what came take any JSON and give it back.
func FuzzWhatIsKept(f *testing.F) {
	for _, text := range []string{`1`, `"1.50"`, `null`, `""`, `{"id":"a"}`, `["a",null]`, `[]`, `true`, `1e400`, `"\u0000"`, `{"id":1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		if !json.Valid(sent) {
			return
		}
		for _, kept := range []json.Unmarshaler{new(api.Decimal), new(api.Reference), new(api.TextOrList)} {
			require.NoError(t, json.Unmarshal(sent, kept), "%T", kept)
			again, err := json.Marshal(kept)
			require.NoError(t, err)
			before, after := decoded(t, sent), decoded(t, again)
			if _, isReference := kept.(*api.Reference); isReference && before == "" {
				before = nil // an empty id is none
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

// decoded keeps numbers as they are written.
func decoded(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	return value
}

// The minor units are the amount, to the last digit, or there are none because none can be.
func FuzzMinorUnits(f *testing.F) {
	f.Add("-12.95", 2)
	f.Add("92233720368547758.08", 2)
	f.Add(".5", 0)
	f.Add("1e9", 3)
	f.Fuzz(func(t *testing.T, text string, places int) {
		amount := api.Amount(text)
		if len(text) > 1000 || places > 1000 {
			return // Rat reads no more, and the scale would fill the memory
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
