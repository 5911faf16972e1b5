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

// A SyncOption configures one [Mirror.Sync].
type SyncOption func(*run)

// AllowMassRemoval allows a sync to remove more than 10 % of an account's posted transactions, see [ErrMassRemoval].
func AllowMassRemoval() SyncOption { return func(r *run) { r.allowMass = true } }

// ReadConnections reads the user's connections and consents also if no account has changed. It costs up to two requests.
func ReadConnections() SyncOption { return func(r *run) { r.always = true } }

// run is one call of Sync.
type run struct {
	*Mirror

	userID string
	// allowMass and always are set by options. always reads the details in any case.
	allowMass, always bool
	result            Result
	mass              error
	// applied has the hashes of the accounts that the call has written, by ID.
	applied map[string]string
	// details are read once per call, and only if something must be read. connections are the listed ones.
	details     *details
	connections map[string]*basiq.Connection
	// deleted has the connections that were looked up, and whether they do not exist.
	deleted map[string]bool

	// state, began and superseded belong to one round.
	*state

	began      time.Time
	superseded map[string][]string
}

// Sync brings the user's copy up to date. It can be called at any time and concurrently, also from several processes. If
// it fails, the accounts that it has written are correct. A later sync reads the others. An error response for the transactions of
// one account does not keep the others from being written.
//
// Errors: [ErrUnstable], [ErrConflict], [ErrErased], [ErrMassRemoval] (everything else has been written), and the errors of the
// store and of the client, such as basiq.ErrNotFound if the user does not exist.
func (m *Mirror) Sync(ctx context.Context, userID string, options ...SyncOption) (Result, error) {
	r := &run{Mirror: m, userID: userID, applied: map[string]string{}, deleted: map[string]bool{}}
	if err := configure("Sync", r, options); err != nil {
		return r.result, err
	}
	for conflicts := 0; r.result.Rounds < maxRounds; {
		r.result.Rounds++
		err := r.round(ctx)
		switch {
		case err == nil:
			r.plan()
			return r.result, r.mass
		case errors.Is(err, ErrConflict) && conflicts < maxConflicts:
			conflicts++
			r.result.Rounds--
			select {
			case <-ctx.Done():
				return r.result, ctx.Err()
			case <-time.After(time.Duration(rand.Int64N(int64(conflicts) * int64(20*time.Millisecond)))): //nolint:gosec // it spreads retries
			}
		case !errors.Is(err, basiq.ErrListChanged):
			return r.result, err
		}
	}
	return r.result, ErrUnstable
}

// round lists the accounts, reads the changed ones, lists the accounts again, and writes the accounts that have not
// changed in between. It returns basiq.ErrListChanged if others have.
func (r *run) round(ctx context.Context) (err error) {
	if r.state, err = r.store.load(ctx, r.userID); err != nil {
		return err
	}
	if r.erased {
		return ErrErased
	}
	r.began = time.Now()
	accounts, err := list(ctx, r, r.client.Accounts.List)
	if err != nil {
		return err
	}
	todo, gone := r.compare(accounts)
	if len(todo)+len(gone)+len(r.applied) == 0 && !r.always {
		r.result.Idle = true
		return nil
	}
	if err := r.readDetails(ctx, accounts); err != nil {
		return err
	}
	r.superseded = r.supersede(accounts, r.connections)
	unread, err := r.readAll(ctx, todo)
	if err != nil {
		return err
	}
	if err := cmp.Or(r.dropGone(ctx, gone), unread); err != nil {
		return err
	}
	return r.apply(ctx, &batch{userID: r.userID}) // what was not written with an account
}

// compare returns the accounts to read, and the stored accounts that are not listed.
func (r *run) compare(accounts []*listedAccount) (todo []*listedAccount, gone []accountState) {
	rest := maps.Clone(r.accounts)
	for _, a := range accounts {
		id := a.item.ID
		delete(rest, id)
		was := r.accounts[id]
		unchanged := was.settled && was.hash == a.hash && age(was.readFully, r.began) < r.fullRead
		if !unchanged && r.applied[id] != a.hash {
			todo = append(todo, a)
		}
	}
	return todo, slices.Collect(maps.Values(rest))
}

// readAll reads and writes accounts. The error unread is set if an account could not be read; the others are written.
func (r *run) readAll(ctx context.Context, todo []*listedAccount) (unread, err error) {
	for len(todo) > 0 {
		var read []*batch
		seen := map[string]bool{}
		for rows := 0; len(todo) > 0 && rows < rowsPerCheck; todo = todo[1:] {
			b, err := r.read(ctx, todo[0], seen)
			var response *basiq.Error
			switch {
			case errors.Is(err, basiq.ErrListChanged), errors.Is(err, basiq.ErrNotFound):
				unread = cmp.Or(unread, basiq.ErrListChanged)
			case errors.As(err, &response):
				unread = err
			case err != nil:
				return nil, err
			default:
				rows += len(b.rows)
				read = append(read, b)
			}
		}
		after, err := list(ctx, r, r.client.Accounts.List)
		if err != nil {
			return nil, err
		}
		for _, b := range read {
			// The hash of an account covers its ID and lastUpdated.
			if !slices.ContainsFunc(after, func(a *listedAccount) bool { return a.hash == b.account.hash }) {
				unread = cmp.Or(unread, basiq.ErrListChanged)
				continue
			}
			// A transaction that moved to another account of this part is not missing.
			maps.DeleteFunc(b.old, func(id string, old *stored) bool { return !old.seen && seen[id] })
			mass := r.conclude(b, r.allowMass)
			if err := r.apply(ctx, b); err != nil {
				return nil, err
			}
			r.mass = errors.Join(r.mass, mass)
		}
	}
	return unread, nil
}

// apply writes a batch unless it changes nothing, updates the state and counts the changes. With it, it writes changed connections
// and consents, and which accounts are superseded: in the commit that brings the new account's rows, so that no sum counts both.
func (r *run) apply(ctx context.Context, b *batch) error {
	if r.details.hash != r.state.details {
		b.details = r.details
	}
	b.state = r.replaced(b.state, b)
	if b.states == nil {
		for id, other := range r.accounts {
			if next := r.replaced(other, b); next != other && id != b.state.id {
				b.states = append(b.states, next)
			}
		}
	}
	changed := len(b.rows)+len(b.removed)+len(b.states)+len(b.dropAccount) > 0 || b.details != nil || b.account != nil && b.state != r.accounts[b.state.id]
	if changed {
		if err := r.store.apply(ctx, r.userID, r.generation, b); err != nil {
			return err
		}
		r.generation++
		r.state.details = r.details.hash
	}
	if b.account != nil {
		r.applied[b.state.id] = b.state.hash
	}
	b.applyTo(r.accounts)
	counts := map[Kind]*int{KindAdded: &r.result.Added, KindModified: &r.result.Modified, KindRemoved: &r.result.Removed, KindSettled: &r.result.Settled}
	for _, c := range b.changes {
		*counts[c.Kind]++
	}
	return nil
}

// dropGone removes accounts that Basiq no longer has: at once if their connection was deleted too, else if they are missing
// in two syncs. An account that only the list lacks is kept.
func (r *run) dropGone(ctx context.Context, gone []accountState) error {
	for _, was := range gone {
		exists, err := r.exists(r.client.Accounts.Get(ctx, r.userID, was.id))
		confirmed := slices.Contains(r.doubted(was, r.began), was.id)
		if err == nil && !exists && !confirmed {
			confirmed, err = r.connectionDeleted(ctx, was.connectionID)
		}
		if err != nil {
			return err
		}
		b := &batch{userID: r.userID}
		if !exists && confirmed {
			rows, err := r.store.rows(ctx, r.userID, was.id, "")
			if err != nil {
				return err
			}
			b.dropAccount = was.id
			b.removeAll(rows)
		} else {
			next := was
			next.settled = false
			next.doubt(slices.DeleteFunc([]string{was.id}, func(string) bool { return exists }), r.began)
			if next != was {
				b.states = append(b.states, next)
			}
		}
		if err := r.apply(ctx, b); err != nil {
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
	deleted, known := r.deleted[connectionID]
	if known || r.connections[connectionID] != nil || connectionID == "" {
		return deleted, nil
	}
	exists, err := r.exists(r.client.Connections.Get(ctx, r.userID, connectionID))
	if err == nil {
		r.deleted[connectionID] = !exists
	}
	return r.deleted[connectionID], err
}

// plan sets when the next sync is useful.
func (r *run) plan() {
	for _, was := range r.accounts {
		next := r.began.Add(r.settle)
		if was.settled {
			next = r.began.Add(r.fullRead - age(was.readFully, r.began))
		}
		if r.result.Next.IsZero() || next.Before(r.result.Next) {
			r.result.Next = next
		}
	}
}
