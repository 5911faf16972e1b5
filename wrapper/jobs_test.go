package basiq_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// step returns the JSON of a step.
func step(title, status, result string) string {
	return fmt.Sprintf(`{"title":%q,"status":%q,"result":%s}`, title, status, result)
}

// job returns the JSON of a job.
func job(steps ...string) string {
	return `{"type":"job","id":"j1","steps":[` + strings.Join(steps, ",") + `],"links":{"self":"https://au-api.basiq.io/jobs/j1"}}`
}

const (
	link      = `{"type":"link","url":"/users/u1/connections/c1"}`
	failed    = `{"code":"invalid-credentials","title":"Cannot login","detail":"Account is locked"}`
	challenge = `{"type":"mfa","method":"security-questions","description":"Please answer","input":["One?","Two?"],"expiryMs":120000,"links":{"response":"/jobs/j1/mfa"}}`
	queued    = `{"code":"temporary-unavailable-queued","title":"Queued"}`
)

func parseJob(t testing.TB, body string) *basiq.Job {
	t.Helper()
	job := new(basiq.Job)
	require.NoError(t, json.Unmarshal([]byte(body), job))
	return job
}

func TestJob_States(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body            string
		done, queued    bool
		finished, total int
		err             string
		connection      string
	}{
		"reference": {body: jobJSON},
		"pending":   {body: job(step("verify-credentials", "pending", "null"), step("retrieve-accounts", "pending", "null")), total: 2},
		"half": {
			body: job(step("verify-credentials", "success", link), step("retrieve-accounts", "in-progress", "null")), finished: 1, total: 2,
			connection: "u1/c1",
		},
		"success": {
			body: job(step("verify-credentials", "success", link), step("retrieve-accounts", "success", link)), done: true, finished: 2, total: 2,
			connection: "u1/c1",
		},
		"skipped": {body: job(step("mfa-challenge", "skipped", "null"), step("retrieve-accounts", "success", "null")), done: true, finished: 2, total: 2},
		"failed": {
			body: job(step("verify-credentials", "failed", failed), step("retrieve-accounts", "pending", "null")), done: true, total: 2,
			err: "basiq: job j1 failed at verify-credentials: invalid-credentials: Account is locked",
		},
		"failed with title only": {
			body: job(step("verify-credentials", "failed", `{"title":"Sorry"}`)), done: true, total: 1,
			err: "basiq: job j1 failed at verify-credentials: Sorry",
		},
		"failed with an array": {
			body: job(step("verify-credentials", "failed", "["+failed+"]")), done: true, total: 1,
			err: "basiq: job j1 failed at verify-credentials: invalid-credentials: Account is locked",
		},
		"failed with details": {
			body: job(step("verify-credentials", "failed", `{"code":"x","details":"spelt\nso"}`)), done: true, total: 1,
			err: "basiq: job j1 failed at verify-credentials: x: spelt so",
		},
		"failed with control characters": {
			body: job(step("verify-credentials", "failed", `{"code":"x","detail":"a\u2028b\u2029c\u0085d\u001be"}`)), done: true, total: 1,
			err: "basiq: job j1 failed at verify-credentials: x: a b c d e",
		},
		"failed with a long detail": {
			body: job(step("verify-credentials", "failed", `{"code":"x","detail":"`+strings.Repeat("x", 64<<10)+`"}`)), done: true, total: 1,
			err: "basiq: job j1 failed at verify-credentials: x: " + strings.Repeat("x", 1<<10) + "…",
		},
		"failed with a nested object": {
			body: job(step("verify-credentials", "failed", `{"error":`+failed+`}`)), done: true, total: 1,
			err: "basiq: job j1 failed at verify-credentials: invalid-credentials: Account is locked",
		},
		"failed without a result": {
			body: `{"id":"j1","status":"failed","steps":[{"title":"create-report","status":"failed","result":null}],"links":null}`,
			done: true, total: 1, err: "basiq: job j1 failed at create-report",
		},
		"failed without a step":    {body: `{"id":"j1","status":"failed"}`, done: true, err: "basiq: job j1 failed"},
		"succeeded without a step": {body: `{"id":"j1","status":"success"}`, done: true},
		"queued":                   {body: job(step("verify-credentials", "pending", queued)), queued: true, total: 1},
		"unknown state":            {body: job(step("verify-credentials", "resting", "null")), total: 1},
		"unknown step":             {body: job(step("make-coffee", "success", "[]")), done: true, finished: 1, total: 1},
		"source": {
			body:       `{"id":"j1","links":{"self":"/jobs/j1","source":"https://au-api.basiq.io/users/u1/connections/c1?a=b"}}`,
			connection: "u1/c1",
		},
		"report":       {body: `{"id":"j1","links":{"source":"/reports/r1"}}`},
		"invalid link": {body: `{"id":"j1","links":{"source":"%zz"}}`},
		"invalid link of the step": {
			body:       `{"id":"j1","links":{"source":"/users/u1/connections/c1"},"steps":[` + step("verify-credentials", "success", `{"type":"link","url":"%zz"}`) + `]}`,
			connection: "u1/c1", done: true, finished: 1, total: 1,
		},
		"invalid connection ID": {body: `{"id":"j1","links":{"source":"/users/u1/connections/%2e%2e"}}`},
		"invalid user ID":       {body: `{"id":"j1","links":{"source":"/users/a%3Fb/connections/c1"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := parseJob(t, c.body)
			assert.Equal(t, c.done, job.Done())
			assert.Equal(t, c.queued, job.Queued())
			finished, total := job.Progress()
			assert.Equal(t, []int{c.finished, c.total}, []int{finished, total})
			assert.Nil(t, job.MFA())
			connection, known := job.ConnectionID()
			user, _ := job.UserID()
			assert.Equal(t, c.connection != "", known)
			assert.Equal(t, c.connection, strings.Trim(user+"/"+connection, "/"))
			if c.err == "" {
				assert.NoError(t, job.Err())
			} else {
				assert.EqualError(t, job.Err(), c.err)
			}
		})
	}
}

// A response to the start of a job must be about the connection that was asked for.
func TestStartJob_OfOtherConnection(t *testing.T) {
	t.Parallel()
	of := func(path string) stubResponse {
		return ok(202, `{"type":"job","id":"j1","links":{"source":"https://au-api.basiq.io`+path+`"}}`)
	}
	for path, right := range map[string]bool{
		"/users/u1/connections/c1": true,
		"/users/U1/connections/C1": true,
		"/users/u2/connections/c1": false,
		"/users/u1/connections/c2": false,
		"/users/u2/connections/c2": false,
		"/reports/r1":              true, // does not name a connection
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, client := newStub21(t, of(path), of(path), of(path))
			for name, err := range map[string]error{
				"Update":  errOf(client.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("hooli2016")})),
				"Refresh": errOf(client.Connections.Refresh(t.Context(), userID, connID)),
			} {
				if right {
					require.NoError(t, err, name)
					continue
				}
				require.ErrorContains(t, err, "job belongs to another connection", name)
				assert.True(t, basiq.MayHaveSucceeded(err), name)
			}
			// The connection is new, but not the user.
			job, err := client.Connections.Create(t.Context(), userID, login)
			if strings.Contains(path, "u2") {
				require.ErrorContains(t, err, "job belongs to another connection")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "j1", job.ID)
		})
	}
}

// A cached job would never end, and a cached token could have expired.
func TestCacheControl(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	received := map[string]string{}
	bodies := map[string]string{"/token": tokenJSON, "/jobs/j1": jobJSON, "/users/u1": userJSON}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		received[r.URL.Path] = r.Header.Get("Cache-Control")
		_, _ = io.WriteString(w, bodies[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	client, err := basiq.New(testKey, basiq.WithBaseURL(server.URL))
	require.NoError(t, err)
	require.NoError(t, errOf(client.Jobs.Get(t.Context(), jobID)))
	require.NoError(t, errOf(client.Users.Get(t.Context(), userID)))
	assert.Equal(t, map[string]string{"/token": "no-cache", "/jobs/j1": "no-cache", "/users/u1": ""}, received)
}

func TestJob_ReportID(t *testing.T) {
	t.Parallel()
	made := func(url string) string {
		return job(step("create-report", "success", `{"type":"link","url":"`+url+`"}`))
	}
	source := func(url string) string { return `{"id":"j1","links":{"self":"/jobs/j1","source":"` + url + `"}}` }
	for name, c := range map[string]struct{ body, want string }{
		"absolute":         {made("https://au-api.basiq.io/reports/r1"), "r1"},
		"relative":         {made("/reports/r1"), "r1"},
		"no leading slash": {made("reports/r1"), "r1"},
		"trailing slash":   {made("/reports/r1/"), "r1"},
		"with a query":     {made("/reports/r1?a=/reports/r2#r3"), "r1"},
		"in a list":        {job(step("create-report", "success", `[{"type":"link","url":"/reports/r1"}]`)), "r1"},
		"only the source":  {source("/reports/r1"), "r1"},
		"step before source": {
			`{"id":"j1","steps":[` + step("create-report", "success", `{"type":"link","url":"/reports/r1"}`) + `],"links":{"source":"/reports/r2"}}`, "r1",
		},
		"source if the step has no URL": {
			`{"id":"j1","steps":[` + step("create-report", "success", `{"type":"link"}`) + `],"links":{"source":"/reports/r2"}}`, "r2",
		},
		// Shortened official examples. The ID of a report is known while the report is created, but not if that has failed.
		"in progress": {
			`{"id":"j1","status":"in-progress","steps":[` + step("create-report", "in-progress", "null") + `],"links":{"self":"/jobs/j1","source":"/reports/r1"}}`, "r1",
		},
		"failed": {`{"id":"j1","status":"failed","steps":[` + step("create-report", "failed", "null") + `],"links":null}`, ""},

		"failed with an error":     {job(step("create-report", "failed", failed)), ""},
		"job without steps":        {jobJSON, ""},
		"job of a connection":      {job(step("verify-credentials", "success", link)), ""},
		"link of another step":     {job(step("retrieve-accounts", "success", `{"type":"link","url":"/reports/r1"}`)), ""},
		"empty link":               {made(""), ""},
		"not a URL":                {made("%zz"), ""},
		"missing ID":               {made("/reports/"), ""},
		"empty segment":            {made("/reports//r1"), ""},
		"transactions of a report": {made("/reports/r1/transactions"), ""},
		"report types":             {made("/reports/types"), ""},
		"path traversal":           {made("/reports/.."), ""},
		"one report type":          {made("/reports/types/CON_AFFOR_01"), ""},
		"report of a user":         {made("/users/u1/reports/r1"), ""},
		"misspelled path":          {made("/report/r1"), ""},
		"path in the ID":           {made("/reports/r1%2F..%2F..%2Fusers"), ""},
		"opaque URL":               {made("reports:r1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := parseJob(t, c.body)
			reportID, known := job.ReportID()
			assert.Equal(t, c.want, reportID)
			assert.Equal(t, c.want != "", known)
		})
	}
	// A link that does not identify a report never causes a request.
	for _, invalid := range []string{"/reports/..", "/reports/%2e%2e", "/reports/types", "/reports/a%20b", "/reports/a%3Fb", "/reports/a%5Cb"} {
		t.Run(invalid, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, reportJSON))
			reportID, _ := parseJob(t, made(invalid)).ReportID()
			_, err := client.Reports.Get(t.Context(), reportID)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			assert.Empty(t, s.seen())
		})
	}
}

func TestJob_Error(t *testing.T) {
	t.Parallel()
	job := parseJob(t, job(step("verify-credentials", "success", link), step("retrieve-accounts", "failed", failed)))
	err := fmt.Errorf("wrapped: %w", job.Err())
	require.ErrorIs(t, err, basiq.CodeInvalidCredentials)
	require.NotErrorIs(t, err, basiq.CodeServiceUnavailable)
	var failure *basiq.JobError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, &basiq.JobError{
		JobID: "j1", Step: basiq.StepRetrieveAccounts, Code: basiq.CodeInvalidCredentials, Title: "Cannot login",
		Detail: "Account is locked", Job: job,
	}, failure)
	connection, known := failure.Job.ConnectionID()
	assert.True(t, known, "the connection was created")
	assert.Equal(t, "c1", connection)
}

func TestJob_MFA(t *testing.T) {
	t.Parallel()
	waiting := parseJob(t, job(step("verify-credentials", "success", link), step("mfa-challenge", "in-progress", challenge)))
	assert.Equal(t, &basiq.MFAChallenge{
		JobID: "j1", UserID: "u1", Method: basiq.MFAMethodSecurityQuestions, Description: "Please answer",
		Questions: []string{"One?", "Two?"}, ValidFor: 2 * time.Minute,
	}, waiting.MFA())
	assert.False(t, waiting.Done())
	assert.Nil(t, parseJob(t, job(step("mfa-challenge", "success", challenge))).MFA(), "an answered challenge stays in the job")
	assert.Nil(t, parseJob(t, job(step("mfa-challenge", "in-progress", "null"))).MFA(), "the MFA answer is being verified")
	assert.Nil(t, parseJob(t, job(step("retrieve-accounts", "in-progress", link))).MFA())
	assert.NotNil(t, parseJob(t, job(step("mfa-challenge", "in-progress", "["+challenge+"]"))).MFA())
	assert.Empty(t, parseJob(t, job(step("mfa-challenge", "in-progress", `{"type":"mfa","expiryMs":-1}`))).MFA().ValidFor)
	assert.Equal(t, 24*time.Hour, parseJob(t, job(step("mfa-challenge", "in-progress", `{"type":"mfa","expiryMs":9223372036854775807}`))).MFA().ValidFor)
}

// A challenge is recognized by its content, not by the state of its step or the type of its result.
func TestJob_MFA_Content(t *testing.T) {
	t.Parallel()
	const old = `{"type":"mfa","method":"token","input":["Old?"]}`
	const example = `{"code":"user-action-required","description":"d","details":"d","expiryMs":3600,"input":["OTP Password"],
		"links":{"response":"/jobs/j1/mfa"},"method":"token","title":"t","type":"link","url":"/users/u1"}`
	verified := step("verify-credentials", "success", link)
	for name, c := range map[string]struct {
		steps     []string
		questions []string
		open      bool
	}{
		"pending":                  {[]string{verified, step("mfa-challenge", "pending", challenge), step("retrieve-accounts", "pending", "null")}, []string{"One?", "Two?"}, true},
		"2.1's example":            {[]string{verified, step("mfa-challenge", "pending", example)}, []string{"OTP Password"}, true},
		"in another step":          {[]string{step("verify-credentials", "in-progress", example), step("retrieve-accounts", "pending", "null")}, []string{"OTP Password"}, true},
		"another status":           {[]string{verified, step("mfa-challenge", "waiting-for-user", challenge)}, []string{"One?", "Two?"}, true},
		"without a status":         {[]string{`{"title":"mfa-challenge","result":` + challenge + `}`}, []string{"One?", "Two?"}, true},
		"method only":              {[]string{step("mfa-challenge", "pending", `{"method":"token"}`)}, nil, true},
		"input only":               {[]string{step("mfa-challenge", "pending", `{"input":["One?"]}`)}, []string{"One?"}, true},
		"link only":                {[]string{step("mfa-challenge", "pending", `{"type":"link","links":{"response":"/jobs/j1/mfa"}}`)}, nil, true},
		"type only":                {[]string{step("mfa-challenge", "pending", `{"type":"mfa"}`)}, nil, true},
		"in an array":              {[]string{step("mfa-challenge", "pending", "["+link+","+challenge+"]")}, []string{"One?", "Two?"}, true},
		"after an older challenge": {[]string{step("verify-credentials", "in-progress", old), step("mfa-challenge", "pending", challenge)}, []string{"One?", "Two?"}, true},
		"before the login":         {[]string{step("mfa-challenge", "in-progress", challenge), step("verify-credentials", "in-progress", "null")}, []string{"One?", "Two?"}, true},
		"with a skipped step":      {[]string{step("mfa-challenge", "in-progress", challenge), step("retrieve-statements", "skipped", "null")}, []string{"One?", "Two?"}, true},
		"success":                  {steps: []string{verified, step("mfa-challenge", "success", challenge), step("retrieve-accounts", "in-progress", "null")}},
		"failed":                   {steps: []string{verified, step("mfa-challenge", "failed", challenge)}},
		"skipped":                  {steps: []string{verified, step("mfa-challenge", "skipped", challenge)}},
		"old, next started":        {steps: []string{verified, step("mfa-challenge", "in-progress", challenge), step("retrieve-accounts", "in-progress", "null")}},
		"old, next succeeded":      {steps: []string{verified, step("mfa-challenge", "pending", example), step("retrieve-accounts", "success", link), step("retrieve-transactions", "pending", "null")}},
		"old, newer answered":      {steps: []string{step("verify-credentials", "in-progress", old), step("mfa-challenge", "success", challenge)}},
		"link":                     {steps: []string{step("verify-credentials", "in-progress", link)}},
		"queued":                   {steps: []string{step("verify-credentials", "pending", queued)}},
		"empty":                    {steps: []string{step("mfa-challenge", "in-progress", `{"input":[],"links":{}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := parseJob(t, job(c.steps...)).MFA()
			require.Equal(t, c.open, got != nil)
			if got != nil {
				assert.Equal(t, c.questions, got.Questions)
				assert.Equal(t, "j1", got.JobID)
			}
		})
	}
}

func TestJob_Step(t *testing.T) {
	t.Parallel()
	job := parseJob(t, job(step("retrieve-accounts", "pending", "null"), step("verify-credentials", "success", link)))
	assert.Equal(t, basiq.JobStepStatusSuccess, job.Step(basiq.StepVerifyCredentials).Status)
	assert.Nil(t, job.Step(basiq.StepMFAChallenge))
}

// For any body, a job contains what an independent parser finds, its IDs are valid path parameters, and the error of a failed
// job is one line.
func FuzzJobBody(f *testing.F) {
	addBodies(f, "{}", "null", job(), job(step("verify-credentials", "failed", failed)), job(step("mfa-challenge", "in-progress", challenge)),
		job(step("a", "b", "[]")), job(step("a", "b", "[null]")), job(step("a", "failed", "[{}]")), `{"steps":[null]}`, `{"links":{"source":"//"}}`,
		`{"id":"j1","links":{"source":"/users//connections/"}}`, `{"links":{"source":"/reports/"}}`, `{"links":{"source":"/users/u1/connections/%2e%2e"}}`, `{"links":{"source":"/users/a%3Fb/connections/c1"}}`,
		job(step("create-report", "success", `{"type":"link","url":"/reports/r1"}`)), job(step("create-report", "success", `{"url":"/reports/%2e%2e"}`)),
		job(step("a", "failed", `{"detail":"`+strings.Repeat("x", 64<<10)+`"}`)), job(step("a", "failed", `{"detail":"a\u2028b\u001b[2J"}`)))
	f.Fuzz(func(t *testing.T, body []byte, at uint, value []byte) {
		body = replaceValue(body, at, value)
		job := new(basiq.Job)
		if json.Unmarshal(body, job) != nil {
			return
		}
		if whole, single := tree(t, body); single {
			checkPreserved(t, job, whole)
		}

		states := map[basiq.JobStepStatus]int{}
		for _, step := range job.Steps {
			states[step.Status]++
		}
		failed := states["failed"] > 0 || job.Status == "failed"
		finished, total := job.Progress()
		require.Equal(t, [2]int{states["success"] + states["skipped"], len(job.Steps)}, [2]int{finished, total})
		require.Equal(t, failed || total > 0 && finished == total || total == 0 && job.Status == "success", job.Done())
		require.True(t, !job.Queued() || states["pending"] > 0)
		if challenge := job.MFA(); challenge != nil {
			require.Less(t, states["success"]+states["failed"]+states["skipped"], len(job.Steps))
			require.Equal(t, job.ID, challenge.JobID)
			require.GreaterOrEqual(t, challenge.ValidFor, time.Duration(0))
			require.LessOrEqual(t, challenge.ValidFor, 24*time.Hour)
		}
		for _, read := range []func() (string, bool){job.UserID, job.ConnectionID, job.ReportID} {
			id, known := read()
			require.Equal(t, known, id != "")
			require.True(t, !known || api.ID(id).Validate() == nil, "%q", id)
			require.True(t, bytes.ContainsAny(body, `\%`) || bytes.Contains(body, []byte(id)), "the ID must be in the links")
		}
		err := job.Err()
		require.Equal(t, failed, err != nil)
		if err != nil {
			checkText(t, err, 8<<10)
			var failure *basiq.JobError
			require.ErrorAs(t, err, &failure)
			require.Same(t, job, failure.Job)
			require.Equal(t, failure.Code != "", errors.Is(err, failure.Code))
		}
	})
}
