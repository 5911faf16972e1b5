package mirror

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// row is a transaction to store.
type row struct {
	stored

	connectionID, institutionID, direction, class, category, merchant, currency string
	minor                                                                       sql.NullInt64
	payload                                                                     string
	transaction                                                                 *basiq.Transaction
}

// stored is what a sync needs to know of a stored transaction.
type stored struct {
	id, accountID, hash, status      string
	postedAt, day, made              string
	amount, description, missingFrom string
	pendingID                        string // the pending transaction that it was

	// seen is set when the transaction is read again.
	seen bool
}

func (s *stored) pending() bool { return s.status == string(basiq.TransactionStatusPending) }

// newRow returns the row of a transaction. Text columns of PostgreSQL accept neither NUL nor invalid UTF-8.
func newRow(t *basiq.Transaction, payload, hash string, account *basiq.Account, zone *time.Location) *row {
	r := &row{
		stored: stored{
			id: t.ID, accountID: account.ID, hash: hash, status: text(string(t.Status)), description: text(t.Description),
			postedAt: instant(t.PostDate), day: string(bankDay(t.PostDate, zone)), made: string(bankDay(t.TransactionDate, zone)),
		},
		connectionID: text(t.Connection), institutionID: text(t.Institution), direction: text(string(t.Direction)),
		class: text(string(t.Class)), currency: text(cmp.Or(t.Currency, account.Currency)), payload: payload, transaction: t,
	}
	if r.day == "" {
		r.day = r.made
	}
	r.category = text(t.SubClass.Title)
	if t.Enrich != nil {
		r.merchant = text(t.Enrich.Merchant.BusinessName)
		anzsic := t.Enrich.Category.ANZSIC
		r.category = text(cmp.Or(anzsic.Group.Title, anzsic.Division.Title, t.SubClass.Title))
	}
	r.amount, r.minor = money(t.Amount, r.currency)
	return r
}

// text returns s without NUL and invalid UTF-8.
func text(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// money returns an amount as exact decimal text, "" if it is not a number, and in minor units of its currency.
func money(a basiq.Amount, currency string) (exact string, minor sql.NullInt64) {
	places := 2
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		places = 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		places = 3
	case "CLF", "UYW":
		places = 4
	}
	if minor.Int64, minor.Valid = a.MinorUnits(places); !minor.Valid {
		if _, valid := a.Rat(); !valid {
			return "", minor
		}
	}
	return string(a), minor
}

// fingerprint returns a hash of a payload without its last links, which are usually those of the resource. A gateway may rewrite them.
// Links that are written in another way are a part of the hash.
func fingerprint(payload []byte) string {
	hash := sha256.New()
	if start := bytes.LastIndex(payload, []byte(`"links":{`)); start >= 0 {
		_, _ = hash.Write(payload[:start])
		payload = payload[start:]
		payload = payload[bytes.IndexByte(payload, '}')+1:]
	}
	_, _ = hash.Write(payload)
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// valid returns a payload as sent, with invalid UTF-8 replaced, because PostgreSQL rejects it.
func valid(payload []byte) string {
	if utf8.Valid(payload) { // ToValidUTF8 takes longer
		return string(payload)
	}
	return strings.ToValidUTF8(string(payload), "\uFFFD")
}
