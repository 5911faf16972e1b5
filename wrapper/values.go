package basiq

import (
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// Secret holds an API key, a token, a password, or an answer to a challenge. It is printed with any verb, logged and
// marshaled to JSON as "[redacted]"; [Secret.Reveal] returns its value.
type Secret = api.Secret

// NewSecret returns a Secret that holds value.
func NewSecret(value string) Secret { return api.NewSecret(value) }

// Amount is an amount of money, or a rate, as Basiq sent it, for example "-299292.25". It keeps all digits. It is "" if
// Basiq sent "", null or nothing.
type Amount = api.Amount

// Date is a calendar date as Basiq sent it, for example "2019-10-29". It is "" if Basiq sent "", null or nothing.
type Date = api.Date

// DateOf returns the calendar date of t in the location of t.
func DateOf(t time.Time) Date { return api.DateOf(t) }

// Decimal is a number, such as a score, a percentage or a metric of a report, that Basiq sends as a JSON number in one place and
// as a string in another. It keeps all digits and the JSON kind.
type Decimal = api.Decimal

// Time is a moment as Basiq sent it, for example "2020-09-09T11:06:52Z". It is "" if Basiq sent "", null or
// nothing. [Time.Date] returns the date as sent, [Time.DateIn] the calendar day at a bank.
type Time = api.Time

// TimeOf returns t in the format of Basiq, in UTC.
func TimeOf(t time.Time) Time { return api.TimeOf(t) }
