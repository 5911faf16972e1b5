package basiqtest

import "cmp"

// hecDivision is a division of the Household Expenditure Classification, which summaries use for payments.
type hecDivision struct{ code, title string }

// hecClass is a class in a division.
type hecClass struct {
	division    hecDivision
	code, title string
}

// The divisions. Titles that are not documented follow the style of the documented ones.
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

// hecByGroup maps category groups to divisions. hecByANZSIC maps ANZSIC classes and takes precedence.
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

// classOf returns the class of a payment. Basiq's class table is not public, so the classes are ANZSIC's, with
// codes in the format of the Household Expenditure Classification.
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
