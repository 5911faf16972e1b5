package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

var (
	// ErrUnstable is returned by [Mirror.Sync] if the accounts kept changing while they were read. The accounts that did
	// not change have been written. Sync again when the user's jobs have ended.
	ErrUnstable = errors.New("accounts kept changing while they were read; sync again when the user's jobs have ended")
	// ErrMassRemoval is returned by [Mirror.Sync] if more than 10 % of an account's posted transactions are missing at
	// Basiq. They are kept. If the removal is right, for example after a purge, sync with [AllowMassRemoval].
	ErrMassRemoval = errors.New("more than 10 % of the posted transactions of an account are missing at Basiq")
	// ErrErased is returned for a user who has been erased, and by [Mirror.Changes] for a position before the erasure.
	ErrErased = errors.New("user has been erased")
	// ErrConflict is returned by [Mirror.Sync] if other syncs of the same user were faster every time.
	ErrConflict = errors.New("another sync of the user was faster")
)

// Position is a place in the change feed of a user. The first change has position 1.
type Position int64

// Kind is what happened to a transaction.
type Kind string

// The kinds of changes.
const (
	// KindAdded is a transaction that is new.
	KindAdded Kind = "added"
	// KindModified is a transaction whose payload has changed.
	KindModified Kind = "modified"
	// KindRemoved is a transaction that has been removed.
	KindRemoved Kind = "removed"
	// KindSettled is a new posted transaction that certainly was the pending one with the ID PendingID, which has been
	// removed.
	KindSettled Kind = "settled"
	// KindErased occurs only in [InTx]: all rows of the user are deleted in this transaction.
	KindErased Kind = "erased"
)

// Change is an entry of a user's change feed.
type Change struct {
	// Position is the place in the user's feed. Positions rise by one.
	Position Position
	Kind     Kind
	UserID   string
	// AccountID and TransactionID identify the transaction.
	AccountID, TransactionID string
	// Transaction is the transaction, nil if it has been removed. In [Mirror.Changes] it is the current version.
	Transaction *basiq.Transaction
	// PendingID is the pending transaction that a settled one replaces.
	PendingID string
	// Candidates are removed pending transactions that a new posted one may have been. Nothing else depends on them.
	Candidates []string
	// Day is the calendar day at the bank, "" if it is unknown.
	Day api.Date

	// payload is the transaction as a [Store] has it, "" if it has been removed.
	payload string
}

// Reason is why a user was erased.
type Reason string

// The reasons for an erasure. No other text is accepted, so that a deletion record never contains personal data.
const (
	ReasonConsentRevoked Reason = "consent-revoked"
	ReasonConsentExpired Reason = "consent-expired"
	ReasonUserDeleted    Reason = "user-deleted"
	ReasonUserRequest    Reason = "user-request"
)

// Deletion is the record of an erasure. It contains no personal data besides Basiq's IDs.
type Deletion struct {
	UserID string
	// ConsentIDs are the consents that the mirror knew, in ascending order.
	ConsentIDs []string
	Reason     Reason
	Time       time.Time
	// Accounts, Transactions and Changes are the numbers of rows that were deleted.
	Accounts, Transactions, Changes int
}

// Result describes what [Mirror.Sync] did.
type Result struct {
	Added, Modified, Removed, Settled int
	// Requests is the number of calls to Basiq. Rounds is how often the accounts were listed and compared.
	Requests, Rounds int
	// Idle is set if nothing had to be read. Nothing was written then.
	Idle bool
	// Next is when to sync again if no event of Basiq arrives earlier. It is zero if the user has no accounts, and after an error
	// other than [ErrMassRemoval].
	Next time.Time
}

// Store holds the copy. [SQL] and [Memory] implement it.
type Store interface {
	load(ctx context.Context, userID string) (*state, error)
	// rows returns the account's pending transactions and those posted at from or later; all if from is "".
	rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error)
	// find returns the user's transactions that have one of the IDs.
	find(ctx context.Context, userID string, ids []string) (map[string]*stored, error)
	// apply writes a batch if the user's generation is still the given one, and increments it. It sets the positions of
	// the changes. Otherwise it returns ErrConflict.
	apply(ctx context.Context, userID string, generation int64, b *batch) error
	changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error)
	// erase returns the record of the last erasure if the user is erased.
	erase(ctx context.Context, record Deletion) (Deletion, error)
	readmit(ctx context.Context, userID string) error

	receive(ctx context.Context, ids []string, at time.Time, work Work) (fresh bool, err error)
	queued(ctx context.Context) ([]Work, error)
	finish(ctx context.Context, done Work) error
}

// An Option configures a [Mirror]. If an option is given more than once, the last one takes effect.
type Option func(*Mirror)

// WithWindow sets how many days before the newest posted transaction are read again when an account has changed. The
// default is 35, because pre-authorisations can post after 31 days. days must be in [1, 36500].
func WithWindow(days int) Option { return func(m *Mirror) { m.window = days } }

// WithImportTime sets how long Basiq may take to import an account's transactions after it has set lastUpdated. Until then
// every sync reads the account again. The default is 5 minutes. d must be positive, and longer than a retrieve-transactions
// step and than the difference between the machine's clock and Basiq's.
func WithImportTime(d time.Duration) Option { return func(m *Mirror) { m.settle = d } }

// WithFullRead sets how often all transactions of an account are read, also if it has not changed. The default is 7 days.
// every must be positive.
func WithFullRead(every time.Duration) Option { return func(m *Mirror) { m.fullRead = every } }

// WithSameAccount sets the function that reports whether two accounts of a user are the same account at the bank. The
// default is [SameAccount].
func WithSameAccount(same func(a, b *basiq.Account) bool) Option {
	return func(m *Mirror) { m.sameAccount = same }
}

// WithTimeZone sets the function that returns the time zone of an institution. The default is Pacific/Auckland for
// institutions whose ID begins with NZ, and Australia/Sydney for all others.
func WithTimeZone(zone func(institutionID string) *time.Location) Option {
	return func(m *Mirror) { m.zone = zone }
}

// configure applies options. constructor is the name of the function that takes them.
func configure[T any, O ~func(*T)](constructor string, value *T, options []O) error {
	for _, option := range options {
		if option == nil {
			return invalidInput(constructor, "nil option")
		}
		option(value)
	}
	return nil
}

// invalidInput returns an error for an invalid argument or option.
func invalidInput(argument, problem string) error {
	return fmt.Errorf("mirror: %w: %s: %s", basiq.ErrInvalidInput, argument, problem)
}

// Mirror keeps a copy of users' data in a [Store]. Its methods are safe for concurrent use, also by several processes
// that share a database.
type Mirror struct {
	client      *basiq.Client
	store       Store
	window      int
	settle      time.Duration
	fullRead    time.Duration
	sameAccount func(a, b *basiq.Account) bool
	zone        func(institutionID string) *time.Location
}

// New returns a Mirror. It sends nothing. It returns [basiq.ErrInvalidInput] if an argument or option is invalid, and
// another error if the time zones of Australia and New Zealand are not installed. Import time/tzdata in that case.
func New(client *basiq.Client, store Store, options ...Option) (*Mirror, error) {
	if client == nil || store == nil {
		return nil, invalidInput("New", "client and store are required")
	}
	m := &Mirror{client: client, store: store, window: 35, settle: 5 * time.Minute, fullRead: 7 * 24 * time.Hour, sameAccount: SameAccount}
	if err := configure("New", m, options); err != nil {
		return nil, err
	}
	switch {
	case m.window <= 0 || m.window > 36_500: // databases do not accept years before 1
		return nil, invalidInput("WithWindow", "out of range [1, 36500]")
	case m.settle <= 0:
		return nil, invalidInput("WithImportTime", "must be positive")
	case m.fullRead <= 0:
		return nil, invalidInput("WithFullRead", "must be positive")
	case m.sameAccount == nil:
		return nil, invalidInput("WithSameAccount", "must not be nil")
	}
	var err error
	if m.zone == nil {
		m.zone, err = bankZones()
	}
	return m, err
}

// Changes are read from the store in pages. The first page is small, so that it comes soon.
const firstChanges, moreChanges = 50, 500

// Changes returns the user's changes after a position, in order. It ends at the last change. Start with 0 and continue
// with the Position of the last change that was handled. Applying all changes from 0 to an empty table gives the mirror:
// put Transaction under TransactionID unless it is nil, then delete PendingID, and delete TransactionID of a
// [KindRemoved].
//
// An error is the last thing it yields. It is [ErrErased] if the user was erased, or if the user was erased and readmitted
// after this position. Discard the rows of the user then, and in the second case start again with 0.
func (m *Mirror) Changes(ctx context.Context, userID string, after Position) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		after = max(after, 0)
		for limit := firstChanges; ; limit = moreChanges {
			page, err := m.store.changes(ctx, userID, after, limit)
			st, loadErr := m.store.load(ctx, userID) // after the page, which may be later than an erasure
			if err = cmp.Or(err, loadErr); err == nil && (st.erased || after > 0 && after <= st.start) {
				err = ErrErased
			}
			for i := 0; i < len(page) && err == nil; i++ {
				c := &page[i]
				if err = c.decode(); err == nil && !yield(*c, nil) {
					return
				}
				after = c.Position
			}
			if err != nil {
				yield(Change{}, err)
			}
			if err != nil || len(page) < limit {
				return
			}
		}
	}
}

// decode sets the transaction, unless it was removed.
func (c *Change) decode() error {
	if c.payload == "" || c.Kind == KindRemoved {
		return nil
	}
	c.Transaction = new(basiq.Transaction)
	err := api.Unmarshal([]byte(c.payload), c.Transaction)
	c.payload = ""
	if _, mistyped := errors.AsType[*api.TypeError](err); mistyped { // Basiq sent such a field, which keeps its zero value
		return nil
	}
	return err
}

// Erase deletes all rows of the user and stores a deletion record, in one transaction. A sync in flight cannot bring the
// user back: it fails with [ErrErased], as does every later one until [Mirror.Readmit]. Erasing again changes nothing and
// returns the record.
func (m *Mirror) Erase(ctx context.Context, userID string, reason Reason) (Deletion, error) {
	if !slices.Contains([]Reason{ReasonConsentRevoked, ReasonConsentExpired, ReasonUserDeleted, ReasonUserRequest}, reason) {
		return Deletion{}, invalidInput("Erase", "unknown reason")
	}
	if err := api.ID(userID).Validate(); err != nil {
		return Deletion{}, invalidInput("userID", err.Error())
	}
	return m.store.erase(ctx, Deletion{UserID: userID, Reason: reason, Time: time.Now().UTC().Truncate(time.Second)})
}

// Readmit allows an erased user to be synced again, for example after a new consent. Positions continue after
// the erased feed. It does nothing for a user who has not been erased.
func (m *Mirror) Readmit(ctx context.Context, userID string) error {
	return m.store.readmit(ctx, userID)
}
