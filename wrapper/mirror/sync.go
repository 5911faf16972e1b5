package mirror

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
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
	// applied has the hashes of the accounts that the call has written, by ID.
	applied map[string]string
	mass    error
}

// Sync brings the user's copy up to date. It can be called at any time and concurrently, also from several processes. If
// it fails, the accounts that it has written are correct. A later sync reads the others. An error response for the transactions of
// one account does not keep the others from being written.
//
// Errors: [ErrUnstable], [ErrConflict], [ErrErased], [ErrMassRemoval] (everything else has been written), and the errors of the
// store and of the client, such as basiq.ErrNotFound if the user does not exist.
func (m *Mirror) Sync(ctx context.Context, userID string, options ...SyncOption) (Result, error) {
	r := &run{Mirror: m, userID: userID, applied: map[string]string{}}
	if err := configure("Sync", &r.options, options); err != nil {
		return r.result, err
	}
	for conflicts := 0; r.result.Rounds < maxRounds; {
		r.result.Rounds++
		err := r.round(ctx)
		switch {
		case err == nil:
			return r.result, r.mass
		case errors.Is(err, ErrConflict) && conflicts < maxConflicts:
			conflicts++
			r.result.Rounds--
			select {
			case <-ctx.Done():
				return r.result, ctx.Err()
			case <-time.After(time.Duration(rand.Int64N(int64(conflicts) * int64(20*time.Millisecond)))): //nolint:gosec // it spreads retries
			}
		case !errors.Is(err, errMoved) && !errors.Is(err, basiq.ErrListChanged):
			return r.result, err
		}
	}
	return r.result, ErrUnstable
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
	if len(todo)+len(gone)+len(r.applied) == 0 && !r.options.details {
		r.result.Idle = true
		r.plan(st, began)
		return nil
	}
	if err := r.readDetails(ctx, accounts); err != nil {
		return err
	}
	superseded := r.supersede(accounts, r.connections)
	for _, a := range accounts { // an account without a newer copy, or with another one than before, is read again
		if was := st.accounts[a.item.ID]; was.frozen && superseded[was.id] != was.supersededBy {
			todo = append(todo, a)
		}
	}
	unread, err := r.readAll(ctx, st, todo, superseded)
	if err != nil {
		return err
	}
	if err := cmp.Or(r.dropGone(ctx, st, gone, began), unread); err != nil {
		return err
	}
	if err := r.complete(ctx, st, superseded); err != nil {
		return err
	}
	r.plan(st, began)
	return nil
}

// compare returns the accounts to read, and those that are stored and not listed.
func (r *run) compare(st *state, accounts []*listedAccount, began time.Time) (todo []*listedAccount, gone []accountState) {
	listed := map[string]bool{}
	for _, a := range accounts {
		id := a.item.ID
		listed[id] = true
		was, known := st.accounts[id]
		unchanged := was.settled && was.missingFrom == "" && was.hash == a.hash && age(was.readFully, began) < r.fullRead
		if r.applied[id] != a.hash && (!known || !was.frozen && !unchanged) {
			todo = append(todo, a)
		}
	}
	for id, was := range st.accounts {
		if !listed[id] && !was.frozen {
			gone = append(gone, was)
		}
	}
	return todo, gone
}

// readAll reads and writes accounts. The error unread is set if an account could not be read; the others are written.
func (r *run) readAll(ctx context.Context, st *state, todo []*listedAccount, superseded map[string]string) (unread, err error) {
	for len(todo) > 0 {
		var snapshots []*snapshot
		seen := map[string]bool{}
		for rows := 0; len(todo) > 0 && rows < rowsPerCheck; todo = todo[1:] {
			s, err := r.read(ctx, st, todo[0], seen)
			var response *basiq.Error
			switch {
			case errors.Is(err, basiq.ErrListChanged), errors.Is(err, basiq.ErrNotFound):
				unread = cmp.Or(unread, errMoved)
			case errors.As(err, &response):
				unread = err
			case err != nil:
				return nil, err
			default:
				rows += len(s.rows)
				snapshots = append(snapshots, s)
			}
		}
		after, err := r.accounts(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range snapshots {
			// The hash of an account covers its ID and lastUpdated.
			if !slices.ContainsFunc(after, func(a *listedAccount) bool { return a.hash == s.listed.hash }) {
				unread = cmp.Or(unread, errMoved)
				continue
			}
			// A transaction that moved to another account of this part is not missing.
			maps.DeleteFunc(s.old, func(id string, old *stored) bool { return !old.seen && seen[id] })
			if err := r.write(ctx, st, s, superseded); err != nil {
				return nil, err
			}
		}
	}
	return unread, nil
}

// write writes a snapshot, unless it changes nothing.
func (r *run) write(ctx context.Context, st *state, s *snapshot, superseded map[string]string) error {
	b, withheld, mass := r.batch(r.userID, s, r.options.allowMass)
	b.state.supersededBy = superseded[b.state.id]
	for old, was := range st.accounts { // in the commit that brings the new account's rows, so that no sum counts both
		if newer := superseded[old]; newer == b.state.id && was.supersededBy != newer {
			was.supersededBy = newer
			b.states = append(b.states, was)
		}
	}
	if s.known && b.state == s.was && r.details.hash == st.details &&
		len(b.rows)+len(b.removed)+len(b.mark)+len(b.unmark)+len(b.states) == 0 {
		r.applied[b.state.id] = b.state.hash
	} else if err := r.apply(ctx, st, b); err != nil {
		return err
	}
	r.mass = errors.Join(r.mass, mass)
	r.result.Withheld += withheld
	return nil
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
		r.applied[b.state.id] = b.state.hash
	}
	b.applyTo(st.accounts)
	counts := map[Kind]*int{KindAdded: &r.result.Added, KindModified: &r.result.Modified, KindRemoved: &r.result.Removed, KindSettled: &r.result.Settled}
	for _, c := range b.changes {
		*counts[c.Kind]++
	}
	return nil
}

// dropGone removes accounts that Basiq no longer has: at once if their connection was deleted too, else if they are missing
// in two syncs. An account that only the list lacks is kept.
func (r *run) dropGone(ctx context.Context, st *state, gone []accountState, began time.Time) error {
	for _, was := range gone {
		exists, err := r.exists(r.client.Accounts.Get(ctx, r.userID, was.id))
		if err != nil {
			return err
		}
		confirmed := was.missingFrom != "" && age(was.missingFrom, began) >= r.settle
		if !exists && !confirmed {
			if confirmed, err = r.connectionDeleted(ctx, was.connectionID); err != nil {
				return err
			}
		}
		b := &batch{userID: r.userID}
		switch {
		case !exists && confirmed:
			rows, err := r.store.rows(ctx, r.userID, was.id, "")
			if err != nil {
				return err
			}
			b.dropAccount = was.id
			b.removeAll(rows)
		case exists && was.missingFrom != "":
			was.missingFrom = ""
			b.states = append(b.states, was)
		case !exists && was.missingFrom == "":
			was.missingFrom = began.UTC().Format(instantFormat)
			b.states = append(b.states, was)
		default:
			continue
		}
		if err := r.apply(ctx, st, b); err != nil {
			return err
		}
	}
	return nil
}

// exists reports whether Basiq has a resource, by the result of its Get method.
func (r *run) exists(_ any, err error) (bool, error) {
	r.result.Requests++
	if errors.Is(err, basiq.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// connectionDeleted reports whether a connection does not exist. A list that lacks it is not enough.
func (r *run) connectionDeleted(ctx context.Context, connectionID string) (bool, error) {
	if r.connections[connectionID] != nil || connectionID == "" {
		return false, nil
	}
	exists, err := r.exists(r.client.Connections.Get(ctx, r.userID, connectionID))
	return err == nil && !exists, err
}

// complete writes the connections and consents, which accounts are superseded, and what [Relink] asks for.
func (r *run) complete(ctx context.Context, st *state, superseded map[string]string) error {
	b := &batch{userID: r.userID}
	for id, was := range st.accounts {
		if was.supersededBy != superseded[id] && !was.frozen {
			was.supersededBy = superseded[id]
			b.states = append(b.states, was)
		}
	}
	if len(b.states) > 0 || r.details.hash != st.details {
		if err := r.apply(ctx, st, b); err != nil {
			return err
		}
	}
	for old := range superseded {
		was, stored := st.accounts[old]
		var newer []string // the whole chain
		for id := superseded[old]; id != ""; id = superseded[id] {
			newer = append(newer, id)
		}
		if r.relink == RelinkKeep || !stored || was.frozen || slices.ContainsFunc(newer, func(id string) bool { return !st.accounts[id].settled }) {
			continue
		}
		deleted, err := r.connectionDeleted(ctx, was.connectionID)
		if deleted {
			err = r.freeze(ctx, st, was, newer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freeze removes the rows of an account that newer ones replace. [RelinkMerge] keeps the rows that were posted before all rows of
// the newer ones.
func (r *run) freeze(ctx context.Context, st *state, was accountState, newer []string) error {
	rows, err := r.store.rows(ctx, r.userID, was.id, "")
	if err != nil {
		return err
	}
	if r.relink == RelinkMerge {
		first := "9999-12-31"
		for _, id := range newer {
			posted, err := r.store.rows(ctx, r.userID, id, "")
			if err != nil {
				return err
			}
			for _, s := range posted {
				if s.day != "" && !s.pending() {
					first = min(first, s.day)
				}
			}
		}
		maps.DeleteFunc(rows, func(_ string, s *stored) bool { return !s.pending() && s.day != "" && s.day < first })
	}
	was.frozen = true
	b := &batch{userID: r.userID, states: []accountState{was}}
	b.removeAll(rows)
	return r.apply(ctx, st, b)
}

// plan sets when the next sync is useful.
func (r *run) plan(st *state, began time.Time) {
	for _, was := range st.accounts {
		if was.frozen {
			continue
		}
		next := began.Add(r.settle)
		if was.settled && was.missingFrom == "" && was.readFully != "" {
			next = began.Add(r.fullRead - age(was.readFully, began))
		}
		if r.result.Next.IsZero() || next.Before(r.result.Next) {
			r.result.Next = next
		}
	}
}
