package basiqtest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// reportSums holds the transactions of a report by group.
type reportSums struct {
	*analysis

	groups map[string][]transaction
	// credits and debits are the totals without internal transfers.
	credits, debits bank.Cents
}

func (a *analysis) reportSums() *reportSums {
	r := &reportSums{analysis: a, groups: map[string][]transaction{}}
	byFlow := map[string]string{} // groups of internal flows, which are expensive to find
	for _, t := range a.transactions {
		group, known := "", false
		own := a.internal(t) && isDebit(t)
		if own {
			group, known = byFlow[t.flow()]
		}
		if !known {
			group = a.groupOf(t)
		}
		if own {
			byFlow[t.flow()] = group
		}
		if group == "" {
			continue
		}
		r.groups[group] = append(r.groups[group], t)
		if isCredit(t) {
			r.credits += t.Amount
		} else {
			r.debits += t.Amount
		}
	}
	return r
}

// inGroups returns the transactions of the groups. An ID that ends in a hyphen matches all groups with that prefix.
func (r *reportSums) inGroups(ids ...string) []transaction {
	var transactions []transaction
	for i := range reportGroups {
		id := reportGroups[i].id
		if slices.ContainsFunc(ids, func(want string) bool { return id == want || want == id[:4] }) {
			transactions = append(transactions, r.groups[id]...)
		}
	}
	return transactions
}

// inSection returns the transactions of the groups whose first section is name.
func (r *reportSums) inSection(name string) []transaction {
	var transactions []transaction
	for i := range reportGroups {
		if reportGroups[i].sections[0] == name {
			transactions = append(transactions, r.groups[reportGroups[i].id]...)
		}
	}
	return transactions
}

// sourcesIn returns the series that form the subgroups of a report.
func (r *reportSums) sourcesIn(transactions []transaction) []*series {
	return seriesOf(transactions, reportName)
}

// reportName returns the name of the source or payee as subgroups show it.
func reportName(t transaction) string {
	if t.Merchant != nil {
		return strings.ToUpper(t.Merchant.Name)
	}
	return strings.ToUpper(strings.Join(strings.Fields(t.Description), " "))
}

func (r *report) affordability(v *view) object {
	sums := r.reportSums()
	metrics, groups, accounts := []object{}, []object{}, make([]object, 0, len(r.holdings))
	for i := range reportMetrics {
		if m := &reportMetrics[i]; slices.Contains(r.metrics, m.id) {
			metrics = append(metrics, object{
				"id": m.id, "title": m.title, "description": m.description, "sections": []string{m.section},
				"result": object{"value": m.value(sums), "format": m.format},
			})
		}
	}
	for i := range reportGroups {
		if g := &reportGroups[i]; slices.Contains(r.groups, g.id) {
			groups = append(groups, sums.group(g))
		}
	}
	for _, h := range r.holdings {
		accounts = append(accounts, r.account(h))
	}
	return object{
		"metrics": metrics, "groups": groups, "accounts": accounts, "transactions": v.url(r.path() + "/transactions"),
	}
}

// group returns a group with its subgroups. Groups without transactions are included unless the request selects groups.
func (r *reportSums) group(g *reportGroup) object {
	transactions := r.groups[g.id]
	// In the example, only income and debt repayments have a forecast.
	lasting := g.sections[0] == sectionIncome || g.sections[0] == sectionLiabilities
	sources := r.sourcesIn(transactions)
	subgroups := make([]object, 0, len(sources))
	for _, s := range sources {
		items := make([]object, 0, len(s.transactions))
		for _, t := range slices.Backward(s.transactions) {
			items = append(items, object{
				"id": t.id, "date": formatTime(t.date()), "description": t.Description, "amount": t.Amount.String(),
			})
		}
		name := reportName(s.newest())
		subgroups = append(subgroups, object{
			"id":   strings.ReplaceAll(derivedID(g.id, name), "-", ""),
			"name": name, "analysis": r.analysisOf(s.transactions, g.sections[0] == sectionIncome), "transactions": items,
		})
	}
	return object{
		"id": g.id, "title": g.title, "sections": slices.Clone(g.sections), "analysis": r.analysisOf(transactions, lasting),
		"subgroup": subgroups,
	}
}

// share returns a percentage as a JSON number.
func share(part, whole bank.Cents) json.Number { return json.Number(percent(part, whole).String()) }

func (r *reportSums) analysisOf(transactions []transaction, lasting bool) object {
	o := object{
		"summary": object{
			"transactionCount": len(transactions),
			"overallPercentage": object{
				"credit": share(sum(selectTransactions(transactions, isCredit)), r.credits), "debit": share(sum(selectTransactions(transactions, isDebit)), r.debits),
			},
		},
	}
	if len(transactions) == 0 {
		return o
	}
	amounts := amountsOf(transactions)
	first, last := dateRange(transactions)
	o["range"] = object{"startDate": day(first), "endDate": day(last), "duration": daysBetween(first, last)}
	average := object{
		"transaction": mean(amounts).String(), "month": r.monthly(sum(transactions)).String(),
		"medianTransaction": median(amounts).String(), "medianMonth": r.medianMonth(transactions).String(),
	}
	amount := object{
		"total": sum(transactions).String(), "min": slices.Min(amounts).String(), "max": slices.Max(amounts).String(),
		"average": average,
	}
	if lasting {
		average["ongoingMonth"] = r.ongoingMonth(transactions).String()
		amount["stableMonths"], amount["secureMonths"] = r.stableMonths(transactions), r.secureMonths(transactions)
	}
	o["amount"] = amount
	if found := detectFrequency(transactions); found != nil {
		usual := median(amounts).String()
		o["frequency"] = object{
			"type": found.iso, "display": found.display, "amount": usual,
			"next": object{"date": day(found.next(last)), "amount": usual},
		}
	}
	return o
}

// medianMonth returns the median of the monthly sums.
func (r *reportSums) medianMonth(transactions []transaction) bank.Cents {
	return median(monthlySums(transactions, r.months()))
}

// ongoingMonth returns the monthly sum of the sources that are ongoing.
func (r *reportSums) ongoingMonth(transactions []transaction) bank.Cents {
	var total bank.Cents
	for _, s := range r.sourcesIn(transactions) {
		if s.ongoing(r.analysis) {
			total += median(monthlySums(s.transactions, r.lastFullMonths(3)))
		}
	}
	return total
}

// stableMonths returns the number of recent full months that differ from the latest by at most a tenth. secureMonths
// returns the number of recent full months with a transaction. The documentation does not define these terms.
func (r *reportSums) stableMonths(transactions []transaction) int {
	sums := monthlySums(transactions, r.lastFullMonths(len(r.months())))
	count := 0
	for _, month := range sums {
		if off := (month - sums[0]) * 10; month == 0 || max(off, -off) > max(sums[0], -sums[0]) {
			break
		}
		count++
	}
	return count
}

func (r *reportSums) secureMonths(transactions []transaction) int {
	sums := monthlySums(transactions, r.lastFullMonths(len(r.months())))
	if i := slices.Index(sums, 0); i >= 0 {
		return i
	}
	return len(sums)
}

// ownership returns whether the account is held jointly.
func (h *holding) ownership() gen.AccountOwnership {
	if h.Joint {
		return gen.AccountOwnershipTwoParty
	}
	return gen.AccountOwnershipOneParty
}

// reportAccount returns the account fields that both report types share.
func (h *holding) reportAccount() object {
	available := ""
	if h.HasAvailable {
		available = h.Available.String()
	}
	return object{
		"id": h.id, "accountNo": h.Number, "name": h.nickname(), "currency": h.currency, "balance": h.Balance.String(),
		"availableFunds": available, "lastUpdated": formatTime(h.fetched), "accountHolder": h.Holder,
		"accountOwnership": h.ownership(), "status": gen.AccountStatusAvailable,
		"class":      object{"type": h.Kind, "product": h.Product},
		"connection": h.connection.id, "institution": h.institution,
		"links": object{ // relative, as in the example
			"self": h.path(), "transactions": h.user.path() + "/transactions?filter=account.id.eq('" + h.id + "')",
			"institution": "/institutions/" + h.institution,
		},
	}
}

func (r *report) account(h *holding) object {
	o := h.reportAccount()
	o["creditLimit"] = h.Limit.String()
	o["transactionIntervals"] = []object{}
	if transactions := r.ofAccount(h); len(transactions) > 0 {
		first, last := dateRange(transactions)
		o["transactionIntervals"] = []object{{"from": day(first), "to": day(last)}}
	}
	return o
}

// statement returns the data of a bank statement report. No example is documented.
func (r *report) statement(v *view) object {
	h := r.holdings[0]
	account := h.reportAccount()
	account["type"] = "account"
	account["maskedNumber"] = maskedNumber(h.Number)
	account["isOwned"] = true
	account["creationDate"] = formatTime(h.Opened)
	account["meta"] = object{}
	return object{
		"institution": object{
			"logo": "https://cdn.basiq.io/bank-logos/" + h.institution + ".svg", "name": h.institutionName(), "abn": "", "acn": "",
		},
		"identity": h.statementIdentity(),
		"accreditation": object{
			"cdrAccessModel": "", "entityName": reportMaker, "title": "", "licenceNo": "", "description": "",
		},
		"account": []object{account}, "transactions": v.url(r.path() + "/transactions"),
	}
}

// maskedNumber replaces all but the last four characters of an account number.
func maskedNumber(number string) string {
	if len(number) <= 4 {
		return number
	}
	return strings.Repeat("x", len(number)-4) + number[len(number)-4:]
}

// statementIdentity returns the account holder as known to the bank.
func (h *holding) statementIdentity() object {
	o := object{
		"customerType": "person", "fullName": h.Holder, "phoneNumbers": []string{}, "emails": []string{},
		"physicalAddresses": []object{},
	}
	p := h.connection.person()
	if p == nil {
		return o
	}
	o["fullName"], o["firstName"], o["lastName"] = p.Profile.First+" "+p.Profile.Last, p.Profile.First, p.Profile.Last
	o["title"], o["DOB"] = p.Profile.Title, p.Profile.BirthDate
	o["occupationCode"], o["occupationCodeVersion"] = p.Profile.OccupationCode, "ANZSCO_1220.0_2013_V1.3"
	o["phoneNumbers"], o["emails"] = []string{p.Profile.Phone}, []string{p.Profile.Email}
	o["physicalAddresses"] = []object{{
		"addressLine1": p.Profile.Street, "addressLine2": "", "addressLine3": "", "city": p.Profile.Suburb,
		"state": p.Profile.State, "postCode": p.Profile.Postcode, "country": "AUS",
	}}
	if b := p.Business; b != nil {
		o["customerType"] = "organisation"
		o["agentName"], o["agentFirstName"], o["agentLastName"] = o["fullName"], p.Profile.First, p.Profile.Last
		o["agentRole"] = "Owner"
		o["businessName"], o["legalName"], o["shortName"], o["abn"], o["acn"] = b.Name, b.LegalName, b.Name, b.ABN, b.ACN
	}
	return o
}

// renderPDF returns the report as a PDF document.
func (r *report) renderPDF() []byte {
	lines := []string{r.title, r.kind + ", created " + formatTime(r.created), "From " + day(r.from) + " to " + day(r.end.AddDate(0, 0, -1)), ""}
	for _, h := range r.holdings {
		lines = append(lines, h.institutionName()+" "+h.Product+" "+h.Number+": "+h.Balance.String())
	}
	lines = append(lines, "")
	if r.kind == statementReport {
		for _, t := range slices.Backward(r.transactions) {
			lines = append(lines, day(t.date())+"  "+t.Description+"  "+t.Amount.String())
		}
		return newPDF(lines)
	}
	sums := r.reportSums()
	for i := range reportMetrics {
		if m := &reportMetrics[i]; slices.Contains(r.metrics, m.id) {
			lines = append(lines, m.id+" "+m.title+": "+metricText(m.value(sums)))
		}
	}
	return newPDF(lines)
}

// metricText formats the value of a metric.
func metricText(value any) string {
	if n, ok := value.(int); ok {
		return strconv.Itoa(n)
	}
	s, _ := value.(string)
	return s
}
