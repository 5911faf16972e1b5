package mirror

import (
	"context"
	"time"
)

func (s *SQL) receive(ctx context.Context, ids []string, at time.Time, work Work) (fresh bool, err error) {
	err = s.inTx(ctx, func(tx *dbTx) error {
		fresh = true
		for _, id := range ids {
			fresh = tx.exec(ctx, `INSERT INTO basiq_delivery (delivery_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, id, at.UTC().Format(instantFormat)) == 1 && fresh
		}
		// Basiq delivers and lists events for 7 days.
		tx.exec(ctx, `DELETE FROM basiq_delivery WHERE received_at < ?`, at.Add(-deliveryMemory).UTC().Format(instantFormat))
		switch {
		case tx.err != nil || !fresh || work.UserID == "":
		case s.onDelivery != nil:
			return s.onDelivery(ctx, tx.Tx, work)
		default:
			tx.exec(ctx, `INSERT INTO basiq_task (user_id, kind, sequence) VALUES (?, ?, 1) ON CONFLICT (user_id, kind) DO UPDATE SET sequence = basiq_task.sequence + 1`,
				work.UserID, string(work.Kind))
		}
		return tx.err
	})
	return fresh, err
}

func (s *SQL) queued(ctx context.Context, after Work) ([]Work, error) {
	return query(ctx, s.db, s.dialect.Bind(`SELECT user_id, kind, sequence FROM basiq_task WHERE (user_id, kind) > (?, ?) ORDER BY user_id, kind LIMIT 100`), func(t *Work) []any {
		return []any{&t.UserID, &t.Kind, &t.sequence}
	}, after.UserID, string(after.Kind))
}

func (s *SQL) finish(ctx context.Context, done Work) error {
	return s.inTx(ctx, func(tx *dbTx) error {
		tx.exec(ctx, `DELETE FROM basiq_task WHERE user_id = ? AND kind = ? AND sequence = ?`, done.UserID, string(done.Kind), done.sequence)
		return nil
	})
}
