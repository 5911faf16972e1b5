package main

import (
	"bytes"
	"context"
	"flag"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// running is a running program and a browser that uses it.
type running struct {
	t      *testing.T
	url    string
	stop   context.CancelFunc
	ended  chan error
	out    *lines
	client *http.Client
	at     *url.URL // the URL of the current page
	status int
	body   string
}

// lines collects the program's output and sends each line to a channel.
type lines struct {
	added chan string
	all   strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.all.Write(p)
	for line := range bytes.Lines(p) {
		l.added <- string(line)
	}
	return len(p), nil
}

// start runs the program and waits until it prints its URL.
func start(t *testing.T, environment map[string]string, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{t: t, stop: stop, ended: make(chan error, 1), out: &lines{added: make(chan string, 100)}}
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	r.client = &http.Client{Jar: jar, Timeout: time.Minute}
	args = append([]string{"-listen", "127.0.0.1:0"}, args...)
	go func() { r.ended <- run(ctx, args, func(name string) string { return environment[name] }, r.out) }()
	t.Cleanup(stop)
	for {
		select {
		case line := <-r.out.added:
			if m := regexp.MustCompile(`Open (http://\S+)/ `).FindStringSubmatch(line); m != nil {
				r.url = m[1]
				return r
			}
		case err := <-r.ended:
			require.NoError(t, err)
			t.FailNow()
		}
	}
}

// end stops the program and returns its output.
func (r *running) end() string {
	r.t.Helper()
	r.stop()
	require.NoError(r.t, <-r.ended)
	return r.out.all.String()
}

func (r *running) get(address string) {
	r.t.Helper()
	resp, err := r.client.Get(address)
	require.NoError(r.t, err)
	r.read(resp)
}

func (r *running) read(resp *http.Response) {
	r.t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Body.Close())
	r.at, r.status, r.body = resp.Request.URL, resp.StatusCode, string(body)
}

// press submits the form that contains the button whose text starts with text, with the given pairs of field names and values.
func (r *running) press(text string, fields ...string) {
	r.t.Helper()
	for _, form := range regexp.MustCompile(`(?s)<form .*?</form>`).FindAllString(r.body, -1) {
		button := regexp.MustCompile(`<button([^>]*)>` + regexp.QuoteMeta(text)).FindStringSubmatch(form)
		if button == nil {
			continue
		}
		values := url.Values{}
		for _, tag := range append(regexp.MustCompile(`<input [^>]*>`).FindAllString(form, -1), button[1]) {
			if name := attribute(tag, "name"); name != "" {
				values.Set(name, attribute(tag, "value"))
			}
		}
		for i := 0; i < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		target := attribute(form, "action")
		if other := attribute(button[1], "formaction"); other != "" {
			target = other
		}
		to, err := r.at.Parse(target)
		require.NoError(r.t, err)
		resp, err := r.client.PostForm(to.String(), values)
		require.NoError(r.t, err)
		r.read(resp)
		return
	}
	require.Fail(r.t, "no button "+text, r.body)
}

func attribute(tag, name string) string {
	m := regexp.MustCompile(`\b` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func (r *running) heading() string {
	m := regexp.MustCompile(`<h1>(.*?)</h1>`).FindStringSubmatch(r.body)
	require.NotNil(r.t, m, r.body)
	return html.UnescapeString(m[1])
}

// until reloads the page until its heading changes from heading.
func (r *running) until(heading string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		if r.heading() == heading {
			r.get(r.at.String())
		}
		return r.heading() != heading
	}, time.Minute, 10*time.Millisecond)
}

// logIn completes the login on the consent page.
func (r *running) logIn(bank, login, password string) {
	r.t.Helper()
	require.Equal(r.t, "Choose your bank", r.heading())
	r.press(bank)
	r.press("Log in", "loginId", login, "password", password)
	r.until("Connecting to " + bank)
}

func TestConsent(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "-speed", "100")
	r.get(r.url)
	assert.Equal(t, "See all your accounts in one place", r.heading())
	r.press("Connect your bank")
	assert.Equal(t, http.StatusUnprocessableEntity, r.status)
	assert.Contains(t, r.body, "Enter your email address")
	r.press("Connect your bank", "email", `no"email`)
	assert.Contains(t, r.body, "Enter an email address such as name@example.com")
	assert.Contains(t, r.body, `value="no&#34;email"`)

	r.press("Connect your bank", "email", "gavin@hooli.com")
	assert.Equal(t, "Share your financial data", r.heading())
	assert.NotContains(t, r.at.String(), "token")
	r.press("I agree")
	r.logIn("Hooli", "gavinBelson", "hooli2016")
	r.press("Connect another")
	r.logIn("Pied Piper", "gavinBelson", "hooli2016")
	r.press("Send", "answer0", "Hooli")
	r.until("Connecting to Pied Piper")
	r.press("Finish")
	assert.Equal(t, r.url+"/", r.at.String(), "the parameters of the redirect are removed from the address")
	assert.Contains(t, []string{"Fetching your accounts", "Your accounts"}, r.heading())
	r.until("Fetching your accounts")
	assert.Equal(t, "Your accounts", r.heading())
	assert.Contains(t, r.body, "<caption>Hooli <")
	assert.Contains(t, r.body, "<caption>Pied Piper <")
	assert.Regexp(t, `<td class="amount">-?\$[0-9,]+\.[0-9]{2}</td>`, r.body)
	for _, cookie := range r.client.Jar.Cookies(r.at) {
		assert.Equal(t, "session", cookie.Name)
		assert.Regexp(t, `^[A-Z2-7]{26}$`, cookie.Value, "the cookie contains only a random key")
	}

	r.press("Manage what you share")
	assert.Equal(t, "Manage what you share", r.heading())
	r.press("Revoke")
	r.press("Revoke my consent")
	r.press("Finish")
	assert.NotContains(t, r.body, "No bank was connected.", "managing a consent does not connect a bank")
	assert.Contains(t, r.body, "You have not connected a bank.")
	r.press("Connect your bank")
	r.press("Cancel")
	assert.Contains(t, r.body, "No bank was connected.")
	r.get(r.url)
	assert.NotContains(t, r.body, "No bank was connected.", "the notice is shown once")

	r.press("Delete all my data")
	assert.Equal(t, "See all your accounts in one place", r.heading())
	assert.Contains(t, r.end(), "All created users are deleted.")
}

// A redirect that does not belong to a visit started by the app is rejected.
func TestConnected_ForgedRedirect(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "-speed", "100")
	rejected := func(query string) {
		t.Helper()
		r.get(r.url + redirectPath + query)
		assert.Equal(t, http.StatusBadRequest, r.status)
		assert.Equal(t, "That did not work", r.heading())
	}
	rejected("?state=x&jobIds=y")
	r.get(r.url)
	r.press("Connect your bank", "email", "gavin@hooli.com")
	rejected("?state=x&jobIds=y")
	rejected("?jobIds=y")
	r.get(r.url)
	assert.Contains(t, r.body, "You have not connected a bank.", "the jobs of another visit are not watched")
	r.press("Connect your bank")
	r.press("Cancel")
	assert.Equal(t, "Your accounts", r.heading())
	rejected("?state=&jobIds=y")

	resp, err := r.client.Do(&http.Request{
		Method: http.MethodPost, URL: r.at.JoinPath("../forget"), Header: http.Header{"Sec-Fetch-Site": {"cross-site"}},
	})
	require.NoError(t, err)
	r.read(resp)
	assert.Equal(t, http.StatusForbidden, r.status, "another site cannot delete the user")
}

// Another user's job is not shown, even with a valid state.
func TestConnected_JobOfOtherUser(t *testing.T) {
	t.Parallel()
	sandbox, r := startWithKey(t)
	r.get(r.url)
	r.press("Connect your bank", "email", "gavin@hooli.com")
	r.press("I agree")
	r.logIn("Hooli", "gavinBelson", "hooli2016")
	r.press("Finish") // this sandbox has no redirect URL, so the visit ends here
	jobID := regexp.MustCompile(`jobIds=([0-9a-f-]{36})`).FindStringSubmatch(r.body)[1]

	other := &running{t: t, url: r.url}
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var state string
	other.client = &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if value := req.URL.Query().Get("state"); value != "" {
			state = value
		}
		return nil
	}}
	other.get(r.url)
	other.press("Connect your bank", "email", "jared@hooli.com")
	other.get(r.url + redirectPath + "?" + url.Values{"jobIds": {jobID}, "state": {state}}.Encode())
	other.until("Fetching your accounts")
	assert.Contains(t, other.body, "The result is unknown.")
	assert.Contains(t, other.body, "You have not connected a bank.")
	assert.NotContains(t, other.body, "<caption>")

	// An unavailable bank is reported to the user.
	other.press("Connect your bank")
	other.press("I agree")
	other.logIn("Hooli", "jianYang", "nothotdog")
	other.press("Finish")
	jobID = regexp.MustCompile(`jobIds=([0-9a-f-]{36})`).FindStringSubmatch(other.body)[1]
	other.get(r.url + redirectPath + "?" + url.Values{"jobIds": {jobID}, "state": {state}}.Encode())
	other.until("Fetching your accounts")
	assert.Contains(t, other.body, "Service is currently unavailable. Please try again later.")
	assert.Contains(t, other.body, "No data has been retrieved.")

	// If Basiq is unavailable, the page shows an error, and the program can still be stopped.
	require.NoError(t, sandbox.Close())
	other.press("Delete all my data")
	assert.Equal(t, http.StatusBadGateway, other.status)
	assert.Contains(t, r.end(), "Could not delete a user")
}

// startWithKey runs the program against a separate sandbox, as it would run against Basiq.
func startWithKey(t *testing.T) (*basiqtest.Sandbox, *running) {
	t.Helper()
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100))
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	return sandbox, start(t, map[string]string{"BASIQ_API_KEY": sandbox.APIKey()},
		"-base-url", sandbox.URL(), "-consent-url", sandbox.URL()+"/home")
}

func TestAPIKey(t *testing.T) {
	t.Parallel()
	sandbox, r := startWithKey(t)
	r.get(r.url)
	r.press("Connect your bank", "email", "gavin@hooli.com")
	out := r.end()
	assert.Contains(t, out, "The redirect URL in its dashboard must be "+r.url+redirectPath)
	requests := sandbox.Requests()
	assert.Equal(t, "deleteUser", requests[len(requests)-1].Operation)
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for amount, want := range map[basiq.Amount]string{
		"": "", "0.00": "$0.00", "999.50": "$999.50", "-1234567.89": "-$1,234,567.89", "100000.00": "$100,000.00",
	} {
		assert.Equal(t, want, money(amount, "AUD"))
	}
	assert.Equal(t, "$5.00 NZD", money("5.00", "NZD"))
}

func TestFlags_Invalid(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"flag provided but not defined: -nope; see -help":  {"-nope"},
		`"extra" is not a flag; see -help`:                 {"extra"},
		"-base-url and -consent-url require BASIQ_API_KEY": {"-base-url", "http://localhost:1"},
		"speed -1 is not a positive finite number":         {"-speed", "-1", "-listen", "127.0.0.1:0"},
		"listen tcp: address nowhere: missing port":        {"-listen", "nowhere"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(t.Context(), args, func(string) string { return "" }, &out)
			require.ErrorContains(t, err, want)
			assert.Empty(t, out.String())
		})
	}
	for want, url := range map[string]string{
		"BASIQ_API_KEY: must not begin with \"Basic \"": "https://consent.example",
		"-consent-url: scheme must be https":            "http://consent.example",
	} {
		key := map[string]string{"https://consent.example": "Basic abc", "http://consent.example": "abc"}[url]
		err := run(t.Context(), []string{"-listen", "127.0.0.1:0", "-consent-url", url}, func(string) string { return key }, io.Discard)
		require.Error(t, err)
		assert.Contains(t, explain(err), want)
	}
	var out strings.Builder
	err := run(t.Context(), []string{"-help"}, func(string) string { return "" }, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, out.String(), "-listen")
}

// main prints one line to stderr on failure and sets the exit status.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	if args := os.Getenv("CONSENT_ARGS"); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
		return
	}
	for args, want := range map[string]int{"-help": 0, "-nope": 1} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExitStatus$")
			program.Env = append(os.Environ(), "CONSENT_ARGS="+args, "BASIQ_API_KEY=")
			var stderr strings.Builder
			program.Stderr = &stderr
			_ = program.Run()
			assert.Equal(t, want, program.ProcessState.ExitCode())
			if want == 0 {
				assert.Empty(t, stderr.String())
			} else {
				assert.Regexp(t, `^consent: [^\n]+\n$`, stderr.String())
			}
		})
	}
}
