package basiqtest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	encodingcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

const (
	// statementPace results in 13 seconds per statement. The documentation specifies 10 to 30 seconds.
	statementPace = 2.0
	// maxRows is the maximum number of transactions in a CSV file. Basiq has a limit, but does not document it.
	maxRows = 20_000
)

// A bankStatement is an uploaded statement: accounts with transactions, or the reason why it is invalid.
type bankStatement struct {
	failure  *stepError
	accounts []*statementAccount
	byKey    map[string]*statementAccount
}

type statementAccount struct {
	bank.Account

	currency     string
	updated      time.Time
	transactions []*bank.Transaction // pending first, then the newest first
}

func (statement *bankStatement) list() []bank.Account {
	list := make([]bank.Account, 0, len(statement.accounts))
	for _, a := range statement.accounts {
		list = append(list, a.Account)
	}
	return list
}

func (statement *bankStatement) account(key string) *statementAccount {
	return statement.byKey[key]
}

func (statement *bankStatement) transactions(key string) []*bank.Transaction {
	return statement.account(key).transactions
}

// describe sets the fields of a holding that only statements have.
func (statement *bankStatement) describe(h *holding) {
	a := statement.account(h.Key)
	h.currency, h.updated = a.currency, a.updated
}

// createStatement creates a connection for a statement, with a job and with accounts once the job is done. Errors in
// the file with a code that is documented for responses are reported in the response, all others by the job.
func (s *Sandbox) createStatement(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	up, err := c.upload()
	if err != nil {
		return response{}, err
	}
	if up.institution == "" {
		return response{}, invalidRequestContent("InstitutionID not provided") // recorded
	}
	institution := bank.FindBank(up.institution)
	if institution == nil || len(institution.Statements) == 0 {
		return response{}, institutionNotSupported(up.institution)
	}
	if !up.hasFile {
		return response{}, statementNotValid()
	}
	method, statement, err := readStatement(up, institution, c.now)
	if err != nil {
		return response{}, err
	}
	if s.config.limits && s.countConnections() >= maxConnections {
		return response{}, tooManyConnections()
	}
	conn := &connection{id: s.newID(), user: u, institution: institution, method: method, created: c.now, statement: statement}
	u.connections = append(u.connections, conn)
	s.emitConnection(conn, gen.EventActionCreated, c.now)
	return s.startJob(c.now, conn).reference(&c.view, http.StatusAccepted), nil
}

func institutionNotSupported(id string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: "institution-not-supported", title: "Institution not supported",
		detail: "Institution " + id + " is not supported on this endpoint", source: fromParameter("institutionId"),
	}
}

func statementNotValid() *failure {
	return notValid("Statement is not valid", fromParameter("statement"))
}

// An upload is the parsed form of createStatement.
type upload struct {
	institution string
	hasFile     bool
	name        string
	contentType string
	content     []byte
}

// upload parses the form. The first value of a repeated field is used, and unknown fields are ignored.
func (c *call) upload() (*upload, error) {
	contentType, parameters, err := mime.ParseMediaType(c.http.Header.Get("Content-Type"))
	if err != nil || contentType != "multipart/form-data" {
		return nil, unsupportedContentType()
	}
	form := multipart.NewReader(bytes.NewReader(c.body), parameters["boundary"])
	complete := bytes.Contains(c.body, []byte("--"+parameters["boundary"]+"--")) // a truncated form also ends with io.EOF
	var up upload
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) && complete {
			return &up, nil
		}
		if err != nil {
			return nil, statementNotValid()
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, statementNotValid()
		}
		switch name := part.FormName(); {
		case name == "institutionId" && up.institution == "":
			up.institution = string(content)
		case name == "statement" && !up.hasFile:
			up.hasFile, up.content = true, content
			up.name, up.contentType = part.FileName(), part.Header.Get("Content-Type")
		}
	}
}

// readStatement parses the file. The error is a *failure.
func readStatement(up *upload, institution *bank.Bank, now time.Time) (gen.ConnectionMethod, *bankStatement, error) {
	if len(bytes.TrimSpace(up.content)) == 0 {
		return "", nil, badStatement("empty-file", "Empty file", "The uploaded file is empty.")
	}
	method, read := gen.ConnectionMethodPDF, func() (*bankStatement, error) { return unparsableStatement(), nil }
	switch {
	case bytes.HasPrefix(up.content, []byte("%PDF-")):
		read = func() (*bankStatement, error) { return readPDF(up.content, now), nil }
	case up.isCSV():
		method, read = gen.ConnectionMethodCSV, func() (*bankStatement, error) { return readCSV(up.content) }
	}
	if !slices.Contains(institution.Statements, string(method)) {
		return method, &bankStatement{failure: &stepError{
			code: "bank-statement-not-supported", title: "Statement not supported.",
			detail: "Statement is not currently supported for this institution - check statement uploaded against correct bank.",
		}}, nil
	}
	statement, err := read()
	return method, statement, err
}

func (up *upload) isCSV() bool {
	mediaType, _, _ := mime.ParseMediaType(up.contentType)
	header, _, _ := bytes.Cut(up.content, []byte("\n"))
	return strings.EqualFold(path.Ext(up.name), ".csv") || mediaType == "text/csv" || mediaType == "application/csv" ||
		bytes.Contains(header, []byte("txnDescription"))
}

// unparsableStatement is a statement that is neither CSV nor PDF. Title and detail of its error are not documented.
func unparsableStatement() *bankStatement {
	return &bankStatement{failure: &stepError{
		code: "bank-statement-parsing-error", title: "Statement parsing error.", detail: "Statement could not be parsed.",
	}}
}

// badStatement is the error response to an invalid file. Only the codes of these errors are documented.
func badStatement(code, title, detail string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: code, title: title, detail: detail, source: fromParameter("statement"),
	}
}

// Columns of a CSV file. The names are the ones that Basiq's institutions list as features of CSV files, with a prefix
// if account and transaction share a name. Columns may be in any order, and unknown columns are ignored. The columns of
// the only CSV file published by Basiq are also accepted; see publishedColumns.
const (
	columnNumber      = "accountNo"
	columnName        = "name"
	columnHolder      = "accountHolder" // optional, like all columns that are not in requiredColumns
	columnKind        = "accountType"
	columnCurrency    = "currency"
	columnAvailable   = "availableFunds"
	columnUpdated     = "lastUpdated"
	columnDate        = "date"
	columnDescription = "description"
	columnAmount      = "amount"
	columnBalance     = "balance" // after the transaction; the newest one sets the account balance
	columnStatus      = "status"
	columnClass       = "class"
)

// publishedColumns maps the columns of the statement in Basiq's own tests to the sandbox's. In that format, dates have
// slashes, amounts have no sign, and the file has no extension.
var publishedColumns = map[string]string{
	"accProduct": columnName, "accType": columnKind, "accCurrency": columnCurrency, "accAvailableFunds": columnAvailable,
	"accLastUpdated": columnUpdated, "txnPostDate": columnDate, "txnDescription": columnDescription, "txnAmount": columnAmount,
	"txnBalance": columnBalance,
}

const columnDirection = "txnDirection"

var (
	requiredColumns = []string{
		columnNumber, columnName, columnCurrency, columnUpdated, columnDate, columnDescription, columnAmount, columnBalance,
	}
	accountColumns = []string{columnName, columnHolder, columnKind, columnCurrency, columnAvailable, columnUpdated}
)

var (
	// currencyForm matches any currency. The 3.0 documentation names three.
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	// bsbForm matches a BSB at the start of an account number.
	bsbForm = regexp.MustCompile(`^([0-9]{3})-?([0-9]{3})[- ]`)
)

var accountKinds = []string{
	"transaction", "savings", "credit-card", "mortgage", "loan", "investment", "term-deposit", "insurance", "foreign", "unknown",
}

var transactionClasses = []string{
	"bank-fee", "payment", "cash-withdrawal", "transfer", "loan-interest", "refund", "direct-credit", "interest",
	"loan-repayment",
}

// A row is a transaction in a CSV file.
type row struct {
	number int // the first transaction is in row 2
	fields map[string]string
}

// readCSV parses the file row by row and returns the first error.
func readCSV(content []byte) (*bankStatement, error) {
	reader := encodingcsv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
	reader.FieldsPerRecord = -1 // rows of a different length are checked below
	header, err := reader.Read()
	if err != nil {
		return invalidRow(1), nil //nolint:nilerr // the job reports the error
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		header[i] = cmp.Or(publishedColumns[header[i]], header[i])
	}
	for _, name := range requiredColumns {
		if !slices.Contains(header, name) {
			return nil, badStatement("missing-required-field", "Missing required field", "Required field "+name+" is missing.")
		}
	}
	statement := &bankStatement{byKey: map[string]*statementAccount{}}
	first := map[string]row{} // first row of each account
	for number := 2; ; number++ {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(record) != len(header) {
			return invalidRow(number), nil //nolint:nilerr // the job reports the error
		}
		if number-1 > maxRows {
			return nil, badStatement("row-count-exceeded", "Row count exceeded",
				fmt.Sprintf("The file has more than %d rows.", maxRows))
		}
		r := row{number: number, fields: make(map[string]string, len(header))}
		for i, name := range header {
			r.fields[name] = strings.TrimSpace(record[i])
		}
		r.normalize()
		if err := statement.add(r, first); err != nil {
			return nil, err
		}
	}
	if len(statement.accounts) == 0 && statement.failure == nil {
		return nil, badStatement("empty-file", "Empty file", "The uploaded file has no transactions.")
	}
	for _, a := range statement.accounts {
		a.finalize()
	}
	return statement, nil
}

func invalidRow(number int) *bankStatement {
	return &bankStatement{failure: &stepError{
		code: "invalid-csv-row", title: "Invalid CSV row.", detail: "Row " + strconv.Itoa(number) + " is not valid.",
	}}
}

// add adds a row. If a transaction is later than the last update of its account, the job will fail.
func (statement *bankStatement) add(r row, first map[string]row) error {
	for _, name := range requiredColumns {
		if r.fields[name] == "" {
			return badStatement("missing-required-field-value", "Missing required field value",
				fmt.Sprintf("Value of required field %s is missing in row %d.", name, r.number))
		}
	}
	t, err := r.transaction()
	if err != nil {
		return err
	}
	key := r.fields[columnNumber]
	opening, known := first[key]
	if !known {
		account, err := r.account()
		if err != nil {
			return err
		}
		statement.accounts, first[key] = append(statement.accounts, account), r
		statement.byKey[key] = account
	}
	for _, name := range accountColumns {
		if known && opening.fields[name] != r.fields[name] {
			return badStatement("account-data-differs", "Account data differs",
				fmt.Sprintf("Field %s of account %s differs in row %d.", name, key, r.number))
		}
	}
	account := statement.account(key)
	if t.Made.Truncate(24*time.Hour).After(account.updated) && statement.failure == nil {
		statement.failure = &stepError{
			code: "txn-after-last-updated-date", title: "Transaction after last updated date.",
			detail: fmt.Sprintf("The transaction in row %d is later than the last update of its account.", r.number),
		}
	}
	account.transactions = append(account.transactions, t)
	return nil
}

// normalize converts a row of the published format to the sandbox's.
func (r row) normalize() {
	if _, published := r.fields[columnDirection]; !published {
		return
	}
	for _, name := range []string{columnDate, columnUpdated} {
		day, rest, _ := strings.Cut(r.fields[name], " ")
		r.fields[name] = strings.ReplaceAll(day, "/", "-")
		if rest != "" && strings.Contains(rest, ":") {
			r.fields[name] += "T" + strings.TrimSuffix(rest, "Z") + "Z"
		}
	}
	amount := r.fields[columnAmount]
	if strings.EqualFold(r.fields[columnDirection], string(gen.TransactionDirectionDebit)) && !strings.HasPrefix(amount, "-") {
		r.fields[columnAmount] = "-" + amount
	}
}

func (r row) invalid(name string) error {
	return badStatement("invalid-field-value", "Invalid field value",
		fmt.Sprintf("Value of field %s is not valid in row %d.", name, r.number))
}

func (r row) account() (*statementAccount, error) {
	f := r.fields
	updated, _, ok := parseMoment(f[columnUpdated])
	if !ok {
		return nil, r.invalid(columnUpdated)
	}
	if !currencyForm.MatchString(f[columnCurrency]) {
		return nil, r.invalid(columnCurrency)
	}
	a := &statementAccount{
		Account: bank.Account{
			Key: f[columnNumber], Kind: bank.Everyday, Product: f[columnName], Name: f[columnName], Number: f[columnNumber],
			Holder: f[columnHolder],
		},
		currency: f[columnCurrency], updated: updated,
	}
	if kind := f[columnKind]; kind != "" {
		if !slices.Contains(accountKinds, kind) {
			return nil, r.invalid(columnKind)
		}
		a.Kind = bank.Kind(kind)
	}
	if m := bsbForm.FindStringSubmatch(a.Number); m != nil {
		a.BSB = m[1] + m[2]
	}
	if text := f[columnAvailable]; text != "" {
		if a.Available, a.HasAvailable = parseCents(text); !a.HasAvailable {
			return nil, r.invalid(columnAvailable)
		}
	}
	return a, nil
}

func (r row) transaction() (*bank.Transaction, error) {
	f := r.fields
	made, _, ok := parseMoment(f[columnDate])
	if !ok {
		return nil, r.invalid(columnDate)
	}
	amount, ok := parseCents(f[columnAmount])
	if !ok {
		return nil, r.invalid(columnAmount)
	}
	balance, ok := parseCents(f[columnBalance])
	if !ok {
		return nil, r.invalid(columnBalance)
	}
	class := f[columnClass]
	switch {
	case class == "":
		class = string(classify(f[columnDescription], amount))
	case !slices.Contains(transactionClasses, class):
		return nil, r.invalid(columnClass)
	}
	t := newStatementTransaction(strconv.Itoa(r.number), f[columnNumber], f[columnDescription], class, made, amount)
	t.Balance = balance
	switch f[columnStatus] {
	case "", string(gen.TransactionStatusPosted):
	case string(gen.TransactionStatusPending):
		t.Posted, t.Balance = time.Time{}, 0
	default:
		return nil, r.invalid(columnStatus)
	}
	return t, nil
}

// newStatementTransaction returns a transaction of a statement, enriched with its merchant if known.
func newStatementTransaction(key, account, description, class string, made time.Time, amount bank.Cents) *bank.Transaction {
	t := &bank.Transaction{
		Key: key, Account: account, Made: made, Posted: made, Amount: amount, Description: description, Class: class,
	}
	merchant, category, known := bank.Enrich(description)
	if known && hasMerchant(gen.TransactionClass(class)) {
		t.Merchant, t.Category = merchant, category
	} else {
		t.Category = categoryOf(gen.TransactionClass(class), amount)
	}
	return t
}

// finalize sorts the transactions, pending first and then the newest first, and sets the account fields that depend on
// them. Files may start with the oldest or the newest row. Transactions of the same day keep the order of the file.
func (a *statementAccount) finalize() {
	if first, last := a.transactions[0], a.transactions[len(a.transactions)-1]; first.Made.Before(last.Made) {
		slices.Reverse(a.transactions)
	}
	sortTransactions(a.transactions)
	if posted := postedOf(a.transactions); len(posted) > 0 {
		a.First, a.Last, a.Balance = posted[len(posted)-1].Posted, posted[0].Posted, posted[0].Balance
	}
}

// sortTransactions sorts transactions, pending first and then the newest first. Those of the same time keep their order.
func sortTransactions(list []*bank.Transaction) {
	at := func(t *bank.Transaction) time.Time {
		if t.Pending() {
			return t.Made
		}
		return t.Posted
	}
	slices.SortStableFunc(list, func(x, y *bank.Transaction) int {
		return cmp.Or(-compareBools(x.Pending(), y.Pending()), at(y).Compare(at(x)))
	})
}

// postedOf returns the posted transactions of a sorted list.
func postedOf(list []*bank.Transaction) []*bank.Transaction {
	i := slices.IndexFunc(list, func(t *bank.Transaction) bool { return !t.Pending() })
	if i < 0 {
		return nil
	}
	return list[i:]
}

// parseCents parses an amount in dollars and cents.
func parseCents(text string) (bank.Cents, bool) {
	if !amountForm.MatchString(text) {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	n, _ := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64) // amountForm limits the range
	if strings.HasPrefix(text, "-") {
		n = -n
	}
	return bank.Cents(n), true
}

// pdfLines holds the descriptions in generated PDF statements, with the maximum amounts in dollars.
var pdfLines = []struct {
	description string
	most        int
}{
	{"WOOLWORTHS 1624 DEE WHY NSW", 180},
	{"COLES 0417 MANLY NSW", 150},
	{"MCDONALDS 0931 DEE WHY NSW", 30},
	{"BP CONNECT 2207 BROOKVALE NSW", 95},
	{"GARFISH MANLY", 120},
	{"NETFLIX.COM", 25},
	{"ATM WITHDRAWAL DEE WHY NSW", 200},
	{"MONTHLY ACCOUNT FEE", 10},
}

// readPDF generates a statement for the previous three months, because the sandbox cannot parse PDF files. It depends
// only on the content of the file and the month, so the same file always has the same accounts.
func readPDF(content []byte, now time.Time) *bankStatement {
	random := rand.New(rand.NewChaCha8(sha256.Sum256(content))) //nolint:gosec // deterministic by design
	begin := time.Date(now.UTC().Year(), now.UTC().Month()-3, 1, 0, 0, 0, 0, time.UTC)
	end := begin.AddDate(0, 3, 0)
	number := fmt.Sprintf("082001%09d", random.IntN(1_000_000_000))
	a := &statementAccount{
		Account: bank.Account{
			Key: number, Kind: bank.Everyday, Product: "Everyday", Name: "Everyday", Number: number, BSB: number[:6],
			HasAvailable: true,
		},
		currency: australianDollar, updated: end.Add(-time.Second),
	}
	balance := bank.Cents(50_000 + random.IntN(450_000))
	post := func(day time.Time, description string, amount bank.Cents) {
		balance += amount
		t := newStatementTransaction(strconv.Itoa(len(a.transactions)), number, description, string(classify(description, amount)), day, amount)
		t.Balance = balance
		a.transactions = append(a.transactions, t)
	}
	salary := bank.Cents(250_000 + random.IntN(250_000))
	for day := begin; day.Before(end); day = day.AddDate(0, 0, 1) {
		if day.Day() == 15 {
			post(day, "SALARY HOOLI PTY LTD", salary)
		}
		if random.IntN(3) == 0 {
			at := pdfLines[random.IntN(len(pdfLines))]
			post(day, at.description, -bank.Cents(100+random.IntN(at.most*100-100)))
		}
	}
	a.finalize()
	a.Available = a.Balance
	return &bankStatement{accounts: []*statementAccount{a}, byKey: map[string]*statementAccount{a.Key: a}}
}
