package bank

import "fmt"

// Cents is an amount of money in hundredths of a dollar.
type Cents int64

// String writes the amount as Basiq does, such as "-299292.25".
func (c Cents) String() string {
	sign, n := "", int64(c)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}
