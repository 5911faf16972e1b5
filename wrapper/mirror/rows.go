package mirror

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// row is a transaction to store.
type row struct {
	stored

	connectionID, institutionID, direction, class, category, merchant, currency, pendingID string
	minor                                                                                  sql.NullInt64
	payload                                                                                string
	transaction                                                                            *basiq.Transaction
}

// stored is what a sync needs to know of a stored transaction.
type stored struct {
	id, accountID, hash, status      string
	postedAt, day, made              string
	amount, description, missingFrom string

	// seen is set when the transaction is read again.
	seen bool
}

func (s *stored) pending() bool { return s.status == string(basiq.TransactionStatusPending) }

// listedAccount is an account as Basiq listed it.
type listedAccount struct {
	account basiq.Account
	payload string
	hash    string
}

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
	case "JPY", "KRW", "VND", "CLP", "ISK", "XPF", "VUV":
		places = 0
	case "BHD", "KWD", "JOD", "OMR", "TND", "IQD", "LYD":
		places = 3
	}
	if minor.Int64, minor.Valid = a.MinorUnits(places); !minor.Valid {
		if _, valid := a.Rat(); !valid {
			return "", minor
		}
	}
	return string(a), minor
}

// fingerprint returns a hash of a JSON object that depends neither on its links, which a gateway may rewrite, nor on the
// order of its members.
func fingerprint(payload []byte) (string, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(payload), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return "", errors.New("mirror: item of a list: not a JSON object")
	}
	members := make([][]byte, 0, 32)
	for decoder.PeekKind() == '"' {
		start := decoder.InputOffset()
		for range 2 { // the name and the value
			if err := decoder.SkipValue(); err != nil {
				return "", err
			}
		}
		member := bytes.TrimLeft(payload[start:decoder.InputOffset()], ", \t\r\n")
		if !bytes.HasPrefix(member, []byte(`"links"`)) {
			members = append(members, member)
		}
	}
	slices.SortFunc(members, bytes.Compare)
	hash := sha256.New()
	for _, member := range members {
		_, _ = hash.Write(member)
		_, _ = hash.Write([]byte{0})
	}
	return hex.EncodeToString(hash.Sum(nil)[:16]), nil
}

// valid returns a payload as sent, with invalid UTF-8 replaced, because PostgreSQL rejects it.
func valid(payload []byte) string { return strings.ToValidUTF8(string(payload), "\uFFFD") }
