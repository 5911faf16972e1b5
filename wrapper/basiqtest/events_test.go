package basiqtest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// events returns the events that match a filter, the oldest first. It requests a new token, because tokens expire after
// an hour.
func (c *caller) events(filter string) []reply {
	c.t.Helper()
	r := c.as("3.0", server, "").get("/events?filter=" + filter)
	require.Equal(c.t, http.StatusOK, r.status, r.raw)
	var list []reply
	for i := range r.length("data") {
		item, _ := r.at("data." + strconv.Itoa(i))
		list = append(list, reply{t: c.t, raw: r.raw, body: item})
	}
	slices.Reverse(list)
	return list
}

func (c *caller) event(filter string) reply {
	c.t.Helper()
	list := c.events(filter)
	require.Len(c.t, list, 1, filter)
	return list[0]
}

// eventTypesOf returns the types of a user's events, the oldest first.
func (c *caller) eventTypesOf(userID string) []string {
	c.t.Helper()
	var types []string
	for _, e := range c.events("user.id.eq('" + userID + "')") {
		types = append(types, e.text("entity")+"."+e.text("eventType"))
	}
	return types
}

func TestEvents_Users(t *testing.T) {
	t.Parallel()
	c := new30(t)
	created := c.post("/users", business)
	id := created.text("id")
	updated := c.post("/users/"+id, map[string]any{"email": "bream@example.com"})
	c.delete("/users/" + id)
	assert.Equal(t, []string{"user.created", "user.updated", "user.deleted"}, c.eventTypesOf(id))

	r := c.get("/events")
	assert.Equal(t, "user.deleted", r.text("data.0.entity")+"."+r.text("data.0.eventType"), "newest first")
	assert.Equal(t, "list", r.text("type"))
	assert.Equal(t, c.sandbox.URL()+"/events", r.text("links.self"))
	for _, absent := range []string{"count", "size", "links.next"} {
		assert.False(t, r.has(absent), absent)
	}

	event := c.event("event.type.eq('created')")
	eventID := event.text("id")
	assert.Regexp(t, `^[0-9a-f]{64}$`, eventID)
	at, err := time.Parse("2006-01-02T15:04:05Z", event.text("createdDate"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), at, time.Minute)
	assert.Equal(t, map[string]any{
		"type": "event", "id": eventID, "createdDate": event.text("createdDate"), "entity": "user", "eventType": "created",
		"userId": id, "dataRef": c.sandbox.URL() + "/users/" + id, "data": created.body,
		"links": map[string]any{"self": c.sandbox.URL() + "/events/" + eventID},
	}, event.body, "the data is what the user was then")
	assert.Equal(t, event.body, c.get("/events/"+eventID).body)
	for _, action := range []string{"updated", "deleted"} {
		data, _ := c.event("event.type.eq('" + action + "')").at("data")
		assert.Equal(t, updated.body, data, action)
	}
}

func TestEvents_Connections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		job := c.connect(id, hooli, "Wentworth-Smith", "whislter")
		created := time.Now()
		conn := c.newestConnection(id)
		accounts := []string{"account.updated", "account.updated", "account.updated", "account.updated"}
		steps := c.get("/jobs/" + job).steps()
		for _, want := range [][]string{
			{"user.created", "connection.created"},
			{"connection.activated", "connection.updated"},
			accounts,
			{"transactions.updated"},
		} {
			got := c.eventTypesOf(id)
			require.GreaterOrEqual(t, len(got), len(want))
			assert.Equal(t, want, got[len(got)-len(want):], "emitted at the end of the step")
			if want[0] == "transactions.updated" {
				break
			}
			steps = c.untilChanged(job, steps).steps()
		}
		assert.Len(t, c.eventTypesOf(id), 9)

		base, path := c.sandbox.URL(), c.sandbox.URL()+"/users/"+id
		e := c.event("event.entity.eq('connection'),event.type.eq('created')")
		assert.Equal(t, path+"/connections/"+conn, e.text("dataRef"))
		data, _ := e.at("data")
		want := map[string]any{
			"type": "connection", "id": conn, "status": "pending", "method": "web", "expiryDate": "", "mfaEnabled": false,
			"createdDate": created.UTC().Format(time.RFC3339), "lastUsed": created.UTC().Format(time.RFC3339),
			"institution": map[string]any{
				"type": "institution", "id": hooli, "links": map[string]any{"self": base + "/connectors/" + hooli},
			},
			"links": map[string]any{
				"self":         path + "/connections/" + conn,
				"accounts":     path + "/accounts?filter=institution.id.eq('AU00000')",
				"transactions": path + "/transactions?filter=institution.id.eq('AU00000')",
				"institution":  base + "/connectors/" + hooli,
			},
		}
		assert.Equal(t, want, data)
		want["status"] = "active"
		for _, action := range []string{"activated", "updated"} {
			e = c.event("event.entity.eq('connection'),event.type.eq('" + action + "')")
			want["lastUsed"] = e.text("createdDate")
			assert.NotEqual(t, want["createdDate"], want["lastUsed"])
			data, _ = e.at("data")
			assert.Equal(t, want, data, action)
		}

		reference := map[string]any{
			"type": "connection", "id": conn, "links": map[string]any{"self": path + "/connections/" + conn},
		}
		told := c.events("event.entity.eq('account')")
		single := c.get("/users/" + id + "/connections/" + conn)
		require.Len(t, told, single.length("accounts.data"))
		for i, e := range told {
			item, _ := single.at("accounts.data." + strconv.Itoa(i))
			want := item.(map[string]any)
			account := want["id"].(string)
			assert.Equal(t, path+"/accounts/"+account, e.text("dataRef"))
			want["connection"] = reference
			want["accountHolder"] = e.text("data.accountHolder")
			want["creationDate"] = e.text("data.creationDate")
			from, to := e.text("data.transactionIntervals.0.from"), e.text("data.transactionIntervals.0.to")
			want["transactionIntervals"] = []any{map[string]any{"from": from, "to": to}}
			for _, day := range []string{e.text("data.creationDate"), from, to} {
				_, err := time.Parse(time.DateOnly, day)
				require.NoError(t, err)
			}
			assert.Contains(t, e.text("data.accountHolder"), "Wentworth-Smith")
			got, _ := e.at("data")
			assert.Equal(t, want, got)
		}

		e = c.event("event.entity.eq('transactions')")
		assert.Equal(t, path+"/transactions", e.text("dataRef"))
		count, err := strconv.Atoi(e.text("data.count"))
		require.NoError(t, err, "a number as a string")
		assert.Positive(t, count)
		data, _ = e.at("data")
		assert.Equal(t, map[string]any{
			"type": "transactions", "count": strconv.Itoa(count), "connection": reference,
			"links": map[string]any{"self": path + "/transactions?filter=connection.id.eq('" + conn + "')"},
		}, data)
	})
}

// Later jobs only cause events for changes. For example, an active connection is not activated again.
func TestEvents_ChangesOnly(t *testing.T) {
	t.Parallel()
	const connected, updated, invalidated = "connection.activated", "connection.updated", "connection.invalidated"
	const card, money = "account.updated", "transactions.updated"
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		seen := 0
		since := func() []string {
			types := c.eventTypesOf(id)[seen:]
			seen += len(types)
			return slices.Compact(types)
		}
		conn := c.connected(id, hooli, "gavinBelson", "wrong")
		assert.Equal(t, []string{"user.created", "connection.created", invalidated}, since())
		e := c.event("event.type.eq('invalidated')")
		assert.Equal(t, "invalid-connection", e.text("data.status"))
		path := "/users/" + id + "/connections/" + conn
		assert.Equal(t, "invalid", c.get(path).text("status"))
		for _, try := range []struct {
			password string
			want     []string
		}{
			{"still wrong", []string{}},
			{"hooli2016", []string{connected, updated, card, money}},
			{"hooli2016", []string{updated}},
			{"wrong again", []string{invalidated}},
		} {
			r := c.post(path, map[string]any{"password": try.password})
			require.Equal(t, http.StatusAccepted, r.status, r.raw)
			time.Sleep(long)
			assert.Equal(t, try.want, since(), try.password)
		}
		time.Sleep(48 * time.Hour)
		c = c.as("2.1", server, "")
		r := c.post(path, map[string]any{"password": "hooli2016"})
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		time.Sleep(long)
		assert.Equal(t, []string{connected, updated, card, money}, since(), "there are new transactions")
		changed := len(c.events("event.entity.eq('account')")) - 3
		assert.Positive(t, changed)
		assert.Less(t, changed, 3, "the loan has not changed")
		c.post(path, map[string]any{"password": "wrong again"})
		time.Sleep(long)
		assert.Equal(t, []string{invalidated}, since())
		c.delete(path)
		assert.Equal(t, []string{"connection.deleted"}, since())
		e = c.event("event.type.eq('deleted')")
		assert.Equal(t, "invalid", e.text("data.status"), "the invalid status appears only in the event")
		assert.Equal(t, conn, e.text("data.id"))
	})
}

// A job with an answered challenge is watched twice: from the answer, and until the challenge expires.
func TestEvents_ChallengedJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		job := c.connect(id, piedPiper, "jared", "django")
		time.Sleep(long)
		assert.NotContains(t, c.eventTypesOf(id), "account.updated")
		r := c.as("3.0", client, id).post("/jobs/"+job+"/mfa", map[string]any{"mfa-response": []string{"1234"}})
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		time.Sleep(5 * time.Minute)
		count := map[string]int{}
		for _, name := range c.eventTypesOf(id) {
			count[name]++
		}
		accounts := c.get("/users/" + id + "/connections/" + c.newestConnection(id)).length("accounts.data")
		assert.Equal(t, map[string]int{
			"user.created": 1, "connection.created": 1, "connection.activated": 1, "connection.updated": 1,
			"account.updated": accounts, "transactions.updated": 1,
		}, count)
	})
}

func TestEvents_AfterDeletion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(c *caller, user string)
		want []string
	}{
		"by connection": {
			func(c *caller, user string) { c.delete("/users/" + user + "/connections/" + c.newestConnection(user)) },
			[]string{"user.created", "connection.created", "connection.deleted"},
		},
		"of the user": {
			func(c *caller, user string) { c.delete("/users/" + user) },
			[]string{"user.created", "connection.created", "user.deleted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.newUser()
				c.connect(id, hooli, "gavinBelson", "hooli2016")
				test.end(c, id)
				time.Sleep(long)
				assert.Equal(t, test.want, c.eventTypesOf(id))
			})
		})
	}
}

func TestEvents_List_Filter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		one, two := c.newUser(), c.newUser()
		c.connect(one, hooli, "gavinBelson", "hooli2016")
		for filter, want := range map[string]int{
			"":                                3,
			"user.id.eq('" + one + "')":       2,
			"user.id.eq('" + two + "')":       1,
			"event.entity.eq('user')":         2,
			"event.type.eq('created')":        3,
			"event.type.eq('revoked')":        0,
			"event.entity.eq('transactions')": 0,
			"user.id.eq('" + one + "'),event.entity.eq('user'),event.type.eq('created')": 1,
			"user.id.eq('0d3c1d4a-5d2e-4d31-9a42-1b2c3d4e5f60')":                         0,
		} {
			assert.Len(t, c.events(filter), want, filter)
		}
		for _, filter := range []string{
			"event.type.eq('user.created')", "event.entity.eq('job')", "event.id.eq('1')", "event.type.ne('created')", "event.type.eq(created'",
		} {
			c.get("/events?filter="+filter).requireError(http.StatusBadRequest, "parameter-not-valid",
				"The provided filter parameter is in invalid format or unsupported")
		}
		r := c.get("/events?filter=user.id.eq('gavin')")
		r.requireError(http.StatusBadRequest, "parameter-not-valid", "ID value is not valid.")
		assert.Equal(t, "Parameter not valid.", r.text("data.0.title"))
		assert.Equal(t, "id", r.text("data.0.source.parameter"))
	})
}

const unknownID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

func TestEvents_Get_Unknown(t *testing.T) {
	t.Parallel()
	c := new30(t)
	for _, path := range []string{"/events/61723", "/events/types/users", "/events/types/User.Created"} {
		r := c.get(path)
		r.requireError(http.StatusBadRequest, "path-parameter-not-valid", "Event Type ID parameter is not valid")
		assert.Equal(t, "Parameter value is not valid", r.text("data.0.title"))
		assert.Equal(t, "eventTypeId", r.text("data.0.source.parameter"))
	}
	for _, path := range []string{"/events/" + unknownID, "/events/types/connection.updated", "/events/types/payrequest.successful"} {
		c.get(path).requireError(http.StatusNotFound, "resource-not-found", "Requested event type does not exist.")
	}
}

func TestEvents_Types(t *testing.T) {
	t.Parallel()
	c := new30(t)
	r := c.get("/events/types")
	var ids []string
	for i := range r.length("data") {
		item, _ := r.at("data." + strconv.Itoa(i))
		id := r.text("data." + strconv.Itoa(i) + ".id")
		ids = append(ids, id)
		assert.Equal(t, map[string]any{
			"type": "eventType", "id": id, "description": r.text("data." + strconv.Itoa(i) + ".description"),
			"links": map[string]any{"self": c.sandbox.URL() + "/events/types/" + id},
		}, item)
		assert.Equal(t, item, c.get("/events/types/"+id).body)
	}
	assert.Equal(t, []string{
		"account.updated", "connection.activated", "connection.created", "connection.deleted", "connection.invalidated",
		"consent.created", "consent.expired", "consent.reminder", "consent.revoked", "consent.updated", "consent.warning",
		"transactions.updated", "user.created", "user.deleted", "user.updated",
	}, ids)
	for _, name := range []string{"size", "count"} {
		n, _ := r.at(name)
		assert.Equal(t, json.Number("15"), n, name)
	}
	assert.Equal(t, c.sandbox.URL()+"/events/types/", r.text("links.self"))
	assert.Equal(t, "when an account is updated", r.text("data.0.description"))
}

func TestEvents_Retention(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		c.newUser()
		first := c.event("").text("id")
		time.Sleep(week - time.Second)
		assert.Equal(t, first, c.event("").text("id"))
		second := c.newUser()
		c = c.as("3.0", server, "")
		assert.Equal(t, http.StatusOK, c.get("/events/"+first).status)
		time.Sleep(time.Second)
		assert.Equal(t, second, c.event("").text("userId"), "the first has expired")
		c.get("/events/"+first).requireError(http.StatusNotFound, "resource-not-found", "Requested event type does not exist.")
		third := c.newUser()
		assert.Len(t, c.events(""), 2)
		time.Sleep(week - time.Second)
		assert.Equal(t, third, c.event("").text("userId"))
	})
}

func TestEvents_List_Pages(t *testing.T) {
	t.Parallel()
	c := new30(t)
	var users []string
	for range 502 {
		r := c.post("/users", map[string]any{"email": "gavin@hooli.com"})
		users = append([]string{r.text("id")}, users...)
	}
	var listed []string
	r := c.get("/events?filter=event.entity.eq('user')")
	for page := 0; ; page++ {
		for i := range r.length("data") {
			listed = append(listed, r.text("data."+strconv.Itoa(i)+".userId"))
		}
		if !r.has("links.next") {
			assert.Equal(t, 1, page)
			break
		}
		c.post("/users", map[string]any{"email": "late@hooli.com"}) // does not shift items between pages
		r = c.get(r.text("links.next")[len(c.sandbox.URL()):])
		require.Equal(t, http.StatusOK, r.status, r.raw)
	}
	assert.Equal(t, users, listed)
	c.get("/events?next=1").requireError(http.StatusBadRequest, "parameter-not-valid", "Next value is not valid")
}

func TestEvents_Links(t *testing.T) {
	t.Parallel()
	c := new30(t)
	user := c.newUser()
	path := "/events/" + c.event("").text("id")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://bank.example"+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.sandbox.HTTPClient().Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	r := reply{t: t}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&r.body))
	assert.Equal(t, "http://bank.example"+path, r.text("links.self"))
	assert.Equal(t, "http://bank.example/users/"+user, r.text("dataRef"))
	assert.Equal(t, "http://bank.example/users/"+user, r.text("data.links.self"))
}

// The progress of a job depends on the clock, so it must not consume random values.
func TestEvents_DeterministicIDs(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, first, then time.Duration) (ids []string) {
		synctest.Test(t, func(t *testing.T) {
			c := new30(t, basiqtest.WithSeed(7))
			c.connect(c.newUser(), hooli, "gavinBelson", "hooli2016")
			time.Sleep(first)
			ids = append(ids, c.newUser())
			time.Sleep(then)
			for _, e := range c.events("") {
				ids = append(ids, e.text("id"))
			}
		})
		slices.Sort(ids)
		return ids
	}
	assert.Equal(t, run(t, 0, long), run(t, long, 0))
}

func TestEvents_VersionAndScope(t *testing.T) {
	t.Parallel()
	c := new21(t)
	for _, path := range []string{"/events", "/events/types", "/events/" + unknownID, "/notifications/webhooks"} {
		assert.Equal(t, http.StatusNotFound, c.get(path).status, path)
	}
	c = c.as("3.0", client, c.newUser())
	assert.Equal(t, http.StatusForbidden, c.get("/events").status, "SERVER_ACCESS only")
}

// A statement does not contain the opening date of an account, and some contain neither the holder nor intervals. The
// account events omit these fields.
func TestEvents_Statement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		content := strings.SplitAfter(twoAccounts, "\n")
		pendingOnly := content[0] + content[1] + content[3]
		require.Equal(t, http.StatusAccepted, c.upload(id, nab, file{name: "a.csv", content: pendingOnly}).status)
		time.Sleep(2 * long)
		told := c.events("event.entity.eq('account')")
		require.Len(t, told, 2)
		assert.Equal(t, "GAVIN BELSON", told[0].text("data.accountHolder"))
		assert.Equal(t, "1999-12-01", told[0].text("data.transactionIntervals.0.from"))
		holder, there := told[1].at("data.accountHolder")
		assert.True(t, there && holder == nil)
		assert.Zero(t, told[1].length("data.transactionIntervals"), "no posted transactions")
		for _, e := range told {
			assert.False(t, e.has("data.creationDate"))
		}
	})
}
