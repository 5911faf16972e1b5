package basiqtest

import "time"

// Limits documented by Basiq. Except for the last, they are enforced with [WithLimits].
const (
	maxTokens      = 1500 // per tokenWindow
	tokenWindow    = 5 * time.Minute
	maxConnections = 500
	maxEnrichments = 100  // per calendar month, UTC
	maxSnapshots   = 1000 // per day, and at most the number of users created that day; also for reports
	// maxOpenBankingRefreshes is per day and connection. It is always enforced, because it is part of open banking.
	maxOpenBankingRefreshes = 20
)

// limits holds the counters for limits.
type limits struct {
	tokens      []time.Time    // times of the last requests within the window
	users       map[string]int // created on the latest day, including deleted users
	enrichments map[string]int
	snapshots   map[string]int
	reports     map[string]int
}

// countToken counts a token request, or returns an error if the limit is reached. At Basiq, the gateway counts requests
// before they are validated. The sandbox counts only valid requests, so that tests with invalid requests do not reach
// the limit.
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

// countEnrichment counts a call of getEnrich, or returns an error if the limit is reached.
func (s *Sandbox) countEnrichment(now time.Time) error {
	return s.countInPeriod(&s.limits.enrichments, now.UTC().Format("2006-01"), maxEnrichments, "Query limit reached.")
}

// countSnapshot counts an affordability, income or expense summary, or returns an error if the limit is reached.
func (s *Sandbox) countSnapshot(now time.Time) error {
	return s.countInPeriod(&s.limits.snapshots, day(now), min(s.limits.users[day(now)], maxSnapshots), limitReached)
}

// countReport counts a report, or returns an error if the limit is reached.
func (s *Sandbox) countReport(now time.Time) error {
	return s.countInPeriod(&s.limits.reports, day(now), min(s.limits.users[day(now)], maxSnapshots), limitReached)
}

const limitReached = "You have exceeded the rate limit for this API."

// countUser counts a created user. The number of users is not limited.
func (s *Sandbox) countUser(now time.Time) {
	s.limits.users = map[string]int{day(now): s.limits.users[day(now)] + 1}
}

// countInPeriod increments the counter of a period, or returns an error if the limit is reached. Only the latest period
// is kept.
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
