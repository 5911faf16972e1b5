package mirror

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

func (s *SQL) load(ctx context.Context, userID string) (*state, error) {
	// The generation is read first: if the accounts are newer, the write fails.
	users, err := query(ctx, s.db, s.dialect.Bind(`SELECT generation, details, feed_start, erased_at IS NOT NULL FROM basiq_user WHERE user_id = ?`), func(st *state) []any {
		return []any{&st.generation, &st.details, &st.start, &st.erased}
	}, userID)
	if err != nil || len(users) == 0 {
		return newState(), err
	}
	st := &users[0]
	accounts, err := query(ctx, s.db, s.dialect.Bind(`SELECT account_id, `+stateColumns+` FROM basiq_account WHERE user_id = ?`), func(a *accountState) []any {
		return append([]any{&a.id}, a.columns()...)
	}, userID)
	st.accounts = make(map[string]accountState, len(accounts))
	for _, a := range accounts {
		st.accounts[a.id] = a
	}
	return st, err
}

// stateColumns are the columns of an accountState.
const stateColumns = `version, hash, connection_id, settled, seen_from, read_fully, newest, missing_from, superseded_by, frozen`

// columns returns pointers to the values of stateColumns.
func (a *accountState) columns() []any {
	return []any{&a.version, &a.hash, &a.connectionID, &a.settled, &a.seenFrom, &a.readFully, &a.newest, &a.missingFrom, &a.supersededBy, &a.frozen}
}

const storedColumns = `SELECT transaction_id, account_id, hash, status, COALESCE(CAST(posted_at AS TEXT), ''), COALESCE(CAST(day AS TEXT), ''),
	COALESCE(CAST(made_on AS TEXT), ''), COALESCE(CAST(amount AS TEXT), ''), description, pending_id, missing_from FROM basiq_transaction WHERE user_id = ? AND `

// stored adds the transactions that meet a condition to found.
func (s *SQL) stored(ctx context.Context, found map[string]*stored, condition string, args ...any) error {
	all, err := query(ctx, s.db, s.dialect.Bind(storedColumns+condition), func(t *stored) []any {
		return []any{&t.id, &t.accountID, &t.hash, &t.status, &t.postedAt, &t.day, &t.made, &t.amount, &t.description, &t.pendingID, &t.missingFrom}
	}, args...)
	for i := range all {
		found[all[i].id] = &all[i]
	}
	return err
}

func (s *SQL) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	found := map[string]*stored{}
	if from == "" {
		return found, s.stored(ctx, found, `account_id = ?`, userID, accountID)
	}
	return found, s.stored(ctx, found, `account_id = ? AND (posted_at >= ? OR posted_at IS NULL OR status = 'pending')`, userID, accountID, from)
}

func (s *SQL) find(ctx context.Context, userID string, ids []string) (map[string]*stored, error) {
	found := map[string]*stored{}
	return found, chunks(idsPerStatement, len(ids), func(from, to int) error {
		return s.stored(ctx, found, `transaction_id`+in(to-from), append([]any{userID}, anySlice(ids[from:to])...)...)
	})
}

func (s *SQL) changes(ctx context.Context, userID string, after Position, limit int) ([]entry, error) {
	// The limit is within the subquery, so that no planner joins the whole feed.
	entries, err := query(ctx, s.db, s.dialect.Bind(`SELECT c.position, c.kind, c.account_id, c.transaction_id, c.day, c.pending_id, c.candidates, COALESCE(CAST(t.payload AS TEXT), '')
		FROM (SELECT * FROM basiq_change WHERE user_id = ? AND position > ? ORDER BY position LIMIT `+strconv.Itoa(limit)+`) c
		LEFT JOIN basiq_transaction t ON t.user_id = c.user_id AND t.transaction_id = c.transaction_id ORDER BY c.position`), func(e *entry) []any {
		return []any{&e.Position, &e.Kind, &e.AccountID, &e.TransactionID, &e.Day, &e.PendingID, (*words)(&e.Candidates), &e.payload}
	}, userID, int64(after))
	for i := range entries {
		entries[i].UserID = userID
	}
	return entries, err
}

// words is a list of IDs that a column holds as words.
type words []string

// Scan implements [sql.Scanner].
func (w *words) Scan(value any) error {
	var text sql.NullString
	err := text.Scan(value)
	if text.String != "" {
		*w = strings.Fields(text.String)
	}
	return err
}
