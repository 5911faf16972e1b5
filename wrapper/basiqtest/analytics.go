package basiqtest

import (
	"net/http"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// userCount holds the numbers of users that were created and deleted.
type userCount struct{ created, deleted int }

// userCounts holds the counts of days.
type userCounts map[string]userCount

func (counts userCounts) add(now time.Time, more userCount) {
	at := day(now)
	sum := counts[at]
	counts[at] = userCount{sum.created + more.created, sum.deleted + more.deleted}
}

// between returns the counts of the days from first to the day before end.
func (counts userCounts) between(first, end time.Time) userCount {
	var sum userCount
	for at, count := range counts {
		if at >= day(first) && at < day(end) {
			sum.created += count.created
			sum.deleted += count.deleted
		}
	}
	return sum
}

// maxIntervals limits the size of the response. The limit is not documented.
const maxIntervals = 400

// analyticsTypes maps connection methods to types of connections.
var analyticsTypes = map[gen.ConnectionMethod]gen.AnalyticsConnectionType{
	gen.ConnectionMethodOpenBanking: gen.AnalyticsConnectionTypeCDR,
	gen.ConnectionMethodWeb:         gen.AnalyticsConnectionTypeWeb,
	gen.ConnectionMethodPDF:         gen.AnalyticsConnectionTypePDF,
	gen.ConnectionMethodCSV:         gen.AnalyticsConnectionTypeCSV,
}

// nextInterval returns the start of the interval after the one that starts at start.
func nextInterval(interval gen.AnalyticsInterval, start time.Time) time.Time {
	switch interval {
	case gen.AnalyticsIntervalWeekly:
		return start.AddDate(0, 0, 7)
	case gen.AnalyticsIntervalMonthly:
		return monthOf(start).AddDate(0, 1, 0)
	case gen.AnalyticsIntervalDaily:
	}
	return start.AddDate(0, 0, 1)
}

// analyticsQuery is a valid query of getUserAnalytics. The period ends before end.
type analyticsQuery struct {
	interval  gen.AnalyticsInterval
	from, end time.Time
	types     []gen.AnalyticsConnectionType // nil for all
}

// analyticsQuery reads the query. Without dates the period is the last 30 days.
func (c *call) analyticsQuery() (q analyticsQuery, err error) {
	query, err := c.parameters()
	invalid := func(name string) (analyticsQuery, error) {
		return analyticsQuery{}, notValid("Parameter "+name+" is not valid.", fromParameter(name))
	}
	if err != nil {
		return invalid("interval")
	}
	q.interval = gen.AnalyticsInterval(query.Get("interval"))
	switch q.interval {
	case "":
		return q, notSupplied("Missing", fromParameter("interval"))
	case gen.AnalyticsIntervalDaily, gen.AnalyticsIntervalWeekly, gen.AnalyticsIntervalMonthly:
	default:
		return invalid("interval")
	}
	to := c.now.UTC().Truncate(24 * time.Hour)
	if text := query.Get("toDate"); text != "" {
		if to, err = time.Parse(time.DateOnly, text); err != nil {
			return invalid("toDate")
		}
	}
	q.from, q.end = to.AddDate(0, 0, -30), to.AddDate(0, 0, 1)
	if text := query.Get("fromDate"); text != "" {
		if q.from, err = time.Parse(time.DateOnly, text); err != nil {
			return invalid("fromDate")
		}
	}
	if q.from.After(to) {
		return invalid("toDate")
	}
	for _, text := range query["connectionType"] {
		kind := gen.AnalyticsConnectionType(text)
		switch kind {
		case gen.AnalyticsConnectionTypeAll:
			kind = ""
		case gen.AnalyticsConnectionTypeCDR, gen.AnalyticsConnectionTypeWeb, gen.AnalyticsConnectionTypePDF, gen.AnalyticsConnectionTypeCSV:
		default:
			return invalid("connectionType")
		}
		q.types = append(q.types, kind)
	}
	if slices.Contains(q.types, "") {
		q.types = nil
	}
	return q, nil
}

// getUserAnalytics counts connections that still exist, also for days in the past.
func (s *Sandbox) getUserAnalytics(c *call) (response, error) {
	q, err := c.analyticsQuery()
	if err != nil {
		return response{}, err
	}
	initial := s.userCounts.between(time.Time{}, q.from)
	data, total := []object{}, initial.created-initial.deleted
	for start := q.from; start.Before(q.end); {
		if len(data) == maxIntervals {
			return response{}, notValid("The period is too long.", fromParameter("fromDate"))
		}
		end := nextInterval(q.interval, start)
		if end.After(q.end) {
			end = q.end
		}
		count := s.userCounts.between(start, end)
		total += count.created - count.deleted
		data = append(data, object{
			"date": day(start), "created": count.created, "deleted": count.deleted,
			"active":   object{"total": total, "connected": s.connectedUsers(q.types, end)},
			"billable": nil,
		})
		start = end
	}
	return response{http.StatusOK, object{
		"interval": q.interval, "fromDate": day(q.from), "toDate": day(q.end.AddDate(0, 0, -1)),
		"meta":    object{"totalRecords": len(data), "page": 1, "pageSize": len(data)},
		"initial": object{"created": initial.created, "deleted": initial.deleted},
		"data":    data,
	}}, nil
}

// connectedUsers counts the users with a connection of one of the types that was created before end.
func (s *Sandbox) connectedUsers(types []gen.AnalyticsConnectionType, end time.Time) object {
	users := map[gen.AnalyticsConnectionType]int{}
	total := 0
	for _, u := range s.users {
		has := map[gen.AnalyticsConnectionType]bool{}
		for _, conn := range u.connections {
			kind := analyticsTypes[conn.method]
			if conn.created.Before(end) && (types == nil || slices.Contains(types, kind)) {
				has[kind] = true
			}
		}
		for kind := range has {
			users[kind]++
		}
		if len(has) > 0 {
			total++
		}
	}
	distribution := object{}
	for _, kind := range analyticsTypes {
		distribution[string(kind)] = users[kind]
	}
	return object{"total": total, "distribution": distribution}
}
