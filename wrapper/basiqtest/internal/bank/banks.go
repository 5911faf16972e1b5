package bank

import "slices"

// banks are the test banks, and two that take statements only. AU01001 is the institution that Basiq's documents name where
// they describe statement upload, which the test banks refuse. Basiq's own tests upload a CSV statement to AU00201. The names
// are the real ones; who banks there, and that nobody can log in, is the sandbox's doing.
var banks = []*Bank{
	{ID: "AU00000", Name: "Hooli", ShortName: "Hooli", Country: "Australia", Type: "Test Bank", Tier: "4", Asks: Never, Login: true},
	{
		ID: "AU00002", Name: "Pied Piper", ShortName: "Pied Piper", Country: "Australia", Type: "Test Bank", Tier: "4",
		Asks: Always, Login: true,
	},
	{
		ID: "AU00003", Name: "Nucleus", ShortName: "Nucleus", Country: "Australia", Type: "Test Bank", Tier: "4",
		Asks: EveryOther, Login: true,
	},
	{ID: "AU00004", Name: "HooliGov", ShortName: "HooliGov", Country: "Australia", Type: "Test Bank", Tier: "4", Asks: Never, Login: true},
	{
		ID: "AU01001", Name: "National Australia Bank", ShortName: "NAB", Country: "Australia", Type: "Bank", Tier: "1",
		Statements: []string{"pdf", "csv"},
	},
	{
		ID: "AU00201", Name: "ING Bank (Australia)", ShortName: "ING", Country: "Australia", Type: "Bank", Tier: "2",
		Statements: []string{"pdf", "csv"},
	},
}

// bsbs are the banks' branches, by their ids; those of NAB and ING are of their ranges, the others are made up.
var bsbs = map[string]string{
	"AU00000": "105148", "AU00002": "105202", "AU00003": "105303", "AU00004": "105404", "AU01001": "082001",
	"AU00201": "923100",
}

// Banks returns the test banks in a stable order, then those that take statements only. Callers only read them.
func Banks() []*Bank { return slices.Clone(banks) }

// FindBank returns the bank with the id, or nil when there is none.
func FindBank(id string) *Bank {
	for _, b := range banks {
		if b.ID == id {
			return b
		}
	}
	return nil
}
