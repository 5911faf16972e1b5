package bank

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tables are written by hand. Check that all references exist.
func TestCatalog_Complete(t *testing.T) {
	t.Parallel()
	ids := map[string]string{}
	for key, s := range catalog {
		assert.Contains(t, towns, s.Suburb, key)
		assert.Regexp(t, `^\d{11}$`, s.ABN, key)
		assert.Zero(t, abnRemainder(s.ABN), "%s: check digits of %s", key, s.ABN)
		assert.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, s.ID, key)
		assert.Empty(t, ids[s.ID], "duplicate id of %s", key)
		ids[s.ID] = key
		if !assert.NotNil(t, s.category, key) {
			continue
		}
		for _, c := range []Code{
			s.category.Division, s.category.Subdivision, s.category.ANZSICGroup, s.category.Class, s.category.MCC,
		} {
			assert.NotEmpty(t, c.Code, key)
			assert.NotEmpty(t, c.Title, "%s: %s", key, c.Code)
		}
	}
	for key := range online {
		assert.Contains(t, catalog, key)
	}
}

func abnRemainder(number string) int {
	sum := 0
	for i, weight := range []int{10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19} {
		digit := int(number[i] - '0')
		if i == 0 {
			digit--
		}
		sum += weight * digit
	}
	return sum % 89
}

func TestBusiness_Number(t *testing.T) {
	t.Parallel()
	b := FindPerson("laurieBream").Business
	assert.Zero(t, abnRemainder(b.ABN))
	assert.Equal(t, b.ACN, b.ABN[2:], "a company's ABN ends with its ACN")
}

func TestScripts_Complete(t *testing.T) {
	t.Parallel()
	require.Len(t, scripts, 8)
	all := []script{}
	for _, s := range scripts {
		all = append(all, s)
	}
	for _, lives := range bankSpecificScripts {
		for _, s := range lives {
			all = append(all, s)
		}
	}
	for _, s := range all {
		keys := map[string]bool{}
		for _, p := range s.plans {
			assert.False(t, keys[p.key], "two accounts %s", p.key)
			keys[p.key] = true
		}
		for _, st := range s.streams {
			assert.True(t, keys[st.account], "%v has no account", st.shops)
			assert.NotNil(t, st.when, "%v", st.shops)
			assert.True(t, len(st.shops) > 0 || st.group != "", "%s has no category", st.text)
			if st.group != "" {
				assert.Contains(t, plainCategoriesByGroup, st.group)
			}
			for _, name := range st.shops {
				assert.Contains(t, catalog, name)
			}
		}
	}
}

// Every merchant of the catalog must be used.
func TestCatalog_Used(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)
	used := map[string]bool{}
	for seed := range uint64(4) {
		b := Open(seed, now)
		for login := range scripts {
			for _, bank := range []string{"AU00000", "AU00004"} {
				p := FindPerson(login)
				for _, a := range b.Accounts(p, bank, now) {
					for _, tx := range b.Transactions(p, bank, a.Key, now) {
						if tx.Merchant != nil {
							used[tx.Merchant.ID] = true
						}
					}
				}
			}
		}
	}
	for key, s := range catalog {
		assert.True(t, used[s.ID], "unused merchant %s", key)
	}
}

// Edge cases of calendars.
func TestSchedules(t *testing.T) {
	t.Parallel()
	begin := time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)
	cases := []struct {
		name string
		when schedule
		want []string // in the first half of 2025
	}{
		// 15 February and 15 March were Saturdays, 15 June was a Sunday.
		{"payday", payday(15), []string{"01-15", "02-14", "03-14", "04-15", "05-15", "06-13"}},
		{"monthly", monthly(15), []string{"01-15", "02-17", "03-17", "04-15", "05-15", "06-16"}},
		// 1 February and 1 March were Saturdays, 1 June was a Sunday.
		{"monthly on the 1st", monthly(1), []string{"01-01", "02-03", "03-03", "04-01", "05-01", "06-02"}},
		{"payday on the 1st", payday(2), []string{"01-02", "04-02", "05-02", "06-02"}},
		{"quarterly", every(3, 1, 15), []string{"02-17", "05-15"}},
	}
	for _, c := range cases {
		var got []string
		for n := range 181 {
			d := newDay(dayNumber(begin)+n, begin)
			if c.when(d, nil) > 0 {
				got = append(got, dayTime(d.number).Format("01-02"))
			}
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

func TestDayNumber_BeforeEpoch(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1000, -1, 0, 1, 20000} {
		assert.Equal(t, n, dayNumber(dayTime(n).Add(23*time.Hour)))
	}
	zone := time.FixedZone("AEST", 10*60*60)
	assert.Equal(t, -1, dayNumber(time.Date(1970, time.January, 1, 9, 0, 0, 0, zone)), "days are in UTC")
}
