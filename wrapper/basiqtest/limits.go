package basiqtest

import "time"

// The limits that Basiq documents. [EnforceLimits] switches them on.
const (
	maxTokens      = 1500 // in tokenWindow
	tokenWindow    = 5 * time.Minute
	maxConnections = 500
	maxEnrichments = 100  // in a calendar month, UTC
	maxSnapshots   = 1000 // in a day, or as many as users were created that day; for reports likewise
)

// limits counts what is limited.
type limits struct {
	tokens      []time.Time    // when the last ones were asked for, within the window
	users       map[string]int // created in the latest day, those included that have been deleted since
	enrichments map[string]int
	snapshots   map[string]int
	reports     map[string]int
}

// countToken counts a request for a token, or refuses it. In front of the API stands a gateway, which does not look
// at what is asked for; the sandbox counts only what is in order, so that a test of refusals does not run into the limit.
func (s *Sandbox) countToken(now time.Time) error {
	if !s.config.limits {
		return nil
	}
	l := &s.limits
	for len(l.tokens) > 0 && !now.Before(l.tokens[0].Add(tokenWindow)) {
		l.tokens = l.tokens[1:]
	}
	if len(l.tokens) >= maxTokens {
		return invalidRequest()
	}
	l.tokens = append(l.tokens, now)
	return nil
}

// countEnrichment counts a call of getEnrich, or refuses it.
func (s *Sandbox) countEnrichment(now time.Time) error {
	return s.countInPeriod(&s.limits.enrichments, now.UTC().Format("2006-01"), maxEnrichments, "Query limit reached.")
}

// countSnapshot counts an affordability, income or expenses summary, or refuses it.
func (s *Sandbox) countSnapshot(now time.Time) error {
	return s.countInPeriod(&s.limits.snapshots, day(now), min(s.limits.users[day(now)], maxSnapshots), limitReached)
}

// countReport counts a report, or refuses it.
func (s *Sandbox) countReport(now time.Time) error {
	return s.countInPeriod(&s.limits.reports, day(now), min(s.limits.users[day(now)], maxSnapshots), limitReached)
}

const limitReached = "You have exceeded the rate limit for this API."

// countUser counts a user that was created, of whom there is no limit.
func (s *Sandbox) countUser(now time.Time) {
	s.limits.users = map[string]int{day(now): s.limits.users[day(now)] + 1}
}

// count counts one more in a period. Only the latest period is kept.
func (s *Sandbox) countInPeriod(counts *map[string]int, period string, most int, detail string) error {
	if !s.config.limits {
		return nil
	}
	if (*counts)[period] >= most {
		return tooManyRequests(detail)
	}
	*counts = map[string]int{period: (*counts)[period] + 1}
	return nil
}
