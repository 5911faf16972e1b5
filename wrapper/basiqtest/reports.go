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
	// reportTime is the duration of creating a report.
	reportTime = 4 * time.Second
	// reportRetention is how long a report can be read, as documented. The documented examples differ.
	reportRetention = 24 * time.Hour
	// maxTitle and maxReportUsers are documented limits.
	maxTitle       = 50
	maxReportUsers = 5
	// reportMaker is the creator of reports, as in an example.
	reportMaker = "Basiq"
)

// Documented report types.
const (
	affordabilityReport = "CON_AFFOR_01"
	statementReport     = "STATEMENT_01"
)

// Values of the reportSubType filter, as sent by Basiq's own UI kit.
const (
	subTypeIncome  = "income"
	subTypeExpense = "expense"
)

// A report is a report on one or more users, with the data it was created from.
type report struct {
	*analysis

	id, kind string
	title    string
	created  time.Time
	filters  []gen.ReportFilter
	users    []*user
	job      *job
	// metrics and groups are the IDs of the parts to include.
	metrics, groups []string
}

// A reportType is a type of report with its filters.
type reportType struct {
	id, name, description string
	filters               []reportFilterType
}

type reportFilterType struct {
	name     gen.ReportFilterName
	kind     string // string or array
	required bool
	hidden   bool // accepted, but not listed
}

var reportTypes = []reportType{
	{
		affordabilityReport, "Consumer Affordability Report", "Detailed income, expenses, assets and liabilities of a consumer.",
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
			// All examples contain it, but the list of types does not.
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

func (s *Sandbox) listReportTypes(*call) (response, error) {
	data := make([]object, 0, len(reportTypes))
	for i := range reportTypes {
		data = append(data, reportTypes[i].show())
	}
	return response{http.StatusOK, object{"type": "list", "count": len(data), "data": data}}, nil
}

// retrieveSpecificReportType responds with the type itself. The documentation does not say whether it is in a list.
func (s *Sandbox) retrieveSpecificReportType(c *call) (response, error) {
	t := findReportType(c.http.PathValue("reportTypeId"))
	if t == nil {
		return response{}, resourceNotFound()
	}
	return response{http.StatusOK, t.show()}, nil
}

// report returns the report named in the path. It returns an error before the report's job is done, after the report
// has expired, and if one of its users was deleted.
func (s *Sandbox) report(c *call) (*report, error) {
	for _, r := range s.reports {
		if r.id == c.http.PathValue("reportId") && s.available(r, c.now) {
			return r, nil
		}
	}
	return nil, resourceNotFound()
}

func (s *Sandbox) available(r *report, now time.Time) bool {
	gone := slices.ContainsFunc(r.users, func(u *user) bool { return s.users[u.id] != u })
	return !gone && r.job.progressAt(now).done && now.Before(r.expires())
}

func (r *report) expires() time.Time { return r.created.Add(reportRetention) }

func (r *report) path() string { return "/reports/" + r.id }

// listReports lists the oldest report first.
func (s *Sandbox) listReports(c *call) (response, error) {
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	var all []*report
	for _, r := range s.reports {
		if s.available(r, c.now) {
			all = append(all, r)
		}
	}
	return pageResponse(s, c, all, func(r *report) string { return r.id }, func(r *report) any {
		o := r.short(&c.view)
		o["expiresAt"] = formatTime(r.expires())
		return o
	})
}

// short returns the report without its data. The filters are returned unchanged.
func (r *report) short(v *view) object {
	return object{
		"type": "report", "id": r.id, "title": r.title, "reportType": r.kind, "createdDate": formatTime(r.created),
		"createdBy": reportMaker, "filters": slices.Clone(r.filters), "links": v.selfLinks(r.path()),
	}
}

func (s *Sandbox) retrieveReport(c *call) (response, error) {
	r, err := s.report(c)
	if err != nil {
		return response{}, err
	}
	if c.wantsAlternative() {
		return response{http.StatusOK, document{pdf, r.renderPDF()}}, nil
	}
	o := r.short(&c.view)
	if r.kind == statementReport {
		o["data"] = r.statement(&c.view)
	} else {
		o["data"] = r.affordability(&c.view)
		// The example has the link in the data, the schema next to it. Include both.
		o["transactions"] = c.url(r.path() + "/transactions")
	}
	return response{http.StatusOK, o}, nil
}

func (s *Sandbox) deleteReport(c *call) (response, error) {
	r, err := s.report(c)
	if err != nil {
		return response{}, err
	}
	s.reports = slices.DeleteFunc(s.reports, func(other *report) bool { return other == r })
	return response{status: http.StatusNoContent}, nil
}

func (s *Sandbox) createReport(c *call) (response, error) {
	var data gen.CreateReport
	if err := c.decode(&data); err != nil {
		return response{}, err
	}
	chosen, err := checkReport(data)
	if err != nil {
		return response{}, err
	}
	r := &report{kind: data.ReportType, title: data.Title, created: c.now, filters: data.Filters}
	if err := s.fillReport(r, chosen, c.now); err != nil {
		return response{}, err
	}
	if err := s.countReport(c.now); err != nil {
		return response{}, err
	}
	r.id = s.newID()
	r.job = &job{
		id: s.newID(), kind: jobKindReport, user: r.users[0], source: r.path(), created: c.now,
		steps: []step{{title: gen.JobStepTitleCreateReport, takes: s.scaleDuration(reportTime), link: r.path()}},
	}
	s.reports = append(slices.DeleteFunc(s.reports, func(old *report) bool { return !c.now.Before(old.expires()) }), r)
	s.registerJob(r.job, c.now)
	return r.job.reference(&c.view, http.StatusAccepted), nil
}

// chosenFilters holds the filters of a report by name.
type chosenFilters map[gen.ReportFilterName]gen.ReportFilterValue

// text returns the value of a filter with a single string, or "".
func (f chosenFilters) text(name gen.ReportFilterName) string {
	if texts := f[name].Strings(); len(texts) == 1 {
		return texts[0]
	}
	return ""
}

func reportSource(field string) *object { return fromPointer(field, "report/"+field) }

// checkReport validates the request without looking up users. The documentation specifies required fields and the
// maximum title length, but no error texts.
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
		if twice || i < 0 || !kind.filters[i].accepts(f.Value) {
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

// accepts reports whether a value is valid for the filter. According to the schema, a single ID may replace a list of
// one.
func (t *reportFilterType) accepts(value gen.ReportFilterValue) bool {
	texts := value.Strings()
	sent, _ := value.MarshalJSON()
	switch {
	case json.Unmarshal(sent, new(oneOrManyStrings)) != nil: // a number has a text as well
		return false
	case t.name == gen.ReportFilterNameReportSubType:
		return !value.IsList() && len(texts) == 1 && (texts[0] == subTypeIncome || texts[0] == subTypeExpense)
	case t.name == gen.ReportFilterNameIncludeGroups || t.name == gen.ReportFilterNameIncludeMetrics:
		return value.IsZero() || value.IsList()
	case t.kind == "array" && value.IsList() && len(texts) == 0: // sent by one of Basiq's own applications for all accounts
		return true
	case len(texts) == 0 || slices.Contains(texts, ""):
		return false
	default:
		return t.kind == "array" || !value.IsList()
	}
}

// fillReport looks up the users and accounts of the report and analyzes their transactions.
func (s *Sandbox) fillReport(r *report, chosen chosenFilters, now time.Time) error {
	from, end, err := reportPeriod(chosen, now)
	if err != nil {
		return err
	}
	users := slices.Concat(chosen[gen.ReportFilterNameUsers].Strings(), chosen[gen.ReportFilterNameUser].Strings())
	accounts := slices.Concat(chosen[gen.ReportFilterNameAccounts].Strings(), chosen[gen.ReportFilterNameAccount].Strings())
	if len(users) > maxReportUsers {
		return invalidReport("Invalid users filter. Maximum 5 users allowed.")
	}
	if ids := duplicates(slices.Concat(users, accounts)); ids != nil {
		return invalidReport("Following user ID(s)/account ID(s) have been entered more than once: [" + joinQuoted(ids, `"`) + "].")
	}
	var all []*holding
	for _, id := range users {
		u := s.users[id]
		if u == nil {
			return userNotFound()
		}
		userHoldings := s.userHoldings(u, now)
		if err := u.checkConsent(now); err != nil && len(userHoldings) > 0 {
			return err
		}
		r.users = append(r.users, u)
		all = append(all, userHoldings...)
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
	r.analysis = s.analyze(holdings, from, end)
	return r.selectParts(chosen)
}

func duplicates(ids []string) []string {
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

func joinQuoted(texts []string, mark string) string {
	return mark + strings.Join(texts, mark+", "+mark) + mark
}

// invalidReport is the documented error for invalid users or accounts. Its code belongs to another status, and the
// message is in the title.
func invalidReport(title string) *failure {
	return &failure{status: http.StatusBadRequest, code: "forbidden-access", title: title}
}

// checkReportAccounts returns an error for duplicate accounts and for accounts from statements.
func checkReportAccounts(holdings []*holding) error {
	var order []string
	same := map[string][]string{}
	for _, h := range holdings {
		switch h.connection.method {
		case gen.ConnectionMethodWeb, gen.ConnectionMethodOpenBanking, gen.ConnectionMethodOpenBankingUnhyphenated:
		default:
			refused := invalidReport("Connection source not supported.")
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
			groups = append(groups, "["+joinQuoted(same[key], "'")+"]")
		}
	}
	if groups != nil {
		return invalidReport("The following accounts are duplicated: " + strings.Join(groups, ", ") + ".")
	}
	return nil
}

// reportPeriod returns the first day of the period and the day after its last. By default the last day is today. The
// error texts are the same as for summaries.
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

// selectParts sets the metrics and groups to include. A null filter selects none. An empty list or a missing filter
// selects all.
func (r *report) selectParts(chosen chosenFilters) error {
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
		case len(value.Strings()) == 0:
			*part.to = part.known
		default:
			*part.to = value.Strings()
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

// reportTransactionFilters are the filters of transactions and transaction.id, as in the documented examples.
var reportTransactionFilters = func() filterable {
	all := maps.Clone(transactionFilters)
	all["transaction.id"] = filterRule{operators: eq}
	return all
}()

// quotedRange matches the documented form of a range, with both dates in one string.
var quotedRange = regexp.MustCompile(`\.bt\('([^',]*),([^',]*)'\)`)

func (s *Sandbox) retrieveReportTransactions(c *call) (response, error) {
	r, err := s.report(c)
	if err != nil {
		return response{}, err
	}
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	if query, err := c.parameters(); err == nil && c.query == nil && len(query["filter"]) == 1 {
		query.Set("filter", quotedRange.ReplaceAllString(query.Get("filter"), ".bt('$1','$2')"))
		c.query = query
	}
	conditions, err := c.filter(reportTransactionFilters)
	if err != nil {
		return response{}, err
	}
	transactions := selectTransactions(r.transactions, func(t transaction) bool { return conditions.match(t.reportProperty) })
	return pageResponse(s, c, transactions, func(t transaction) string { return t.id }, func(t transaction) any { return s.newTransactionJSON(&c.view, t) })
}

// reportProperty returns a property for the filters of report transactions.
func (t transaction) reportProperty(name string) string {
	if name == "transaction.id" {
		return t.id
	}
	return t.property(name)
}
