package bank

import (
	"math/rand/v2"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// day is a day of the calendar, in UTC, as the books count it.
type day struct {
	number  int // since 1970-01-01
	month   int // months since the books began
	dom     int // of the month
	weekday time.Weekday
}

// dayNumber returns the day in which a time lies.
func dayNumber(t time.Time) int {
	return int(t.UTC().Truncate(24*time.Hour).Unix() / secondsPerDay)
}

// dayTime is the midnight at which a day begins.
func dayTime(number int) time.Time { return time.Unix(int64(number)*secondsPerDay, 0).UTC() }

func newDay(number int, begin time.Time) day {
	t := dayTime(number)
	return day{
		number:  number,
		month:   12*(t.Year()-begin.Year()) + int(t.Month()-begin.Month()),
		dom:     t.Day(),
		weekday: t.Weekday(),
	}
}

func (d day) weekend() bool { return d.weekday == time.Saturday || d.weekday == time.Sunday }

// schedule says how often something happens on a day.
type schedule func(d day, r *rand.Rand) int

func boolToInt(happens bool) int {
	if happens {
		return 1
	}
	return 0
}

// monthly is on a day of each month that every month has; at a weekend, on the Monday after. So are bills.
func monthly(dom int) schedule {
	return func(d day, _ *rand.Rand) int {
		return boolToInt(!d.weekend() && (d.dom == dom || d.weekday == time.Monday && wasYesterdayOrBefore(d, dom)))
	}
}

// wasYesterdayOrBefore reports whether one of the two days before had that number.
func wasYesterdayOrBefore(d day, dom int) bool {
	return dayTime(d.number-1).Day() == dom || dayTime(d.number-2).Day() == dom
}

// payday is on a day of each month; at a weekend, on Friday before.
func payday(dom int) schedule {
	return func(d day, _ *rand.Rand) int {
		return boolToInt(!d.weekend() && (d.dom == dom || d.weekday == time.Friday && (d.dom+1 == dom || d.dom+2 == dom)))
	}
}

// every is monthly, but only each so many months, beginning with the given one.
func every(months, first, dom int) schedule {
	due := monthly(dom)
	return func(d day, r *rand.Rand) int {
		if d.month < first || (d.month-first)%months != 0 {
			return 0
		}
		return due(d, r)
	}
}

// weekly is on a day of each week.
func weekly(on time.Weekday) schedule {
	return func(d day, _ *rand.Rand) int { return boolToInt(d.weekday == on) }
}

// fortnightly is on a day of each second week; which, 0 or 1, is counted from 1970.
func fortnightly(on time.Weekday, week int) schedule {
	return func(d day, _ *rand.Rand) int {
		return boolToInt(d.weekday == on && (floorDiv(d.number, 7)-week)%2 == 0)
	}
}

func floorDiv(a, b int) int {
	if q := a / b; a%b >= 0 {
		return q
	}
	return a/b - 1
}

// weekdays is from Monday to Friday.
func weekdays(d day, _ *rand.Rand) int { return boolToInt(!d.weekend()) }

// about happens so many times a month, on any days.
func about(timesAMonth int) schedule {
	const daysAMonth = 3044 // in hundredths
	return func(_ day, r *rand.Rand) int {
		n := timesAMonth * 100
		return n/daysAMonth + boolToInt(r.IntN(daysAMonth) < n%daysAMonth)
	}
}

// amount says how much it is. It is above zero, whichever way the money goes.
type amount func(d day, r *rand.Rand) Cents

// exactly is always the same.
func exactly(dollars float64) amount {
	c := cents(dollars)
	return func(day, *rand.Rand) Cents { return c }
}

// between is anything from low to high.
func between(low, high float64) amount {
	lo, hi := cents(low), cents(high)
	return func(_ day, r *rand.Rand) Cents { return lo + Cents(r.Int64N(int64(hi-lo)+1)) }
}

// mostly is anything from low to high, and more often low than high, as purchases are.
func mostly(low, high float64) amount {
	evenly := between(low, high)
	return func(d day, r *rand.Rand) Cents { return min(evenly(d, r), evenly(d, r)) }
}

// notes is a number of bank notes.
func notes(value, least, most int) amount {
	return func(_ day, r *rand.Rand) Cents { return Cents(100 * value * (least + r.IntN(most-least+1))) }
}

// rising begins with one amount, and grows by another each month until it has reached a third.
func rising(first, step, last float64) amount {
	f, s, l := cents(first), cents(step), cents(last)
	return func(d day, _ *rand.Rand) Cents { return min(f+Cents(d.month)*s, l) }
}

// raised is one amount, and another from a month on.
func raised(first float64, month int, then float64) amount {
	f, t := cents(first), cents(then)
	return func(d day, _ *rand.Rand) Cents {
		if d.month < month {
			return f
		}
		return t
	}
}
