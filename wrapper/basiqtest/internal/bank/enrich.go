package bank

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// An alias is a name of a merchant in statements.
type alias struct {
	text string
	shop *shop
}

// aliases holds all aliases, the longest first, so that "UBER DRIVER PAYMENTS" does not match "UBER".
var aliases = newAliases()

func newAliases() []alias {
	list := make([]alias, 0, 2*len(catalog))
	for _, s := range catalog {
		list = append(list, alias{s.line, s})
		if name := strings.ToUpper(s.Name); name != s.line {
			list = append(list, alias{name, s})
		}
	}
	slices.SortFunc(list, func(a, b alias) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
	})
	return list
}

// Enrich finds the merchant named in the description of a transaction, in any case and position. It returns the
// merchant and its category, or false if the merchant is unknown. Callers must not modify the results.
func Enrich(description string) (*Merchant, *Category, bool) {
	line := strings.ToUpper(description)
	for _, a := range aliases {
		if names(line, a.text) {
			return a.shop.Merchant, a.shop.category, true
		}
	}
	return nil, nil, false
}

// merchants are the merchants of the catalogue, ordered by name and ID.
var merchants = sortedMerchants()

func sortedMerchants() []*shop {
	return slices.SortedFunc(maps.Values(catalog), func(a, b *shop) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// Merchants returns all merchants with their categories, ordered by name. Callers must not modify them.
func Merchants() iter.Seq2[*Merchant, *Category] {
	return func(yield func(*Merchant, *Category) bool) {
		for _, s := range merchants {
			if !yield(s.Merchant, s.category) {
				return
			}
		}
	}
}

// names reports whether text occurs in line as whole words.
func names(line, text string) bool {
	for from := 0; ; {
		i := strings.Index(line[from:], text)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(text)
		if (start == 0 || !wordByte(line[start-1])) && (end == len(line) || !wordByte(line[end])) {
			return true
		}
		from = start + 1
	}
}

func wordByte(b byte) bool { return b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b >= 0x80 }
