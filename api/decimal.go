package api

import (
	"math/big"
	"regexp"
)

// Decimal is a number that Basiq sends as a JSON number in one place and as a string in another, for example 12.5 and
// "12.50". It keeps every digit and which of the two it was. The zero Decimal stands for null, and for nothing sent.
type Decimal struct {
	// raw is the JSON text: whatever it is, it fails nobody's answer, and goes out as it came.
	raw string
}

// String returns the number as Basiq sent it, without quotes, or "" when there is none.
func (d Decimal) String() string {
	if len(d.raw) > 0 && d.raw[0] == '"' {
		return text([]byte(d.raw))
	}
	return d.raw
}

// exponent is the form of JSON numbers that [Amount] does not read. Three digits bound the size of what it stands for.
var exponent = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,3}$`)

// Rat returns the exact value. The second result is false when d holds no decimal number.
func (d Decimal) Rat() (*big.Rat, bool) {
	digits := d.String()
	if len(digits) <= maxDigits && exponent.MatchString(digits) {
		return new(big.Rat).SetString(digits)
	}
	return Amount(digits).Rat()
}

// MinorUnits returns the number in units of 10 to the power of -places, as [Amount.MinorUnits] does.
func (d Decimal) MinorUnits(places int) (int64, bool) {
	digits := d.String()
	if value, known := d.Rat(); known && exponent.MatchString(digits) {
		digits = value.FloatString(maxPlaces)
		if exact, ok := new(big.Rat).SetString(digits); !ok || exact.Cmp(value) != 0 {
			return 0, false
		}
	}
	return Amount(digits).MinorUnits(places)
}

// IsZero reports whether there is nothing in d: Basiq sent null or "", or nothing.
func (d Decimal) IsZero() bool { return d.raw == "" || d.raw == `""` }

// MarshalJSON returns the number as it came.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d.raw == "" {
		return []byte("null"), nil
	}
	return []byte(d.raw), nil
}

// UnmarshalJSON keeps a copy of data. It returns no error.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	d.raw = ""
	if string(data) != "null" {
		d.raw = string(data)
	}
	return nil
}
