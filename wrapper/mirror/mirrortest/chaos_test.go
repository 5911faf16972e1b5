package mirrortest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

var (
	seeds    = flag.Int("seeds", 1, "number of seeds of the chaos test")
	fromSeed = flag.Uint64("seed", 1, "first seed of the chaos test")
	days     = flag.Int("days", 3, "virtual days of the chaos test")
	users    = flag.Int("users", 2, "users of the chaos test")
)

// syncers is how many processes sync the same user at once.
const syncers = 3

// apiKey is the public API key of all sandboxes.
const apiKey = "basiqtest-not-a-real-api-key"

// TestChaos compares the mirror with the sandbox while everything goes wrong: three processes sync the same user at once,
// their clocks differ by two minutes, they are killed at random requests and statements, statements and commits fail, one in
// twenty responses is faulty or empty, lists shift between their pages, posted transactions change and vanish, and connections
// are refreshed, deleted, connected again, reauthorised, purged, and ended by an update of the consent, during syncs.
func TestChaos(t *testing.T) { //nolint:paralleltest // it uses all processors
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} { //nolint:paralleltest // the function says why
		for i := range *seeds {
			seed := *fromSeed + uint64(i)
			t.Run(fmt.Sprintf("%s/seed=%d", dialect, seed), func(t *testing.T) {
				runChaos(t, dialect, seed)
			})
		}
	}
}

type chaos struct {
	*testing.T

	random    *rand.Rand
	db        *sql.DB
	database  database
	sandbox   *basiqtest.Sandbox
	client    *basiq.Client
	mirror    *mirror.Mirror
	proxy     *proxy
	processes []*process
	replies   chan reply
	users     []*chaosUser
	header    http.Header

	syncs, failed, deaths, rows, changes int
	errors                               map[string]int
}

type chaosUser struct {
	id          string
	login       string
	open        bool
	connections []string
	// history holds what a failure should report.
	history []string
}

func runChaos(t *testing.T, dialect mirror.Dialect, seed uint64) {
	t.Helper()
	d := newDatabase(t, dialect)
	p := newProxy(seed)
	defer p.server.Close()
	replies := make(chan reply)
	processes := make([]*process, syncers)
	for i := range processes {
		processes[i] = &process{index: i, replies: replies, setup: setup{
			Seed: seed*1000 + uint64(i)*100, Dialect: d.dialect, Database: d.url, Server: p.server.URL,
			Skew: time.Duration(i-1) * 2 * time.Minute, FailRate: 0.006, Kill: 0.004,
		}}
		processes[i].setup.APIKey = apiKey
		defer processes[i].start()()
	}
	synctest.Test(t, func(t *testing.T) {
		c := &chaos{T: t, random: rand.New(rand.NewPCG(seed, 3)), database: d, proxy: p, processes: processes, replies: replies, errors: map[string]int{}}
		c.db = d.open(t)
		defer func() { _ = c.db.Close() }()
		store := d.store(t, c.db)
		_, err := c.db.Exec(ownSchema)
		require.NoError(t, err)
		c.sandbox = basiqtest.New(t, basiqtest.WithSeed(seed), basiqtest.WithRedirectURL("https://example.com/"))
		p.sandbox = c.sandbox
		c.client, err = c.sandbox.NewClient()
		require.NoError(t, err)
		c.mirror, err = mirror.New(c.client, store)
		require.NoError(t, err)
		c.setUp()
		for day := range *days {
			p.faults = 0.05
			c.day()
			c.quiet(day%3 == 2 || day == *days-1)
			time.Sleep(time.Duration(10+c.random.IntN(20)) * time.Hour)
		}
		t.Logf("%d syncs, %d failed, %d processes killed, %d requests, %d of them faulty, %d transactions changed by the bank; %d rows and %d changes compared",
			c.syncs, c.failed, c.deaths, p.requests.Load(), p.failed.Load(), len(p.overlay), c.rows, c.changes)
		for text, count := range c.errors {
			t.Logf("%d × %s", count, text)
		}
	})
}

func (c *chaos) setUp() {
	logins := []string{"Wentworth-Smith", "gavinBelson", "Whistler", "Gilfoyle", "ashMann"}
	for i := range *users {
		user, err := c.client.Users.Create(c.Context(), basiq.CreateUser{Email: fmt.Sprintf("user%d@hooli.com", i)})
		require.NoError(c, err)
		u := &chaosUser{id: user.ID, login: logins[i%len(logins)], open: i%3 == 1}
		c.users = append(c.users, u)
		c.connect(u)
	}
}

func (u *chaosUser) method() (options []basiqtest.ConnectOption) {
	if u.open {
		options = append(options, basiqtest.WithOpenBanking())
	}
	return options
}

// connect connects a user, who may have an older connection with the same accounts.
func (c *chaos) connect(u *chaosUser) {
	c.wait(u, c.sandbox.Connect(u.id, "AU00000", u.login, u.method()...))
}

// visit lets a user visit the consent page.
func (c *chaos) visit(u *chaosUser, action basiq.ConsentAction) {
	client, err := c.sandbox.NewClient() // the token of the other may have expired early
	require.NoError(c, err)
	page, err := client.Consents.PageURL(context.Background(), u.id, basiq.ConsentPage{Action: action, State: "state"})
	require.NoError(c, err)
	back, err := c.sandbox.VisitConsentPage(page.Reveal(), "AU00000", u.login, u.method()...)
	require.NoError(c, err)
	redirect, err := basiq.ParseConsentRedirect(back, "state")
	require.NoError(c, err)
	for _, job := range redirect.JobIDs {
		c.wait(u, job)
	}
}

// wait waits for a job and notes its connection.
func (c *chaos) wait(u *chaosUser, jobID string) {
	job, err := c.client.Jobs.Wait(context.Background(), jobID)
	require.NoError(c, err)
	if id, ok := job.ConnectionID(); ok && !slices.Contains(u.connections, id) { // it may be that of a running job
		u.connections = append(u.connections, id)
	}
}

// do has processes carry out commands concurrently, and serves their requests. Time passes only between requests.
func (c *chaos) do(commands ...command) []reply {
	// Some syncs take longer than an import, some happen within its steps.
	step := []int{50, 50, 4000}[c.random.IntN(3)]
	for i, command := range commands {
		command.Now = time.Now()
		c.processes[i].commands <- command
	}
	replies := make([]reply, len(commands))
	for pending := len(commands); pending > 0; {
		select {
		case x := <-c.proxy.exchanges:
			if c.proxy.faults > 0 {
				if c.random.IntN(3) == 0 {
					time.Sleep(time.Duration(c.random.IntN(step)) * time.Millisecond)
				}
				if c.random.IntN(200) == 0 {
					c.processes[c.random.IntN(len(commands))].kill()
				}
				if c.random.IntN(60) == 0 {
					c.act(c.users[c.random.IntN(len(c.users))])
				}
			}
			c.proxy.handle(x)
		case r := <-c.replies:
			replies[r.process] = r
			pending--
		}
	}
	for _, r := range replies {
		c.syncs++
		if r.Err != "" {
			c.failed++
			c.errors[r.Err]++
		}
		if r.Died {
			c.deaths++
		}
	}
	return replies
}

// day lets things happen to all users.
func (c *chaos) day() {
	for _, u := range c.users {
		for range 1 + c.random.IntN(3) {
			c.act(u)
		}
		for range 1 + c.random.IntN(2) {
			if len(u.connections) > 0 { // the syncs begin during the import
				_, err := c.client.Connections.Refresh(context.Background(), u.id, u.connections[0])
				require.NoError(c, err)
				time.Sleep(time.Duration(c.random.IntN(12_000)) * time.Millisecond)
			}
			c.do(command{User: u.id}, command{User: u.id}, command{User: u.id})
			time.Sleep(time.Duration(c.random.IntN(600)) * time.Second)
		}
	}
}

// act does something to a user at the bank or at Basiq.
func (c *chaos) act(u *chaosUser) {
	defer func() { c.proxy.lists = nil }()
	ctx := context.Background()
	var connection string
	if len(u.connections) > 0 {
		connection = u.connections[c.random.IntN(len(u.connections))]
	}
	switch kind := c.random.IntN(22); {
	case connection == "":
		c.connect(u)
	case kind < 10:
		_, err := c.client.Connections.Refresh(ctx, u.id, connection)
		require.NoError(c, err)
	case kind < 17:
		c.change(u)
	case kind == 17 && len(u.connections) < 2:
		c.connect(u)
	case kind == 18:
		c.visit(u, basiq.ConsentActionReauthorise)
	case kind == 19:
		c.remove(u, "purge "+connection, func() {
			err := c.client.Connections.Purge(ctx, u.id, connection)
			if errors.Is(err, basiq.ErrBadRequest) { // it is not active yet
				return
			}
			require.NoError(c, err)
			if c.random.IntN(2) == 0 {
				c.proxy.purges[connection]++
			}
		})
	case kind == 20:
		c.remove(u, "delete "+connection, func() {
			require.NoError(c, c.client.Connections.Delete(ctx, u.id, connection))
			u.connections = slices.DeleteFunc(u.connections, func(id string) bool { return id == connection })
		})
	case kind == 21:
		c.remove(u, "update the consent", func() {
			u.connections = nil
			c.visit(u, basiq.ConsentActionUpdate)
		})
	}
}

// remove does something that removes transactions, and notes those that Basiq does not have after it.
func (c *chaos) remove(u *chaosUser, what string, do func()) {
	u.history = append(u.history, fmt.Sprint(what, " at ", time.Now()))
	before := c.truth(u)
	do()
	c.proxy.lists = nil
	left := map[string]bool{}
	for _, t := range c.truth(u) {
		left[t.ID] = true
	}
	for _, t := range before {
		if !left[t.ID] {
			c.proxy.absent[t.ID] = true
		}
	}
}

// change changes or removes a posted transaction at the bank.
func (c *chaos) change(u *chaosUser) {
	all := c.truth(u)
	if len(all) == 0 {
		return
	}
	t := all[c.random.IntN(len(all))]
	if c.random.IntN(2) == 0 { // a recent one of its account
		for _, other := range all {
			if other.Account == t.Account && other.Status == "posted" {
				t = other
				break
			}
		}
	}
	if t.Status != "posted" {
		return
	}
	c.proxy.overlay[t.ID] = fmt.Sprintf("CHANGED %d", c.random.IntN(1000))
	if c.random.IntN(3) == 0 {
		c.proxy.overlay[t.ID] = ""
		c.proxy.absent[t.ID] = true
	}
}

// truth returns the user's transactions at Basiq.
func (c *chaos) truth(u *chaosUser) []listed {
	if c.header == nil {
		c.authorize()
	}
	all, code, _ := c.proxy.transactions("/users/"+u.id+"/transactions", "", c.header)
	if code != http.StatusOK {
		c.authorize()
		all, code, _ = c.proxy.transactions("/users/"+u.id+"/transactions", "", c.header)
	}
	require.Equal(c, http.StatusOK, code)
	return all
}

func (c *chaos) authorize() {
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader("scope=SERVER_ACCESS"))
	r.Header.Set("Authorization", "Basic "+c.sandbox.APIKey())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Basiq-Version", "3.0")
	w := httptest.NewRecorder()
	c.sandbox.ServeHTTP(w, r)
	var token struct {
		Text string `json:"access_token"`
	}
	require.NoError(c, json.Unmarshal(w.Body.Bytes(), &token), w.Body.String())
	c.header = http.Header{"Authorization": {"Bearer " + token.Text}, "Accept": {"application/json"}}
}

// quiet waits until nothing changes any more, and compares everything. Without full, it waits only until the jobs have
// ended, and does not compare the transactions that the bank changed without a new lastUpdated.
func (c *chaos) quiet(full bool) {
	c.proxy.faults = 0
	time.Sleep(30 * time.Minute)
	if full {
		time.Sleep(fullRead)
	}
	for _, u := range c.users {
		idle := false
		var last reply
		for range 15 {
			last = c.do(command{User: u.id, Calm: true, AllowMass: true})[0]
			if idle = last.Result.Idle && last.Err == ""; idle {
				break
			}
			time.Sleep(10 * time.Minute)
		}
		require.True(c, idle, "the user never becomes idle: %+v", last)
		require.Equal(c, 1, last.Result.Requests)
		if full { // an idle sync does not read the connections
			last = c.do(command{User: u.id, Calm: true, Connections: true})[0]
			require.Empty(c, last.Err)
			c.compareDetails(u)
		}
		c.compare(u, full)
	}
}

func (c *chaos) compare(u *chaosUser, full bool) {
	truth := map[string]listed{}
	for _, t := range c.truth(u) {
		truth[t.ID] = t
	}
	c.rows += len(truth)
	mirrored := c.strings(`SELECT transaction_id, status || ' ' || CAST(amount AS TEXT) || ' ' || description FROM basiq_transaction WHERE user_id = ?`, u.id)
	own := c.strings(`SELECT transaction_id, amount || ' ' || description FROM app_transaction WHERE user_id = ?`, u.id)
	different := 0
	if !full {
		for id := range c.proxy.overlay {
			delete(truth, id)
			delete(mirrored, id)
			delete(own, id)
		}
	}
	for id, t := range truth {
		if mirrored[id] != t.Status+" "+t.Amount+" "+t.Description || own[id] != t.Amount+" "+t.Description {
			different++
			if different < 4 {
				c.Logf("Basiq has %s %s %s %s, the mirror %q, the table %q", id, t.Status, t.Amount, t.Description, mirrored[id], own[id])
			}
		}
	}
	for id, row := range mirrored {
		if _, found := truth[id]; !found {
			if different++; different < 4 {
				c.Logf("Basiq does not have %s: %s", id, row)
			}
		}
	}
	require.Zero(c, different, "rows differ")
	require.Len(c, own, len(truth), "rows of the application's table")

	accounts := map[string]string{}
	for a, err := range c.client.Accounts.List(c.Context(), u.id) {
		require.NoError(c, err)
		accounts[a.ID] = string(a.Balance)
	}
	require.Equal(c, accounts, c.strings(`SELECT account_id, COALESCE(CAST(balance AS TEXT), '') FROM basiq_account WHERE user_id = ?`, u.id), "accounts")
	c.replay(u, truth, full)
}

// compareDetails compares the connections and consents.
func (c *chaos) compareDetails(u *chaosUser) {
	connections, consents := map[string]string{}, map[string]string{}
	for connection, err := range c.client.Connections.List(c.Context(), u.id) {
		require.NoError(c, err)
		connections[connection.ID] = string(connection.Status)
	}
	for consent, err := range c.client.Consents.List(c.Context(), u.id) {
		require.NoError(c, err)
		consents[consent.ID] = string(consent.Status)
	}
	require.Equal(c, connections, c.strings(`SELECT connection_id, status FROM basiq_connection WHERE user_id = ?`, u.id), "connections")
	require.Equal(c, consents, c.strings(`SELECT consent_id, status FROM basiq_consent WHERE user_id = ?`, u.id), "consents")
}

// replay replays the feed, and checks that nothing was removed on doubt.
func (c *chaos) replay(u *chaosUser, truth map[string]listed, full bool) {
	rows, position := map[string]bool{}, mirror.Position(0)
	for change, err := range c.mirror.Changes(c.Context(), u.id, 0) {
		require.NoError(c, err)
		position++
		require.Equal(c, position, change.Position, "positions have no gaps")
		c.changes++
		id := change.TransactionID
		switch change.Kind {
		case mirror.KindAdded:
			require.False(c, rows[id], "added twice")
			rows[id] = true
		case mirror.KindModified:
			require.True(c, rows[id], "modified before it was added")
		case mirror.KindSettled:
			require.True(c, rows[change.PendingID], "settled before it was pending")
			delete(rows, change.PendingID)
			rows[id] = true
		case mirror.KindRemoved:
			require.True(c, rows[id], "removed before it was added")
			delete(rows, id)
			if !c.proxy.absent[id] && !c.proxy.pending[id] {
				_, listed := truth[id]
				c.Logf("removed %s of account %s at position %d, listed now: %v; deletions and purges: %v", id, change.AccountID, position, listed, u.history)
				require.Fail(c, "a transaction was removed on doubt")
			}
		case mirror.KindErased:
		}
	}
	if !full {
		for id := range c.proxy.overlay {
			delete(rows, id)
		}
	}
	require.Len(c, rows, len(truth), "replayed rows")
	for id := range truth {
		require.True(c, rows[id], "replayed row")
	}
}

// strings returns the second column by the first.
func (c *chaos) strings(query string, args ...any) map[string]string {
	c.Helper()
	rows, err := c.db.Query(c.database.bind(query), args...)
	require.NoError(c, err)
	defer func() { _ = rows.Close() }()
	all := map[string]string{}
	for rows.Next() {
		var id, value string
		require.NoError(c, rows.Scan(&id, &value))
		all[id] = value
	}
	require.NoError(c, rows.Err())
	return all
}
