package basiqtest

import (
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// Kinds of summaries. They are also used as types and path segments.
const (
	kindAffordability = "affordability"
	kindIncome        = "income"
	kindExpenses      = "expenses"
)

// defaultMonths is the default length of a summary's period. A page of API 2.0 has 13 months for income and expenses.
const defaultMonths = 13

// maxMonthsApart is the maximum number of months from the first to the last month of a summary.
const maxMonthsApart = 12

// A snapshot is a summary of a user's affordability, income or expenses. It is immutable, because it depends only on
// its analysis.
type snapshot struct {
	*analysis

	id, kind string
	user     *user
	created  time.Time
	// parts holds the income and expense summaries of an affordability summary.
	parts struct{ income, expenses *snapshot }
}

// maxSnapshotsRetained is the number of summaries kept per user, because each holds transactions. The oldest are
// dropped. Basiq does not document how long it keeps summaries.
const maxSnapshotsRetained = 1000

var monthFormat = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// snapshotNotValid is the error for an invalid snapshot ID.
func snapshotNotValid(code, detail string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: code, title: "Parameter value is not valid", detail: detail,
		source: fromParameter("snapshotId"),
	}
}

// snapshot returns the summary named in the path, which must be of the given kind.
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
		// The documentation has this error for expenses only and does not say when it occurs. It probably means the ID of
		// another kind of summary.
		return nil, snapshotNotValid("parameter-not-valid", "Invalid expenses snapshot ID provided")
	default:
		return nil, resourceNotFound()
	}
}

// postSnapshot creates a summary. It responds with 204 if the period has no transactions.
func (s *Sandbox) postSnapshot(c *call, kind string) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	var request gen.AffordabilityRequest
	if len(c.body) > 0 { // the body is optional
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
	a := s.analyze(holdings, from, end)
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
		// The documentation specifies 201 without content, but Basiq's Salesforce connector expects 201 with the PDF.
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

// summaryPeriod returns the first day of the period and the day after its last. The error texts are from the documented
// error table, which has days instead of months.
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
		to, _ = time.Parse("2006-01", request.ToMonth) // matches monthFormat
	}
	from = to.AddDate(0, 1-defaultMonths, 0)
	if request.FromMonth != "" {
		from, _ = time.Parse("2006-01", request.FromMonth) // matches monthFormat
	}
	if err := checkPeriod(false, false, to.Before(from), fromSource, toSource); err != nil {
		return from, to, err
	}
	if from.AddDate(0, maxMonthsApart, 0).Before(to) { // recorded
		return from, to, notValid("maximum length of fromMonth - toMonth interval is 12 months", fromParameter("toDate, fromDate"))
	}
	return from, to.AddDate(0, 1, 0), nil
}

// checkPeriod returns the documented error for an invalid period, or nil.
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

// summaryHoldings returns the accounts with these IDs, or all accounts. They must have the same currency.
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
