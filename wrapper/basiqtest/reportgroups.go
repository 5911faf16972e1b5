package basiqtest

import (
	"strings"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// Sections of a report, as in Basiq's example.
const (
	sectionIncome           = "Income"
	sectionDiscretionary    = "Discretionary Expenses"
	sectionNonDiscretionary = "Non-Discretionary Expenses"
	sectionOther            = "Other Expenses"
	sectionLiabilities      = "Liabilities"
	sectionHighRisk         = "High Risk Activities"
)

// A reportGroup is a kind of income, expense or liability in an affordability report.
type reportGroup struct {
	id, title string
	sections  []string
}

// Groups of an affordability report, with the IDs, titles and order of Basiq's example.
var reportGroups = []reportGroup{
	{"INC-001", "Benefits", []string{sectionIncome}},
	{"INC-002", "Child Support Income", []string{sectionIncome}},
	{"INC-003", "Insurance Credits", []string{sectionIncome}},
	{"INC-004", "Interest Income", []string{sectionIncome}},
	{"INC-005", "Investment Income", []string{sectionIncome}},
	{"INC-006", "Other Earnings", []string{sectionIncome}},
	{"INC-007", "Other Credits", []string{sectionIncome}},
	{"INC-008", "Rent & Board Income", []string{sectionIncome}},
	{"INC-009", "Salary", []string{sectionIncome}},
	{"INC-010", "Superannuation Credits", []string{sectionIncome}},
	{"INC-012", "Youth Allowance", []string{sectionIncome}},
	{"INC-013", "Rental Assistance", []string{sectionIncome}},
	{"INC-014", "Centrelink", []string{sectionIncome}},
	{"INC-015", "Medicare", []string{sectionIncome}},
	{"INC-016", "Jobseeker", []string{sectionIncome}},
	{"INC-018", "Pension", []string{sectionIncome}},
	{"INC-019", "Carers", []string{sectionIncome}},
	{"INC-020", "Education", []string{sectionIncome}},
	{"INC-021", "Crisis Support", []string{sectionIncome}},
	{"EXP-002", "Automotive", []string{sectionDiscretionary}},
	{"EXP-004", "Children's Retail", []string{sectionDiscretionary}},
	{"EXP-007", "Department Stores", []string{sectionDiscretionary}},
	{"EXP-008", "Dining Out", []string{sectionDiscretionary}},
	{"EXP-010", "Donations", []string{sectionDiscretionary}},
	{"EXP-012", "Entertainment", []string{sectionDiscretionary}},
	{"EXP-014", "Gambling", []string{sectionDiscretionary, sectionHighRisk}},
	{"EXP-015", "Government & Council Services", []string{sectionDiscretionary}},
	{"EXP-017", "Gyms and memberships", []string{sectionDiscretionary}},
	{"EXP-018", "Medical", []string{sectionNonDiscretionary}},
	{"EXP-019", "Home Improvement", []string{sectionDiscretionary}},
	{"EXP-024", "Online Retail", []string{sectionDiscretionary}},
	{"EXP-027", "Personal Care", []string{sectionDiscretionary}},
	{"EXP-028", "Pet Care", []string{sectionDiscretionary}},
	{"EXP-031", "Retail", []string{sectionDiscretionary}},
	{"EXP-034", "Subscription Services", []string{sectionDiscretionary}},
	{"EXP-035", "Subscription Media", []string{sectionDiscretionary}},
	{"EXP-038", "Travel", []string{sectionDiscretionary}},
	{"EXP-039", "Uncategorised Debits", []string{sectionDiscretionary}},
	{"EXP-041", "Vehicle and Transport", []string{sectionDiscretionary}},
	{"EXP-011", "Education and Childcare", []string{sectionNonDiscretionary}},
	{"EXP-016", "Groceries", []string{sectionNonDiscretionary}},
	{"EXP-021", "Insurance", []string{sectionNonDiscretionary}},
	{"EXP-030", "Rent", []string{sectionNonDiscretionary}},
	{"EXP-036", "Telecommunication", []string{sectionNonDiscretionary}},
	{"EXP-040", "Utilities", []string{sectionNonDiscretionary}},
	{"EXP-003", "Cash Advances", []string{sectionOther, sectionHighRisk}},
	{"EXP-009", "Dishonours", []string{sectionOther, sectionHighRisk}},
	{"EXP-013", "External Transfers", []string{sectionOther}},
	{"EXP-032", "Returns & Refunds", []string{sectionOther}},
	{"EXP-037", "Third Party Payment Providers", []string{sectionOther}},
	{"EXP-001", "ATM Withdrawals", []string{sectionOther, sectionHighRisk}},
	{"EXP-006", "Debt Interest Accrual", []string{sectionOther, sectionHighRisk}},
	{"EXP-029", "Redraws", []string{sectionOther, sectionHighRisk}},
	{"EXP-005", "Collection Agencies", []string{sectionLiabilities}},
	{"EXP-020", "Insolvency", []string{sectionLiabilities}},
	{"EXP-023", "Motor Finance", []string{sectionLiabilities}},
	{"EXP-025", "Other Finance", []string{sectionLiabilities}},
	{"EXP-026", "Peer to Peer Finance", []string{sectionLiabilities}},
	{"EXP-033", "Small Amount Lending", []string{sectionLiabilities}},
	{"EXP-051", "Alcohol and Tobacco", []string{sectionDiscretionary}},
	{"EXP-052", "Sports and Hobbies", []string{sectionDiscretionary}},
	{"EXP-054", "Other Categorised", []string{sectionDiscretionary}},
	{"EXP-055", "Clothing and Footwear", []string{sectionDiscretionary}},
	{"EXP-056", "Mortgage Repayments", []string{sectionLiabilities}},
	{"EXP-057", "Loan Repayments", []string{sectionLiabilities}},
	{"EXP-058", "Mortgage Transfers", []string{sectionLiabilities}},
	{"EXP-061", "Credit Card Repayments", []string{sectionLiabilities}},
	{"EXP-062", "Credit Card Transfers", []string{sectionLiabilities}},
	{"EXP-063", "Loan Transfers", []string{sectionLiabilities}},
}

// groupSubType returns the reportSubType filter value that includes a group.
func groupSubType(id string) string {
	if strings.HasPrefix(id, "INC-") {
		return subTypeIncome
	}
	return subTypeExpense
}

// Report groups of transactions by category group. Basiq's own mapping is not public.
var (
	groupsOfCredits = map[string]string{
		"salary": "INC-009", "rent-received": "INC-008", "interest-earned": "INC-004", "other-income": "INC-006",
		"insurance": "INC-003", "benefits": "INC-001",
	}
	groupsOfDebits = map[string]string{
		"transfer-out": "EXP-013", "rent": "EXP-030", "groceries": "EXP-016", "dining": "EXP-008", "transport": "EXP-041",
		"utilities": "EXP-040", "telecommunication": "EXP-036", "insurance": "EXP-021", "health": "EXP-018",
		"education": "EXP-011", "entertainment": "EXP-012", "gambling": "EXP-014", "cash": "EXP-001", "crypto": "EXP-054",
		"bnpl": "EXP-025", "fees": "EXP-054", "interest-paid": "EXP-006", "tax": "EXP-015", "shopping": "EXP-031",
		"loan": "EXP-057", "credit-card-repayment": "EXP-061",
	}
	groupsByANZSIC = map[string]string{ // for category groups that are too broad
		"4900": "EXP-038", "9419": "EXP-002", "7530": "EXP-015", "9111": "EXP-017", "5420": "EXP-034", "5700": "EXP-035",
		"4123": "EXP-051", "4251": "EXP-055", "4260": "EXP-007", "4310": "EXP-024", "4231": "EXP-019", "9511": "EXP-027",
	}
	groupsOfBenefits = []struct{ text, group string }{
		{"JOBSEEKER", "INC-016"},
		{"YOUTH", "INC-012"},
		{"RENT", "INC-013"},
		{"PENSION", "INC-018"},
		{"CARER", "INC-019"},
		{"STUDY", "INC-020"},
		{"CRISIS", "INC-021"},
		{"MEDICARE", "INC-015"},
		{"CENTRELINK", "INC-014"},
	}
)

// groupOf returns the report group of a transaction. Both sides of an internal transfer are in "", except that the
// debit of a debt repayment is counted once.
func (a *analysis) groupOf(t transaction) string {
	switch {
	case a.internal(t):
		return a.internalGroup(t)
	case t.Class == classRefund:
		return "EXP-032"
	case isCredit(t):
		return groupOfCredit(t)
	default:
		return groupOfDebit(t)
	}
}

// internalGroup returns the group of an internal debt repayment, by the kind of the receiving account.
func (a *analysis) internalGroup(t transaction) string {
	if isCredit(t) {
		return ""
	}
	for _, other := range a.transactions {
		if !isCredit(other) || other.flow() != t.flow() || other.holding == t.holding {
			continue
		}
		switch {
		case other.holding.Kind == bank.Mortgage:
			return "EXP-058"
		case other.holding.isLoan():
			return "EXP-063"
		case other.holding.isCard():
			return "EXP-062"
		default:
			return ""
		}
	}
	return ""
}

func groupOfCredit(t transaction) string {
	text := strings.ToUpper(t.Description)
	if t.Category.Group == "benefits" || strings.Contains(text, "MEDICARE") {
		for _, benefit := range groupsOfBenefits {
			if strings.Contains(text, benefit.text) {
				return benefit.group
			}
		}
	}
	if group, ok := groupsOfCredits[t.Category.Group]; ok {
		return group
	}
	return "INC-007"
}

func groupOfDebit(t transaction) string {
	switch {
	case t.Category.Group == "cash" && t.holding.isCard():
		return "EXP-003"
	case t.Category.Group == "transfer-out" && t.holding.isLoan():
		return "EXP-029"
	case t.Category.Group == "fees" && strings.Contains(strings.ToUpper(t.Description), "DISHONOUR"):
		return "EXP-009"
	case t.Category.Group == "loan" && t.Merchant != nil:
		return groupOfLender(t.Merchant.Name)
	}
	if group, ok := groupsByANZSIC[t.Category.Class.Code]; ok {
		return group
	}
	if group, ok := groupsOfDebits[t.Category.Group]; ok {
		return group
	}
	if t.Merchant != nil {
		return "EXP-054"
	}
	return "EXP-039"
}

// groupOfLender derives the group from the lender's name, the only available indication of the purpose of a loan.
func groupOfLender(name string) string {
	switch name = strings.ToLower(name); {
	case strings.Contains(name, "home"):
		return "EXP-056"
	case strings.Contains(name, "toyota"), strings.Contains(name, "leasing"), strings.Contains(name, "motor"):
		return "EXP-023"
	default:
		return "EXP-057"
	}
}
