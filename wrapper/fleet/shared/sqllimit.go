package shared

import (
	"context"
	"fmt"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

// sqlLimit is a limitTable in a database.
type sqlLimit struct {
	store *Store
	name  string
}

// reserve reserves the slots after the last reserved one. Slots that were not reserved are lost, except for those of the
// last moment, which make up for the time between two blocks.
func (t *sqlLimit) reserve(ctx context.Context, n int, interval, lead time.Duration) (time.Time, bool, error) {
	length, earliest := micros(time.Duration(n)*interval), micros(lead-tolerance)
	var firstIn, held int64
	sent := time.Now()
	_, err := t.store.queryRow(ctx, `INSERT INTO basiq_shared_limit (name, next_slot) VALUES (?, NOW + ?)
		ON CONFLICT (name) DO UPDATE SET next_slot = ? + CASE
			WHEN basiq_shared_limit.next_slot > NOW + ? THEN basiq_shared_limit.next_slot ELSE NOW + ? END
		RETURNING next_slot - ? - NOW, (SELECT COUNT(*) FROM basiq_shared_hold WHERE name = ? AND held_until > NOW)`,
		[]any{t.name, length + earliest, length, earliest, earliest, length, t.name}, &firstIn, &held)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("shared limit: %w", err)
	}
	// The clock of the database was read between sent and now.
	asOf := sent.Add(time.Since(sent) / 2)
	return asOf.Add(time.Duration(firstIn) * time.Microsecond), held > 0, nil
}

func (t *sqlLimit) holds(ctx context.Context) (map[string]hold, error) {
	holds, err := t.readHolds(ctx)
	if err != nil {
		return nil, fmt.Errorf("shared limit: %w: %w", ErrDatabase, err)
	}
	return holds, nil
}

func (t *sqlLimit) readHolds(ctx context.Context) (map[string]hold, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	type row struct {
		operation string
		status    int
		left      int64
	}
	rows, err := sqldb.Query(ctx, t.store.db, t.store.dialect, t.store.at(`SELECT operation, status, held_until - NOW FROM basiq_shared_hold
		WHERE name = ? AND held_until > NOW`), func(r *row) []any { return []any{&r.operation, &r.status, &r.left} }, t.name)
	holds := make(map[string]hold, len(rows))
	for _, r := range rows {
		holds[r.operation] = hold{until: time.Now().Add(time.Duration(r.left) * time.Microsecond), status: r.status}
	}
	return holds, err
}

func (t *sqlLimit) hold(ctx context.Context, operation string, status int, asked time.Duration) error {
	if asked > 0 {
		_, err := t.store.exec(ctx, `INSERT INTO basiq_shared_hold (name, operation, status, held_until, length) VALUES (?, ?, ?, NOW + ?, 0)
			ON CONFLICT (name, operation) DO UPDATE SET status = excluded.status, held_until = excluded.held_until, length = 0
			WHERE basiq_shared_hold.held_until < excluded.held_until`, t.name, operation, status, micros(asked))
		return err
	}
	// A response to a request that was sent before the hold does not count. The hold doubles if it comes soon after the
	// last one.
	const length = `CASE WHEN NOW - basiq_shared_hold.held_until >= basiq_shared_hold.length THEN excluded.length
		WHEN 2 * basiq_shared_hold.length > ? THEN ? ELSE 2 * basiq_shared_hold.length END`
	longest := micros(longestHold)
	_, err := t.store.exec(ctx, `INSERT INTO basiq_shared_hold (name, operation, status, held_until, length) VALUES (?, ?, ?, NOW + ?, ?)
		ON CONFLICT (name, operation) DO UPDATE SET status = excluded.status, held_until = NOW + `+length+`, length = `+length+`
		WHERE basiq_shared_hold.held_until <= NOW`,
		t.name, operation, status, micros(firstHold), micros(firstHold), longest, longest, longest, longest)
	return err
}
