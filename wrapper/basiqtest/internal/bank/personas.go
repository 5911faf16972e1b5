package bank

import "time"

// scripts maps logins to the accounts and money flows of the test users. The documentation describes each user's income
// and how it changes, loans, cards and spending habits. The amounts are fictional.
var scripts = map[string]script{
	// A joint account, two salaries, a mortgage here and a car loan elsewhere, and predictable spending.
	"Wentworth-Smith": {
		plans: []plan{
			{
				key: "savings", kind: Savings, product: "Savings", name: "Savings", number: "105148119695",
				opening: 12850.35, months: 71, rate: 475,
			},
			{
				key: "mortgage", kind: Mortgage, product: "Home Loan", name: "Home Loan", number: "105148119696",
				opening: -299292.25, months: 52, limit: 340000, rate: 614, repay: 2150, repayDay: 3, joint: "Kate Wentworth-Smith",
			},
			{
				key: "card", kind: CreditCard, product: "Platinum Card", name: "Credit Card", number: "5353XXXXXXXX7716",
				opening: -1842.60, months: 40, limit: 10000, rate: 1999, repayDay: 20,
			},
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148119697",
				opening: 3460.12, months: 71, joint: "Kate Wentworth-Smith", fee: 4, floor: 400,
				reserve: "savings", most: 6500, keep: 4000,
			},
		},
		streams: []stream{
			salary("hooli", payday(15), exactly(6850)),
			salary("nbhospital", fortnightly(time.Thursday, 0), exactly(2140.35)),
			repayment("toyota", monthly(8), exactly(612.40)),
			debit("education", "goodstart", weekly(time.Monday), exactly(412.50)),
			debit("utilities", "agl", monthly(11), between(170, 215)),
			debit("utilities", "sydneywater", every(3, 1, 19), between(180, 240)),
			debit("utilities", "beaches", every(3, 2, 24), exactly(431.20)),
			debit("telecommunication", "telstra", monthly(22), exactly(129)),
			debit("insurance", "nrma", monthly(5), exactly(146.85)),
			debit("insurance", "bupa", monthly(17), exactly(389.20)),
			subscription("card", "netflix", 4, 18.99),
			subscription("card", "spotify", 9, 13.99),
			subscription("card", "fitness", 12, 89.80),
			spend("card", weekly(time.Saturday), between(180, 240), "woolworths"),
			spend("card", weekly(time.Wednesday), between(45, 80), "coles", "harris"),
			spend("card", about(5), between(58, 84), "bp", "metro", "ampol"),
			spend("card", about(7), mostly(22, 95), "garfish", "grilld", "gyg"),
			spend("card", about(6), mostly(20, 160), "kmart", "bunnings", "myer", "amazon"),
			spend("everyday", about(13), mostly(4.50, 14), "campos", "gloriajeans"),
			spend("everyday", about(6), mostly(9, 48), "chemist", "auspost"),
			spend("everyday", about(8), mostly(3.20, 9.70), "opal"),
			spend("everyday", about(1), mostly(78, 160), "medical", "dental"),
			refundFrom("card", about(1), mostly(20, 70), "kmart", "amazon"),
			cash("ATM WITHDRAWAL DEE WHY NSW", about(2), notes(20, 3, 8)),
		},
	},

	// One salary, buy now pay later, a rented home, and a large loan to Jared.
	"Whistler": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148220101",
				opening: 18204.77, months: 38, floor: 500, reserve: "savings", most: 9000, keep: 6000,
			},
			{
				key: "savings", kind: Savings, product: "Savings", name: "Rainy Day", number: "105148220102",
				opening: 41000, months: 38, rate: 475,
			},
		},
		streams: []stream{
			salary("glebeschool", fortnightly(time.Wednesday, 1), exactly(3465.20)),
			loanToJared(bindInput("transfer-out", "TRANSFER TO JARED DUNN", "Jared Dunn", nil, nil)),
			helpForJared(bindInput("transfer-out", "TRANSFER TO JARED DUNN", "Jared Dunn", nil, nil)),
			debit("rent", "ljhooker", weekly(time.Friday), exactly(620)),
			debit("bnpl", "afterpay", fortnightly(time.Tuesday, 0), between(58, 96)),
			debit("bnpl", "afterpay", fortnightly(time.Friday, 1), between(32, 64)),
			debit("bnpl", "zip", monthly(14), between(90, 140)),
			debit("utilities", "origin", monthly(18), between(85, 130)),
			debit("telecommunication", "optus", monthly(6), exactly(65)),
			debit("telecommunication", "aussiebb", monthly(21), exactly(85)),
			debit("insurance", "medibank", monthly(12), exactly(152.30)),
			subscription("everyday", "stan", 7, 17),
			subscription("everyday", "spotify", 16, 13.99),
			subscription("everyday", "anytime", 10, 74.95),
			spend("everyday", about(9), mostly(28, 120), "woolworths", "aldi", "iga"),
			spend("everyday", about(12), mostly(14, 62), "sushihub", "grilld", "ubereats", "mcdonalds"),
			spend("everyday", about(16), mostly(4.50, 11), "campos", "gloriajeans"),
			spend("everyday", about(14), mostly(3.20, 9.70), "opal"),
			spend("everyday", about(5), mostly(12, 38), "uber"),
			spend("everyday", about(6), mostly(18, 140), "cottonon", "target", "rebel", "jbhifi"),
			spend("everyday", about(3), mostly(18, 64), "bws", "danmurphys", "hoyts"),
			spend("everyday", about(2), mostly(11, 52), "priceline", "justcuts"),
			cash("ATM WITHDRAWAL GLEBE NSW", about(2), notes(20, 2, 6)),
		},
	},

	// A salary that stops, then benefits, increasing buy now pay later, a card near its limit, and a late fee.
	"Gilfoyle": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148330101",
				opening: 212.08, months: 45, fee: 5, floor: 230, reserve: "OTHER BANK SAVER", most: 3500, keep: 2500,
			},
			{
				key: "card", kind: CreditCard, product: "Low Rate Card", name: "Credit Card", number: "5353XXXXXXXX0303",
				opening: -4271.15, months: 31, limit: 5000, rate: 1349, repay: 160, repayDay: 16, missed: []int{8},
			},
		},
		streams: []stream{
			salary("piedpiper", fortnightly(time.Thursday, 1), exactly(2480.15)).during(0, 7),
			income("benefits", "benefits", "JOBSEEKER", "centrelink", fortnightly(time.Monday, 0), exactly(793.60)).during(8, 0),
			debit("rent", "raywhite", weekly(time.Friday), exactly(165)),
			debit("bnpl", "afterpay", fortnightly(time.Wednesday, 0), rising(28.50, 9.25, 129)),
			debit("bnpl", "zip", monthly(24), rising(30, 6, 95)),
			debit("utilities", "origin", monthly(19), between(52, 88)),
			debit("telecommunication", "vodafone", monthly(9), exactly(39)),
			subscription("card", "github", 3, 15.40),
			subscription("card", "spotify", 21, 13.99),
			spend("card", about(8), mostly(8, 70), "steam", "jbhifi", "amazon"),
			spend("card", about(5), mostly(12, 45), "ubereats"),
			spend("everyday", about(10), mostly(20, 95), "woolworths", "coles").during(0, 7),
			spend("everyday", about(14), mostly(14, 75), "grilld", "gyg", "ubereats").during(0, 7),
			spend("everyday", about(8), mostly(22, 110), "danmurphys", "bws").during(0, 7),
			spend("everyday", about(6), mostly(30, 260), "jbhifi", "officeworks", "steam").during(0, 7),
			spend("everyday", about(14), mostly(4.50, 12), "campos").during(0, 7),
			spend("everyday", about(18), mostly(6, 26), "aldi", "iga").during(7, 0),
			spend("everyday", about(10), mostly(3, 8), "mcdonalds", "campos").during(7, 0),
			spend("everyday", about(3), mostly(12, 32), "bws").during(7, 0),
			spend("everyday", about(14), mostly(3.10, 10.60), "myki"),
			spend("everyday", about(2), mostly(8, 30), "chemist"),
			cash("ATM WITHDRAWAL FITZROY VIC", about(2), notes(20, 1, 3)),
		},
	},

	// A salary with a raise, variable tutoring income, and a personal loan.
	"gavinBelson": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148440101",
				opening: 7310.44, months: 96, floor: 400, reserve: "OTHER BANK SAVER", most: 9500, keep: 6500,
			},
			{
				key: "card", kind: CreditCard, product: "Platinum Card", name: "Credit Card", number: "5353XXXXXXXX0404",
				opening: -2209.90, months: 60, limit: 15000, rate: 1999, repayDay: 21, fee: 8,
			},
			{
				key: "loan", kind: Loan, product: "Personal Loan", name: "Personal Loan", number: "105148440103",
				opening: -18750, months: 17, limit: 25000, rate: 949, repay: 525, repayDay: 6,
			},
		},
		streams: []stream{
			salary("hooli", payday(15), raised(8900, 6, 9700)),
			income("tutoring", "other-income", "", "cluey", weekly(time.Tuesday), between(90, 560)),
			debit("rent", "ljhooker", weekly(time.Thursday), exactly(720)),
			debit("utilities", "agl", monthly(13), between(90, 150)),
			debit("telecommunication", "telstra", monthly(22), exactly(99)),
			debit("insurance", "allianz", monthly(7), exactly(118.75)),
			debit("insurance", "bupa", monthly(18), exactly(204.60)),
			subscription("card", "netflix", 5, 25.99),
			subscription("card", "apple", 11, 16.99),
			subscription("card", "fitness", 14, 99.80),
			spend("card", about(8), mostly(35, 160), "woolworths", "harris", "coles"),
			spend("card", about(14), mostly(24, 150), "garfish", "grilld", "sushihub"),
			spend("card", about(18), mostly(4.80, 14), "campos", "gloriajeans"),
			spend("card", about(4), mostly(58, 98), "bp", "metro"),
			spend("card", about(6), mostly(14, 55), "uber"),
			spend("card", about(7), mostly(35, 320), "myer", "jbhifi", "officeworks", "amazon"),
			spend("card", about(1), mostly(180, 620), "qantas"),
			spend("everyday", about(4), mostly(12, 60), "chemist", "justcuts"),
			spend("everyday", about(5), mostly(18, 75), "danmurphys", "hoyts"),
			refundFrom("card", about(1), mostly(20, 90), "myer", "amazon"),
			cash("ATM WITHDRAWAL DEE WHY NSW", about(2), notes(50, 1, 5)),
		},
	},

	// Ride-share income, money from Whistler, and a mortgage and a car loan elsewhere.
	"jared": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148550101",
				opening: 1934.50, months: 29, fee: 4, floor: 350, reserve: "OTHER BANK SAVER", most: 6000, keep: 3500,
			},
			{
				key: "term", kind: TermDeposit, product: "Term Deposit", name: "Term Deposit", number: "105148550102",
				opening: 25000, months: 5, rate: 430,
			},
		},
		streams: []stream{
			income("ride-share", "other-income", "", "uberdriver", weekly(time.Monday), between(420, 1180)),
			income("ride-share", "other-income", "", "didi", weekly(time.Tuesday), between(110, 430)),
			loanToJared(receive("transfer-in", "TRANSFER FROM WHISTLER SMITH", "Whistler Smith", nil, nil)),
			helpForJared(receive("transfer-in", "TRANSFER FROM WHISTLER SMITH", "Whistler Smith", nil, nil)),
			repayment("athena", monthly(4), exactly(1462.18)),
			repayment("macquarie", monthly(12), exactly(384.55)),
			debit("utilities", "synergy", monthly(17), between(80, 140)),
			debit("telecommunication", "optus", monthly(9), exactly(59)),
			debit("insurance", "allianz", monthly(20), exactly(132.10)),
			subscription("everyday", "spotify", 3, 13.99),
			subscription("everyday", "coursera", 24, 59),
			spend("everyday", about(13), between(38, 66), "bp", "ampol"),
			spend("everyday", about(9), mostly(18, 95), "woolworths", "coles", "aldi"),
			spend("everyday", about(18), mostly(4, 16), "mcdonalds", "gloriajeans", "sushihub"),
			spend("everyday", about(6), mostly(12, 48), "gyg", "ubereats"),
			spend("everyday", about(5), mostly(14, 80), "kmart", "bunnings", "auspost"),
			spend("everyday", about(3), mostly(8, 42), "chemist", "justcuts"),
			spend("everyday", about(1), mostly(110, 380), "ultratune"),
			cash("ATM WITHDRAWAL SUBIACO WA", about(2), notes(20, 1, 5)),
		},
	},

	// High income and high debt: rents received, three mortgages, two car loans and four cards, one of each held jointly.
	"richard": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148660101",
				opening: 26480.93, months: 84, floor: 1000, reserve: "OTHER BANK SAVER", most: 34000, keep: 24000,
			},
			{
				key: "mortgage-1", kind: Mortgage, product: "Home Loan", name: "Home Loan", number: "105148660102",
				opening: -612400, months: 33, limit: 650000, rate: 609, repay: 4280, repayDay: 2,
			},
			{
				key: "mortgage-2", kind: Mortgage, product: "Investment Loan", name: "Investment Loan", number: "105148660103",
				opening: -388150.75, months: 47, limit: 420000, rate: 644, repay: 2790, repayDay: 9,
			},
			{
				key: "mortgage-3", kind: Mortgage, product: "Investment Loan", name: "Joint Investment Loan", number: "105148660104",
				opening: -450020.10, months: 20, limit: 465000, rate: 649, repay: 3180, repayDay: 16, joint: "Winnie Hendricks",
			},
			{
				key: "car-1", kind: Loan, product: "Car Loan", name: "Car Loan", number: "105148660105",
				opening: -21500, months: 14, limit: 32000, rate: 799, repay: 655, repayDay: 11,
			},
			{
				key: "car-2", kind: Loan, product: "Car Loan", name: "Joint Car Loan", number: "105148660106",
				opening: -9875.40, months: 36, limit: 28000, rate: 829, repay: 310, repayDay: 18, joint: "Winnie Hendricks",
			},
			{
				key: "card-1", kind: CreditCard, product: "Platinum Card", name: "Platinum Card", number: "5353XXXXXXXX0606",
				opening: -3120, months: 58, limit: 20000, rate: 1999, repayDay: 21, fee: 12,
			},
			{
				key: "card-2", kind: CreditCard, product: "Low Rate Card", name: "Low Rate Card", number: "5353XXXXXXXX0607",
				opening: -640.25, months: 50, limit: 5000, rate: 1349, repayDay: 23,
			},
			{
				key: "card-3", kind: CreditCard, product: "Rewards Card", name: "Rewards Card", number: "5353XXXXXXXX0608",
				opening: 0, months: 25, limit: 10000, rate: 2099, repayDay: 25, fee: 10,
			},
			{
				key: "card-4", kind: CreditCard, product: "Rewards Card", name: "Joint Rewards Card", number: "5353XXXXXXXX0609",
				opening: -1499.99, months: 19, limit: 10000, rate: 2099, repayDay: 26, joint: "Winnie Hendricks",
			},
		},
		streams: []stream{
			salary("aviato", fortnightly(time.Thursday, 0), exactly(9820.60)),
			income("rent", "rent-received", "RENT", "raywhite", monthly(5), exactly(2730)),
			income("rent", "rent-received", "RENT", "ljhooker", monthly(12), exactly(2380)),
			debit("utilities", "agl", monthly(15), between(190, 280)),
			debit("utilities", "brisbanecouncil", every(3, 0, 22), exactly(512.65)),
			debit("telecommunication", "telstra", monthly(19), exactly(149)),
			debit("insurance", "allianz", monthly(6), exactly(287.40)),
			debit("investing", "commsec", monthly(10), exactly(1500)),
			debit("insurance", "medibank", monthly(14), exactly(412.90)),
			subscription("card-3", "netflix", 8, 25.99),
			subscription("card-3", "apple", 13, 22.99),
			subscription("card-2", "github", 3, 32),
			spend("card-1", about(10), mostly(35, 240), "woolworths", "coles", "harris"),
			spend("card-1", about(9), mostly(28, 190), "grilld", "sushihub", "gyg"),
			spend("card-1", about(2), mostly(220, 1100), "qantas"),
			spend("card-2", about(8), mostly(12, 120), "officeworks", "jbhifi", "steam"),
			spend("card-3", about(6), mostly(14, 60), "uber", "ubereats"),
			spend("card-3", about(5), mostly(4.80, 14), "campos", "gloriajeans"),
			spend("card-4", about(8), mostly(25, 260), "kmart", "myer", "bunnings", "ikea"),
			spend("card-4", about(5), mostly(58, 98), "bp", "ampol"),
			spend("everyday", about(14), mostly(4.80, 14), "campos"),
			spend("everyday", about(5), mostly(12, 85), "chemist", "danmurphys", "linkt"),
			spend("everyday", about(1), mostly(90, 340), "medical", "dental"),
			refundFrom("card-4", about(1), mostly(25, 120), "myer", "ikea"),
			cash("ATM WITHDRAWAL QUEEN ST BRISBANE QLD", about(2), notes(50, 2, 8)),
		},
	},

	// A shop: customer payments and business costs.
	"laurieBream": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Business", name: "Business Cheque", number: "105148770101",
				opening: 88214.61, months: 110, fee: 10, floor: 5000, reserve: "savings", most: 105000, keep: 80000,
			},
			{
				key: "savings", kind: Savings, product: "Business Saver", name: "Business Saver", number: "105148770102",
				opening: 150000, months: 110, rate: 390,
			},
		},
		streams: []stream{
			income("sales", "other-income", "", "square", weekdays, between(640, 1980)),
			income("sales", "other-income", "INVOICE", "nelson", about(3), between(1800, 6200)),
			income("sales", "other-income", "INVOICE", "endframe", about(3), between(1200, 5400)),
			bindInput("other", "WAGES BREAM HOMEWARES STAFF", "staff", fortnightly(time.Wednesday, 0), between(8900, 9800)),
			bindInput("other", "DRAWINGS L BREAM", "L Bream", monthly(20), exactly(5000)),
			debit("superannuation", "rest", every(3, 0, 26), between(6900, 7400)),
			debit("tax", "ato", every(3, 1, 25), between(8200, 9600)),
			debit("rent", "raywhite", monthly(2), exactly(5280)),
			debit("utilities", "agl", monthly(12), between(340, 480)),
			debit("telecommunication", "telstra", monthly(16), exactly(165)),
			debit("insurance", "allianz", monthly(7), exactly(318.25)),
			debit("accounting", "hrblock", every(3, 2, 13), exactly(990)),
			subscription("everyday", "xero", 4, 78),
			spend("everyday", about(9), mostly(280, 2600), "maxwell", "salisbury"),
			spend("everyday", about(8), mostly(60, 420), "meta", "google"),
			spend("everyday", about(12), mostly(12, 180), "auspost", "officeworks"),
			spend("everyday", about(10), mostly(5, 42), "campos", "woolworths"),
			spend("everyday", about(5), mostly(58, 120), "bp", "linkt"),
			spend("everyday", about(4), mostly(25, 380), "bunnings", "ikea", "qantas"),
		},
	},

	// A salary, a rent received and a rent paid, and spending on gambling, cash and crypto.
	"ashMann": {
		plans: []plan{
			{
				key: "everyday", kind: Everyday, product: "Everyday", name: "Everyday", number: "105148880101",
				opening: 640.19, months: 27, fee: 5, floor: 320, reserve: "OTHER BANK SAVER", most: 9000, keep: 7000,
			},
			{
				key: "card", kind: CreditCard, product: "Rewards Card", name: "Rewards Card", number: "5353XXXXXXXX0808",
				opening: -7310, months: 22, limit: 8000, rate: 2099, repay: 420, repayDay: 18,
			},
		},
		streams: []stream{
			salary("raviga", payday(15), exactly(6420.75)),
			income("rent", "rent-received", "RENT", "harcourts", monthly(3), exactly(2060)),
			debit("rent", "raywhite", weekly(time.Monday), exactly(480)),
			debit("utilities", "origin", monthly(23), between(75, 120)),
			debit("telecommunication", "vodafone", monthly(17), exactly(69)),
			debit("insurance", "nrma", monthly(19), exactly(94.30)),
			subscription("card", "stan", 6, 17),
			subscription("card", "netflix", 9, 18.99),
			spend("everyday", about(24), notes(10, 2, 28), "sportsbet", "tab"),
			spend("everyday", about(3), mostly(12, 48), "lott"),
			spend("everyday", about(4), notes(50, 1, 9), "coinspot", "swyftx"),
			cash("ATM WITHDRAWAL RUNDLE MALL ADELAIDE SA", about(8), notes(50, 1, 6)),
			spend("everyday", about(9), mostly(14, 90), "woolworths", "coles", "iga"),
			spend("everyday", about(12), mostly(9, 48), "mcdonalds", "gyg", "grilld"),
			spend("everyday", about(12), mostly(4.50, 11), "gloriajeans", "campos"),
			spend("everyday", about(5), mostly(12, 38), "uber"),
			spend("everyday", about(5), mostly(15, 70), "bws", "danmurphys"),
			spend("card", about(9), mostly(12, 75), "ubereats", "amazon", "cottonon"),
			spend("card", about(4), mostly(45, 80), "ampol"),
			spend("everyday", about(2), mostly(9, 40), "priceline"),
		},
	},
}

// bankSpecificScripts holds scripts that apply at a single bank. At HooliGov, gavinBelson has an account for government
// payments. All other users have the same accounts at each bank, because each of them can connect to each bank.
var bankSpecificScripts = map[string]map[string]script{
	"AU00004": {
		"gavinBelson": {
			plans: []plan{{
				key: "government", kind: Everyday, product: "Payments", name: "Government Payments", number: "105404440101",
				opening: 1240.55, months: 64, floor: 100, reserve: "OTHER BANK SAVER", most: 4000, keep: 2000,
			}},
			streams: []stream{
				onGovernmentAccount(income("benefits", "benefits", "FAMILY TAX BENEFIT", "centrelink", fortnightly(time.Tuesday, 1), exactly(214.62))),
				onGovernmentAccount(income("medicare", "other-income", "BENEFIT", "medicare", about(2), mostly(39, 118))),
				onGovernmentAccount(income("tax", "other-income", "REFUND", "ato", every(12, 2, 9), between(1180, 2640))),
				onGovernmentAccount(debit("tax", "ato", every(3, 1, 21), exactly(642))),
				onGovernmentAccount(debit("utilities", "beaches", every(3, 2, 24), exactly(388.10))),
				spend("government", about(2), mostly(28, 92), "opal", "auspost"),
			},
		},
	},
}

// onGovernmentAccount assigns a stream to the account of gavinBelson at HooliGov.
func onGovernmentAccount(s stream) stream {
	s.account = "government"
	return s
}

// loanToJared is the large yearly transfer from Whistler to Jared.
func loanToJared(s stream) stream {
	s.when, s.amount, s.shared = every(12, 7, 12), exactly(15000), "loan to Jared"
	return s
}

// helpForJared is the monthly transfer from Whistler to Jared.
func helpForJared(s stream) stream {
	s.when, s.amount, s.shared = monthly(23), between(120, 260), "help for Jared"
	return s
}

// findScript returns the script of a person at a bank, or nil if there is none.
func findScript(p *Person, bankID string) *script {
	if s, ok := bankSpecificScripts[bankID][p.Login]; ok {
		return &s
	}
	if s, ok := scripts[p.Login]; ok {
		return &s
	}
	return nil
}
