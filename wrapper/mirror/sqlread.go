package mirror

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func (s *SQL) load(ctx context.Context, userID string) (*state, error) {
	// The generation is read first: if the accounts are newer, the write fails.
	st := &state{accounts: map[string]accountState{}}
	err := s.db.QueryRowContext(ctx, s.bind(`SELECT generation, details, erased_at IS NOT NULL FROM basiq_user WHERE user_id = ?`), userID).
		Scan(&st.generation, &st.details, &st.erased)
	if errors.Is(err, sql.ErrNoRows) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	return st, s.query(ctx, s.db, `SELECT account_id, version, hash, connection_id, settled, seen_from, read_fully, newest, missing_from, superseded_by, frozen
		FROM basiq_account WHERE user_id = ?`, func(scan func(...any) error) error {
		var id string
		var a accountState
		if err := scan(&id, &a.version, &a.hash, &a.connectionID, &a.settled, &a.seenFrom, &a.readFully, &a.newest, &a.missingFrom, &a.supersededBy, &a.frozen); err != nil {
			return err
		}
		st.accounts[id] = a
		return nil
	}, userID)
}

// queryer is a *sql.DB or *sql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query calls each for every row.
func (s *SQL) query(ctx context.Context, db queryer, query string, each func(scan func(...any) error) error, args ...any) error {
	rows, err := db.QueryContext(ctx, s.bind(query), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

const storedColumns = `SELECT transaction_id, account_id, hash, status, COALESCE(CAST(posted_at AS TEXT), ''), COALESCE(CAST(day AS TEXT), ''),
	COALESCE(CAST(made_on AS TEXT), ''), COALESCE(CAST(amount AS TEXT), ''), description, pending_id, missing_from FROM basiq_transaction WHERE user_id = ? AND `

func (s *SQL) stored(ctx context.Context, condition string, args ...any) ([]*stored, error) {
	var all []*stored
	err := s.query(ctx, s.db, storedColumns+condition, func(scan func(...any) error) error {
		t := new(stored)
		all = append(all, t)
		return scan(&t.id, &t.accountID, &t.hash, &t.status, &t.postedAt, &t.day, &t.made, &t.amount, &t.description, &t.pendingID, &t.missingFrom)
	}, args...)
	return all, err
}

func (s *SQL) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	condition, args := `account_id = ?`, []any{userID, accountID}
	if from != "" {
		condition += ` AND (posted_at >= ? OR posted_at IS NULL OR status = 'pending')`
		args = append(args, from)
	}
	all, err := s.stored(ctx, condition, args...)
	rows := make(map[string]*stored, len(all))
	for _, t := range all {
		rows[t.id] = t
	}
	return rows, err
}

func (s *SQL) find(ctx context.Context, userID string, ids []string) ([]*stored, error) {
	var found []*stored
	err := chunks(chunkSizes, len(ids), func(from, size int) error {
		args := append(make([]any, 0, size+1), userID)
		for _, id := range ids[from : from+size] {
			args = append(args, id)
		}
		some, err := s.stored(ctx, `transaction_id IN (?`+strings.Repeat(",?", size-1)+`)`, args...)
		found = append(found, some...)
		return err
	})
	return found, err
}

func (s *SQL) changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error) {
	var erased bool
	var start Position
	err := s.db.QueryRowContext(ctx, s.bind(`SELECT erased_at IS NOT NULL, feed_start FROM basiq_user WHERE user_id = ?`), userID).Scan(&erased, &start)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if erased || after > 0 && after <= start {
		return nil, ErrErased
	}
	var page []Change
	// The limit is within the subquery, so that no planner joins the whole feed.
	err = s.query(ctx, s.db, `SELECT c.position, c.kind, c.account_id, c.transaction_id, c.day, c.pending_id, c.candidates, COALESCE(CAST(t.payload AS TEXT), '')
		FROM (SELECT * FROM basiq_change WHERE user_id = ? AND position > ? ORDER BY position LIMIT `+strconv.Itoa(limit)+`) c
		LEFT JOIN basiq_transaction t ON t.user_id = c.user_id AND t.transaction_id = c.transaction_id ORDER BY c.position`, func(scan func(...any) error) error {
		c := Change{UserID: userID}
		var candidates, payload string
		if err := scan(&c.Position, &c.Kind, &c.AccountID, &c.TransactionID, &c.Day, &c.PendingID, &candidates, &payload); err != nil {
			return err
		}
		if candidates != "" {
			c.Candidates = strings.Fields(candidates)
		}
		if payload != "" && c.Kind != KindRemoved {
			c.Transaction = new(basiq.Transaction)
			var mistyped *api.TypeError
			if err := api.Unmarshal([]byte(payload), c.Transaction); err != nil && !errors.As(err, &mistyped) {
				return err
			}
		}
		page = append(page, c)
		return nil
	}, userID, int64(after))
	return page, err
}
