package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Transaction is a credit to or debit from an account. Its Balance is empty in open banking, so it cannot be used as a
	// running balance. [Time.DateIn] returns the calendar day of its PostDate at the bank.
	Transaction = gen.Transaction
	// TransactionStatus is the status of a transaction: pending or posted.
	TransactionStatus = gen.TransactionStatus
	// TransactionDirection is the direction of a transaction: credit or debit.
	TransactionDirection = gen.TransactionDirection
	// TransactionClass is the class of a transaction.
	TransactionClass = gen.TransactionClass
)

// The statuses of a transaction.
const (
	// TransactionStatusPending: approved. The next refresh replaces the transaction with one that has another ID.
	TransactionStatusPending = gen.TransactionStatusPending
	TransactionStatusPosted  = gen.TransactionStatusPosted
)

// The directions of a transaction.
const (
	TransactionDirectionCredit = gen.TransactionDirectionCredit
	TransactionDirectionDebit  = gen.TransactionDirectionDebit
	// TransactionDirectionUnknown is returned by [EnrichmentService.Get].
	TransactionDirectionUnknown = gen.TransactionDirectionUnknown
)

// The classes of a transaction.
const (
	TransactionClassBankFee        = gen.TransactionClassBankFee
	TransactionClassPayment        = gen.TransactionClassPayment
	TransactionClassCashWithdrawal = gen.TransactionClassCashWithdrawal
	TransactionClassTransfer       = gen.TransactionClassTransfer
	TransactionClassLoanInterest   = gen.TransactionClassLoanInterest
	TransactionClassRefund         = gen.TransactionClassRefund
	TransactionClassDirectCredit   = gen.TransactionClassDirectCredit
	TransactionClassInterest       = gen.TransactionClassInterest
	TransactionClassLoanRepayment  = gen.TransactionClassLoanRepayment
	// TransactionClassInternalTransfer and TransactionClassExternalTransfer occur in the transactions of affordability
	// summaries.
	TransactionClassInternalTransfer = gen.TransactionClassInternalTransfer
	TransactionClassExternalTransfer = gen.TransactionClassExternalTransfer
)

// TransactionFields are the fields that [TransactionsService.List] can filter by.
var TransactionFields = transactionFields{
	AccountID:     EqualField[Transaction, string]{name: "account.id"},
	ConnectionID:  EqualField[Transaction, string]{name: "connection.id"},
	InstitutionID: EqualField[Transaction, string]{name: "institution.id"},
	PostDate:      DateField[Transaction, Date]{name: "transaction.postDate"},
	Status:        EqualField[Transaction, TransactionStatus]{name: "transaction.status"},
	Direction:     EqualField[Transaction, TransactionDirection]{name: "transaction.direction"},
	Class:         EqualField[Transaction, TransactionClass]{name: "transaction.class"},
}

type transactionFields struct {
	AccountID     EqualField[Transaction, string]
	ConnectionID  EqualField[Transaction, string]
	InstitutionID EqualField[Transaction, string]
	PostDate      DateField[Transaction, Date]
	Status        EqualField[Transaction, TransactionStatus]
	Direction     EqualField[Transaction, TransactionDirection]
	Class         EqualField[Transaction, TransactionClass]
}

// TransactionsService reads the transactions that a user's connections have fetched.
type TransactionsService struct{ client *Client }

// List returns the user's transactions that the options select; see [TransactionListOptions]. They are
// ordered by account, pending ones first, then by date with the latest first. The next refresh deletes pending
// transactions and fetches them again with other IDs, so do not store them as posted transactions. A pointer to a
// transaction keeps its page in memory.
//
// To read only what is new, filter by account, and stop at the first posted transaction that is 35 days older than the newest
// one that is stored. Then replace the stored pending transactions of the account. Do not filter by date, because such a
// filter excludes pending transactions. The example "Incremental" shows this, and package mirror keeps a complete copy.
//
// If transactions are added or removed while the pages are read, for example by a refresh, the list ends with
// [ErrListChanged]. Discard what was read and start over, or read one account at a time. operationId: getTransactions.
func (s *TransactionsService) List(ctx context.Context, userID string, options ...TransactionListOptions) iter.Seq2[*Transaction, error] {
	return s.collection(userID, options).all(ctx)
}

// Page returns one page of [TransactionsService.List]. The empty Cursor selects the first page; the Next of a page selects
// the page after it. A Cursor contains the options of the first page; later options have no effect. If the error is
// [ErrBadPageLink], the page is also returned, and its items are valid. Errors: [ErrBadRequest] if Basiq does not accept the
// Cursor. operationId: getTransactions.
func (s *TransactionsService) Page(ctx context.Context, userID string, at Cursor, options ...TransactionListOptions) (*Page[Transaction], error) {
	return s.collection(userID, options).one(ctx, at)
}

func (s *TransactionsService) collection(userID string, options []TransactionListOptions) collection[Transaction] {
	return collection[Transaction]{
		client: s.client, op: opGetTransactions, ids: []pathParam{{"userID", userID}}, resource: transactionResource, options: listOptionsOf(options), sized: true,
		request: bindIDInput(s.client.raw.GetTransactions, userID, nil),
	}
}

// Get returns a transaction. operationId: getTransaction.
func (s *TransactionsService) Get(ctx context.Context, userID, transactionID string) (*Transaction, error) {
	return get(ctx, s.client, opGetTransaction, []pathParam{{"userID", userID}, {"transactionID", transactionID}}, transactionResource, bindIDs(s.client.raw.GetTransaction, userID, transactionID))
}

var transactionResource = resource[Transaction]{"transaction", func(t *Transaction) (string, string) { return t.Type, t.ID }}
