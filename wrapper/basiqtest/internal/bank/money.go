package bank

import (
	"fmt"
	"math"
)

// Cents is an amount of money in hundredths of a dollar.
type Cents int64

// String formats the amount as Basiq does, such as "-299292.25".
func (c Cents) String() string {
	sign, n := "", int64(c)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// cents converts dollars to Cents.
func cents(dollars float64) Cents { return Cents(math.Round(dollars * 100)) }

// share returns the interest of one month at a yearly rate in hundredths of a percent.
func (c Cents) share(rate int) Cents {
	n := int64(c) * int64(rate)
	half := int64(12 * 10000 / 2)
	if n < 0 {
		half = -half
	}
	return Cents((n + half) / (12 * 10000))
}

// roundUp rounds up to a multiple of to.
func (c Cents) roundUp(to Cents) Cents { return (c + to - 1) / to * to }
