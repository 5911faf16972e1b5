package api

import "math/big"

// Decimal is a number that Basiq sends either as a JSON number or as a string, for example 12.5 or "12.50". It keeps every
// digit and the JSON kind. The zero Decimal is null.
type Decimal struct{ rawValue }

// String returns the number as Basiq sent it, without quotes, or "" if there is none.
func (d Decimal) String() string {
	if len(d.raw) > 0 && d.raw[0] == '"' {
		return text([]byte(d.raw))
	}
	return d.raw
}

// Rat returns the exact value, as [Amount.Rat] does.
func (d Decimal) Rat() (*big.Rat, bool) { return Amount(d.String()).Rat() }

// MinorUnits returns the number in units of 10 to the power of -places, as [Amount.MinorUnits] does.
func (d Decimal) MinorUnits(places int) (int64, bool) { return minorUnits(d, places) }

// IsZero reports whether Basiq sent null, "" or nothing.
func (d Decimal) IsZero() bool { return d.raw == "" || d.raw == `""` }
