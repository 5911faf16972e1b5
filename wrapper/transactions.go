package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Transaction is a credit to or debit from an account. Its Balance is empty in open banking: do not compute a running
	// balance from it.
	Transaction = gen.Transaction
	// TransactionStatus is whether a transaction is pending or posted.
	TransactionStatus = gen.TransactionStatus
	// TransactionDirection is whether a transaction is a credit or a debit.
	TransactionDirection = gen.TransactionDirection
	// TransactionClass is what kind of transaction it is.
	TransactionClass = gen.TransactionClass
)

// Whether a transaction is posted.
const (
	// TransactionStatusPending: approved; the next refresh replaces it by a transaction with another ID.
	TransactionStatusPending = gen.TransactionStatusPending
	TransactionStatusPosted  = gen.TransactionStatusPosted
)

// Credit or debit.
const (
	TransactionDirectionCredit = gen.TransactionDirectionCredit
	TransactionDirectionDebit  = gen.TransactionDirectionDebit
	// TransactionDirectionUnknown is returned by [EnrichmentService.Get].
	TransactionDirectionUnknown = gen.TransactionDirectionUnknown
)

// What kind of transaction it is.
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

// List returns the user's transactions that satisfy all filters; see [TransactionFields] and [PageSize]. They are
// ordered by account, pending ones first, then by date with the latest first. The next refresh deletes pending
// transactions and returns them with other IDs: do not store them as posted ones. A pointer to a transaction keeps its
// page in memory.
//
// If transactions are added or removed while the pages are read, for example by a refresh, the list ends with
// [ErrListChanged]. Discard what was read and start over, or read one account at a time. operationId: getTransactions.
func (s *TransactionsService) List(ctx context.Context, userID string, options ...ListOption[Transaction]) iter.Seq2[*Transaction, error] {
	return s.collection(userID, options).all(ctx)
}

// Page returns one page of [TransactionsService.List]: the first for an empty Cursor, then the Next of each page. A
// Cursor contains the options of the first page; later options have no effect. With [ErrBadPageLink] the page itself is
// returned too, and its items are valid. Errors: [ErrBadRequest] if Basiq does not accept the Cursor. operationId:
// getTransactions.
func (s *TransactionsService) Page(ctx context.Context, userID string, at Cursor, options ...ListOption[Transaction]) (*Page[Transaction], error) {
	return s.collection(userID, options).one(ctx, at)
}

func (s *TransactionsService) collection(userID string, options []ListOption[Transaction]) collection[Transaction] {
	return collection[Transaction]{
		client: s.client, op: opGetTransactions, ids: []pathParam{{"userID", userID}}, resource: transactionResource, options: options, sized: true,
		request: bindIDInput(s.client.raw.GetTransactions, userID, nil),
	}
}

// Get returns a transaction. operationId: getTransaction.
func (s *TransactionsService) Get(ctx context.Context, userID, transactionID string) (*Transaction, error) {
	return get(ctx, s.client, opGetTransaction, []pathParam{{"userID", userID}, {"transactionID", transactionID}}, transactionResource, bindIDs(s.client.raw.GetTransaction, userID, transactionID))
}

var transactionResource = resource[Transaction]{"transaction", func(t *Transaction) (string, string) { return t.Type, t.ID }}
