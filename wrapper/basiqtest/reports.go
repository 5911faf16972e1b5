package basiqtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/basiq-go/basiq-go/gen"
)

const (
	// reportTime is how long the making of a report takes.
	reportTime = 4 * time.Second
	// reportsKept is for how long a report can be retrieved: the documents' prose says so, its examples differ.
	reportsKept = 24 * time.Hour
	// maxTitle and maxReportUsers are documented.
	maxTitle       = 50
	maxReportUsers = 5
	// reportMaker is who makes reports by the API, in an example.
	reportMaker = "Basiq"
)

// The documented types of reports.
const (
	affordabilityReport = "CON_AFFOR_01"
	statementReport     = "STATEMENT_01"
)

// The values of the filter reportSubType, as Basiq's own kit sends them.
const (
	subTypeIncome  = "income"
	subTypeExpense = "expense"
)

// report is a report on users, with the data that it was made of.
type report struct {
	*analysis

	id, kind string
	title    string
	created  time.Time
	filters  []gen.ReportFilter
	users    []*user
	job      *job
	// metrics and groups are the ids to show.
	metrics, groups []string
}

// reportType is a type of report and what its filters are.
type reportType struct {
	id, name, description string
	filters               []reportFilterType
}

type reportFilterType struct {
	name     gen.ReportFilterName
	kind     string // string or array
	required bool
	hidden   bool // taken, but not in the list
}

var reportTypes = []reportType{
	{
		affordabilityReport, "Consumer Affordability Report", "What a consumer earns, spends, owns and owes, in depth.",
		[]reportFilterType{
			{gen.ReportFilterNameFromDate, "string", true, false},
			{gen.ReportFilterNameToDate, "string", true, false},
			{gen.ReportFilterNameAccounts, "array", true, false},
			{gen.ReportFilterNameUsers, "array", true, false},
			{gen.ReportFilterNameIncludeGroups, "array", false, false},
			{gen.ReportFilterNameIncludeMetrics, "array", false, false},
			{gen.ReportFilterNameReportSubType, "string", false, false},
		},
	},
	{
		statementReport, "Bank Statement", "The bank statement of one account: who holds it, its balance, its transactions.",
		[]reportFilterType{
			{gen.ReportFilterNameFromDate, "string", true, false},
			// All examples give it, the list of types does not have it.
			{gen.ReportFilterNameToDate, "string", false, true},
			{gen.ReportFilterNameAccount, "string", true, false},
			{gen.ReportFilterNameUser, "string", true, false},
		},
	},
}

func (t *reportType) show() object {
	filters := []object{}
	for _, f := range t.filters {
		if !f.hidden {
			filters = append(filters, object{"name": f.name, "type": f.kind, "required": f.required})
		}
	}
	return object{"type": "report", "id": t.id, "name": t.name, "description": t.description, "filters": filters}
}

func findReportType(id string) *reportType {
	for i := range reportTypes {
		if reportTypes[i].id == id {
			return &reportTypes[i]
		}
	}
	return nil
}

func (s *Sandbox) listReportTypes(*call) (answer, error) {
	data := make([]object, 0, len(reportTypes))
	for i := range reportTypes {
		data = append(data, reportTypes[i].show())
	}
	return answer{http.StatusOK, object{"type": "list", "count": len(data), "data": data}}, nil
}

// retrieveSpecificReportType answers with the type by itself; the document leaves open whether it is in a list.
func (s *Sandbox) retrieveSpecificReportType(c *call) (answer, error) {
	t := findReportType(c.http.PathValue("reportTypeId"))
	if t == nil {
		return answer{}, resourceNotFound()
	}
	return answer{http.StatusOK, t.show()}, nil
}

// report returns the report that the path names. There is none before its job is done, nor after it has expired, nor
// when one of its users has been deleted.
func (s *Sandbox) report(c *call) (*report, error) {
	for _, r := range s.reports {
		if r.id == c.http.PathValue("reportId") && s.readable(r, c.now) {
			return r, nil
		}
	}
	return nil, resourceNotFound()
}

func (s *Sandbox) readable(r *report, now time.Time) bool {
	gone := slices.ContainsFunc(r.users, func(u *user) bool { return s.users[u.id] != u })
	return !gone && r.job.at(now).done && now.Before(r.expires())
}

func (r *report) expires() time.Time { return r.created.Add(reportsKept) }

func (r *report) path() string { return "/reports/" + r.id }

// listReports has the oldest first.
func (s *Sandbox) listReports(c *call) (answer, error) {
	if err := s.resume(c); err != nil {
		return answer{}, err
	}
	var all []*report
	for _, r := range s.reports {
		if s.readable(r, c.now) {
			all = append(all, r)
		}
	}
	return paged(s, c, all, func(r *report) string { return r.id }, func(r *report) any {
		o := r.short(&c.view)
		o["expiresAt"] = formatTime(r.expires())
		return o
	})
}

// short is the report without its data. What the caller gave as filters comes out as it was.
func (r *report) short(v *view) object {
	return object{
		"type": "report", "id": r.id, "title": r.title, "reportType": r.kind, "createdDate": formatTime(r.created),
		"createdBy": reportMaker, "filters": slices.Clone(r.filters), "links": v.self(r.path()),
	}
}

func (s *Sandbox) retrieveReport(c *call) (answer, error) {
	r, err := s.report(c)
	if err != nil {
		return answer{}, err
	}
	if c.wantsOther() {
		return answer{http.StatusOK, document{pdf, r.print()}}, nil
	}
	o := r.short(&c.view)
	if r.kind == statementReport {
		o["data"] = r.statement(&c.view)
	} else {
		o["data"] = r.affordability(&c.view)
		// The example has the link among the data, the schema beside it.
		o["transactions"] = c.url(r.path() + "/transactions")
	}
	return answer{http.StatusOK, o}, nil
}

func (s *Sandbox) deleteReport(c *call) (answer, error) {
	r, err := s.report(c)
	if err != nil {
		return answer{}, err
	}
	s.reports = slices.DeleteFunc(s.reports, func(other *report) bool { return other == r })
	return answer{status: http.StatusNoContent}, nil
}

func (s *Sandbox) createReport(c *call) (answer, error) {
	var data gen.CreateReport
	if err := c.decode(&data); err != nil {
		return answer{}, err
	}
	chosen, err := checkReport(data)
	if err != nil {
		return answer{}, err
	}
	r := &report{kind: data.ReportType, title: data.Title, created: c.now, filters: data.Filters}
	if err := s.fillReport(r, chosen, c.now); err != nil {
		return answer{}, err
	}
	if err := s.countReport(c.now); err != nil {
		return answer{}, err
	}
	r.id = s.newID()
	r.job = &job{
		id: s.newID(), kind: jobKindReport, user: r.users[0], source: r.path(), created: c.now,
		steps: []step{{title: gen.JobStepTitleCreateReport, takes: s.faster(reportTime), link: r.path()}},
	}
	s.reports = append(slices.DeleteFunc(s.reports, func(old *report) bool { return !c.now.Before(old.expires()) }), r)
	s.begin(r.job, c.now)
	return r.job.reference(&c.view, http.StatusAccepted), nil
}

// chosenFilters are the filters of a report by their names.
type chosenFilters map[gen.ReportFilterName]gen.ReportFilterValue

// text is the value of a filter that is one text; "" of any other.
func (f chosenFilters) text(name gen.ReportFilterName) string {
	if texts := f[name].Texts(); len(texts) == 1 {
		return texts[0]
	}
	return ""
}

func reportSource(field string) *object { return fromPointer(field, "report/"+field) }

// checkReport checks what can be checked without looking at users. The documents require the fields and bound the title;
// they have no texts for it.
func checkReport(data gen.CreateReport) (chosenFilters, error) {
	kind := findReportType(data.ReportType)
	switch {
	case data.ReportType == "":
		return nil, notSupplied("Report type parameter is required.", reportSource("reportType"))
	case kind == nil:
		return nil, notValid("Report type is not supported.", reportSource("reportType"))
	case data.Title == "":
		return nil, notSupplied("Title parameter is required.", reportSource("title"))
	case utf8.RuneCountInString(data.Title) > maxTitle:
		return nil, notValid("Title cannot be longer than 50 characters.", reportSource("title"))
	}
	chosen := chosenFilters{}
	for _, f := range data.Filters {
		_, twice := chosen[f.Name]
		i := slices.IndexFunc(kind.filters, func(t reportFilterType) bool { return t.name == f.Name })
		if twice || i < 0 || !kind.filters[i].takes(f.Value) {
			return nil, notValid(string(f.Name)+" filter is not valid.", reportSource("filters"))
		}
		chosen[f.Name] = f.Value
	}
	for _, t := range kind.filters {
		if _, given := chosen[t.name]; t.required && !given {
			return nil, notSupplied(string(t.name)+" filter is required.", reportSource("filters"))
		}
	}
	return chosen, nil
}

// takes reports whether a filter can have a value. One id may stand for a list of it, says the schema.
func (t *reportFilterType) takes(value gen.ReportFilterValue) bool {
	texts := value.Texts()
	sent, _ := value.MarshalJSON()
	switch {
	case json.Unmarshal(sent, new(oneOrManyStrings)) != nil: // a number has a text as well
		return false
	case t.name == gen.ReportFilterNameReportSubType:
		return !value.IsList() && len(texts) == 1 && (texts[0] == subTypeIncome || texts[0] == subTypeExpense)
	case t.name == gen.ReportFilterNameIncludeGroups || t.name == gen.ReportFilterNameIncludeMetrics:
		return value.IsZero() || value.IsList()
	case t.kind == "array" && value.IsList() && len(texts) == 0: // an application of Basiq's sends it for all accounts
		return true
	case len(texts) == 0 || slices.Contains(texts, ""):
		return false
	default:
		return t.kind == "array" || !value.IsList()
	}
}

// fillReport finds what the report is about and copies it.
func (s *Sandbox) fillReport(r *report, chosen chosenFilters, now time.Time) error {
	from, end, err := reportPeriod(chosen, now)
	if err != nil {
		return err
	}
	users := slices.Concat(chosen[gen.ReportFilterNameUsers].Texts(), chosen[gen.ReportFilterNameUser].Texts())
	accounts := slices.Concat(chosen[gen.ReportFilterNameAccounts].Texts(), chosen[gen.ReportFilterNameAccount].Texts())
	if len(users) > maxReportUsers {
		return refusedReport("Invalid users filter. Maximum 5 users allowed.")
	}
	if twice := repeated(slices.Concat(users, accounts)); twice != nil {
		return refusedReport("Following user ID(s)/account ID(s) have been entered more than once: [" + quoted(twice, `"`) + "].")
	}
	var all []*holding
	for _, id := range users {
		u := s.users[id]
		if u == nil {
			return userNotFound()
		}
		held := s.userHoldings(u, now)
		if err := u.checkConsent(now); err != nil && len(held) > 0 {
			return err
		}
		r.users = append(r.users, u)
		all = append(all, held...)
	}
	var holdings []*holding
	if len(accounts) == 0 {
		holdings = all
	}
	for _, id := range accounts {
		i := slices.IndexFunc(all, func(h *holding) bool { return h.id == id })
		if i < 0 {
			return resourceNotFound()
		}
		holdings = append(holdings, all[i])
	}
	if err := checkReportAccounts(holdings); err != nil {
		return err
	}
	r.analysis = s.analyse(holdings, from, end)
	return r.chooseParts(chosen)
}

func repeated(ids []string) []string {
	var twice []string
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			twice = append(twice, id)
		}
		seen[id] = true
	}
	return twice
}

func quoted(texts []string, mark string) string {
	return mark + strings.Join(texts, mark+", "+mark) + mark
}

// refusedReport is how the document refuses what a report is to be about: with the code of another status, and all that
// there is to say in the title.
func refusedReport(title string) *failure {
	return &failure{status: http.StatusBadRequest, code: "forbidden-access", title: title}
}

// checkReportAccounts refuses accounts that are the same one at the bank, and those that were neither fetched by a login
// nor by open banking.
func checkReportAccounts(holdings []*holding) error {
	var order []string
	same := map[string][]string{}
	for _, h := range holdings {
		switch h.connection.method {
		case gen.ConnectionMethodWeb, gen.ConnectionMethodOpenBanking, gen.ConnectionMethodOpenBankingUnhyphenated:
		default:
			refused := refusedReport("Connection source not supported.")
			refused.detail = "Connection source has to be web or open banking."
			return refused
		}
		key := h.institution + " " + h.Number
		if same[key] == nil {
			order = append(order, key)
		}
		same[key] = append(same[key], h.id)
	}
	var groups []string
	for _, key := range order {
		if len(same[key]) > 1 {
			groups = append(groups, "["+quoted(same[key], "'")+"]")
		}
	}
	if groups != nil {
		return refusedReport("The following accounts are duplicated: " + strings.Join(groups, ", ") + ".")
	}
	return nil
}

// reportPeriod returns the first day and the first after the last, which is today unless it is told. The details are
// those of summaries.
func reportPeriod(chosen chosenFilters, now time.Time) (from, end time.Time, err error) {
	source := reportSource("filters")
	from, fromErr := time.Parse(time.DateOnly, chosen.text(gen.ReportFilterNameFromDate))
	to, toErr := dayOf(now), error(nil)
	if _, given := chosen[gen.ReportFilterNameToDate]; given {
		to, toErr = time.Parse(time.DateOnly, chosen.text(gen.ReportFilterNameToDate))
	}
	if err := checkPeriod(fromErr != nil, toErr != nil, to.Before(from), source, source); err != nil {
		return from, end, err
	}
	return from, to.AddDate(0, 0, 1), nil
}

// chooseParts reads which metrics and groups are to be shown: null shows none, an empty list and no filter all.
func (r *report) chooseParts(chosen chosenFilters) error {
	metrics, groups := make([]string, 0, len(reportMetrics)), make([]string, 0, len(reportGroups))
	for i := range reportMetrics {
		metrics = append(metrics, reportMetrics[i].id)
	}
	for i := range reportGroups {
		groups = append(groups, reportGroups[i].id)
	}
	for _, part := range []struct {
		name  gen.ReportFilterName
		known []string
		to    *[]string
	}{
		{gen.ReportFilterNameIncludeMetrics, metrics, &r.metrics},
		{gen.ReportFilterNameIncludeGroups, groups, &r.groups},
	} {
		value, given := chosen[part.name]
		switch {
		case given && value.IsZero():
		case len(value.Texts()) == 0:
			*part.to = part.known
		default:
			*part.to = value.Texts()
		}
		for _, id := range *part.to {
			if !slices.Contains(part.known, id) {
				return notValid(string(part.name)+" filter is not valid.", reportSource("filters"))
			}
		}
	}
	if kind := chosen.text(gen.ReportFilterNameReportSubType); kind != "" {
		r.metrics = slices.DeleteFunc(slices.Clone(r.metrics), func(id string) bool { return metricSubType(id) != kind })
		r.groups = slices.DeleteFunc(slices.Clone(r.groups), func(id string) bool { return groupSubType(id) != kind })
	}
	return nil
}

// reportTransactionFilters are those of transactions, and the transactions' ids, as the document's examples show.
var reportTransactionFilters = func() filterable {
	all := maps.Clone(transactionFilters)
	all["transaction.id"] = filterRule{operators: eq}
	return all
}()

// quotedRange matches the form in which the document shows a range: both dates in one text.
var quotedRange = regexp.MustCompile(`\.bt\('([^',]*),([^',]*)'\)`)

func (s *Sandbox) retrieveReportTransactions(c *call) (answer, error) {
	r, err := s.report(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.resume(c); err != nil {
		return answer{}, err
	}
	if query, err := c.parameters(); err == nil && c.query == nil && len(query["filter"]) == 1 {
		query.Set("filter", quotedRange.ReplaceAllString(query.Get("filter"), ".bt('$1','$2')"))
		c.query = query
	}
	conditions, err := c.filter(reportTransactionFilters)
	if err != nil {
		return answer{}, err
	}
	lines := only(r.lines, func(l line) bool { return conditions.hold(l.reportProperty) })
	return paged(s, c, lines, func(l line) string { return l.id }, func(l line) any { return s.transaction(&c.view, l) })
}

// reportProperty is a property that the transactions of reports can be filtered by.
func (l line) reportProperty(name string) string {
	if name == "transaction.id" {
		return l.id
	}
	return l.property(name)
}
