package bank

// anzsic holds the titles of the Australian and New Zealand Standard Industrial Classification (2006) that the
// catalog uses.
var anzsic = map[string]string{
	"D": "Electricity, Gas, Water and Waste Services",
	"F": "Wholesale Trade",
	"G": "Retail Trade",
	"H": "Accommodation and Food Services",
	"I": "Transport, Postal and Warehousing",
	"J": "Information Media and Telecommunications",
	"K": "Financial and Insurance Services",
	"L": "Rental, Hiring and Real Estate Services",
	"M": "Professional, Scientific and Technical Services",
	"O": "Public Administration and Safety",
	"P": "Education and Training",
	"Q": "Health Care and Social Assistance",
	"R": "Arts and Recreation Services",
	"S": "Other Services",

	"26": "Electricity Supply", "264": "On Selling Electricity and Electricity Market Operation",
	"2640": "On Selling Electricity and Electricity Market Operation",
	"28":   "Water Supply, Sewerage and Drainage Services", "281": "Water Supply, Sewerage and Drainage Services",
	"2811": "Water Supply",
	"37":   "Other Goods Wholesaling", "373": "Furniture, Floor Covering and Other Goods Wholesaling",
	"3739": "Other Goods Wholesaling n.e.c.",
	"40":   "Fuel Retailing", "400": "Fuel Retailing", "4000": "Fuel Retailing",
	"41": "Food Retailing", "411": "Supermarket and Grocery Stores", "4110": "Supermarket and Grocery Stores",
	"412": "Specialised Food Retailing", "4123": "Liquor Retailing",
	"42": "Other Store-Based Retailing", "422": "Electrical and Electronic Goods Retailing",
	"4221": "Electrical, Electronic and Gas Appliance Retailing",
	"423":  "Hardware, Building and Garden Supplies Retailing", "4231": "Hardware and Building Supplies Retailing",
	"425": "Clothing, Footwear and Personal Accessories Retailing", "4251": "Clothing Retailing",
	"426": "Department Stores", "4260": "Department Stores",
	"427": "Pharmaceutical and Other Store-Based Retailing", "4271": "Pharmaceutical, Cosmetic and Toiletry Goods Retailing",
	"4279": "Other Store-Based Retailing n.e.c.",
	"43":   "Non-Store Retailing and Retail Commission-Based Buying and/or Selling", "431": "Non-Store Retailing",
	"4310": "Non-Store Retailing",
	"45":   "Food and Beverage Services", "451": "Cafes, Restaurants and Takeaway Food Services",
	"4511": "Cafes and Restaurants", "4512": "Takeaway Food Services",
	"46": "Road Transport", "462": "Road Passenger Transport", "4622": "Urban Bus Transport (Including Tramway)",
	"4623": "Taxi and Other Road Transport",
	"49":   "Air and Space Transport", "490": "Air and Space Transport", "4900": "Air and Space Transport",
	"51": "Postal and Courier Pick-up and Delivery Services", "510": "Postal and Courier Pick-up and Delivery Services",
	"5101": "Postal Services",
	"52":   "Transport Support Services", "529": "Other Transport Support Services",
	"5299": "Other Transport Support Services n.e.c.",
	"54":   "Publishing (except Internet and Music Publishing)", "542": "Software Publishing", "5420": "Software Publishing",
	"55": "Motion Picture and Sound Recording Activities", "551": "Motion Picture and Video Activities",
	"5513": "Motion Picture Exhibition",
	"57":   "Internet Publishing and Broadcasting", "570": "Internet Publishing and Broadcasting",
	"5700": "Internet Publishing and Broadcasting",
	"58":   "Telecommunications Services", "580": "Telecommunications Services",
	"5802": "Other Telecommunications Network Operation",
	"62":   "Finance", "623": "Non-Depository Financing", "6230": "Non-Depository Financing",
	"63": "Insurance and Superannuation Funds", "632": "Health and General Insurance", "6321": "Health Insurance",
	"6322": "General Insurance", "633": "Superannuation Funds", "6330": "Superannuation Funds",
	"64": "Auxiliary Finance and Insurance Services", "641": "Auxiliary Finance and Investment Services",
	"6419": "Other Auxiliary Finance and Investment Services",
	"67":   "Property Operators and Real Estate Services", "672": "Real Estate Services", "6720": "Real Estate Services",
	"69":  "Professional, Scientific and Technical Services (Except Computer System Design and Related Services)",
	"693": "Legal and Accounting Services", "6932": "Accounting Services",
	"694": "Advertising Services", "6940": "Advertising Services",
	"70": "Computer System Design and Related Services", "700": "Computer System Design and Related Services",
	"7000": "Computer System Design and Related Services",
	"75":   "Public Administration", "751": "Central Government Administration", "7510": "Central Government Administration",
	"753": "Local Government Administration", "7530": "Local Government Administration",
	"82": "Adult, Community and Other Education", "821": "Adult, Community and Other Education",
	"8219": "Adult, Community and Other Education n.e.c.",
	"84":   "Hospitals", "840": "Hospitals", "8401": "Hospitals (Except Psychiatric Hospitals)",
	"85": "Medical and Other Health Care Services", "851": "Medical Services", "8511": "General Practice Medical Services",
	"853": "Allied Health Services", "8531": "Dental Services",
	"87": "Social Assistance Services", "871": "Child Care Services", "8710": "Child Care Services",
	"91": "Sports and Recreation Activities", "911": "Sports and Physical Recreation Activities",
	"9111": "Health and Fitness Centres and Gymnasia Operation",
	"92":   "Gambling Activities", "920": "Gambling Activities", "9202": "Lottery Operation",
	"9209": "Other Gambling Activities",
	"94":   "Repair and Maintenance", "941": "Automotive Repair and Maintenance",
	"9419": "Other Automotive Repair and Maintenance",
	"95":   "Personal and Other Services", "951": "Personal Care Services", "9511": "Hairdressing and Beauty Services",
}

// divisions maps subdivisions to the letters of their divisions.
var divisions = map[string]string{
	"26": "D", "28": "D", "37": "F", "40": "G", "41": "G", "42": "G", "43": "G", "45": "H", "46": "I", "49": "I", "51": "I",
	"52": "I", "54": "J", "55": "J", "57": "J", "58": "J", "62": "K", "63": "K", "64": "K", "67": "L", "69": "M", "70": "M",
	"75": "O", "82": "P", "84": "Q", "85": "Q", "87": "Q", "91": "R", "92": "R", "94": "S", "95": "S",
}

// mccs holds the titles of merchant category codes.
var mccs = map[string]string{
	"4111": "Local Commuter Transport", "4121": "Taxicabs and Limousines", "4511": "Airlines and Air Carriers",
	"4784": "Bridge and Road Fees, Tolls", "4814": "Telecommunication Services",
	"4899": "Cable, Satellite and Other Pay Television and Radio Services", "4900": "Utilities",
	"5039": "Construction Materials, Not Elsewhere Classified", "5200": "Home Supply Warehouse Stores",
	"5311": "Department Stores", "5411": "Grocery Stores and Supermarkets", "5541": "Service Stations",
	"5651": "Family Clothing Stores", "5712": "Furniture and Home Furnishings Stores", "5732": "Electronics Stores",
	"5734": "Computer Software Stores", "5812": "Eating Places and Restaurants", "5814": "Fast Food Restaurants",
	"5912": "Drug Stores and Pharmacies", "5921": "Package Stores - Beer, Wine and Liquor",
	"5943": "Stationery, Office and School Supply Stores", "5964": "Direct Marketing - Catalog Merchants",
	"6012": "Financial Institutions - Merchandise and Services", "6051": "Quasi Cash - Non-Financial Institutions",
	"6211": "Security Brokers and Dealers", "6300": "Insurance Sales, Underwriting and Premiums",
	"6513": "Real Estate Agents and Managers - Rentals", "7230": "Barber and Beauty Shops", "7311": "Advertising Services",
	"7372": "Computer Programming and Data Processing", "7538": "Automotive Service Shops",
	"7832": "Motion Picture Theatres", "7995": "Betting, Lottery and Casino Gaming",
	"7997": "Clubs - Country Clubs and Private Membership", "8011": "Doctors and Physicians", "8021": "Dentists and Orthodontists",
	"8062": "Hospitals", "8299": "Schools and Educational Services", "8351": "Child Care Services",
	"8931": "Accounting, Auditing and Bookkeeping Services", "9311": "Tax Payments", "9399": "Government Services",
	"9402": "Postal Services - Government Only",
}

// categories holds the categories of the catalog's merchants.
var categories = map[string]*Category{
	"groceries":   purchases("groceries", "4110", "5411"),
	"liquor":      purchases("shopping", "4123", "5921"),
	"fuel":        purchases("transport", "4000", "5541"),
	"electronics": purchases("shopping", "4221", "5732"),
	"hardware":    purchases("shopping", "4231", "5200"),
	"clothing":    purchases("shopping", "4251", "5651"),
	"department":  purchases("shopping", "4260", "5311"),
	"furniture":   purchases("shopping", "4279", "5712"),
	"stationery":  purchases("shopping", "4279", "5943"),
	"online":      purchases("shopping", "4310", "5964"),
	"post":        purchases("shopping", "5101", "9402"),
	"supplies":    purchases("other", "3739", "5039"),
	"pharmacy":    purchases("health", "4271", "5912"),
	"doctor":      purchases("health", "8511", "8011"),
	"dentist":     purchases("health", "8531", "8021"),
	"gym":         purchases("health", "9111", "7997"),
	"hairdresser": purchases("other", "9511", "7230"),
	"restaurant":  purchases("dining", "4511", "5812"),
	"takeaway":    purchases("dining", "4512", "5814"),
	"bus":         purchases("transport", "4622", "4111"),
	"taxi":        purchases("transport", "4623", "4121"),
	"airline":     purchases("transport", "4900", "4511"),
	"toll":        purchases("transport", "5299", "4784"),
	"mechanic":    purchases("transport", "9419", "7538"),
	"energy":      purchases("utilities", "2640", "4900"),
	"water":       purchases("utilities", "2811", "4900"),
	"council":     purchases("utilities", "7530", "9399"),
	"telephone":   purchases("telecommunication", "5802", "4814"),
	"software":    purchases("entertainment", "5420", "5734"),
	"streaming":   purchases("entertainment", "5700", "4899"),
	"cinema":      purchases("entertainment", "5513", "7832"),
	"insurance":   purchases("insurance", "6322", "6300"),
	"healthcover": purchases("insurance", "6321", "6300"),
	"school":      purchases("education", "8219", "8299"),
	"childcare":   purchases("education", "8710", "8351"),
	"lottery":     purchases("gambling", "9202", "7995"),
	"betting":     purchases("gambling", "9209", "7995"),
	"bnpl":        purchases("bnpl", "6230", "6012"),
	"lender":      purchases("loan", "6230", "6012"),
	"broker":      purchases("transfer-out", "6419", "6211"),
	"crypto":      purchases("crypto", "6419", "6051"),
	"super":       purchases("other", "6330", "6012"),
	"landlord":    purchases("rent", "6720", "6513"),
	"accountant":  purchases("other", "6932", "8931"),
	"advertising": purchases("other", "6940", "7311"),
	"taxoffice":   purchases("tax", "7510", "9311"),
	"government":  purchases("benefits", "7510", "9399"),
	"employer":    purchases("salary", "7000", "7372"),
	"hospital":    purchases("salary", "8401", "8062"),
	"tutoring":    purchases("other-income", "8219", "8299"),
	"payments":    purchases("other-income", "6419", "6012"),
}

// purchases returns the category for a group, an ANZSIC class and a merchant category code.
func purchases(group, class, mcc string) *Category {
	code := func(c string) Code { return Code{Code: c, Title: anzsic[c]} }
	return &Category{
		Group:    group,
		Division: code(divisions[class[:2]]), Subdivision: code(class[:2]), ANZSICGroup: code(class[:3]), Class: code(class),
		MCC: Code{Code: mcc, Title: mccs[mcc]},
	}
}

// plainCategoriesByGroup holds the categories of transactions other than purchases. Each group has one shared pointer,
// so categories can be compared.
var plainCategoriesByGroup = plainCategories(
	"salary", "other-income", "benefits", "rent-received", "transfer-in", "transfer-out", "loan", "credit-card-repayment",
	"rent", "cash", "fees", "interest-paid", "interest-earned", "tax", "other", "education",
)

func plainCategories(names ...string) map[string]*Category {
	m := make(map[string]*Category, len(names))
	for _, name := range names {
		m[name] = &Category{Group: name}
	}
	return m
}
