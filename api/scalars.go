// Package api contains the value types of the contract, openapi.yaml, and the generator's configuration.
//
// A value that is empty or malformed is decoded without an error. Methods parse it. Package basiq re-exports
// [Amount], [Date], [Decimal], [Secret] and [Time].
package api

import (
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Amount is a decimal number as Basiq sent it, for example "-299292.25". It keeps every digit. It is "" for null.
type Amount string

// UnmarshalJSON decodes a JSON string, or null. It keeps the text of any other value, such as a number. It returns nil.
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

// decimal matches the numbers that Rat accepts. [big.Rat.SetString] also accepts "1e999999999", which would exhaust memory.
var decimal = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)

// maxDigits limits the length of a number, because parsing time grows with the square of the number of digits.
const maxDigits = 1000

// Rat returns the exact value. The second result is false if a is not a decimal number of at most 1,000 characters. An
// exponent may have three digits.
func (a Amount) Rat() (*big.Rat, bool) {
	if len(a) > maxDigits || !decimal.MatchString(string(a)) {
		return nil, false
	}
	return new(big.Rat).SetString(string(a))
}

// MinorUnits returns the amount in units of 10 to the power of -places: with 2, the cents of Australian and New Zealand
// dollars. It does not round. The second result is false if a is not a decimal number, has more decimal places, or does not
// fit into an int64. places must not be negative.
func (a Amount) MinorUnits(places int) (int64, bool) {
	if point := len(a) - 1 - places; places > 0 && places <= maxPlaces && point > 0 && a[point] == '.' { // the usual form, for which Rat is slow
		if units, err := strconv.ParseInt(string(a[:point]+a[point+1:]), 10, 64); err == nil {
			return units, true
		}
	}
	return minorUnits(a, places)
}

// maxPlaces is more than the digits of an int64.
const maxPlaces = 20

func minorUnits(number interface{ Rat() (*big.Rat, bool) }, places int) (int64, bool) {
	value, ok := number.Rat()
	if !ok || places < 0 || places > maxPlaces {
		return 0, false
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	value.Mul(value, new(big.Rat).SetInt(scale))
	if !value.IsInt() || !value.Num().IsInt64() {
		return 0, false
	}
	return value.Num().Int64(), true
}

// Date is a calendar date as Basiq sent it, for example "2019-10-29". It is "" for null.
type Date string

// DateOf returns the calendar date of t in its own location, or "" if t is the zero time.
func DateOf(t time.Time) Date {
	if t.IsZero() {
		return ""
	}
	return Date(t.Format(time.DateOnly))
}

// Time returns the start of the day in UTC. The second result is false if d is not a date.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}

// Time is a time as Basiq sent it, for example "2020-09-09T11:06:52Z". It is "" for null.
type Time string

// time.RFC3339 also accepts fractions of a second.
var timeLayouts = [...]string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly}

// TimeOf returns t in UTC, as Basiq formats it, or "" if t is the zero time.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return ""
	}
	return Time(t.UTC().Format(time.RFC3339))
}

// Time returns the time, in UTC if Basiq sent no zone. The second result is false if t is not a time.
func (t Time) Time() (time.Time, bool) {
	for _, layout := range timeLayouts {
		if parsed, err := time.Parse(layout, string(t)); err == nil {
			return parsed, true
		}
	}
	return time.Time{}, false
}

// Date returns the calendar date in t as Basiq wrote it, without conversion to another time zone, or "" if t is not a
// time. [Time.DateIn] returns the calendar day at the bank, which may differ in open banking.
func (t Time) Date() Date {
	if _, ok := t.Time(); !ok {
		return ""
	}
	return Date(t[:len(time.DateOnly)])
}

// DateIn returns the calendar date of t at a bank in a time zone, or "" if t is not a time. Open banking sends midnight of
// the bank's time zone in UTC: "2021-11-18T13:00:00Z" is 2021-11-19 in Australia/Sydney. Web connections send midnight UTC
// for the bank's day, so midnight UTC is not converted. If zone is nil, DateIn returns the date in UTC.
func (t Time) DateIn(zone *time.Location) Date {
	at, ok := t.Time()
	if !ok {
		return ""
	}
	at = at.UTC()
	if hour, minute, second := at.Clock(); hour+minute+second != 0 && zone != nil {
		at = at.In(zone)
	}
	return DateOf(at)
}
