package mirror

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const (
	// maxRounds is how often a sync starts over because accounts changed while they were read.
	maxRounds = 6
	// maxConflicts is how often a sync starts over because another one was faster.
	maxConflicts = 20
	// rowsPerCheck is how many rows are read before the accounts are listed again and the rows are written. A sync holds
	// the changed rows of one account, or this many, in memory.
	rowsPerCheck = 2000
)

// errMoved is returned within a sync if an account changed while it was read.
var errMoved = errors.New("accounts changed while they were read")

// A SyncOption configures one [Mirror.Sync].
type SyncOption func(*syncOptions)

type syncOptions struct{ allowMass, details bool }

// AllowMassRemoval allows a sync to remove more than 10 % of an account's posted transactions, see [ErrMassRemoval].
func AllowMassRemoval() SyncOption { return func(o *syncOptions) { o.allowMass = true } }

// ReadConnections reads the user's connections and consents also if no account has changed. It costs up to two requests.
func ReadConnections() SyncOption { return func(o *syncOptions) { o.details = true } }

// run is one call of Sync.
type run struct {
	*Mirror

	userID  string
	options syncOptions
	result  Result
	// details are read once per call, and only if something must be read.
	details     *details
	connections map[string]*basiq.Connection
	// states are the accounts that the call has applied.
	states map[string]accountState
	mass   error
}

// Sync brings the user's copy up to date. It can be called at any time and concurrently, also from several processes. If
// it fails, the accounts that it has written are correct. A later sync reads the others.
//
// Errors: [ErrUnstable], [ErrConflict], [ErrErased], [ErrMassRemoval] (everything else has been written), and the errors of the
// store and of the client, such as basiq.ErrNotFound if the user does not exist.
func (m *Mirror) Sync(ctx context.Context, userID string, options ...SyncOption) (Result, error) {
	r := &run{Mirror: m, userID: userID, states: map[string]accountState{}}
	for _, option := range options {
		option(&r.options)
	}
	conflicts := 0
	for r.result.Rounds < maxRounds {
		r.result.Rounds++
		err := r.round(ctx)
		switch {
		case err == nil:
			return r.result, r.mass
		case errors.Is(err, ErrConflict):
			if conflicts++; conflicts > maxConflicts {
				return r.result, err
			}
			r.result.Rounds--
			if err := pause(ctx, time.Duration(rand.Int64N(int64(conflicts)*int64(20*time.Millisecond)))); err != nil { //nolint:gosec // it spreads retries
				return r.result, err
			}
		case !errors.Is(err, errMoved) && !errors.Is(err, basiq.ErrListChanged):
			return r.result, err
		}
	}
	return r.result, ErrUnstable
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// round lists the accounts, reads the changed ones, lists the accounts again, and writes the accounts that have not
// changed in between. It returns errMoved if others have.
func (r *run) round(ctx context.Context) error {
	st, err := r.store.load(ctx, r.userID)
	if err != nil {
		return err
	}
	if st.erased {
		return ErrErased
	}
	began := time.Now()
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	todo, gone := r.compare(st, accounts, began)
	if len(todo)+len(gone) == 0 && !r.options.details && len(r.states) == 0 {
		r.result.Idle = true
		r.plan(st, began)
		return nil
	}
	if err := r.readDetails(ctx, accounts); err != nil {
		return err
	}
	superseded := r.supersede(accounts, r.connections)
	for i := range accounts { // an account that no longer has a newer copy is read again
		if id := accounts[i].account.ID; st.accounts[id].frozen && superseded[id] == "" {
			todo = append(todo, &accounts[i])
		}
	}
	moved, err := r.readAll(ctx, st, todo, superseded)
	if err != nil {
		return err
	}
	if err := r.dropGone(ctx, st, gone, began); err != nil {
		return err
	}
	if moved {
		return errMoved
	}
	if err := r.complete(ctx, st, superseded); err != nil {
		return err
	}
	r.plan(st, began)
	return nil
}

// compare returns the accounts to read, and the IDs of accounts that the list lacks.
func (r *run) compare(st *state, accounts []listedAccount, began time.Time) (todo []*listedAccount, gone []string) {
	listed := map[string]bool{}
	for i := range accounts {
		a := &accounts[i]
		listed[a.account.ID] = true
		was, known := st.accounts[a.account.ID]
		if applied, ok := r.states[a.account.ID]; ok && applied.version == string(a.account.LastUpdated) && applied.hash == a.hash {
			continue // this call has read it
		}
		if !known || !was.frozen && (!was.settled || was.missingFrom != "" || was.version != string(a.account.LastUpdated) ||
			was.hash != a.hash || r.fullReadDue(was, began)) {
			todo = append(todo, a)
		}
	}
	for id, was := range st.accounts {
		if !listed[id] && !was.frozen {
			gone = append(gone, id)
		}
	}
	return todo, gone
}

func (r *run) fullReadDue(was accountState, now time.Time) bool {
	read, err := time.Parse(instantFormat, was.readFully)
	return err != nil || now.Sub(read) >= r.fullRead
}

// readAll reads and writes accounts. It reports whether one of them changed while it was read.
func (r *run) readAll(ctx context.Context, st *state, todo []*listedAccount, superseded map[string]string) (moved bool, err error) {
	for len(todo) > 0 {
		var snapshots []*snapshot
		seen := map[string]bool{}
		for rows := 0; len(todo) > 0 && rows < rowsPerCheck; todo = todo[1:] {
			s, err := r.read(ctx, st, todo[0], seen)
			if err != nil {
				return false, err
			}
			rows += len(s.rows)
			snapshots = append(snapshots, s)
		}
		after, err := r.accounts(ctx)
		if err != nil {
			return false, err
		}
		for _, s := range snapshots {
			if !unmoved(s.listed, after) {
				moved = true
				continue
			}
			if err := r.write(ctx, st, s, superseded); err != nil {
				return false, err
			}
		}
	}
	return moved, nil
}

// unmoved reports whether an account is listed as before.
func unmoved(a *listedAccount, after []listedAccount) bool {
	for i := range after {
		if b := &after[i]; a.account.ID == b.account.ID {
			return a.account.LastUpdated == b.account.LastUpdated && a.hash == b.hash
		}
	}
	return false
}

// write writes a snapshot, unless it changes nothing.
func (r *run) write(ctx context.Context, st *state, s *snapshot, superseded map[string]string) error {
	id := s.listed.account.ID
	b, withheld, err := r.batch(r.userID, s, r.options.allowMass)
	r.mass = errors.Join(r.mass, err)
	r.result.Withheld += withheld
	b.state.supersededBy = superseded[id]
	b.states = map[string]accountState{}
	for old, was := range st.accounts { // in the commit that brings the new account's rows, so that no sum counts both
		if newer := superseded[old]; newer == id && was.supersededBy != newer {
			was.supersededBy = newer
			b.states[old] = was
		}
	}
	if s.known && b.state == s.was && r.details.hash == st.details &&
		len(b.rows)+len(b.removed)+len(b.mark)+len(b.unmark)+len(b.states) == 0 {
		r.states[id] = b.state
		return nil
	}
	return r.apply(ctx, st, b)
}

// apply writes a batch, updates the state and counts the changes. The first batch of a sync writes the connections and consents
// too.
func (r *run) apply(ctx context.Context, st *state, b *batch) error {
	if r.details.hash != st.details {
		b.details = r.details
	}
	if err := r.store.apply(ctx, r.userID, st.generation, b); err != nil {
		return err
	}
	st.generation++
	st.details = r.details.hash
	if b.account != nil {
		st.accounts[b.account.account.ID], r.states[b.account.account.ID] = b.state, b.state
	}
	maps.Copy(st.accounts, b.states)
	delete(st.accounts, b.dropAccount)
	for _, c := range b.changes {
		switch c.Kind {
		case KindAdded:
			r.result.Added++
		case KindModified:
			r.result.Modified++
		case KindRemoved:
			r.result.Removed++
		case KindSettled:
			r.result.Settled++
		case KindErased:
		}
	}
	return nil
}

// dropGone removes accounts that Basiq no longer has: at once if their connection was deleted too, else if they are missing
// in two syncs. An account that only the list lacks is kept.
func (r *run) dropGone(ctx context.Context, st *state, gone []string, began time.Time) error {
	for _, id := range gone {
		r.result.Requests++
		_, err := r.client.Accounts.Get(ctx, r.userID, id)
		exists := err == nil
		if !exists && !errors.Is(err, basiq.ErrNotFound) {
			return err
		}
		was := st.accounts[id]
		deleted := false
		if !exists {
			if deleted, err = r.connectionDeleted(ctx, was.connectionID); err != nil {
				return err
			}
		}
		b := &batch{userID: r.userID}
		switch missing := was.missingFrom != ""; {
		case deleted, !exists && missing && r.confirmed(was.missingFrom, began):
			rows, err := r.store.rows(ctx, r.userID, id, "")
			if err != nil {
				return err
			}
			b.dropAccount = id
			b.removeAll(rows)
		case exists == missing: // note that it is missing, or that it is not
			if was.missingFrom = ""; !exists {
				was.missingFrom = began.UTC().Format(instantFormat)
			}
			b.states = map[string]accountState{id: was}
		default:
			continue
		}
		if err := r.apply(ctx, st, b); err != nil {
			return err
		}
	}
	return nil
}

// connectionDeleted reports whether a connection does not exist. A list that lacks it is not enough.
func (r *run) connectionDeleted(ctx context.Context, connectionID string) (bool, error) {
	if r.connections[connectionID] != nil || connectionID == "" {
		return false, nil
	}
	r.result.Requests++
	_, err := r.client.Connections.Get(ctx, r.userID, connectionID)
	if errors.Is(err, basiq.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// complete writes the connections and consents, which accounts are superseded, and what [Relink] asks for.
func (r *run) complete(ctx context.Context, st *state, superseded map[string]string) error {
	b := &batch{userID: r.userID, states: map[string]accountState{}}
	for id, was := range st.accounts {
		if was.supersededBy != superseded[id] && !was.frozen {
			was.supersededBy = superseded[id]
			b.states[id] = was
		}
	}
	if len(b.states) > 0 || r.details.hash != st.details {
		if err := r.apply(ctx, st, b); err != nil {
			return err
		}
	}
	if r.relink == RelinkKeep {
		return nil
	}
	for old, newer := range superseded {
		was, replacement := st.accounts[old], st.accounts[newer]
		if was.version == "" || was.frozen || !replacement.settled {
			continue
		}
		deleted, err := r.connectionDeleted(ctx, was.connectionID)
		if deleted {
			err = r.freeze(ctx, st, old, newer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freeze removes the rows of an account that a newer one replaces.
func (r *run) freeze(ctx context.Context, st *state, old, newer string) error {
	rows, err := r.store.rows(ctx, r.userID, old, "")
	if err != nil {
		return err
	}
	if r.relink == RelinkMerge {
		newRows, err := r.store.rows(ctx, r.userID, newer, "")
		if err != nil {
			return err
		}
		first := ""
		for _, s := range newRows {
			if s.day != "" && !s.pending() && (first == "" || s.day < first) {
				first = s.day
			}
		}
		for id, s := range rows {
			if !s.pending() && s.day != "" && (first == "" || s.day < first) {
				delete(rows, id)
			}
		}
	}
	was := st.accounts[old]
	was.frozen, was.supersededBy = true, newer
	b := &batch{userID: r.userID, states: map[string]accountState{old: was}}
	b.removeAll(rows)
	return r.apply(ctx, st, b)
}

// plan sets when the next sync is useful.
func (r *run) plan(st *state, began time.Time) {
	for _, was := range st.accounts {
		if was.frozen {
			continue
		}
		next, err := time.Parse(instantFormat, was.readFully)
		next = next.Add(r.fullRead)
		if err != nil || !was.settled || was.missingFrom != "" {
			next = began.Add(r.settle)
		}
		if r.result.Next.IsZero() || next.Before(r.result.Next) {
			r.result.Next = next
		}
	}
}
