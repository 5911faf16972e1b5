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
	posts := func(old *stored, r *row) bool {
		return old.pending() && !r.pending() && r.amount != "" && r.amount == old.amount && r.id != old.id && near(old, r)
	}
	same := func(old *stored, r *row) bool {
		return posts(old, r) && normalize(old.description) == normalize(r.description)
	}
	unsure := map[*row][]string{}
	for _, r := range added {
		var matches []*stored
		for _, match := range []func(old *stored, r *row) bool{same, posts} {
			matches = where(removed, func(old *stored) bool { return match(old, r) })
			if len(matches) != 1 || r.pendingID != "" {
				continue
			}
			old := matches[0]
			rivals := where(added, func(rival *row) bool { return match(old, rival) })
			again := where(added, func(r *row) bool { return r.pending() && r.amount == old.amount && r.id != old.id })
			if len(rivals) == 1 && len(again) == 0 && old.date() != "" {
				r.pendingID = old.id
			}
		}
		for _, old := range matches {
			if r.pendingID == "" {
				unsure[r] = append(unsure[r], old.id)
			}
		}
		slices.Sort(unsure[r])
	}
	return unsure
}

// where returns the elements that meet a condition.
func where[T any](all []*T, condition func(*T) bool) (found []*T) {
	for _, v := range all {
		if condition(v) {
			found = append(found, v)
		}
	}
	return found
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
