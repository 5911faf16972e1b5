package basiqtest

import (
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// insight is a stored result of verifying claims about a user. It never changes.
type insight struct {
	id      string
	user    *user
	created time.Time
	kind    gen.InsightKind // "" if not documented
	data    []object
}

const (
	// insightsPerPage is the documented page size.
	insightsPerPage = 20
	// maxInsightsKept limits the insights of a user, so that a sandbox can run for days. The oldest are removed first.
	maxInsightsKept = 1000
)

func (s *Sandbox) keepInsight(u *user, kind gen.InsightKind, data []object, now time.Time) *insight {
	in := &insight{id: s.newID(), user: u, created: now, kind: kind, data: data}
	if len(u.insights) >= maxInsightsKept {
		u.insights[0] = nil
		u.insights = u.insights[1:]
	}
	u.insights = append(u.insights, in)
	return in
}

func (in *insight) show(v *view) object {
	o := object{
		"type": "insight", "id": in.id, "created": formatTime(in.created), "data": in.data,
		"links": v.selfLinks(in.user.path() + "/insights/" + in.id),
	}
	o.addIfSet("insightType", string(in.kind))
	return o
}

var insightFilters = filterable{
	"created":     {operators: ranges},
	"insightType": {operators: eq, values: []string{string(gen.InsightKindAccount), string(gen.InsightKindBalance), string(gen.InsightKindIdentity)}},
}

func invalidInsightFilter(problem string) *failure {
	f := invalidContent("")
	f.detail = "Invalid filter param: " + problem
	return f
}

// insightConditions returns the conditions of the filter of the list. Its errors are documented.
func (c *call) insightConditions() (filterConditions, error) {
	found, err := c.filter(insightFilters)
	if err != nil {
		return nil, invalidInsightFilter("unknown field, condition or insight type")
	}
	for _, cond := range found {
		if cond.property != "created" {
			continue
		}
		var days []time.Time
		for _, value := range cond.values {
			at, err := time.Parse(time.DateOnly, value)
			if err != nil {
				return nil, invalidInsightFilter("date must be in YYYY-MM-DD format")
			}
			days = append(days, at)
		}
		if len(days) == 2 && days[1].Before(days[0]) {
			return nil, invalidInsightFilter("the end of the range is before its start")
		}
	}
	return found, nil
}

// listUserInsights lists the newest insight first. The order is not documented.
func (s *Sandbox) listUserInsights(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	conditions, err := c.insightConditions()
	if err != nil {
		return response{}, err
	}
	var found []*insight
	for _, in := range slices.Backward(u.insights) {
		if conditions.match(func(name string) string {
			if name == "created" {
				return formatTime(in.created)
			}
			return string(in.kind)
		}) {
			found = append(found, in)
		}
	}
	page, next := pageOf(s, c, insightsPerPage, found,
		func(in *insight) string { return in.id }, func(in *insight) any { return in.show(&c.view) })
	if page.reversed = true; next != "" {
		page.links["next"] = c.url(c.http.URL.Path + "?next=" + next)
	}
	return response{http.StatusOK, page}, nil
}

func (s *Sandbox) getInsightByID(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	id := c.http.PathValue("insightId")
	if !idFormat.MatchString(id) {
		f := invalidContent("")
		f.detail = "Invalid insight ID."
		return response{}, f
	}
	for _, in := range u.insights {
		if in.id == id {
			return response{http.StatusOK, in.show(&c.view)}, nil
		}
	}
	return response{}, resourceNotFound()
}

// verification computes the results of an insight about a user.
type verification func(u *user, now time.Time) []object

// verify responds with a new insight about the user in the path.
func (s *Sandbox) verify(c *call, kind gen.InsightKind, read func(body []byte) (verification, error)) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	compute, err := read(c.body)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, s.keepInsight(u, kind, compute(u, c.now), c.now).show(&c.view)}, nil
}

func (s *Sandbox) getAccountInsights(c *call) (response, error) {
	return s.verify(c, gen.InsightKindAccount, s.readAccountVerification)
}

func (s *Sandbox) getBalanceInsights(c *call) (response, error) {
	return s.verify(c, gen.InsightKindBalance, s.readBalanceVerification)
}

func (s *Sandbox) getIdentityInsights(c *call) (response, error) {
	return s.verify(c, gen.InsightKindIdentity, s.readIdentityVerification)
}

// compared is the result of a comparison that was possible. Confidence is documented as a number from 0 to 1.
func compared(input any, match bool) object {
	confidence := 0
	if match {
		confidence = 1
	}
	return object{"input": input, "match": match, "confidence": confidence}
}

// unverified is the result of a comparison that was not possible.
func unverified(input any, reason string) object {
	return object{"input": input, "match": nil, "error": reason}
}

func (s *Sandbox) readAccountVerification(body []byte) (verification, error) {
	var want gen.VerifyAccount
	if unmarshalBody(body, &want) != nil || want.AccountNumber == "" {
		return nil, invalidContent("insight")
	}
	return func(u *user, now time.Time) []object {
		holdings := s.userHoldings(u, now)
		data := make([]object, 0, len(holdings))
		for _, h := range holdings {
			result := object{"accountId": h.id, "accountNumber": h.compareNumber(want.AccountNumber)}
			if want.AccountType != "" {
				result["accountType"] = compared(want.AccountType, strings.EqualFold(want.AccountType, string(h.Kind)))
			}
			data = append(data, result)
		}
		return data
	}, nil
}

// maskedDigits matches an account number with masked digits.
var maskedDigits = regexp.MustCompile(`[xX*•]`)

// compareNumber compares the account number, with or without the BSB before it.
func (h *holding) compareNumber(number string) object {
	if maskedDigits.MatchString(h.Number) {
		return unverified(number, "The institution masks the account number.")
	}
	digits := digitsOnly(number)
	return compared(number, digits != "" &&
		(digits == digitsOnly(h.Number) || digits == digitsOnly(strings.TrimPrefix(h.Number, h.BSB)) ||
			digits == digitsOnly(h.BSB)+digitsOnly(strings.TrimPrefix(h.Number, h.BSB))))
}

func (s *Sandbox) readBalanceVerification(body []byte) (verification, error) {
	var want struct {
		Balance struct{ Min, Max string }
	}
	if unmarshalBody(body, &want) != nil {
		return nil, invalidContent("insight")
	}
	lowest, highest := want.Balance.Min, want.Balance.Max
	least, hasLeast := api.Amount(lowest).Rat()
	most, hasMost := api.Amount(highest).Rat()
	refused := func(parameter string) error {
		return notValid("Balance value is not valid.", fromPointer(parameter, "balance/"+parameter))
	}
	switch {
	case lowest == "" && highest == "":
		return nil, refused("min/max")
	case !hasLeast:
		return nil, refused("min")
	case !hasMost && highest != "":
		return nil, refused("max")
	}
	return func(u *user, now time.Time) []object {
		holdings := s.userHoldings(u, now)
		data := make([]object, 0, len(holdings))
		for _, h := range holdings {
			balance := big.NewRat(int64(h.Balance), 100)
			within := balance.Cmp(least) >= 0 && (!hasMost || balance.Cmp(most) <= 0)
			data = append(data, object{
				"accountId": h.id, "balance": compared(object{"min": lowest, "max": highest}, within),
			})
		}
		return data
	}, nil
}
