package basiqtest_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// tokens requests n tokens, and asserts that all requests succeed.
func tokens(t *testing.T, s *basiqtest.Sandbox, n int) {
	t.Helper()
	for range n {
		require.Equal(t, http.StatusOK, oneToken(t, s).status)
	}
}

func oneToken(t *testing.T, s *basiqtest.Sandbox) reply {
	t.Helper()
	return requestToken(t, s, "Basic "+s.APIKey(), "3.0", url.Values{"scope": {server}})
}

func TestLimits_Tokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := basiqtest.New(t, basiqtest.WithLimits())
		refused := func() {
			t.Helper()
			r := oneToken(t, s)
			r.requireError(http.StatusForbidden, "request-not-valid", "Invalid request")
			assert.Equal(t, "Invalid request", r.text("data.0.title"))
		}
		c := newCaller(t, s, "3.0", server, "")
		tokens(t, s, 999)
		time.Sleep(2 * time.Minute)
		for range 10 { // invalid requests are not counted
			assert.Equal(t, http.StatusNotFound, requestToken(t, s, "Basic nothing", "3.0", nil).status)
		}
		tokens(t, s, 500)
		refused()
		time.Sleep(3*time.Minute - time.Nanosecond)
		refused()
		time.Sleep(time.Nanosecond) // the window has moved past the first thousand
		tokens(t, s, 1000)
		refused()
		assert.Equal(t, http.StatusCreated, c.post("/users", map[string]any{"email": "gavin@hooli.com"}).status, "other calls are not limited")
		time.Sleep(2 * time.Minute)
		tokens(t, s, 500)
		refused()
	})
}

// In a bubble, no time passes while the connections are created, so the job of the second one is still running.
func TestLimits_Connections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t, basiqtest.WithLimits())
		id, other := c.newUser(), c.newUser()
		path := "/users/" + id + "/connections"
		for i := range 500 {
			require.Equal(t, http.StatusAccepted, c.post(path, credentials(hooli, "u"+strconv.Itoa(i), "p")).status)
		}
		for _, user := range []string{id, other} { // the limit applies to the application
			c.post("/users/"+user+"/connections", credentials(hooli, "one more", "p")).requireError(http.StatusForbidden,
				"too-many-sandbox-connections", "Limit reached for sandbox connections.")
		}
		assert.Equal(t, http.StatusOK, c.post(path, credentials(hooli, "u1", "p")).status, "the running job")
		require.Equal(t, http.StatusNoContent, c.delete(path+"/"+c.newestConnection(id)).status)
		require.Equal(t, http.StatusAccepted, c.post(path, credentials(hooli, "one more", "p")).status)
	})
}

func TestLimits_Default(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		tokens(t, c.sandbox, 1501)
		id := c.newUser()
		for i := range 501 {
			r := c.post("/users/"+id+"/connections", credentials(hooli, "u"+strconv.Itoa(i), "p"))
			require.Equal(t, http.StatusAccepted, r.status)
		}
	})
}

// Summaries and reports are limited to a thousand each per day, regardless of the number of users created.
func TestLimits_Daily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t, basiqtest.WithLimits())
		id := c.customer("Whistler")
		for range 1000 {
			require.Equal(t, http.StatusCreated, c.post("/users", map[string]any{"email": "gavin@hooli.com"}).status)
		}
		account := c.get("/users/" + id + "/accounts").text("data.1.id")
		income := map[string]any{"fromMonth": "1999-12", "toMonth": "1999-12", "accounts": []string{account}}
		report := newReport("STATEMENT_01", statementFilters(id, account))
		const detail = "You have exceeded the rate limit for this API."
		for range 1000 {
			require.Equal(t, http.StatusOK, c.post("/users/"+id+"/income", income).status)
			require.Equal(t, http.StatusAccepted, c.post("/reports", report).status)
		}
		c.post("/users/"+id+"/income", income).requireError(http.StatusTooManyRequests, "too-many-requests", detail)
		c.post("/reports", report).requireError(http.StatusTooManyRequests, "too-many-requests", detail)
	})
}
