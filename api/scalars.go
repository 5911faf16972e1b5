// Package api holds what turns the contract, openapi.yaml, into Go: the generator's configuration and the contract's
// own value types.
//
// A value that is empty or malformed is decoded without an error. Methods parse it. Package basiq re-exports these types.
package api

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Amount is a decimal number as Basiq sent it, for example "-299292.25". Every digit is kept. It is "" if Basiq
// sent "" or null, or nothing.
type Amount string

// UnmarshalJSON decodes a JSON string, or null. It keeps the text of any other value, such as a number, and returns no error.
func (a *Amount) UnmarshalJSON(data []byte) error {
	switch jsontext.Value(data).Kind() {
	case 'n':
		*a = ""
	case '"':
		*a = Amount(text(data))
	default:
		*a = Amount(data)
	}
	return nil
}

// decimal is what Rat reads. It is narrower than [big.Rat.SetString], which also takes fractions and exponents, and
// with "1e999999999" would fill the memory.
var decimal = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// maxDigits bounds the work of reading a number, which grows with the square of its digits.
const maxDigits = 1000

// Rat returns the exact value. The second result is false when a holds no decimal number, or one of more than a thousand
// characters.
func (a Amount) Rat() (*big.Rat, bool) {
	if len(a) > maxDigits || !decimal.MatchString(string(a)) {
		return nil, false
	}
	return new(big.Rat).SetString(string(a))
}

// MinorUnits returns the amount in units of 10 to the power of -places: with 2, the cents of Australian and New Zealand
// dollars. The second result is false when a holds no decimal number, when it is finer than that, or when it does not fit
// into an int64. Nothing is rounded. places must not be negative.
func (a Amount) MinorUnits(places int) (int64, bool) {
	if places < 0 || !decimal.MatchString(string(a)) {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(string(a), ".")
	if strings.Trim(whole, "+-") == "" {
		whole += "0" // there may be no other digit, as in ".0"
	}
	fraction = strings.TrimRight(fraction, "0")
	// Nine billion billion has nineteen digits, so more places than that cannot fit either.
	if len(fraction) > places || places > maxPlaces {
		return 0, false
	}
	units, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 64)
	if err != nil {
		return 0, false
	}
	return units, true
}

// maxPlaces is more than an int64 has digits.
const maxPlaces = 20

// Date is a calendar date as Basiq sent it, for example "2019-10-29". It is "" where Basiq sent "" or null, or nothing.
type Date string

// DateOf returns the calendar date of t in its own location, or "" if t is the zero time.
func DateOf(t time.Time) Date {
	if t.IsZero() {
		return ""
	}
	return Date(t.Format(time.DateOnly))
}

// Time returns the start of the day in UTC. The second result is false when d holds no date.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}

// Time is a moment as Basiq sent it, for example "2020-09-09T11:06:52Z". It is "" where Basiq sent "" or null, or
// nothing.
type Time string

// timeLayouts are the forms that occur: RFC 3339 with or without fractions of a second, without a zone, and a date.
var timeLayouts = [...]string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly}

// TimeOf returns t in UTC, as Basiq formats it, or "" if t is the zero time.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return ""
	}
	return Time(t.UTC().Format(time.RFC3339))
}

// Time returns the moment; one that was sent without a zone is taken to be in UTC. The second result is false when t
// holds no moment.
func (t Time) Time() (time.Time, bool) {
	for _, layout := range timeLayouts {
		if moment, err := time.Parse(layout, string(t)); err == nil {
			return moment, true
		}
	}
	return time.Time{}, false
}
