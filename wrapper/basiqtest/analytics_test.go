package basiqtest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUserAnalytics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which begins on 2000-01-01
		c, _, _ := newest(t)
		c.newUser()
		time.Sleep(40 * 24 * time.Hour) // until 2000-02-10
		c = c.as("3.0", server, "")
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+c.newUser()).status)

		r := c.get("/analytics/users?interval=monthly&fromDate=2000-01-01&toDate=2000-02-29")
		require.Equal(t, http.StatusOK, r.status, r.raw)
		require.Equal(t, 2, r.length("data"))
		assert.Equal(t, "2000-02-01", r.text("data.1.date"))
		for path, want := range map[string]float64{
			"initial.created": 0, "data.0.created": 2, "data.0.deleted": 0, "data.1.created": 1, "data.1.deleted": 1,
			"data.0.active.total": 2, "data.1.active.total": 2, "data.1.active.connected.total": 1,
			"data.1.active.connected.distribution.WEB": 1, "data.1.active.connected.distribution.CDR": 0, "meta.totalRecords": 2,
		} {
			assert.InDelta(t, want, numberAt(r, path), 0, path)
		}
		r = c.get("/analytics/users?interval=weekly&connectionType=CDR&connectionType=PDF")
		assert.Equal(t, 5, r.length("data"), "the last 30 days and today")
		assert.InDelta(t, 2, numberAt(r, "initial.created"), 0)
		assert.InDelta(t, 0, numberAt(r, "data.4.active.connected.total"), 0)
		assert.InDelta(t, 1, numberAt(c.get("/analytics/users?interval=daily&connectionType=all"), "data.0.active.connected.total"), 0)

		c.get("/analytics/users").requireError(400, "parameter-not-supplied", "Missing")
		for query, name := range map[string]string{
			"interval=yearly": "interval", "interval=daily&fromDate=x": "fromDate", "interval=daily&toDate=2000-02-30": "toDate",
			"interval=daily&fromDate=2000-02-02&toDate=2000-02-01": "toDate", "interval=daily&connectionType=web": "connectionType",
		} {
			c.get("/analytics/users?"+query).requireError(400, "parameter-not-valid", "Parameter "+name+" is not valid.")
		}
		c.get("/analytics/users?interval=daily&fromDate=1990-01-01").requireError(400, "parameter-not-valid", "The period is too long.")
	})
}
