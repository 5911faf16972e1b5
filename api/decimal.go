package api

import (
	"math/big"
	"regexp"
)

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

// exponent matches the JSON numbers that [Amount] does not accept. Three digits bound the size of the value.
var exponent = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,3}$`)

// Rat returns the exact value. The second result is false if d is not a decimal number.
func (d Decimal) Rat() (*big.Rat, bool) {
	digits := d.String()
	if len(digits) <= maxDigits && exponent.MatchString(digits) {
		return new(big.Rat).SetString(digits)
	}
	return Amount(digits).Rat()
}

// MinorUnits returns the number in units of 10 to the power of -places, as [Amount.MinorUnits] does.
func (d Decimal) MinorUnits(places int) (int64, bool) { return minorUnits(d, places) }

// IsZero reports whether Basiq sent null, "" or nothing.
func (d Decimal) IsZero() bool { return d.raw == "" || d.raw == `""` }
