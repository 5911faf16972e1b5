package basiqtest

import "cmp"

// hecDivision is a division of the household expenditure classification, by which summaries sort payments.
type hecDivision struct{ code, title string }

// hecClass is a class of it.
type hecClass struct {
	division    hecDivision
	code, title string
}

// The divisions. Their titles are the ones that the documents show, or in their manner.
var (
	hecHousing   = hecDivision{"01", "Current housing costs"}
	hecPower     = hecDivision{"02", "Domestic fuel and power"}
	hecFood      = hecDivision{"03", "Food and non-alcoholic beverages"}
	hecAlcohol   = hecDivision{"04", "Alcoholic beverages"}
	hecClothing  = hecDivision{"06", "Clothing and footwear"}
	hecHousehold = hecDivision{"07", "Household furnishings and equipment"}
	hecServices  = hecDivision{"08", "Household services and operation"}
	hecHealth    = hecDivision{"09", "Medical care and health expenses"}
	hecTransport = hecDivision{"10", "Transport"}
	hecLeisure   = hecDivision{"11", "Recreation"}
	hecCare      = hecDivision{"12", "Personal care"}
	hecEducation = hecDivision{"13", "Education"}
	hecOther     = hecDivision{"14", "Miscellaneous goods and services"}
	hecTax       = hecDivision{"15", "Income tax"}
)

// hecByGroup are the divisions by the groups of categories; those by ANZSIC classes go before them.
var (
	hecByGroup = map[string]hecDivision{
		"groceries": hecFood, "dining": hecFood, "transport": hecTransport, "utilities": hecPower,
		"telecommunication": hecServices, "health": hecHealth, "education": hecEducation, "entertainment": hecLeisure,
		"gambling": hecLeisure, "shopping": hecHousehold, "rent": hecHousing, "tax": hecTax,
	}
	hecByANZSIC = map[string]hecDivision{
		"4123": hecAlcohol, "4251": hecClothing, "6321": hecHealth, "8710": hecServices, "9511": hecCare, "2811": hecHousing,
		"7530": hecHousing, "9111": hecLeisure,
	}
)

// classOf is the class of a payment. The classes themselves are ANZSIC's, in codes of the other's form: Basiq's table of
// them is not public.
func classOf(t transaction) hecClass {
	division, ok := hecByANZSIC[t.Category.Class.Code]
	if !ok {
		division = hecByGroup[t.Category.Group]
	}
	if division.code == "" {
		division = hecOther
	}
	return hecClass{
		division: division,
		code:     division.code + cmp.Or(t.Category.Class.Code, "9999") + "0101",
		title:    cmp.Or(t.Category.Class.Title, "Other"),
	}
}
