package mirror

import (
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
	queue      map[Work]int64 // how often work was asked for
}

type memoryUser struct {
	state

	rows     map[string]*row
	feed     []Change
	consents map[string]bool // their IDs
	deletion Deletion
}

// lock locks the store and returns the function that unlocks it.
func (s *Memory) lock() (unlock func()) {
	s.mu.Lock()
	if s.users == nil {
		s.users, s.deliveries, s.queue = map[string]*memoryUser{}, map[string]bool{}, map[Work]int64{}
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
	if b.details != nil {
		u.details = b.details.hash
		for _, c := range b.details.consents {
			u.consents[c.item.ID] = true
		}
	}
	return nil
}

func (s *Memory) changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error) {
	defer s.lock()()
	u := s.user(userID)
	page := slices.Clone(u.feed[min(len(u.feed), max(0, int(after-u.start))):])
	page = page[:min(len(page), limit)]
	for i := range page {
		page[i].Transaction = nil
		if r := u.rows[page[i].TransactionID]; r != nil {
			page[i].payload = r.payload
		}
	}
	return page, ctx.Err()
}

func (s *Memory) erase(ctx context.Context, record Deletion) (Deletion, error) {
	defer s.lock()()
	u := s.user(record.UserID)
	if u.erased || ctx.Err() != nil {
		return u.deletion, ctx.Err()
	}
	record.Accounts, record.Transactions, record.Changes = len(u.accounts), len(u.rows), len(u.feed)
	record.ConsentIDs = slices.Sorted(maps.Keys(u.consents))
	erased := newMemoryUser()
	erased.erased, erased.generation, erased.start = true, u.generation+1, u.start+Position(len(u.feed))
	erased.deletion = record
	s.users[record.UserID] = erased
	maps.DeleteFunc(s.queue, func(work Work, _ int64) bool { return work.UserID == record.UserID })
	return record, nil
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
		s.queue[Work{UserID: work.UserID, Reason: work.Reason}]++
	}
	return fresh, ctx.Err()
}

func (s *Memory) queued(ctx context.Context) (all []Work, err error) {
	defer s.lock()()
	for work, sequence := range s.queue {
		work.sequence = sequence
		all = append(all, work)
	}
	return all, ctx.Err()
}

func (s *Memory) finish(ctx context.Context, done Work) error {
	defer s.lock()()
	if work := (Work{UserID: done.UserID, Reason: done.Reason}); s.queue[work] == done.sequence {
		delete(s.queue, work)
	}
	return ctx.Err()
}
