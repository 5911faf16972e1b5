package decoders

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkDecode(b *testing.B) {
	for _, fixture := range fixtures() {
		b.Run("answer="+fixture.name, func(b *testing.B) {
			for _, by := range candidates() {
				if by.into(fixture.into) == nil {
					continue
				}
				b.Run("by="+by.name, func(b *testing.B) {
					// What is made once for a type is not part of it.
					require.NoError(b, by.unmarshal(fixture.text, by.into(fixture.into)))
					b.ReportAllocs()
					b.SetBytes(int64(len(fixture.text)))
					var value any
					for b.Loop() {
						value = by.into(fixture.into)
						if err := by.unmarshal(fixture.text, value); err != nil {
							b.Fatal(err)
						}
					}
					requireDecoded(b, fixture, value)
				})
			}
		})
	}
}

func TestCandidatesDecodeTheFixtures(t *testing.T) {
	t.Parallel()
	for _, fixture := range fixtures() {
		for _, by := range candidates() {
			value := by.into(fixture.into)
			if value == nil {
				continue
			}
			t.Run(fixture.name+"/"+by.name, func(t *testing.T) {
				t.Parallel()
				require.NoError(t, by.unmarshal(fixture.text, value))
				requireDecoded(t, fixture, value)
			})
		}
	}
}

// requireDecoded checks that value is what stands in fixture, whatever type it has.
func requireDecoded(tb testing.TB, fixture fixture, value any) {
	tb.Helper()
	want := fixture.into()
	require.NoError(tb, json.Unmarshal(fixture.text, want))
	require.JSONEq(tb, marshaled(tb, want), marshaled(tb, value))
}

func marshaled(tb testing.TB, value any) string {
	tb.Helper()
	text, err := json.Marshal(value)
	require.NoError(tb, err)
	return string(text)
}
