package basiq

import "strings"

// FormatMoney returns an amount with its currency, for example "-299292.25 AUD". It keeps all digits as Basiq sent them and
// never rounds. The currency is a field of the object with the amount, for example [Account].Currency. FormatMoney returns ""
// if the amount is missing, and the number alone if the currency is missing.
//
// A number is an [Amount] in most objects and a [Decimal] where Basiq's documents disagree about its JSON kind.
func FormatMoney[T Amount | Decimal](amount T, currency string) string {
	var text string
	switch amount := any(amount).(type) {
	case Amount:
		text = string(amount)
	case Decimal:
		text = amount.String()
	}
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return strings.TrimSpace(text + " " + strings.TrimSpace(currency))
}
