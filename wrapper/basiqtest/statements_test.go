package basiqtest_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

type file struct{ name, contentType, content string }

// upload uploads a statement. Parts with an empty value are omitted.
func (c *caller) upload(userID, bank string, f file) reply {
	c.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if bank != "" {
		require.NoError(c.t, form.WriteField("institutionId", bank))
	}
	require.NoError(c.t, form.WriteField("ignored", "x"))
	if f.name != "" {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="statement"; filename="` + f.name + `"`}}
		if f.contentType != "" {
			header.Set("Content-Type", f.contentType)
		}
		part, err := form.CreatePart(header)
		require.NoError(c.t, err)
		_, err = part.Write([]byte(f.content))
		require.NoError(c.t, err)
	}
	require.NoError(c.t, form.Close())
	return bindInput(c.t, c.sandbox, http.MethodPost, "/users/"+userID+"/statements", body.String(), map[string]string{
		"Authorization": "Bearer " + c.token, "Content-Type": form.FormDataContentType(),
	})
}

const header = "accountNo,name,accountHolder,currency,availableFunds,lastUpdated,date,description,amount,balance\n"

// twoAccounts starts with the oldest row. The second account has a single pending row.
const twoAccounts = "accountNo,name,accountHolder,currency,availableFunds,lastUpdated,date,description,amount,balance,status,class,accountType,note\n" +
	"082-001 123456,Everyday,GAVIN BELSON,AUD,90.10,1999-12-31,1999-12-01,SALARY HOOLI,100.00,150.00,,,,\n" +
	"082-001 123456,Everyday,GAVIN BELSON,AUD,90.10,1999-12-31,1999-12-02,\"WOOLWORTHS, DEE WHY\",-50,100.00,posted,,,one\n" +
	"9001,Card,,USD,,1999-12-30T10:00:00Z,1999-12-30T11:00:00Z,NETFLIX,-9.90,0,pending,,credit-card,\n" +
	"082-001 123456,Everyday,GAVIN BELSON,AUD,90.10,1999-12-31,1999-12-02,MONTHLY ACCOUNT FEE,-9.9,90.10,,,,\n" +
	"9001,Card,,USD,,1999-12-30T10:00:00Z,1999-12-29,XYZZY,-20.00,-20.00,,transfer,credit-card,\n"

func TestStatements_CSV(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		r := c.as("3.0", client, id).upload(id, nab, file{name: "a.csv", content: twoAccounts})
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		assert.Equal(t, "job", r.text("type"))
		conn := c.newestConnection(id)
		path := "/users/" + id
		assert.Equal(t, "pending", c.get(path+"/connections/"+conn).text("status"))
		assert.Equal(t, "csv", c.get(path+"/connections/"+conn).text("method"))
		assert.Zero(t, c.get(path+"/accounts").length("data"))
		time.Sleep(10 * time.Second)
		assert.NotEqual(t, "success", c.get("/jobs/"+r.text("id")).text("steps.2.status"), "takes at least 10 seconds")
		time.Sleep(long)
		assert.Equal(t, []string{"verify-credentials:success", "retrieve-accounts:success", "retrieve-transactions:success"},
			c.get("/jobs/"+r.text("id")).steps())
		assert.Equal(t, "active", c.get(path+"/connections/"+conn).text("status"))
		assert.Equal(t, 2, c.get(path+"/connections/"+conn).length("accounts.data"))
		assert.Zero(t, c.get(path+"/identities").length("data"))

		accounts := c.get(path + "/accounts")
		require.Equal(t, 2, accounts.length("data"))
		for field, want := range map[string]string{
			"0.accountNo": "082-001 123456", "0.name": "Everyday", "0.accountHolder": "GAVIN BELSON", "0.currency": "AUD",
			"0.availableFunds": "90.10", "0.balance": "90.10", "0.lastUpdated": "1999-12-31T00:00:00Z", "0.bsb": "082001",
			"0.class.type": "transaction", "0.transactionIntervals.0.from": "1999-12-01",
			"0.transactionIntervals.0.to": "1999-12-02", "0.institution": nab, "0.connection": conn,
			"1.class.type": "credit-card", "1.currency": "USD", "1.balance": "-20.00",
			"1.lastUpdated": "1999-12-30T10:00:00Z", "1.transactionIntervals.0.to": "1999-12-29",
		} {
			assert.Equal(t, want, accounts.text("data."+field), field)
		}
		holder, _ := accounts.at("data.1.accountHolder")
		assert.Nil(t, holder)
		funds, _ := accounts.at("data.1.availableFunds")
		assert.Nil(t, funds)

		transactions := c.get(path + "/transactions")
		require.Equal(t, 5, transactions.length("data"))
		for i, want := range []string{
			"posted 1999-12-02T00:00:00Z MONTHLY ACCOUNT FEE bank-fee -9.90 90.10 AUD",
			"posted 1999-12-02T00:00:00Z WOOLWORTHS, DEE WHY payment -50.00 100.00 AUD",
			"posted 1999-12-01T00:00:00Z SALARY HOOLI direct-credit 100.00 150.00 AUD",
			"pending  NETFLIX payment -9.90  USD",
			"posted 1999-12-29T00:00:00Z XYZZY transfer -20.00 -20.00 USD",
		} {
			item, _ := transactions.at("data." + strconv.Itoa(i))
			m := mapped(item.(map[string]any))
			assert.Equal(t, want, strings.Join([]string{
				m.text("status"), m.text("postDate"), m.text("description"), m.text("class"), m.text("amount"),
				m.text("balance"), m.text("currency"),
			}, " "))
		}
		assert.Equal(t, "Woolworths", transactions.text("data.1.enrich.merchant.businessName"))
		assert.Equal(t, 3, c.get(filtered(path+"/transactions", "account.id.eq('"+accounts.text("data.0.id")+"')")).length("data"))
		assert.Equal(t, 2, c.get(filtered(path+"/accounts", "connection.id.eq('"+conn+"')")).length("data"))
	})
}

// Descriptions are returned unchanged.
func TestStatements_CSV_Descriptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		texts := []string{`He said "no"`, `back\slash`, "tab\there", "Café Zürich €5", "<b> & 'x'", "日本 🍣", "two\nlines"}
		content := "\xef\xbb\xbf" + header
		for _, text := range texts {
			content += `1,"` + strings.ReplaceAll(text, `"`, `""`) + `",G,AUD,1.00,1999-12-31,1999-12-01,"` +
				strings.ReplaceAll(text, `"`, `""`) + "\",-1.00,5.00\n"
			content = strings.Replace(content, "\n1,", "\n"+strconv.Itoa(len(content))+",", 1) // a separate account
		}
		r := c.upload(id, nab, file{name: "a.csv", content: content})
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		time.Sleep(long)
		accounts, transactions := c.get("/users/"+id+"/accounts"), c.get("/users/"+id+"/transactions")
		require.Equal(t, len(texts), transactions.length("data"), transactions.raw)
		for i, text := range texts {
			assert.Equal(t, text, accounts.text("data."+strconv.Itoa(i)+".name"))
			assert.Equal(t, text, transactions.text("data."+strconv.Itoa(i)+".description"))
		}
	})
}

// Transactions of a statement are classified by their descriptions.
func TestStatements_CSV_Enriched(t *testing.T) {
	t.Parallel()
	rows := []struct{ description, amount, class, tag, clean, paid string }{
		{"SALARY HOOLI PTY LTD 17", "3000", "direct-credit", "income:salary", "Hooli Pty Ltd", "apcaNumber"},
		{"RECEIVED 4711", "20", "direct-credit", "", "Received", ""},
		{"WOOLWORTHS 1624 DEE WHY", "-20", "payment", "", "Woolworths", ""},
		{"BPAY SYNERGY 99", "-80", "payment", "", "Synergy", "bpay"},
		{"DIRECT DEBIT SYNERGY", "-80", "payment", "", "Synergy", "apcaNumber"},
		{"BPAY XYZZY", "-80", "payment", "", "Bpay Xyzzy", ""},
		{"AFTERPAY", "-25", "payment", "liability:afterpay", "Afterpay", ""},
		{"LJ HOOKER", "-700", "payment", "expense:rent", "LJ Hooker", ""},
		{"REFUND WOOLWORTHS", "5", "refund", "", "Woolworths", ""},
		{"TRANSFER TO WOOLWORTHS", "-5", "transfer", "", "Transfer To Woolworths", ""},
		{"ATM WITHDRAWAL", "-100", "cash-withdrawal", "", "Atm Withdrawal", ""},
		{"DISHONOUR FEE", "-15", "bank-fee", "conduct:dishonour", "Dishonour Fee", ""},
		{"LATE PAYMENT FEE", "-15", "bank-fee", "conduct:late", "Late Payment Fee", ""},
		{"OVERDRAWN FEE", "-15", "bank-fee", "conduct:overdrawn", "Overdrawn Fee", ""},
		{"ACCOUNT FEE", "-5", "bank-fee", "", "Account Fee", ""},
		{"INTEREST CHARGED", "-9", "loan-interest", "conduct:interest", "Interest Charged", ""},
		{"CREDIT INTEREST", "9", "interest", "", "Credit Interest", ""},
		{"LOAN REPAYMENT 1", "-400", "loan-repayment", "loan:loan repayment", "Loan Repayment", ""},
	}
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		var content strings.Builder
		content.WriteString(header)
		for _, row := range rows {
			fmt.Fprintf(&content, "1,N,G,AUD,,1999-12-31,1999-12-01,%s,%s,0\n", row.description, row.amount)
		}
		c.upload(id, nab, file{name: "a.csv", content: content.String()})
		time.Sleep(long)
		list := c.all("/users/" + id + "/transactions")
		require.Len(t, list, len(rows))
		for i, row := range rows {
			m := list[i]
			require.Equal(t, row.description, m.text("description"), "transactions of one day keep their order")
			assert.Equal(t, row.class, m.text("class"), row.description)
			enrich := mapped(m["enrich"].(map[string]any))
			assert.Equal(t, row.clean, enrich.text("cleanDescription"))
			tags := []any{}
			if row.tag != "" {
				tags = append(tags, row.tag)
			}
			assert.Equal(t, tags, enrich["tags"], row.description)
			details, _ := m["paymentDetails"].(map[string]any)
			if row.paid == "" {
				assert.Empty(t, details, row.description)
			} else {
				assert.Contains(t, details, row.paid, row.description)
			}
		}
		bpay := list[3]["paymentDetails"].(map[string]any)["bpay"].(map[string]any)
		assert.Equal(t, "Synergy", bpay["billerName"])
		assert.Regexp(t, `^\d{6}$`, bpay["billerCode"])
		assert.Regexp(t, `^\d{10}$`, bpay["crn"])
	})
}

// Files may start with the newest row. The newest posted row sets the account balance, and unknown without one.
func TestStatements_CSV_Order(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.upload(id, nab, file{name: "a.csv", content: strings.Replace(header, "balance", "balance,status", 1) +
			"1,N,G,AUD,,1999-12-31,1999-12-05,E,-1,70,posted\n" +
			"1,N,G,AUD,,1999-12-31,1999-12-03,D,-1,71,\n" +
			"1,N,G,AUD,,1999-12-31,1999-12-03,C,-1,72,\n" +
			"2,N,G,AUD,,1999-12-31,1999-12-03,P,-1,72,pending\n" +
			"1,N,G,AUD,,1999-12-31,1999-12-31,Q,-1,73,pending\n" +
			"1,N,G,AUD,,1999-12-31,1999-12-01,A,-1,73,\n"})
		time.Sleep(long)
		var order []string
		for _, m := range c.all("/users/" + id + "/transactions") {
			order = append(order, m.text("description"))
		}
		assert.Equal(t, []string{"Q", "E", "D", "C", "A", "P"}, order)
		accounts := c.get("/users/" + id + "/accounts")
		assert.Equal(t, "70.00", accounts.text("data.0.balance"))
		assert.Equal(t, "0.00", accounts.text("data.1.balance"))
		assert.Zero(t, accounts.length("data.1.transactionIntervals"))
	})
}

// A statement is a connection: it can be filtered, deleted and purged, but not refreshed.
func TestStatements_Connection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		path := "/users/" + id
		c.upload(id, nab, file{name: "a.csv", content: twoAccounts})
		time.Sleep(long)
		first := c.newestConnection(id)
		c.upload(id, nab, file{name: "b", contentType: "text/csv; charset=utf-8", content: twoAccounts})
		time.Sleep(long)
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		assert.Equal(t, 7, c.get(path+"/accounts").length("data"))
		assert.Equal(t, 4, c.get(filtered(path+"/accounts", "institution.id.eq('"+nab+"')")).length("data"))
		c.post(path+"/connections/"+first+"/refresh", nil).requireError(400, "parameter-not-valid", "Connection type is not Web")
		assert.Equal(t, 1, c.post(path+"/connections/refresh", nil).length("data"))
		time.Sleep(long)

		require.Equal(t, http.StatusNoContent, c.delete(path+"/connections/"+first).status)
		assert.Equal(t, 4, c.get(filtered(path+"/accounts", "institution.id.eq('"+nab+"')")).length("data"))
		assert.Equal(t, 10, c.get(filtered(path+"/transactions", "institution.id.eq('"+nab+"')")).length("data"))
		rest := c.get(path + "/connections").text("data.0.id")
		require.Equal(t, http.StatusNoContent, c.post(path+"/connections/"+rest+"/purge", nil).status)
		assert.Zero(t, c.get(filtered(path+"/accounts", "institution.id.eq('"+nab+"')")).length("data"))
		assert.Zero(t, c.get(filtered(path+"/transactions", "institution.id.eq('"+nab+"')")).length("data"))
		assert.Equal(t, 3, c.get(path+"/accounts").length("data"), "accounts of the other bank are kept")
	})
}

func TestStatements_PDF(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id, other := c.newUser(), c.newUser()
		c.upload(id, nab, file{name: "a.pdf", content: "%PDF-1.7 one"})
		c.upload(other, nab, file{name: "a.csv", content: "%PDF-1.7 one"})
		c.upload(other, nab, file{name: "b.pdf", content: "%PDF-1.7 two"})
		time.Sleep(long)
		assert.Equal(t, "pdf", c.get("/users/"+id+"/connections").text("data.0.method"))
		assert.Equal(t, "pdf", c.get("/users/"+other+"/connections").text("data.0.method"), "regardless of its name")
		one, both := c.get("/users/"+id+"/accounts"), c.get("/users/"+other+"/accounts")
		require.Equal(t, 1, one.length("data"))
		require.Equal(t, 2, both.length("data"))
		for _, field := range []string{"accountNo", "balance", "lastUpdated"} {
			assert.Equal(t, one.text("data.0."+field), both.text("data.0."+field), "same file, same account")
		}
		assert.NotEqual(t, both.text("data.0.accountNo"), both.text("data.1.accountNo"))
		assert.Equal(t, "1999-12-31T23:59:59Z", one.text("data.0.lastUpdated"))
		list := c.all("/users/" + id + "/transactions")
		require.Greater(t, len(list), 10)
		assert.Equal(t, one.text("data.0.balance"), list[0].text("balance"))
		last := list[0].text("postDate")
		salaries := 0
		for _, m := range list {
			require.LessOrEqual(t, m.text("postDate"), last)
			last = m.text("postDate")
			require.GreaterOrEqual(t, last, "1999-10-01T00:00:00Z")
			require.Less(t, last, "2000-01-01T00:00:00Z")
			if m.text("class") == "direct-credit" {
				salaries++
			}
		}
		assert.Equal(t, 3, salaries)
	})
}

// Errors whose codes are documented for responses are reported in the response.
func TestStatements_Create_Errors(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.newUser()
	row := "1,Everyday,G,AUD,1.00,1999-12-31,1999-12-01,SHOP,-1.00,5.00\n"
	for name, of := range map[string]struct{ content, code, detail string }{
		"empty":         {"", "empty-file", "The uploaded file is empty."},
		"blank":         {" \n\n", "empty-file", "The uploaded file is empty."},
		"header only":   {header, "empty-file", "The uploaded file has no transactions."},
		"no balance":    {strings.Replace(header, ",balance", "", 1) + row, "missing-required-field", "Required field balance is missing."},
		"no number":     {strings.Replace(header, "accountNo", "account", 1) + row, "missing-required-field", "Required field accountNo is missing."},
		"empty amount":  {header + row + strings.Replace(row, "-1.00", "", 1), "missing-required-field-value", "Value of required field amount is missing in row 3."},
		"blank name":    {header + strings.Replace(row, "Everyday", "  ", 1), "missing-required-field-value", "Value of required field name is missing in row 2."},
		"amount":        {header + strings.Replace(row, "-1.00", "1.234", 1), "invalid-field-value", "Value of field amount is not valid in row 2."},
		"balance":       {header + strings.Replace(row, "5.00", "five", 1), "invalid-field-value", "Value of field balance is not valid in row 2."},
		"date":          {header + strings.Replace(row, "1999-12-01", "1/12/1999", 1), "invalid-field-value", "Value of field date is not valid in row 2."},
		"updated":       {header + strings.Replace(row, "1999-12-31", "today", 1), "invalid-field-value", "Value of field lastUpdated is not valid in row 2."},
		"currency":      {header + strings.Replace(row, "AUD", "Dollar", 1), "invalid-field-value", "Value of field currency is not valid in row 2."},
		"funds":         {header + strings.Replace(row, "1.00", "$1", 1), "invalid-field-value", "Value of field availableFunds is not valid in row 2."},
		"status":        {strings.Replace(header, "balance", "balance,status", 1) + strings.Replace(row, "5.00", "5.00,lost", 1), "invalid-field-value", "Value of field status is not valid in row 2."},
		"class":         {strings.Replace(header, "balance", "balance,class", 1) + strings.Replace(row, "5.00", "5.00,gift", 1), "invalid-field-value", "Value of field class is not valid in row 2."},
		"account type":  {strings.Replace(header, "balance", "balance,accountType", 1) + strings.Replace(row, "5.00", "5.00,sock", 1), "invalid-field-value", "Value of field accountType is not valid in row 2."},
		"other name":    {header + row + strings.Replace(row, "Everyday", "Someday", 1), "account-data-differs", "Field name of account 1 differs in row 3."},
		"other funds":   {header + row + strings.Replace(row, "1.00", "2.00", 1), "account-data-differs", "Field availableFunds of account 1 differs in row 3."},
		"too many rows": {header + strings.Repeat(row, 20_001), "row-count-exceeded", "The file has more than 20000 rows."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &caller{t: t, sandbox: c.sandbox, token: c.token}
			r := c.upload(id, nab, file{name: "a.CSV", content: of.content})
			r.requireError(400, of.code, of.detail)
			assert.Equal(t, "statement", r.text("data.0.source.parameter"))
			assert.Zero(t, c.get("/users/"+id+"/connections").length("data"))
		})
	}
}

// Errors whose codes are documented for jobs only are reported by the job. The connection becomes invalid, because it
// cannot be retried.
func TestStatements_Job_Errors(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		file         file
		code, detail string
	}{
		"neither": {file{name: "a.pdf", content: "hello"}, "bank-statement-parsing-error", "Statement could not be parsed."},
		"short row": {
			file{name: "a.csv", content: header + "1,Everyday\n"}, "invalid-csv-row", "Row 2 is not valid.",
		},
		"bare quote": {
			file{name: "a.csv", content: header + "1,Everyday,G,AUD,1.00,1999-12-31,1999-12-01,\"SHOP\"S,-1.00,5.00\n"},
			"invalid-csv-row", "Row 2 is not valid.",
		},
		"bad header": {file{name: "a.csv", content: "account\"No\n"}, "invalid-csv-row", "Row 1 is not valid."},
		"later": {
			file{name: "a.csv", content: header + "1,Everyday,G,AUD,1.00,1999-12-31,2000-01-01,SHOP,-1.00,5.00\n"},
			"txn-after-last-updated-date", "The transaction in row 2 is later than the last update of its account.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.newUser()
				r := c.upload(id, nab, of.file)
				require.Equal(t, http.StatusAccepted, r.status, r.raw)
				time.Sleep(long)
				job := c.get("/jobs/" + r.text("id"))
				assert.Equal(t, []string{"verify-credentials:failed", "retrieve-accounts:pending", "retrieve-transactions:pending"}, job.steps())
				assert.Equal(t, of.code, job.text("steps.0.result.code"))
				assert.Equal(t, of.detail, job.text("steps.0.result.detail"))
				assert.NotEmpty(t, job.text("steps.0.result.title"))
				assert.Equal(t, "invalid", c.get("/users/"+id+"/connections").text("data.0.status"))
				assert.Zero(t, c.get("/users/"+id+"/accounts").length("data"))
			})
		})
	}
}

func TestStatements_Create_InvalidRequests(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.newUser()
	csv := file{name: "a.csv", content: twoAccounts}
	for _, bank := range []string{hooli, piedPiper, nucleus, hooliGov, "AU99999"} {
		c.upload(id, bank, csv).requireError(400, "institution-not-supported", "Institution "+bank+" is not supported on this endpoint")
	}
	c.upload(id, "", csv).requireError(400, "invalid-content", "InstitutionID not provided")
	c.upload(id, nab, file{}).requireError(400, "parameter-not-valid", "Statement is not valid")
	c.upload(noID, nab, csv).requireError(404, "resource-not-found", "Requested user does not exist.")
	c.as("3.0", client, c.newUser()).upload(id, nab, csv).
		requireError(401, "unauthorized-access", "You are not authorized to access this resource")
	c.post("/users/"+id+"/statements", map[string]any{"institutionId": nab}).
		requireError(415, "unsupported-content-type", "Content type is not supported on requested endpoint.")
	for _, body := range []string{"", "--x\r\n", "--x\r\nContent-Disposition: form-data; name=\"statement\"\r\n\r\nabc"} {
		bindInput(t, c.sandbox, http.MethodPost, "/users/"+id+"/statements", body, map[string]string{
			"Authorization": "Bearer " + c.token, "Content-Type": "multipart/form-data; boundary=x",
		}).requireError(400, "parameter-not-valid", "Statement is not valid")
	}
	c.upload(id, nab, file{name: "a.pdf", content: "%PDF-" + strings.Repeat("x", 11<<20)}).
		requireError(413, "request-not-valid", "Request Too Long")
}

// In a bubble, no time passes during the uploads, so no job ends.
func TestStatements_ConnectionLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t, basiqtest.WithLimits(), basiqtest.WithTokenLifetime(time.Hour))
		id := c.newUser()
		for i := range 500 {
			r := c.upload(id, nab, file{name: "a.pdf", content: fmt.Sprintf("%%PDF-%d", i)})
			require.Equal(t, http.StatusAccepted, r.status, r.raw)
		}
		c.upload(id, nab, file{name: "a.pdf", content: "%PDF-"}).
			requireError(403, "too-many-sandbox-connections", "Limit reached for sandbox connections.")
	})
}

// A statement may contain days in the future. Summaries of such periods cover them.
func TestStatements_FutureTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, rows := range map[string]string{
			"posted":               "2098-02-01,RENT,1.00,1.00,\n1,Savings,AUD,2099-01-01,2098-03-01,SALARY,2.00,3.00,\n",
			"pending":              "2098-02-01,RENT,1.00,1.00,pending\n",
			"posted in the future": "2098-02-01,RENT,1.00,1.00,pending\n1,Savings,AUD,2099-01-01,2099-01-01,SALARY,2.00,3.00,\n",
		} {
			c := new30(t)
			id := c.newUser()
			content := "accountNo,name,currency,lastUpdated,date,description,amount,balance,status\n1,Savings,AUD,2099-01-01," + rows
			require.Equal(t, http.StatusAccepted, c.upload(id, nab, file{"a.csv", "", content}).status, name)
			time.Sleep(2 * long)
			for _, kind := range []string{"affordability", "income", "expenses"} {
				r := c.post("/users/"+id+"/"+kind, map[string]string{"fromMonth": "2098-01", "toMonth": "2098-12"})
				require.Equal(t, http.StatusOK, r.status, name+" "+r.raw)
			}
		}
	})
}
