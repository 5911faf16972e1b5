package mirror

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// bankZones returns the time zones of Australian and New Zealand banks.
func bankZones() (func(institutionID string) *time.Location, error) {
	sydney, err := time.LoadLocation("Australia/Sydney")
	auckland, err2 := time.LoadLocation("Pacific/Auckland")
	if err = errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("mirror: New: import time/tzdata: %w", err)
	}
	return func(institutionID string) *time.Location {
		if strings.HasPrefix(strings.ToUpper(institutionID), "NZ") {
			return auckland
		}
		return sydney
	}, nil
}

// bankDay returns the calendar day of a time at the bank, or "".
func bankDay(t api.Time, zone *time.Location) api.Date {
	if _, ok := timeOf(t); !ok {
		return ""
	}
	return t.DateIn(zone)
}

// instantFormat has a fixed width, so that its texts sort by time.
const instantFormat = "2006-01-02T15:04:05Z"

// age returns how long before now a time in instantFormat was. The age of "" is infinite.
func age(at string, now time.Time) time.Duration {
	t, err := time.Parse(instantFormat, at)
	if err != nil {
		return math.MaxInt64
	}
	return now.Sub(t)
}

// instant returns a time in instantFormat, or "".
func instant(t api.Time) string {
	at, ok := timeOf(t)
	if !ok {
		return ""
	}
	return at.UTC().Format(instantFormat)
}

// timeOf returns a time that databases accept.
func timeOf(t api.Time) (time.Time, bool) {
	at, ok := t.Time()
	return at, ok && at.Year() >= 1000 && at.Year() <= 9999
}
