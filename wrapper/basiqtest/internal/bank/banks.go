package bank

import "slices"

// banks lists the test banks and two banks that only accept statements. Basiq's documentation of statement uploads uses
// AU01001, and Basiq's own tests upload a CSV statement to AU00201. The test banks reject statements. The names are
// real, but the customers are fictional, and logins are not supported at the last two.
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

// bsbs maps bank IDs to branch numbers (BSBs). The numbers of NAB and ING are in their real ranges, the others are fictional.
var bsbs = map[string]string{
	"AU00000": "105148", "AU00002": "105202", "AU00003": "105303", "AU00004": "105404", "AU01001": "082001",
	"AU00201": "923100",
}

// Banks returns the test banks in a stable order, then the banks that only accept statements. Callers must not modify
// them.
func Banks() []*Bank { return slices.Clone(banks) }

// FindBank returns the bank with the ID, or nil if there is none.
func FindBank(id string) *Bank {
	for _, b := range banks {
		if b.ID == id {
			return b
		}
	}
	return nil
}
