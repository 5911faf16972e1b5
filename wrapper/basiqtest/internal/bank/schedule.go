package bank

import (
	"math/rand/v2"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// A day is a calendar day in UTC.
type day struct {
	number  int // since 1970-01-01
	month   int // since the books began
	dom     int // day of the month
	weekday time.Weekday
}

// dayNumber returns the number of the day that contains t.
func dayNumber(t time.Time) int {
	return int(t.UTC().Truncate(24*time.Hour).Unix() / secondsPerDay)
}

// dayTime returns the start of a day.
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

// A schedule returns how many times something happens on a day.
type schedule func(d day, r *rand.Rand) int

func boolToInt(happens bool) int {
	if happens {
		return 1
	}
	return 0
}

// monthly is a day of each month, or the following Monday if it falls on a weekend, as for bills. The day must exist in
// every month.
func monthly(dom int) schedule {
	return func(d day, _ *rand.Rand) int {
		return boolToInt(!d.weekend() && (d.dom == dom || d.weekday == time.Monday && wasYesterdayOrBefore(d, dom)))
	}
}

// wasYesterdayOrBefore reports whether one of the previous two days was this day of the month.
func wasYesterdayOrBefore(d day, dom int) bool {
	return dayTime(d.number-1).Day() == dom || dayTime(d.number-2).Day() == dom
}

// payday is a day of each month, or the preceding Friday if it falls on a weekend.
func payday(dom int) schedule {
	return func(d day, _ *rand.Rand) int {
		return boolToInt(!d.weekend() && (d.dom == dom || d.weekday == time.Friday && (d.dom+1 == dom || d.dom+2 == dom)))
	}
}

// every is like monthly, but only every so many months, starting with the first.
func every(months, first, dom int) schedule {
	due := monthly(dom)
	return func(d day, r *rand.Rand) int {
		if d.month < first || (d.month-first)%months != 0 {
			return 0
		}
		return due(d, r)
	}
}

// weekly is a day of each week.
func weekly(on time.Weekday) schedule {
	return func(d day, _ *rand.Rand) int { return boolToInt(d.weekday == on) }
}

// fortnightly is a day of every second week. The week is 0 or 1, counted from 1970.
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

// weekdays is every day from Monday to Friday.
func weekdays(d day, _ *rand.Rand) int { return boolToInt(!d.weekend()) }

// about is a number of times per month, on random days.
func about(timesAMonth int) schedule {
	const daysAMonth = 3044 // in hundredths
	return func(_ day, r *rand.Rand) int {
		n := timesAMonth * 100
		return n/daysAMonth + boolToInt(r.IntN(daysAMonth) < n%daysAMonth)
	}
}

// An amount returns the amount of a transaction. It is positive for credits and debits alike.
type amount func(d day, r *rand.Rand) Cents

// exactly is a constant amount.
func exactly(dollars float64) amount {
	c := cents(dollars)
	return func(day, *rand.Rand) Cents { return c }
}

// between is a uniformly random amount from low to high.
func between(low, high float64) amount {
	lo, hi := cents(low), cents(high)
	return func(_ day, r *rand.Rand) Cents { return lo + Cents(r.Int64N(int64(hi-lo)+1)) }
}

// mostly is a random amount from low to high that favors low values, like typical purchases.
func mostly(low, high float64) amount {
	evenly := between(low, high)
	return func(d day, r *rand.Rand) Cents { return min(evenly(d, r), evenly(d, r)) }
}

// notes is a multiple of a bank note.
func notes(value, least, most int) amount {
	return func(_ day, r *rand.Rand) Cents { return Cents(100 * value * (least + r.IntN(most-least+1))) }
}

// rising starts at first and increases by step every month, up to last.
func rising(first, step, last float64) amount {
	f, s, l := cents(first), cents(step), cents(last)
	return func(d day, _ *rand.Rand) Cents { return min(f+Cents(d.month)*s, l) }
}

// raised is first before the given month, and then from that month on.
func raised(first float64, month int, then float64) amount {
	f, t := cents(first), cents(then)
	return func(d day, _ *rand.Rand) Cents {
		if d.month < month {
			return f
		}
		return t
	}
}
