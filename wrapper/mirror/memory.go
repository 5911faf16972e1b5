package mirror

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is a [Store] in memory, for tests. The zero Memory is empty.
type Memory struct {
	mu         sync.Mutex
	users      map[string]*memoryUser
	deliveries map[string]bool
	queue      []Work
}

type memoryUser struct {
	state

	rows      map[string]*row
	feed      []Change
	consents  map[string]bool // their IDs
	deletions []Deletion
}

// lock locks the store and returns the function that unlocks it.
func (s *Memory) lock() (unlock func()) {
	s.mu.Lock()
	if s.users == nil {
		s.users, s.deliveries = map[string]*memoryUser{}, map[string]bool{}
	}
	return s.mu.Unlock
}

func newMemoryUser() *memoryUser {
	return &memoryUser{state: *newState(), rows: map[string]*row{}, consents: map[string]bool{}}
}

// user returns a user of a locked store.
func (s *Memory) user(userID string) *memoryUser {
	if s.users[userID] == nil {
		s.users[userID] = newMemoryUser()
	}
	return s.users[userID]
}

// Transactions returns the payloads of the user's transactions by their IDs.
func (s *Memory) Transactions(userID string) map[string][]byte {
	defer s.lock()()
	payloads := map[string][]byte{}
	for id, r := range s.user(userID).rows {
		payloads[id] = []byte(r.payload)
	}
	return payloads
}

func (s *Memory) load(ctx context.Context, userID string) (*state, error) {
	defer s.lock()()
	st := s.user(userID).state
	st.accounts = maps.Clone(st.accounts)
	return &st, ctx.Err()
}

func (s *Memory) selectRows(userID string, condition func(*stored) bool) map[string]*stored {
	defer s.lock()()
	found := map[string]*stored{}
	for id, r := range s.user(userID).rows {
		if t := r.stored; condition(&t) {
			found[id] = &t
		}
	}
	return found
}

func (s *Memory) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	return s.selectRows(userID, func(r *stored) bool {
		return r.accountID == accountID && (from == "" || r.pending() || r.postedAt == "" || r.postedAt >= from)
	}), ctx.Err()
}

func (s *Memory) find(ctx context.Context, userID string, ids []string) (map[string]*stored, error) {
	return s.selectRows(userID, func(r *stored) bool { return slices.Contains(ids, r.id) }), ctx.Err()
}

func (s *Memory) apply(ctx context.Context, userID string, generation int64, b *batch) error {
	defer s.lock()()
	u := s.user(userID)
	if u.generation != generation || u.erased {
		return ErrConflict
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	u.generation++
	for i := range b.changes {
		b.changes[i].Position = u.start + Position(len(u.feed)) + 1
		u.feed = append(u.feed, b.changes[i])
	}
	b.applyTo(u.accounts)
	for _, id := range b.removed {
		delete(u.rows, id)
	}
	for _, r := range b.rows {
		u.rows[r.id] = r
	}
	for _, id := range b.mark {
		u.rows[id].missingFrom = b.at
	}
	for _, id := range b.unmark {
		u.rows[id].missingFrom = ""
	}
	if b.details != nil {
		u.details = b.details.hash
		for _, c := range b.details.consents {
			u.consents[c.item.ID] = true
		}
	}
	return nil
}

func (s *Memory) changes(ctx context.Context, userID string, after Position, limit int) ([]entry, error) {
	defer s.lock()()
	u := s.user(userID)
	var page []entry
	for _, c := range u.feed[min(len(u.feed), max(0, int(after-u.start))):] {
		if len(page) == limit {
			break
		}
		e := entry{Change: c}
		e.Transaction = nil
		if r := u.rows[c.TransactionID]; r != nil {
			e.payload = r.payload
		}
		page = append(page, e)
	}
	return page, ctx.Err()
}

func (s *Memory) erase(ctx context.Context, record Deletion) (Deletion, error) {
	defer s.lock()()
	u := s.user(record.UserID)
	if err := ctx.Err(); err != nil {
		return Deletion{}, err
	}
	if u.erased {
		return u.deletions[len(u.deletions)-1], nil
	}
	record.Accounts, record.Transactions, record.Changes = len(u.accounts), len(u.rows), len(u.feed)
	record.ConsentIDs = slices.Sorted(maps.Keys(u.consents))
	erased := newMemoryUser()
	erased.erased, erased.generation, erased.start = true, u.generation+1, u.start+Position(len(u.feed))
	erased.deletions = slices.Concat(u.deletions, []Deletion{record})
	s.users[record.UserID] = erased
	s.queue = slices.DeleteFunc(s.queue, func(t Work) bool { return t.UserID == record.UserID })
	return record, nil
}

func (s *Memory) deletions(ctx context.Context, userID string) ([]Deletion, error) {
	defer s.lock()()
	return slices.Clone(s.user(userID).deletions), ctx.Err()
}

func (s *Memory) readmit(ctx context.Context, userID string) error {
	defer s.lock()()
	if u := s.user(userID); u.erased {
		u.erased = false
		u.generation++
	}
	return ctx.Err()
}

func (s *Memory) receive(ctx context.Context, ids []string, _ time.Time, work Work) (bool, error) {
	defer s.lock()()
	fresh := true
	for _, id := range ids {
		fresh = fresh && !s.deliveries[id]
		s.deliveries[id] = true
	}
	if fresh && work.UserID != "" {
		i := slices.IndexFunc(s.queue, func(t Work) bool { return t.UserID == work.UserID && t.Kind == work.Kind })
		if i < 0 {
			i = len(s.queue)
			s.queue = append(s.queue, work)
		}
		s.queue[i].sequence++
	}
	return fresh, ctx.Err()
}

func (s *Memory) queued(ctx context.Context, after Work) ([]Work, error) {
	defer s.lock()()
	compare := func(a, b Work) int { return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.Kind, b.Kind)) }
	next := slices.DeleteFunc(slices.Clone(s.queue), func(t Work) bool { return compare(t, after) <= 0 })
	slices.SortFunc(next, compare)
	return next[:min(len(next), 100)], ctx.Err() // a page, as in the SQL store
}

func (s *Memory) finish(ctx context.Context, done Work) error {
	defer s.lock()()
	s.queue = slices.DeleteFunc(s.queue, func(t Work) bool { return t == done })
	return ctx.Err()
}
