package fleettest

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/fleet/internal/programtest"
	"github.com/basiq-go/basiq-go/wrapper/internal/postgrestest"
)

var (
	users  = flag.Int("users", 0, "number of users; 0 for the short form")
	kills  = flag.Bool("kills", false, "kill two processes of TestFleet; it then takes at least two minutes")
	rounds = flag.Int("rounds", 1, "number of requests for each user of TestShared")
)

// deadline limits waits for events that must happen, even on a slow machine.
const deadline = 5 * time.Minute

// newServer returns a PostgreSQL server for one test. The test is skipped if PostgreSQL is not installed, unless
// POSTGRES_TESTS is "required".
func newServer(t *testing.T) *postgrestest.Server {
	t.Helper()
	server, err := postgrestest.Start("pgx")
	if errors.Is(err, postgrestest.ErrNotInstalled) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server
}

// password is in the URLs of the databases, which must not be logged. The server accepts any password.
const password = "planted"

// newDatabase returns the URL of a new database.
func newDatabase(t *testing.T, server *postgrestest.Server) string {
	t.Helper()
	databaseURL, err := server.NewDatabase()
	require.NoError(t, err)
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

// setup is what a process of the fleet needs.
type setup struct {
	Database, Sandbox, APIKey string
	Rate                      float64
	// Product identifies the process in the User-Agent header.
	Product string
}

// stall is the name of a report.
const stall = "stall"

// setupVariable is the environment variable with the setup of a process, in JSON.
const setupVariable = "FLEETTEST_SETUP"

// readSetup returns the setup of this process. A test that is not run by spawn is skipped.
func readSetup(t *testing.T) setup {
	t.Helper()
	encoded := os.Getenv(setupVariable)
	if encoded == "" {
		t.Skip("this is the main function of another process")
	}
	var s setup
	require.NoError(t, json.Unmarshal([]byte(encoded), &s))
	return s
}

// machine is a process of the fleet.
type machine struct {
	cmd *exec.Cmd
	// in is the process's standard input. A process of TestFleet ends when it is closed.
	in   io.Closer
	log  programtest.Log
	done chan struct{} // closed when the process has ended and its output was read
	err  error
}

// machines are the processes of a fleet, and what they report.
type machines struct {
	main  string
	setup setup

	mu sync.Mutex
	// sent are the times at which the processes sent requests, by operation.
	sent map[string][]time.Time
	// stalls are periods in which a process was not scheduled, or the database did not respond, as they should.
	stalls []period
	all    []*machine
}

type period struct{ from, to time.Time }

// add adds a report: an operation and when its request was sent, or stall and when it began and ended.
func (m *machines) add(report string) {
	name, rest, _ := strings.Cut(report, " ")
	var times []time.Time
	for field := range strings.FieldsSeq(rest) {
		if micros, err := strconv.ParseInt(field, 10, 64); err == nil {
			times = append(times, time.UnixMicro(micros))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case name == stall && len(times) == 2:
		m.stalls = append(m.stalls, period{times[0], times[1]})
	case len(times) == 1:
		m.sent[name] = append(m.sent[name], times[0])
	}
}

// spawn starts a process that runs the test main.
func (m *machines) spawn(t *testing.T) *machine {
	t.Helper()
	m.setup.Product = "process/" + strconv.Itoa(len(m.all))
	encoded, err := json.Marshal(m.setup)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	reports, write, err := os.Pipe()
	require.NoError(t, err)
	p := &machine{done: make(chan struct{})}
	p.cmd = exec.CommandContext(t.Context(), self, "-test.run=^"+m.main+"$", "-test.timeout=1h")
	p.cmd.Env = append(os.Environ(), setupVariable+"="+string(encoded))
	p.cmd.ExtraFiles = []*os.File{write}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	require.NoError(t, write.Close())
	m.all = append(m.all, p)
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(reports); lines.Scan(); {
			m.add(lines.Text())
		}
		_ = reports.Close()
		if p.err = p.cmd.Wait(); p.err != nil {
			p.err = errors.Join(p.err, errors.New(p.log.String()))
		}
	}()
	return p
}

// kill kills a process in mid-work and starts another one.
func (m *machines) kill(t *testing.T, i int) {
	t.Helper()
	require.NoError(t, m.all[i].cmd.Process.Kill())
	<-m.all[i].done
	m.spawn(t)
}

// wait waits until the processes have ended, and requires that all except the killed ones report no error.
func (m *machines) wait(t *testing.T, killed int) {
	t.Helper()
	for i, p := range m.all {
		select {
		case <-p.done:
		case <-time.After(deadline):
			require.Fail(t, "a process did not end", i)
		}
		if i >= killed {
			require.NoError(t, p.err)
		}
	}
}

// sentOf returns when the processes sent requests of an operation, or all requests for "".
func (m *machines) sentOf(operation string) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []time.Time
	for name, times := range m.sent {
		if operation == "" || name == operation {
			all = append(all, times...)
		}
	}
	return all
}
