package basiqtest

import (
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// The kinds of summaries, which are also their types and the segments of their paths.
const (
	kindAffordability = "affordability"
	kindIncome        = "income"
	kindExpenses      = "expenses"
)

// defaultMonths is how many months a summary is about unless it is told: a page of API 2.0 has 13 for income and expenses.
const defaultMonths = 13

// maxMonthsApart is how many months the last month of a summary may be after the first.
const maxMonthsApart = 12

// snapshot is a summary of a user's affordability, income or expenses. What it says follows from the analysis alone, so
// it never changes.
type snapshot struct {
	*analysis

	id, kind string
	user     *user
	created  time.Time
	// with are the summaries of income and expenses that were made together with one of affordability.
	parts struct{ income, expenses *snapshot }
}

// maxSnapshotsKept bounds the summaries of a user, each of which holds transactions, so that a sandbox may run for days. The
// oldest go first; for how long Basiq keeps them is not documented.
const maxSnapshotsRetained = 1000

var monthFormat = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// snapshotNotValid is how an id is refused that is none.
func snapshotNotValid(code, detail string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: code, title: "Parameter value is not valid", detail: detail,
		source: fromParameter("snapshotId"),
	}
}

// snapshot returns the summary of a kind that the path names.
func (s *Sandbox) snapshot(c *call, kind string) (*snapshot, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	id := c.http.PathValue("snapshotId")
	if !idFormat.MatchString(id) {
		return nil, snapshotNotValid("path-parameter-not-valid", "Snapshot ID value is not valid")
	}
	i := slices.IndexFunc(u.snapshots, func(snap *snapshot) bool { return snap.id == id })
	switch {
	case i >= 0 && u.snapshots[i].kind == kind:
		return u.snapshots[i], nil
	case i >= 0 && kind == kindExpenses:
		// The documents have this for expenses only, and do not say when. An id of something else is likely.
		return nil, snapshotNotValid("parameter-not-valid", "Invalid expenses snapshot ID provided")
	default:
		return nil, resourceNotFound()
	}
}

// postSnapshot makes a summary. There is none, and no error, where nothing happened in the period.
func (s *Sandbox) postSnapshot(c *call, kind string) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	var request gen.AffordabilityRequest
	if len(c.body) > 0 { // It may be left out.
		if err := c.decode(&request); err != nil {
			return response{}, err
		}
	}
	from, end, err := c.summaryPeriod(request)
	if err != nil {
		return response{}, err
	}
	holdings, err := s.summaryHoldings(u, request.Accounts, c.now)
	if err != nil {
		return response{}, err
	}
	if err := u.checkConsent(c.now); err != nil {
		return response{}, err
	}
	a := s.analyse(holdings, from, end)
	if len(a.transactions) == 0 {
		return response{status: http.StatusNoContent}, nil
	}
	if err := s.countSnapshot(c.now); err != nil {
		return response{}, err
	}
	snap := s.addSnapshot(u, kind, a, c.now)
	if kind == kindAffordability {
		snap.parts.income = s.addSnapshot(u, kindIncome, a, c.now)
		snap.parts.expenses = s.addSnapshot(u, kindExpenses, a, c.now)
	}
	if c.wantsAlternative() {
		// The documents declare 201 without content. Basiq's Salesforce connector expects 201 with the PDF.
		return response{http.StatusCreated, document{pdf, snap.renderPDF()}}, nil
	}
	return response{http.StatusOK, snap.show(&c.view)}, nil
}

func (s *Sandbox) addSnapshot(u *user, kind string, a *analysis, now time.Time) *snapshot {
	snap := &snapshot{analysis: a, id: s.newID(), kind: kind, user: u, created: now}
	if len(u.snapshots) >= maxSnapshotsRetained {
		u.snapshots[0] = nil
		u.snapshots = u.snapshots[1:]
	}
	u.snapshots = append(u.snapshots, snap)
	return snap
}

// summaryPeriod returns the first day and the first after the last. The details are the error table's, which speaks of
// days where the schemas have months.
func (c *call) summaryPeriod(request gen.AffordabilityRequest) (from, end time.Time, err error) {
	fromWrong := request.FromMonth != "" && !monthFormat.MatchString(request.FromMonth)
	toWrong := request.ToMonth != "" && !monthFormat.MatchString(request.ToMonth)
	fromSource := fromPointer("fromMonth", c.route.body+"/fromMonth")
	toSource := fromPointer("toMonth", c.route.body+"/toMonth")
	if err := checkPeriod(fromWrong, toWrong, false, fromSource, toSource); err != nil {
		return from, end, err
	}
	to := monthOf(c.now)
	if request.ToMonth != "" {
		to, _ = time.Parse("2006-01", request.ToMonth) // It has the format.
	}
	from = to.AddDate(0, 1-defaultMonths, 0)
	if request.FromMonth != "" {
		from, _ = time.Parse("2006-01", request.FromMonth) // It has the format.
	}
	if err := checkPeriod(false, false, to.Before(from), fromSource, toSource); err != nil {
		return from, to, err
	}
	if from.AddDate(0, maxMonthsApart, 0).Before(to) { // recorded
		return from, to, notValid("maximum length of fromMonth - toMonth interval is 12 months", fromParameter("toDate, fromDate"))
	}
	return from, to.AddDate(0, 1, 0), nil
}

// checkPeriod refuses the two ends of a period in the words that the documents have for them.
func checkPeriod(fromWrong, toWrong, backwards bool, fromSource, toSource *object) error {
	const format = " not in valid format. Date has to be in yyyy-mm-dd format"
	switch {
	case fromWrong && toWrong:
		return notValid("Dates"+format, fromSource)
	case fromWrong:
		return notValid("fromDate"+format, fromSource)
	case toWrong:
		return notValid("toDate"+format, toSource)
	case backwards:
		return notValid("toDate must be be after or equal to fromDate", toSource)
	}
	return nil
}

// summaryHoldings returns the accounts to summarise: those with these ids, or all. They must be of one currency.
func (s *Sandbox) summaryHoldings(u *user, ids []string, now time.Time) ([]*holding, error) {
	all := s.userHoldings(u, now)
	if len(all) == 0 {
		return nil, notFound("User doesn't have any accounts")
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(h *holding) bool { return h.id == id }) {
			return nil, resourceNotFound()
		}
	}
	if len(ids) > 0 {
		all = slices.DeleteFunc(all, func(h *holding) bool { return !slices.Contains(ids, h.id) })
	}
	if slices.ContainsFunc(all, func(h *holding) bool { return h.currency != all[0].currency }) {
		return nil, notValid("User's accounts contains mixed currencies", fromParameter("accounts"))
	}
	return all, nil
}

func (snap *snapshot) path() string { return snap.user.path() + "/" + snap.kind + "/" + snap.id }

func (snap *snapshot) show(v *view) object {
	switch snap.kind {
	case kindIncome:
		return snap.income(v)
	case kindExpenses:
		return snap.expenses(v)
	default:
		return snap.affordability(v)
	}
}

func (a *analysis) accountLinks(v *view) []string {
	links := make([]string, 0, len(a.holdings))
	for _, h := range a.holdings {
		links = append(links, v.url(h.path()))
	}
	return links
}
