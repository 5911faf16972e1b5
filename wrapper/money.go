package basiq

import "strings"

// FormatMoney returns an amount with its currency, for example "-299292.25 AUD". It keeps all digits as Basiq sent them and
// never rounds. The currency is a field of the object with the amount, for example [Account].Currency. FormatMoney returns ""
// if the amount is missing, and the number alone if the currency is missing.
func FormatMoney(amount Amount, currency string) string {
	text := strings.TrimSpace(string(amount))
	if text == "" {
		return ""
	}
	return strings.TrimSpace(text + " " + strings.TrimSpace(currency))
}
