package mirror

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/basiq-go/basiq-go/api"
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
	id, accountID, hash, status string
	postedAt, day, made         string
	amount, description         string
	pendingID                   string // the pending transaction that it was

	// seen is set when the transaction is read again.
	seen bool
}

func (s *stored) pending() bool { return s.status == string(basiq.TransactionStatusPending) }

// newRow returns the row of a transaction. Text columns of PostgreSQL accept neither NUL nor invalid UTF-8.
func newRow(t *basiq.Transaction, payload, hash string, account *basiq.Account, zone *time.Location) *row {
	r := &row{
		stored: stored{
			id: t.ID, accountID: account.ID, hash: hash, status: text(string(t.Status)), description: text(t.Description),
			postedAt: instant(t.PostDate), day: bankDay(t.PostDate, zone), made: bankDay(t.TransactionDate, zone),
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
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 { // ToValidUTF8 takes longer
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
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

// fingerprint returns a hash of a payload without its last links, usually the links of the resource. A gateway may rewrite them.
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

// bankZones returns the time zones of Australian and New Zealand banks.
func bankZones() (func(institutionID string) *time.Location, error) {
	sydney, err := time.LoadLocation("Australia/Sydney")
	auckland, err2 := time.LoadLocation("Pacific/Auckland")
	if err = errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("mirror: New: import time/tzdata: %w", err)
	}
	return func(institutionID string) *time.Location {
		if strings.HasPrefix(strings.ToUpper(institutionID), "NZ") {
			return auckland
		}
		return sydney
	}, nil
}

// bankDay returns the calendar day of a time at the bank, or "".
func bankDay(t api.Time, zone *time.Location) string {
	if instant(t) == "" {
		return ""
	}
	return string(t.DateIn(zone))
}

// instantFormat has a fixed width, so that its texts sort by time. No database has times before earliest.
const instantFormat, earliest = "2006-01-02T15:04:05Z", "1000-01-01T00:00:00Z"

// age returns how long before now a time in instantFormat was. The age of "" is infinite.
func age(at string, now time.Time) time.Duration {
	t, err := time.Parse(instantFormat, at)
	if err != nil {
		return math.MaxInt64
	}
	return now.Sub(t)
}

// instant returns a time in instantFormat, or "" if databases do not accept it.
func instant(t api.Time) string {
	at, ok := t.Time()
	if at = at.UTC(); !ok || at.Year() < 1000 || at.Year() > 9999 {
		return ""
	}
	return at.Format(instantFormat)
}
