package basiqtest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// untilChanged polls a job every 10 ms until its steps change, and returns it.
func (c *caller) untilChanged(job string, steps []string) reply {
	c.t.Helper()
	for range 20_000 {
		r := c.get("/jobs/" + job)
		require.Equal(c.t, http.StatusOK, r.status, r.raw)
		if !assert.ObjectsAreEqual(steps, r.steps()) {
			return r
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.Fail(c.t, "the job no longer changes", "%v", steps)
	return reply{}
}

func TestJobs_Get_Success(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		began := time.Now()
		job := c.connect(id, hooli, "gavinBelson", "hooli2016")
		r := c.get("/jobs/" + job)
		created := began.UTC().Format(time.RFC3339)
		self := c.sandbox.URL() + "/jobs/" + job
		step := func(title, status string, result any) any {
			return map[string]any{"title": title, "status": status, "result": result}
		}
		assert.Equal(t, map[string]any{
			"type": "job", "id": job, "created": created, "updated": created, "jobType": "connection", "status": "in-progress",
			"steps": []any{
				step("verify-credentials", "in-progress", nil), step("retrieve-accounts", "pending", nil),
				step("retrieve-transactions", "pending", nil),
			},
			"links": map[string]any{"self": self},
		}, r.body)
		assert.False(t, c.as("2.1", client, id).get("/jobs/"+job).has("jobType"), "3.0 only")

		source := "/users/" + id + "/connections/" + c.newestConnection(id)
		link := func(url string) any { return map[string]any{"type": "link", "url": url} }
		byBank := "?filter=institution.id.eq('AU00000')"
		for _, steps := range [][]any{
			{
				step("verify-credentials", "success", link(source)), step("retrieve-accounts", "in-progress", nil),
				step("retrieve-transactions", "pending", nil),
			},
			{
				step("verify-credentials", "success", link(source)),
				step("retrieve-accounts", "success", link("/users/"+id+"/accounts"+byBank)),
				step("retrieve-transactions", "in-progress", nil),
			},
			{
				step("verify-credentials", "success", link(source)),
				step("retrieve-accounts", "success", link("/users/"+id+"/accounts"+byBank)),
				step("retrieve-transactions", "success", link("/users/"+id+"/transactions"+byBank)),
			},
		} {
			r = c.untilChanged(job, r.steps())
			status := steps[len(steps)-1].(map[string]any)["status"]
			if status != "success" {
				status = "in-progress"
			}
			assert.Equal(t, map[string]any{
				"type": "job", "id": job, "created": created, "updated": time.Now().UTC().Format(time.RFC3339),
				"jobType": "connection", "status": status, "steps": steps,
				"links": map[string]any{"self": self, "source": c.sandbox.URL() + source},
			}, r.body)
		}
		took := time.Since(began)
		assert.Greater(t, took, 3*time.Second)
		assert.Less(t, took, 30*time.Second)
		time.Sleep(time.Minute)
		assert.Equal(t, r.body, c.get("/jobs/"+job).body, "no further changes")
	})
}

// duration returns the duration of a job with a precision of 10 ms.
func duration(t *testing.T, login string, opts ...basiqtest.Option) time.Duration {
	t.Helper()
	c := new21(t, opts...)
	began := time.Now()
	job := c.connect(c.newUser(), hooli, login, "wrong")
	c.untilChanged(job, c.get("/jobs/"+job).steps())
	return time.Since(began)
}

func TestJobs_Speed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		normal := duration(t, "richard")
		assert.Equal(t, normal, duration(t, "richard"), "the same login takes the same time")
		assert.NotEqual(t, normal, duration(t, "jared"))
		assert.InDelta(t, normal/10, duration(t, "richard", basiqtest.WithSpeed(10)), float64(20*time.Millisecond))
		assert.InDelta(t, 2*normal, duration(t, "richard", basiqtest.WithSpeed(0.5)), float64(20*time.Millisecond))

		c := new21(t, basiqtest.WithSpeed(1e300))
		done := c.connect(c.newUser(), hooli, "richard", "tabsnotspaces")
		assert.Equal(t, "retrieve-transactions:success", c.get("/jobs/" + done).steps()[2], "at once")
		c = new21(t, basiqtest.WithSpeed(1e-300))
		job := c.connect(c.newUser(), hooli, "richard", "wrong")
		time.Sleep(30 * time.Minute)
		assert.Equal(t, "verify-credentials:in-progress", c.get("/jobs/" + job).steps()[0])
	})
}

func TestJobs_Get_Failed(t *testing.T) {
	t.Parallel()
	const (
		failedLogin    = "verify-credentials:failed"
		failedAccounts = "retrieve-accounts:failed"
		credTitle      = "Cannot login to target institution, check credentials."
		credDetail     = "Cannot login to target institution using supplied credentials. Please check credentials and try again."
		actionDetail   = "An action is required from end-user before account details can be returned."
		downDetail     = "Service is currently unavailable. Please try again later."
	)
	for _, test := range []struct {
		name, bank, login, password string
		step                        string
		steps                       int
		code, title, detail         string
	}{
		{"wrong password", hooli, "gavinBelson", "hooli2020", failedLogin, 3, "invalid-credentials", credTitle, credDetail},
		{"wrong case", hooli, "gavinBelson", "Hooli2016", failedLogin, 3, "invalid-credentials", credTitle, credDetail},
		{"unknown login", hooli, "gavin", "hooli2016", failedLogin, 3, "invalid-credentials", credTitle, credDetail},
		{"wrong password, MFA", piedPiper, "gavinBelson", "wrong", failedLogin, 4, "invalid-credentials", credTitle, credDetail},
		{"bighead", hooli, "bighead", "password", failedLogin, 3, "invalid-credentials", credTitle, "Account is locked"},
		{"erlich", hooli, "erlich", "aviato", failedAccounts, 3, "account-not-accessible-requires-user-action", "Not accessible", actionDetail},
		{"jianYang", hooliGov, "jianYang", "nothotdog", failedAccounts, 3, "service-unavailable", "Service unavailable", downDetail},
		{"erlich, wrong password", hooli, "erlich", "wrong", failedLogin, 3, "invalid-credentials", credTitle, credDetail},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				job := c.connect(c.newUser(), test.bank, test.login, test.password)
				time.Sleep(long)
				r := c.get("/jobs/" + job)
				steps := r.steps()
				require.Len(t, steps, test.steps)
				at, path := 0, "steps.0"
				if test.step == failedAccounts {
					at, path = 1, "steps.1"
					assert.Equal(t, "verify-credentials:success", steps[0])
				}
				assert.Equal(t, at == 1, r.has("links.source"), "set after the login")
				assert.Equal(t, test.step, steps[at])
				for _, later := range steps[at+1:] {
					assert.Regexp(t, ":pending$", later)
				}
				result, _ := r.at(path + ".result")
				assert.Equal(t, map[string]any{"code": test.code, "title": test.title, "detail": test.detail}, result)
			})
		})
	}
}

const (
	security = "security-questions"
	one      = "What's your first company?"
	favorite = "What's your favourite company?"
	bankID   = "What's the ID of this institution?"
)

func TestJobs_MFA(t *testing.T) {
	t.Parallel()
	type list = []any
	for _, test := range []struct {
		name, bank, login, password, method string
		input                               list
		answers                             []string
		right                               bool
	}{
		{"jared", piedPiper, "jared", "django", "token", list{"OTP Password"}, []string{"1234"}, true},
		{"richard", nucleus, "richard", "tabsnotspaces", "token", list{"OTP Password"}, []string{"1234"}, true},
		{"gavinBelson", piedPiper, "gavinBelson", "hooli2016", security, list{one}, []string{"Hooli"}, true},
		{"Gilfoyle", piedPiper, "Gilfoyle", "PiedPiper", security, list{one}, []string{"Hooli"}, true},
		{"Whistler", piedPiper, "Whistler", "ShowBox", security, list{favorite, bankID}, []string{"Basiq", hooli}, true},
		{"own id", nucleus, "Wentworth-Smith", "whislter", security, list{favorite, bankID}, []string{"Basiq", nucleus}, true},
		{"id of another bank", nucleus, "Wentworth-Smith", "whislter", security, list{favorite, bankID}, []string{"Basiq", piedPiper}, false},
		{"wrong", piedPiper, "jared", "django", "token", list{"OTP Password"}, []string{"4321"}, false},
		{"wrong case", piedPiper, "Gilfoyle", "PiedPiper", security, list{one}, []string{"hooli"}, false},
		{"wrong order", piedPiper, "Whistler", "ShowBox", security, list{favorite, bankID}, []string{hooli, "Basiq"}, false},
		{"too few", piedPiper, "Whistler", "ShowBox", security, list{favorite, bankID}, []string{"Basiq"}, false},
		{"too many", piedPiper, "jared", "django", "token", list{"OTP Password"}, []string{"1234", "1234"}, false},
		{"none", piedPiper, "jared", "django", "token", list{"OTP Password"}, []string{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.newUser()
				job := c.connect(id, test.bank, test.login, test.password)
				mfa := "/jobs/" + job + "/mfa"
				user := c.as("3.0", client, id)
				const noChallenge = "No MFA challenge is waiting for a response."
				answers := map[string]any{"mfa-response": test.answers}
				user.post(mfa, answers).requireError(http.StatusBadRequest, "parameter-not-valid", noChallenge)

				r := c.untilChanged(job, c.get("/jobs/"+job).steps())
				require.Equal(t, []string{
					"verify-credentials:success", "mfa-challenge:in-progress", "retrieve-accounts:pending",
					"retrieve-transactions:pending",
				}, r.steps())
				challenge, _ := r.at("steps.1.result")
				description := r.text("steps.1.result.description")
				assert.NotEmpty(t, description)
				assert.Equal(t, map[string]any{
					"type": "mfa", "method": test.method, "description": description, "input": test.input,
					"expiryMs": json.Number("120000"), "links": map[string]any{"response": c.sandbox.URL() + mfa},
				}, challenge)
				assert.True(t, r.has("links.source"))

				user.post(mfa, map[string]any{}).requireError(http.StatusBadRequest, "parameter-not-supplied",
					"MFA response parameter is required.")
				user.post(mfa, []string{"1234"}).requireError(http.StatusBadRequest, "invalid-content",
					"Posted MFA response is not in valid format.")
				require.Equal(t, r.body, c.get("/jobs/"+job).body, "neither counted as an attempt")
				time.Sleep(time.Minute)

				r = user.post(mfa, answers)
				if !test.right {
					r.requireError(http.StatusBadRequest, "parameter-not-valid", "MFA response is not valid.")
					assert.Equal(t, "mfa-response", r.text("data.0.source.parameter"))
				} else {
					require.Equal(t, http.StatusAccepted, r.status, r.raw)
					assert.Equal(t, map[string]any{
						"type": "job", "id": job, "links": map[string]any{"self": c.sandbox.URL() + "/jobs/" + job},
					}, r.body)
					r = c.get("/jobs/" + job)
					assert.Equal(t, "mfa-challenge:in-progress", r.steps()[1], "briefly")
					assert.Equal(t, time.Now().UTC().Format(time.RFC3339), r.text("updated"))
					result, _ := r.at("steps.1.result")
					assert.Nil(t, result)
				}
				user.post(mfa, answers).requireError(http.StatusBadRequest, "parameter-not-valid", noChallenge)

				time.Sleep(long)
				r = c.get("/jobs/" + job)
				result, _ := r.at("steps.1.result")
				if test.right {
					assert.Equal(t, []string{
						"verify-credentials:success", "mfa-challenge:success", "retrieve-accounts:success",
						"retrieve-transactions:success",
					}, r.steps())
					assert.Equal(t, challenge, result)
					result, _ = c.as("2.1", server, "").get("/jobs/" + job).at("steps.1.result")
					assert.Nil(t, result, "2.1 removes an answered challenge")
				} else {
					assert.Equal(t, []string{
						"verify-credentials:success", "mfa-challenge:failed", "retrieve-accounts:pending",
						"retrieve-transactions:pending",
					}, r.steps())
					assert.Nil(t, result)
				}
				conn := c.get("/users/" + id + "/connections/" + c.newestConnection(id))
				assert.Equal(t, "active", conn.text("status"), "the credentials were correct")
				assert.Equal(t, test.right, conn.has("accounts"))
			})
		})
	}
}

func TestJobs_MFA_Late(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t, basiqtest.WithSpeed(100))
		id := c.newUser()
		job := c.connect(id, piedPiper, "jared", "django")
		c.untilChanged(job, c.get("/jobs/"+job).steps()) // makes the time of the challenge known within 10 ms
		time.Sleep(2*time.Minute - 10*time.Millisecond)
		assert.Equal(t, "mfa-challenge:in-progress", c.get("/jobs/" + job).steps()[1], "at any speed")
		time.Sleep(10 * time.Millisecond)
		r := c.get("/jobs/" + job)
		assert.Equal(t, "mfa-challenge:failed", r.steps()[1])
		result, ok := r.at("steps.1.result")
		assert.True(t, ok && result == nil, "null")
		c.as("2.1", client, id).post("/jobs/"+job+"/mfa", map[string]any{"mfa-response": []string{"1234"}}).requireError(
			http.StatusBadRequest, "parameter-not-valid", "No MFA challenge is waiting for a response.")
		r = c.post("/users/"+id+"/connections/"+c.newestConnection(id)+"/refresh", nil)
		assert.Equal(t, http.StatusAccepted, r.status, "a retry is a new job")
	})
}

func TestJobs_MFA_EveryOtherJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		job := c.connect(id, nucleus, "jared", "django")
		path := "/users/" + id + "/connections/" + c.newestConnection(id) + "/refresh"
		for i := range 4 {
			time.Sleep(long)
			r := c.get("/jobs/" + job)
			if i%2 == 0 {
				assert.Equal(t, "mfa-challenge:in-progress", r.steps()[1])
				time.Sleep(2 * time.Minute)
			} else {
				assert.Equal(t, []string{
					"verify-credentials:success", "mfa-challenge:skipped", "retrieve-accounts:success",
					"retrieve-transactions:success",
				}, r.steps())
				result, ok := r.at("steps.1.result")
				assert.True(t, ok && result == nil, "null")
			}
			job = c.post(path, nil).text("id")
		}
	})
}

func TestJobs_MFA_Skipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		job := c.connect(c.newUser(), piedPiper, "laurieBream", "business2024")
		assert.Equal(t, "mfa-challenge:pending", c.get("/jobs/" + job).steps()[1])
		time.Sleep(long)
		steps := c.get("/jobs/" + job).steps()
		assert.Equal(t, "mfa-challenge:skipped", steps[1])
		assert.Equal(t, "retrieve-transactions:success", steps[3])
	})
}

func TestJobs_MFA_NoChallenge(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	job := c.connect(id, hooli, "jared", "django")
	c.as("2.1", client, id).post("/jobs/"+job+"/mfa", map[string]any{"mfa-response": []string{"1234"}}).requireError(
		http.StatusBadRequest, "parameter-not-valid", "No MFA challenge is waiting for a response.")
}

func TestJobs_Get_Unknown(t *testing.T) {
	t.Parallel()
	c := new21(t)
	c.get("/jobs/"+noID).requireError(http.StatusNotFound, "resource-not-found", notFound)
	c.as("2.1", client, c.newUser()).post("/jobs/"+noID+"/mfa", map[string]any{"mfa-response": []string{"1"}}).requireError(
		http.StatusNotFound, "resource-not-found", notFound)
}

func TestJobs_List(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		path := "/users/" + id + "/jobs"
		assert.Equal(t, map[string]any{
			"type": "list", "size": json.Number("0"), "data": []any{}, "links": map[string]any{"self": c.sandbox.URL() + path},
		}, c.get(path).body)

		slow := c.connect(id, piedPiper, "jared", "django") // waits for an MFA answer, so its last update is early
		conn := c.newestConnection(id)
		quick := c.connect(id, hooli, "gavinBelson", "hooli2016")
		assert.Equal(t, quick, c.get(path).text("data.0.id"), "the later job of two updated at the same time")
		time.Sleep(long)
		r := c.get(path)
		size, _ := r.at("size")
		assert.Equal(t, json.Number("2"), size)
		assert.Equal(t, quick, r.text("data.0.id"))
		assert.Equal(t, slow, r.text("data.1.id"))
		institution, _ := r.at("data.1.institution")
		assert.Equal(t, map[string]any{
			"type": "institution", "id": piedPiper, "links": map[string]any{"self": c.sandbox.URL() + "/connectors/" + piedPiper},
		}, institution)
		single := c.get("/jobs/" + slow)
		assert.False(t, single.has("institution"), "only in lists")
		item, _ := r.at("data.1")
		delete(item.(map[string]any), "institution")
		assert.Equal(t, single.body, item)

		c.as("3.0", client, id).post("/jobs/"+slow+"/mfa", map[string]any{"mfa-response": []string{"1234"}})
		assert.Equal(t, slow, c.get(path).text("data.0.id"), "updated last")

		r = c.get(path + "?filter=connection.id.eq('" + conn + "')")
		require.Equal(t, 1, r.length("data"))
		assert.Equal(t, slow, r.text("data.0.id"))
		assert.Zero(t, c.get(path+"?filter=connection.id.eq('unknown')").length("data"))
		c.get(path+"?filter=institution.id.eq('AU00000')").requireError(http.StatusBadRequest, "parameter-not-valid",
			"The provided filter parameter is in invalid format or unsupported")
	})
}

func TestJobs_Retention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const week = 7 * 24 * time.Hour
		c := new21(t)
		id := c.newUser()
		job := c.connect(id, hooli, "gavinBelson", "hooli2016")
		conn := c.newestConnection(id)
		time.Sleep(week - time.Nanosecond)
		c = c.as("2.1", server, "")
		require.Equal(t, http.StatusOK, c.get("/jobs/"+job).status)
		require.Equal(t, 1, c.get("/users/"+id+"/jobs").length("data"))
		time.Sleep(time.Nanosecond)
		c.get("/jobs/"+job).requireError(http.StatusNotFound, "resource-not-found", notFound)
		assert.Zero(t, c.get("/users/"+id+"/jobs").length("data"))
		assert.Equal(t, "active", c.get("/users/"+id+"/connections/"+conn).text("status"), "the connection is kept")
	})
}
