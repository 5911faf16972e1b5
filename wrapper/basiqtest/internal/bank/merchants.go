package bank

// A shop is a merchant of the catalog.
type shop struct {
	*Merchant
	line     string // name in statements
	online   bool   // statements show no location
	category *Category
}

// towns holds the locations of the merchants: state, postcode, latitude, longitude.
var towns = map[string][4]string{
	"Sydney":      {"NSW", "2000", "-33.8688", "151.2093"},
	"Bella Vista": {"NSW", "2153", "-33.7372", "150.9549"},
	"Dee Why":     {"NSW", "2099", "-33.7544", "151.2857"},
	"Manly":       {"NSW", "2095", "-33.7999", "151.2858"},
	"Brookvale":   {"NSW", "2100", "-33.7612", "151.2744"},
	"Frenchs Forest": {
		"NSW", "2086", "-33.7519", "151.2303",
	},
	"Glebe":      {"NSW", "2037", "-33.8798", "151.1854"},
	"Parramatta": {"NSW", "2150", "-33.8150", "151.0011"},
	"Melbourne":  {"VIC", "3000", "-37.8136", "144.9631"},
	"Hawthorn":   {"VIC", "3123", "-37.8226", "145.0354"},
	"Fitzroy":    {"VIC", "3065", "-37.7984", "144.9783"},
	"Chadstone":  {"VIC", "3148", "-37.8862", "145.0827"},
	"Brisbane":   {"QLD", "4000", "-27.4698", "153.0251"},
	"Perth":      {"WA", "6000", "-31.9523", "115.8613"},
	"Subiaco":    {"WA", "6008", "-31.9490", "115.8271"},
	"Adelaide":   {"SA", "5000", "-34.9285", "138.6007"},
	"Canberra":   {"ACT", "2600", "-35.2809", "149.1300"},
}

// catalog maps short names to all merchants and other payers and payees. It uses well-known names, because real
// statements contain them. Numbers, addresses and telephone numbers are fictional.
var catalog = newCatalog([]listing{
	// Groceries and drink
	{"woolworths", "Woolworths", "WOOLWORTHS", "www.woolworths.com.au", "Bella Vista", "1", "Woolworths Way", "groceries"},
	{"coles", "Coles", "COLES", "www.coles.com.au", "Hawthorn", "800", "Toorak Road", "groceries"},
	{"aldi", "ALDI", "ALDI STORES", "www.aldi.com.au", "Parramatta", "10", "Sargents Road", "groceries"},
	{"iga", "IGA", "IGA SUPERMARKET", "www.iga.com.au", "Sydney", "4", "Newington Road", "groceries"},
	{"harris", "Harris Farm Markets", "HARRIS FARM", "www.harrisfarm.com.au", "Brookvale", "116", "Old Pittwater Road", "groceries"},
	{"danmurphys", "Dan Murphy's", "DAN MURPHYS", "www.danmurphys.com.au", "Bella Vista", "2", "Woolworths Way", "liquor"},
	{"bws", "BWS", "BWS LIQUOR", "bws.com.au", "Bella Vista", "3", "Woolworths Way", "liquor"},
	// Eating out
	{"mcdonalds", "McDonald's", "MCDONALDS", "mcdonalds.com.au", "Sydney", "21", "Central Avenue", "takeaway"},
	{"gyg", "Guzman y Gomez", "GUZMAN Y GOMEZ", "www.guzmanygomez.com.au", "Sydney", "52", "Alfred Street", "takeaway"},
	{"sushihub", "Sushi Hub", "SUSHI HUB", "www.sushihub.com.au", "Sydney", "815", "George Street", "takeaway"},
	{"ubereats", "Uber Eats", "UBER *EATS", "www.ubereats.com", "Sydney", "580", "George Street", "takeaway"},
	{"grilld", "Grill'd", "GRILLD", "www.grilld.com.au", "Melbourne", "2", "Brunton Avenue", "restaurant"},
	{"garfish", "Garfish Manly", "GARFISH MANLY", "garfish.com.au", "Manly", "39", "E Esplanade", "restaurant"},
	{"campos", "Campos Coffee", "CAMPOS COFFEE", "camposcoffee.com", "Sydney", "193", "Missenden Road", "restaurant"},
	{"gloriajeans", "Gloria Jean's Coffees", "GLORIA JEANS", "www.gloriajeanscoffees.com.au", "Sydney", "11", "Hoyle Avenue", "restaurant"},
	// Transport and travel
	{"bp", "BP", "BP CONNECT", "www.bp.com.au", "Melbourne", "717", "Bourke Street", "fuel"},
	{"ampol", "Ampol", "AMPOL FOODARY", "www.ampol.com.au", "Sydney", "29", "Bourke Road", "fuel"},
	{"metro", "Metro Petroleum", "METRO PETROLEUM", "www.metropetroleum.com.au", "Frenchs Forest", "6", "Forest Way", "fuel"},
	{"opal", "Transport for NSW", "TRANSPORTFORNSW OPAL", "www.transport.nsw.gov.au", "Sydney", "18", "Lee Street", "bus"},
	{"myki", "Public Transport Victoria", "PTV MYKI", "www.ptv.vic.gov.au", "Melbourne", "750", "Collins Street", "bus"},
	{"uber", "Uber", "UBER *TRIP", "www.uber.com", "Sydney", "580", "George Street", "taxi"},
	{"linkt", "Linkt", "LINKT", "www.linkt.com.au", "Melbourne", "727", "Collins Street", "toll"},
	{"qantas", "Qantas", "QANTAS AIRWAYS", "www.qantas.com", "Sydney", "10", "Bourke Road", "airline"},
	{"ultratune", "Ultra Tune", "ULTRA TUNE", "www.ultratune.com.au", "Melbourne", "300", "Burwood Highway", "mechanic"},
	// Shopping
	{"kmart", "Kmart", "KMART", "www.kmart.com.au", "Melbourne", "690", "Springvale Road", "department"},
	{"target", "Target", "TARGET AUSTRALIA", "www.target.com.au", "Melbourne", "12", "Thompson Road", "department"},
	{"myer", "Myer", "MYER", "www.myer.com.au", "Melbourne", "800", "Collins Street", "department"},
	{"bunnings", "Bunnings", "BUNNINGS", "www.bunnings.com.au", "Hawthorn", "16", "Cato Street", "hardware"},
	{"jbhifi", "JB Hi-Fi", "JB HI-FI", "www.jbhifi.com.au", "Chadstone", "60", "City Road", "electronics"},
	{"officeworks", "Officeworks", "OFFICEWORKS", "www.officeworks.com.au", "Chadstone", "236", "East Boundary Road", "stationery"},
	{"cottonon", "Cotton On", "COTTON ON", "cottonon.com", "Melbourne", "14", "Shepherd Court", "clothing"},
	{"rebel", "Rebel", "REBEL SPORT", "www.rebelsport.com.au", "Brisbane", "6", "Coulthards Avenue", "clothing"},
	{"ikea", "IKEA", "IKEA", "www.ikea.com", "Sydney", "630", "Princes Highway", "furniture"},
	{"amazon", "Amazon AU", "AMAZON AU", "www.amazon.com.au", "Sydney", "2", "Park Street", "online"},
	{"auspost", "Australia Post", "AUSTRALIA POST", "auspost.com.au", "Melbourne", "180", "Lonsdale Street", "post"},
	// Health and personal care
	{"chemist", "Chemist Warehouse", "CHEMIST WAREHOUSE", "www.chemistwarehouse.com.au", "Melbourne", "6", "Albert Street", "pharmacy"},
	{"priceline", "Priceline Pharmacy", "PRICELINE", "www.priceline.com.au", "Melbourne", "250", "Camberwell Road", "pharmacy"},
	{"medical", "Myhealth Medical Centre", "MYHEALTH MEDICAL", "myhealth.net.au", "Sydney", "201", "Elizabeth Street", "doctor"},
	{"dental", "Pacific Smiles Dental", "PACIFIC SMILES", "www.pacificsmilesdental.com.au", "Sydney", "6", "Enterprise Drive", "dentist"},
	{"fitness", "Fitness First", "FITNESS FIRST", "www.fitnessfirst.com.au", "Sydney", "99", "Walker Street", "gym"},
	{"anytime", "Anytime Fitness", "ANYTIME FITNESS", "www.anytimefitness.com.au", "Sydney", "16", "Lachlan Street", "gym"},
	{"justcuts", "Just Cuts", "JUST CUTS", "www.justcuts.com.au", "Sydney", "1", "Eden Park Drive", "hairdresser"},
	// Household
	{"agl", "AGL", "AGL ENERGY", "www.agl.com.au", "Sydney", "200", "George Street", "energy"},
	{"origin", "Origin Energy", "ORIGIN ENERGY", "www.originenergy.com.au", "Sydney", "100", "Barangaroo Avenue", "energy"},
	{"synergy", "Synergy", "SYNERGY ENERGY", "www.synergy.net.au", "Perth", "219", "St Georges Terrace", "energy"},
	{"sydneywater", "Sydney Water", "SYDNEY WATER", "www.sydneywater.com.au", "Parramatta", "1", "Smith Street", "water"},
	{"beaches", "Northern Beaches Council", "NTH BEACHES COUNCIL", "www.northernbeaches.nsw.gov.au", "Dee Why", "725", "Pittwater Road", "council"},
	{"brisbanecouncil", "Brisbane City Council", "BRISBANE CITY COUNCIL", "www.brisbane.qld.gov.au", "Brisbane", "266", "George Street", "council"},
	{"telstra", "Telstra", "TELSTRA", "www.telstra.com.au", "Melbourne", "242", "Exhibition Street", "telephone"},
	{"optus", "Optus", "OPTUS MOBILE", "www.optus.com.au", "Sydney", "1", "Lyonpark Road", "telephone"},
	{"vodafone", "Vodafone", "VODAFONE AUSTRALIA", "www.vodafone.com.au", "Sydney", "177", "Pacific Highway", "telephone"},
	{"aussiebb", "Aussie Broadband", "AUSSIE BROADBAND", "www.aussiebroadband.com.au", "Melbourne", "3", "Electra Avenue", "telephone"},
	{"nrma", "NRMA Insurance", "NRMA INSURANCE", "www.nrma.com.au", "Sydney", "388", "George Street", "insurance"},
	{"allianz", "Allianz Australia", "ALLIANZ AUSTRALIA", "www.allianz.com.au", "Sydney", "10", "Carrington Street", "insurance"},
	{"bupa", "Bupa", "BUPA HEALTH", "www.bupa.com.au", "Melbourne", "33", "Exhibition Street", "healthcover"},
	{"medibank", "Medibank", "MEDIBANK PRIVATE", "www.medibank.com.au", "Melbourne", "720", "Bourke Street", "healthcover"},
	{"goodstart", "Goodstart Early Learning", "GOODSTART EARLY LEARN", "www.goodstart.org.au", "Dee Why", "20", "Oaks Avenue", "childcare"},
	{"coursera", "Coursera", "COURSERA.ORG", "www.coursera.org", "Sydney", "1", "Martin Place", "school"},
	// Subscriptions and entertainment
	{"netflix", "Netflix", "NETFLIX.COM", "www.netflix.com", "Melbourne", "120", "Spencer Street", "streaming"},
	{"spotify", "Spotify", "SPOTIFY", "www.spotify.com", "Sydney", "1", "Denison Street", "streaming"},
	{"stan", "Stan", "STAN.COM.AU", "www.stan.com.au", "Sydney", "2", "Denison Street", "streaming"},
	{"apple", "Apple", "APPLE.COM/BILL", "www.apple.com", "Sydney", "20", "Martin Place", "software"},
	{"steam", "Steam", "STEAMGAMES.COM", "store.steampowered.com", "Sydney", "3", "Martin Place", "software"},
	{"github", "GitHub", "GITHUB, INC.", "github.com", "Sydney", "4", "Martin Place", "software"},
	{"xero", "Xero", "XERO AUSTRALIA", "www.xero.com", "Hawthorn", "1", "Burwood Road", "software"},
	{"hoyts", "Hoyts", "HOYTS CINEMAS", "www.hoyts.com.au", "Sydney", "485", "Kent Street", "cinema"},
	{"sportsbet", "Sportsbet", "SPORTSBET", "www.sportsbet.com.au", "Melbourne", "367", "Collins Street", "betting"},
	{"tab", "TAB", "TAB BETTING", "www.tab.com.au", "Melbourne", "727", "Collins Street", "betting"},
	{"lott", "The Lott", "THE LOTT", "www.thelott.com", "Brisbane", "87", "Ipswich Road", "lottery"},
	// Finance and government
	{"afterpay", "Afterpay", "AFTERPAY", "www.afterpay.com", "Melbourne", "406", "Collins Street", "bnpl"},
	{"zip", "Zip Pay", "ZIP PAY", "zip.co", "Sydney", "10", "Spring Street", "bnpl"},
	{"toyota", "Toyota Finance", "TOYOTA FINANCE", "www.toyotafinance.com.au", "Sydney", "207", "Pacific Highway", "lender"},
	{"macquarie", "Macquarie Leasing", "MACQUARIE LEASING", "www.macquarie.com.au", "Sydney", "9", "Hunter Street", "lender"},
	{"athena", "Athena Home Loans", "ATHENA HOME LOANS", "www.athena.com.au", "Sydney", "55", "Market Street", "lender"},
	{"commsec", "CommSec", "COMMSEC SECURITIES", "www.commsec.com.au", "Sydney", "11", "Harbour Street", "broker"},
	{"coinspot", "CoinSpot", "COINSPOT", "www.coinspot.com.au", "Melbourne", "120", "Collins Street", "crypto"},
	{"swyftx", "Swyftx", "SWYFTX", "swyftx.com", "Brisbane", "35", "Boundary Street", "crypto"},
	{"raywhite", "Ray White", "RAY WHITE", "www.raywhite.com", "Brisbane", "111", "Eagle Street", "landlord"},
	{"ljhooker", "LJ Hooker", "LJ HOOKER", "www.ljhooker.com.au", "Sydney", "44", "Market Street", "landlord"},
	{"harcourts", "Harcourts", "HARCOURTS", "www.harcourts.com.au", "Adelaide", "120", "Greenhill Road", "landlord"},
	{"ato", "Australian Taxation Office", "AUSTRALIAN TAX OFFICE", "www.ato.gov.au", "Canberra", "26", "Narellan Street", "taxoffice"},
	{"centrelink", "Services Australia", "CENTRELINK", "www.servicesaustralia.gov.au", "Canberra", "57", "Athllon Drive", "government"},
	{"medicare", "Medicare", "MEDICARE", "www.servicesaustralia.gov.au", "Canberra", "59", "Athllon Drive", "government"},
	// Employers and other payers
	{"hooli", "Hooli Pty Ltd", "HOOLI PTY LTD", "hooli.example", "Sydney", "1", "Hooli Way", "employer"},
	{"nbhospital", "Northern Beaches Hospital", "NORTHERN BEACHES HOSP", "northernbeaches.example", "Frenchs Forest", "105", "Frenchs Forest Road", "hospital"},
	{"glebeschool", "Glebe Grammar School", "GLEBE GRAMMAR SCHOOL", "glebegrammar.example", "Glebe", "9", "Derwent Street", "employer"},
	{"piedpiper", "Pied Piper Pty Ltd", "PIED PIPER PTY LTD", "piedpiper.example", "Fitzroy", "5", "Newell Road", "employer"},
	{"aviato", "Aviato Pty Ltd", "AVIATO PTY LTD", "aviato.example", "Brisbane", "8", "Aviation Parade", "employer"},
	{"raviga", "Raviga Pty Ltd", "RAVIGA PTY LTD", "raviga.example", "Adelaide", "70", "Pirie Street", "employer"},
	{"cluey", "Cluey Learning", "CLUEY LEARNING", "clueylearning.com.au", "Sydney", "207", "Kent Street", "tutoring"},
	{"uberdriver", "Uber Driver Payments", "UBER DRIVER PAYMENTS", "www.uber.com", "Sydney", "580", "George Street", "payments"},
	{"didi", "DiDi", "DIDI MOBILITY", "australia.didiglobal.com", "Melbourne", "114", "William Street", "payments"},
	{"square", "Square Australia", "SQUARE AU", "squareup.com", "Melbourne", "222", "Exhibition Street", "payments"},
	{"nelson", "Nelson Hotels", "NELSON HOTELS", "nelsonhotels.example", "Melbourne", "31", "Flinders Lane", "payments"},
	{"endframe", "Endframe Interiors", "ENDFRAME INTERIORS", "endframe.example", "Hawthorn", "17", "Church Street", "payments"},
	// Business suppliers
	{"maxwell", "Maxwell & Williams", "MAXWELL WILLIAMS", "www.maxwellandwilliams.com.au", "Melbourne", "10", "Bond Street", "supplies"},
	{"salisbury", "Salisbury & Co", "SALISBURY AND CO", "www.salisburyandco.com.au", "Melbourne", "42", "Cremorne Street", "supplies"},
	{"meta", "Meta Ads", "FACEBK ADS", "www.facebook.com", "Sydney", "88", "Barangaroo Avenue", "advertising"},
	{"google", "Google Ads", "GOOGLE ADS", "ads.google.com", "Sydney", "48", "Pirrama Road", "advertising"},
	{"hrblock", "H&R Block", "H AND R BLOCK", "www.hrblock.com.au", "Sydney", "1", "Thornleigh Street", "accountant"},
	{"rest", "Rest Super", "REST SUPERANNUATION", "rest.com.au", "Sydney", "321", "Kent Street", "super"},
})

// A listing is an entry of the catalog.
type listing struct{ key, name, line, website, town, no, road, category string }

// online holds the keys of merchants whose statement lines show no location.
var online = map[string]bool{
	"ubereats": true, "uber": true, "amazon": true, "coursera": true, "netflix": true, "spotify": true, "stan": true,
	"apple": true, "steam": true, "github": true, "xero": true, "sportsbet": true, "meta": true, "google": true, "linkt": true,
	"coinspot": true, "swyftx": true, "garfish": true, "qantas": true, "lott": true,
}

// areas maps states to telephone area codes.
var areas = map[string]string{"NSW": "2", "ACT": "2", "VIC": "3", "QLD": "7", "WA": "8", "SA": "8"}

func newCatalog(listings []listing) map[string]*shop {
	m := make(map[string]*shop, len(listings))
	for _, l := range listings {
		h, town := hash("merchant", l.key), towns[l.town]
		area, last := areas[town[0]], digits(h, 3)
		m[l.key] = &shop{
			Merchant: &Merchant{
				ID: uuid(h), Name: l.name, ABN: abn(h), Website: "https://" + l.website,
				PhoneLocal: "(0" + area + ") 5550 0" + last, PhoneInter: "+61 " + area + " 5550 0" + last,
				RouteNo: l.no, Route: l.road, Suburb: l.town, State: town[0], PostalCode: town[1], Lat: town[2], Lng: town[3],
			},
			line: l.line, online: online[l.key], category: categories[l.category],
		}
	}
	return m
}
