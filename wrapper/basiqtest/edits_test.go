package basiqtest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// requireBooks asserts that the transactions of an account are in order and add up to its balance, and returns them.
func (c *caller) requireBooks(userID, accountID string) []reply {
	c.t.Helper()
	path := "/users/" + userID
	list := c.get(filtered(path+"/transactions", "account.id.eq('"+accountID+"')")).each("data")
	balance, day := c.get(path+"/accounts/"+accountID).money("balance"), "9999"
	for _, transaction := range list {
		if transaction.text("status") == "pending" {
			require.Equal(c.t, "9999", day, "pending transactions are first")
			continue
		}
		require.Equal(c.t, balance, transaction.money("balance"), transaction.raw)
		require.LessOrEqual(c.t, transaction.text("postDate"), day)
		balance, day = balance-transaction.money("amount"), transaction.text("postDate")
	}
	return list
}

func TestSandbox_AddTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID, otherID := c.newUser(), c.newUser()
		path := "/users/" + userID
		conn := c.connected(userID, hooli, "gavinBelson", "hooli2016")
		c.connected(otherID, hooli, "gavinBelson", "hooli2016")
		account := c.get(path + "/accounts").text("data.0.id")
		other := c.get("/users/" + otherID + "/accounts").text("data.0.id")
		before := c.requireBooks(userID, account)
		unchanged := c.requireBooks(otherID, other)
		balance := c.get(path + "/accounts/" + account).money("balance")
		refresh := func() {
			c = c.as("3.0", server, "")
			require.Equal(t, http.StatusAccepted, c.post(path+"/connections/"+conn+"/refresh", nil).status)
			time.Sleep(long)
		}

		rent := c.sandbox.AddTransaction(account, basiqtest.Transaction{Description: `RENT "ÖL" 🏠`, Amount: "-500"})
		old := c.sandbox.AddTransaction(account, basiqtest.Transaction{
			Description: "GIFT", Amount: "0.05", Class: "direct-credit", Date: "1999-06-01",
		})
		held := c.sandbox.AddTransaction(account, basiqtest.Transaction{Description: "HOLD", Amount: "-5.10", Pending: true})
		list := c.requireBooks(userID, account)
		require.Len(t, list, len(before)+3)
		assert.Equal(t, []string{held, rent}, []string{list[0].text("id"), list[1].text("id")})
		one := c.get(path + "/transactions/" + rent)
		assert.Equal(t, []string{`RENT "ÖL" 🏠`, "-500.00", "posted", "2000-01-01T00:00:00Z", "payment", "debit"}, []string{
			one.text("description"), one.text("amount"), one.text("status"), one.text("postDate"), one.text("class"), one.text("direction"),
		})
		assert.Equal(t, "1999-06-01T00:00:00Z", c.get(path+"/transactions/"+old).text("postDate"))
		now := c.get(path + "/accounts/" + account)
		assert.Equal(t, balance-50000+5, now.money("balance"))
		assert.Equal(t, balance-50000+5-510, now.money("availableFunds"))

		// The next refresh reports the change, and gives the pending transaction a new ID.
		seen := len(c.eventTypesOf(userID))
		refresh()
		assert.Equal(t, []string{"connection.updated", "account.updated", "transactions.updated"}, c.eventTypesOf(userID)[seen:])
		pending := c.requireBooks(userID, account)[0].text("id")
		assert.NotEqual(t, held, pending)
		posted := c.sandbox.ChangeTransaction(pending, basiqtest.Transaction{Description: "HELD", Amount: "-6"})
		assert.NotEqual(t, pending, posted)
		c.requireBooks(userID, account)

		// Change and remove transactions of the bank and of the test.
		changed, removed := before[10].text("id"), before[20].text("id")
		assert.Equal(t, changed, c.sandbox.ChangeTransaction(changed, basiqtest.Transaction{Description: "X", Amount: "1.50", Date: "1999-12-01"}))
		assert.Equal(t, changed, c.sandbox.ChangeTransaction(changed, basiqtest.Transaction{Description: "Y", Amount: "2.50", Date: "1999-12-01"}))
		c.sandbox.RemoveTransaction(removed)
		c.sandbox.RemoveTransaction(rent)
		for range 2 {
			list = c.requireBooks(userID, account)
			require.Len(t, list, len(before)+1)
			assert.Equal(t, "Y", c.get(path+"/transactions/"+changed).text("description"))
			for _, id := range []string{removed, rent} {
				assert.Equal(t, http.StatusNotFound, c.get(path+"/transactions/"+id).status)
			}
			require.Equal(t, http.StatusNoContent, c.post(path+"/connections/"+conn+"/purge", nil).status)
			refresh()
		}
		assert.Len(t, c.requireBooks(otherID, other), len(unchanged), "other users of the login are not affected")
	})
}

func TestSandbox_AddTransaction_Invalid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tb fakeTB
		sandbox := basiqtest.New(&tb)
		t.Cleanup(tb.cleanups[0])
		c := newCaller(t, sandbox, "3.0", server, "")
		userID := c.newUser()
		path := "/users/" + userID
		conn := c.connected(userID, hooli, "Wentworth-Smith", "whislter")
		time.Sleep(36 * time.Hour)
		c = c.as("3.0", server, "")
		c.post(path+"/connections/refresh", nil)
		time.Sleep(long)
		account := c.get(path + "/accounts").text("data.0.id")
		posted := c.get(filtered(path+"/transactions", "account.id.eq('"+account+"'),transaction.status.eq('posted')")).text("data.0.id")
		pending := c.get(filtered(path+"/transactions", "transaction.status.eq('pending')")).text("data.0.id")
		for _, test := range []struct {
			give basiqtest.Transaction
			want string
		}{
			{basiqtest.Transaction{Amount: "1"}, "transaction.Description is required"},
			{basiqtest.Transaction{Description: "x"}, `invalid transaction.Amount "": must be a number with up to two decimal places, such as -12.50`},
			{basiqtest.Transaction{Description: "x", Amount: "1.234"}, `invalid transaction.Amount "1.234": must be a number with up to two decimal places, such as -12.50`},
			{basiqtest.Transaction{Description: "x", Amount: "1", Class: "gift"}, `unknown transaction.Class "gift" (known: bank-fee, payment, cash-withdrawal, transfer, loan-interest, refund, direct-credit, interest, loan-repayment)`},
			{basiqtest.Transaction{Description: "x", Amount: "1", Date: "2000-02-30"}, `invalid transaction.Date "2000-02-30": must be a date, such as 2026-01-31`},
			{basiqtest.Transaction{Description: "x", Amount: "1", Date: "0001-01-01"}, `invalid transaction.Date "0001-01-01": must be a date, such as 2026-01-31`},
			{basiqtest.Transaction{Description: "x", Amount: "1", Date: "2000-01-03"}, "transaction.Date 2000-01-03 is in the future"},
		} {
			assert.Empty(t, sandbox.AddTransaction(account, test.give))
			assert.Equal(t, "basiqtest: AddTransaction: "+test.want, tb.fatal)
			assert.Empty(t, sandbox.ChangeTransaction(posted, test.give))
			assert.Equal(t, "basiqtest: ChangeTransaction: "+test.want, tb.fatal)
		}
		valid := basiqtest.Transaction{Description: "x", Amount: "0"}
		sandbox.AddTransaction(noID, valid)
		assert.Equal(t, `basiqtest: AddTransaction: account "`+noID+`" does not exist, or its connection was deleted`, tb.fatal)
		sandbox.RemoveTransaction(noID)
		assert.Equal(t, `basiqtest: RemoveTransaction: transaction "`+noID+`" does not exist, or its connection was deleted`, tb.fatal)
		sandbox.RemoveTransaction(pending)
		assert.Equal(t, `basiqtest: RemoveTransaction: transaction "`+pending+`" is pending at the test bank: only posted and added transactions can be changed`, tb.fatal)
		sandbox.ChangeTransaction(posted, basiqtest.Transaction{Description: "x", Amount: "0", Pending: true})
		assert.Equal(t, `basiqtest: ChangeTransaction: transaction "`+posted+`" is posted: it cannot become pending`, tb.fatal)
		c.requireBooks(userID, account)

		// The accounts exist before their transactions have been retrieved.
		require.Equal(t, http.StatusNoContent, c.post(path+"/connections/"+conn+"/purge", nil).status)
		c.post(path+"/connections/refresh", nil)
		for c.get(path+"/accounts").length("data") == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		sandbox.AddTransaction(account, valid)
		assert.Equal(t, `basiqtest: AddTransaction: transactions of account "`+account+`" have not been retrieved`, tb.fatal)
		time.Sleep(long)
		require.Equal(t, http.StatusNoContent, c.delete(path+"/connections/"+conn).status)
		sandbox.AddTransaction(account, valid)
		assert.Equal(t, `basiqtest: AddTransaction: account "`+account+`" does not exist, or its connection was deleted`, tb.fatal)
	})
}
