package api

import (
	"encoding/json"
	"math/big"
	"regexp"
)

// Decimal is a number that Basiq sends as a JSON number in one place and as a string in another, for example 12.5 and
// "12.50". It keeps every digit and which of the two it was. The zero Decimal stands for null, and for nothing sent.
//
//nolint:recvcheck // only what reads it changes it
type Decimal struct {
	// raw is the JSON text: whatever it is, it fails nobody's answer, and goes out as it came.
	raw string
}

// String returns the number as Basiq sent it, without quotes, or "" when there is none.
func (d Decimal) String() string {
	if len(d.raw) > 0 && d.raw[0] == '"' {
		var text string
		_ = json.Unmarshal([]byte(d.raw), &text) // it came out of a decoder
		return text
	}
	return d.raw
}

// exponent is the form of JSON numbers that [Amount] does not read. Three digits bound the size of what it stands for.
var exponent = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,3}$`)

// Rat returns the exact value. The second result is false when d holds no decimal number.
func (d Decimal) Rat() (*big.Rat, bool) {
	text := d.String()
	if len(text) <= maxDigits && exponent.MatchString(text) {
		return new(big.Rat).SetString(text)
	}
	return Amount(text).Rat()
}

// MinorUnits returns the number in units of 10 to the power of -places, as [Amount.MinorUnits] does.
func (d Decimal) MinorUnits(places int) (int64, bool) {
	text := d.String()
	if value, known := d.Rat(); known && exponent.MatchString(text) {
		text = value.FloatString(maxPlaces)
		if exact, ok := new(big.Rat).SetString(text); !ok || exact.Cmp(value) != 0 {
			return 0, false
		}
	}
	return Amount(text).MinorUnits(places)
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

// UnmarshalJSON keeps data.
func (d *Decimal) UnmarshalJSON(data []byte) error { return Unmarshal(data, d) }

func (d *Decimal) readJSON(r *reader) error {
	raw, err := r.tokens.ReadValue()
	if err != nil {
		return err
	}
	d.raw = ""
	if raw.Kind() != 'n' {
		d.raw = r.texts.keep(raw)
	}
	return nil
}
