package mirror

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// postingDays is how many days after its own date a pending transaction may post.
const postingDays = 8

// link finds the pending transactions that have posted. It sets the pendingID of a posted row if that is certain, and
// returns the candidates of the others. All rows belong to one account; removed holds the pending transactions that the list
// lacks, added holds the rows that are new, posted or pending.
//
// A link is certain if the amounts are equal, the posting is at most 8 days later, and each of the two is the only match
// of the other: either by the same description, or at all. A pending transaction has no certain link if it has no date,
// or if it may have been imported anew with another ID.
func link(removed []*stored, added []*row) map[*row][]string {
	candidates, claims := map[*row][]*stored{}, map[*stored][]*stored{}
	reimported := map[*stored]bool{}
	for _, old := range removed {
		for _, r := range added {
			switch {
			case !old.pending() || r.amount == "" || r.amount != old.amount || r.id == old.id:
			case r.pending():
				reimported[old] = true
			case near(old, r):
				candidates[r] = append(candidates[r], old)
				claims[old] = append(claims[old], &r.stored)
			}
		}
	}
	unsure := map[*row][]string{}
	for r, matches := range candidates {
		// mutual returns the only match that meets a condition, if r is the only one of its claims that does.
		mutual := func(condition func(old, r *stored) bool) *stored {
			match := only(matches, func(old *stored) bool { return condition(old, &r.stored) })
			if match == nil || only(claims[match], func(rival *stored) bool { return condition(match, rival) }) == nil {
				return nil
			}
			return match
		}
		certain := cmp.Or(mutual(sameDescription), mutual(func(_, _ *stored) bool { return true }))
		if certain != nil && certain.date() != "" && !reimported[certain] {
			r.pendingID = certain.id
			continue
		}
		for _, s := range matches {
			unsure[r] = append(unsure[r], s.id)
		}
		slices.Sort(unsure[r])
	}
	return unsure
}

// only returns the row that meets a condition, or nil if several or none do.
func only(rows []*stored, condition func(*stored) bool) (found *stored) {
	for _, s := range rows {
		if condition(s) && found != nil {
			return nil
		}
		if condition(s) {
			found = s
		}
	}
	return found
}

func sameDescription(old, r *stored) bool {
	return normalize(old.description) == normalize(r.description)
}

// date returns the day of a pending transaction, or "".
func (s *stored) date() string { return cmp.Or(s.made, s.day) }

// near reports whether r was posted on one of the days on which a pending transaction may post. One without a date may
// post on any day.
func near(old *stored, r *row) bool {
	from, err := time.Parse(time.DateOnly, old.date())
	if err != nil {
		return true
	}
	to, err := time.Parse(time.DateOnly, r.day)
	// A time zone may put the posting on the day before.
	return err == nil && !to.Before(from.AddDate(0, 0, -1)) && !to.After(from.AddDate(0, 0, postingDays))
}

// normalize returns a description without what banks change when a transaction posts: case, spaces, punctuation, and a
// prefix that marks it as pending.
func normalize(description string) string {
	words := strings.FieldsFunc(strings.ToUpper(description), func(r rune) bool {
		return r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 0x80
	})
	for len(words) > 1 && (words[0] == "PENDING" || words[0] == "AUTHORISATION" || words[0] == "AUTHORIZATION") {
		words = words[1:]
	}
	return strings.Join(words, " ")
}
