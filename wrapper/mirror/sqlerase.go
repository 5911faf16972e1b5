package mirror

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

func (s *SQL) erase(ctx context.Context, record Deletion) (Deletion, error) {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		// The first statement locks the user, so that the others see what a sync in flight has committed.
		if err := s.exec(ctx, tx, `INSERT INTO basiq_user (user_id, generation, position, feed_start, details) VALUES (?, 0, 0, 0, '') ON CONFLICT DO NOTHING`, record.UserID); err != nil {
			return err
		}
		var generation int64
		err := tx.QueryRowContext(ctx, s.bind(`UPDATE basiq_user SET generation = generation + 1, erased_at = ?, feed_start = position, details = ''
			WHERE user_id = ? AND erased_at IS NULL RETURNING generation`), record.Time.Format(instantFormat), record.UserID).Scan(&generation)
		if err != nil {
			return err
		}
		if err := s.query(ctx, tx, `SELECT consent_id FROM basiq_consent WHERE user_id = ? ORDER BY consent_id`, func(scan func(...any) error) error {
			record.ConsentIDs = append(record.ConsentIDs, "")
			return scan(&record.ConsentIDs[len(record.ConsentIDs)-1])
		}, record.UserID); err != nil {
			return err
		}
		for _, table := range []struct {
			name  string
			count *int
		}{{"transaction", &record.Transactions}, {"account", &record.Accounts}, {"change", &record.Changes}, {"balance", nil}, {"connection", nil}, {"consent", nil}, {"task", nil}} {
			result, err := tx.ExecContext(ctx, s.bind(`DELETE FROM basiq_`+table.name+` WHERE user_id = ?`), record.UserID)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err == nil && table.count != nil {
				*table.count = int(n)
			}
		}
		if err := s.exec(ctx, tx, `INSERT INTO basiq_deletion (user_id, erased_at, reason, consent_ids, accounts, transactions, changes, generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			record.UserID, record.Time.Format(instantFormat), string(record.Reason), strings.Join(record.ConsentIDs, " "), record.Accounts, record.Transactions,
			record.Changes, generation); err != nil {
			return err
		}
		if s.hook == nil {
			return nil
		}
		return s.hook(ctx, tx, []Change{{Kind: KindErased, UserID: record.UserID}})
	})
	if errors.Is(err, sql.ErrNoRows) { // erased before
		all, err := s.deletions(ctx, record.UserID)
		if err != nil || len(all) == 0 {
			return Deletion{}, err
		}
		return all[len(all)-1], nil
	}
	if err != nil {
		return Deletion{}, err
	}
	return record, nil
}

func (s *SQL) deletions(ctx context.Context, userID string) ([]Deletion, error) {
	var all []Deletion
	err := s.query(ctx, s.db, `SELECT erased_at, reason, consent_ids, accounts, transactions, changes FROM basiq_deletion WHERE user_id = ? ORDER BY generation`, func(scan func(...any) error) error {
		d := Deletion{UserID: userID}
		var erased any
		var consents string
		if err := scan(&erased, &d.Reason, &consents, &d.Accounts, &d.Transactions, &d.Changes); err != nil {
			return err
		}
		switch at := erased.(type) {
		case time.Time:
			d.Time = at.UTC()
		case string:
			d.Time, _ = time.Parse(instantFormat, at)
		}
		if consents != "" {
			d.ConsentIDs = strings.Fields(consents)
		}
		all = append(all, d)
		return nil
	}, userID)
	return all, err
}

func (s *SQL) readmit(ctx context.Context, userID string) error {
	_, err := s.db.ExecContext(ctx, s.bind(`UPDATE basiq_user SET generation = generation + 1, erased_at = NULL WHERE user_id = ? AND erased_at IS NOT NULL`), userID)
	return err
}

func (s *SQL) receive(ctx context.Context, ids []string, at time.Time, work task) (fresh bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		fresh = true
		for _, id := range ids {
			result, err := tx.ExecContext(ctx, s.bind(`INSERT INTO basiq_delivery (delivery_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING`), id, at.UTC().Format(instantFormat))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			fresh = fresh && n == 1
		}
		switch {
		case !fresh || work.UserID == "":
		case s.onDelivery != nil:
			if err := s.onDelivery(ctx, tx, work.Work); err != nil {
				return err
			}
		default:
			if err := s.exec(ctx, tx, `INSERT INTO basiq_task (user_id, kind, sequence) VALUES (?, ?, 1) ON CONFLICT (user_id, kind) DO UPDATE SET sequence = basiq_task.sequence + 1`,
				work.UserID, string(work.Kind)); err != nil {
				return err
			}
		}
		// Basiq delivers and lists events for 7 days.
		return s.exec(ctx, tx, `DELETE FROM basiq_delivery WHERE received_at < ?`, at.Add(-deliveryMemory).UTC().Format(instantFormat))
	})
	return fresh, err
}

func (s *SQL) tasks(ctx context.Context, after task) ([]task, error) {
	var all []task
	err := s.query(ctx, s.db, `SELECT user_id, kind, sequence FROM basiq_task WHERE (user_id, kind) > (?, ?) ORDER BY user_id, kind LIMIT 100`, func(scan func(...any) error) error {
		var t task
		if err := scan(&t.UserID, &t.Kind, &t.sequence); err != nil {
			return err
		}
		all = append(all, t)
		return nil
	}, after.UserID, string(after.Kind))
	return all, err
}

func (s *SQL) finish(ctx context.Context, done task) error {
	_, err := s.db.ExecContext(ctx, s.bind(`DELETE FROM basiq_task WHERE user_id = ? AND kind = ? AND sequence = ?`), done.UserID, string(done.Kind), done.sequence)
	return err
}
