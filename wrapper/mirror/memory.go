package mirror

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Memory is a [Store] in memory, for tests. The zero Memory is empty.
type Memory struct {
	mu         sync.Mutex
	users      map[string]*memoryUser
	deliveries map[string]bool
	queue      []task
}

type memoryUser struct {
	state

	rows      map[string]*row
	feed      []Change
	start     Position
	consents  map[string]bool // their IDs
	deletions []Deletion
}

// Transactions returns the payloads of the user's transactions by their IDs.
func (s *Memory) Transactions(userID string) map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	payloads := map[string][]byte{}
	for id, r := range s.user(userID).rows {
		payloads[id] = []byte(r.payload)
	}
	return payloads
}

// user returns a user, which is empty if it is not stored.
func (s *Memory) user(userID string) *memoryUser {
	if u := s.users[userID]; u != nil {
		return u
	}
	return &memoryUser{state: state{accounts: map[string]accountState{}}, rows: map[string]*row{}, consents: map[string]bool{}}
}

// update calls f with a user and stores the user, unless f fails.
func (s *Memory) update(ctx context.Context, userID string, f func(u *memoryUser) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(userID)
	if err := f(u); err != nil {
		return err
	}
	if s.users == nil {
		s.users = map[string]*memoryUser{}
	}
	s.users[userID] = u
	return nil
}

func (s *Memory) load(ctx context.Context, userID string) (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.user(userID).state
	st.accounts = maps.Clone(st.accounts)
	return &st, ctx.Err()
}

func (s *Memory) selectRows(ctx context.Context, userID string, condition func(*stored) bool) (map[string]*stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]*stored{}
	for id, r := range s.user(userID).rows {
		if t := r.stored; condition(&t) {
			found[id] = &t
		}
	}
	return found, ctx.Err()
}

func (s *Memory) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	return s.selectRows(ctx, userID, func(r *stored) bool {
		return r.accountID == accountID && (from == "" || r.pending() || r.postedAt == "" || r.postedAt >= from)
	})
}

func (s *Memory) find(ctx context.Context, userID string, ids []string) ([]*stored, error) {
	found, err := s.selectRows(ctx, userID, func(r *stored) bool { return slices.Contains(ids, r.id) })
	return slices.Collect(maps.Values(found)), err
}

func (s *Memory) apply(ctx context.Context, userID string, generation int64, b *batch) error {
	return s.update(ctx, userID, func(u *memoryUser) error {
		if u.generation != generation || u.erased {
			return ErrConflict
		}
		u.generation++
		for i := range b.changes {
			b.changes[i].Position = u.start + Position(len(u.feed)) + 1
			u.feed = append(u.feed, b.changes[i])
		}
		if b.account != nil {
			u.accounts[b.account.account.ID] = b.state
		}
		maps.Copy(u.accounts, b.states)
		delete(u.accounts, b.dropAccount)
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
				u.consents[c.id] = true
			}
		}
		return nil
	})
}

func (s *Memory) changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(userID)
	if u.erased || after > 0 && after <= u.start {
		return nil, ErrErased
	}
	first := min(len(u.feed), int(max(0, after-u.start)))
	page := slices.Clone(u.feed[first:min(len(u.feed), first+limit)])
	for i := range page {
		c := &page[i]
		c.Transaction = nil
		if r := u.rows[c.TransactionID]; r != nil && c.Kind != KindRemoved {
			c.Transaction = new(basiq.Transaction)
			_ = api.Unmarshal([]byte(r.payload), c.Transaction) // it has been decoded before
		}
	}
	return page, ctx.Err()
}

func (s *Memory) erase(ctx context.Context, record Deletion) (Deletion, error) {
	err := s.update(ctx, record.UserID, func(u *memoryUser) error {
		if u.erased {
			record = u.deletions[len(u.deletions)-1]
			return nil
		}
		record.Accounts, record.Transactions, record.Changes = len(u.accounts), len(u.rows), len(u.feed)
		record.ConsentIDs = slices.Sorted(maps.Keys(u.consents))
		fresh := s.user("")
		fresh.generation, fresh.erased = u.generation+1, true
		fresh.start, fresh.deletions = u.start+Position(len(u.feed)), slices.Concat(u.deletions, []Deletion{record})
		*u = *fresh
		s.queue = slices.DeleteFunc(s.queue, func(t task) bool { return t.UserID == record.UserID })
		return nil
	})
	return record, err
}

func (s *Memory) deletions(ctx context.Context, userID string) ([]Deletion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.user(userID).deletions), ctx.Err()
}

func (s *Memory) readmit(ctx context.Context, userID string) error {
	return s.update(ctx, userID, func(u *memoryUser) error {
		if u.erased {
			u.erased = false
			u.generation++
		}
		return nil
	})
}

func (s *Memory) receive(ctx context.Context, ids []string, _ time.Time, work task) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := true
	for _, id := range ids {
		fresh = fresh && !s.deliveries[id]
		if s.deliveries == nil {
			s.deliveries = map[string]bool{}
		}
		s.deliveries[id] = true
	}
	if fresh && work.UserID != "" {
		i := slices.IndexFunc(s.queue, func(t task) bool { return t.UserID == work.UserID && t.Kind == work.Kind })
		if i < 0 {
			i = len(s.queue)
			s.queue = append(s.queue, work)
		}
		s.queue[i].sequence++
	}
	return fresh, ctx.Err()
}

func (s *Memory) tasks(ctx context.Context, after task) ([]task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	compare := func(a, b task) int { return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.Kind, b.Kind)) }
	next := slices.DeleteFunc(slices.Clone(s.queue), func(t task) bool { return compare(t, after) <= 0 })
	slices.SortFunc(next, compare)
	return next, ctx.Err()
}

func (s *Memory) finish(ctx context.Context, done task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = slices.DeleteFunc(s.queue, func(t task) bool { return t == done })
	return ctx.Err()
}
