package mirrortest

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// command is what a syncer process is asked to do.
type command struct {
	User string
	// Erase erases the user instead of syncing.
	Erase bool
	// Calm makes the database work without faults.
	Calm bool
	// Now is the time at Basiq.
	Now time.Time
	// AllowMass allows mass removals. Connections reads the connections in any case.
	AllowMass, Connections bool
}

// reply is the outcome of a command.
type reply struct {
	Result mirror.Result
	Err    string
	Died   bool
	// process is the index of the process.
	process int
}

// setup is what a syncer process needs.
type setup struct {
	Seed             uint64
	Dialect          mirror.Dialect
	Database, Server string
	APIKey           string
	Skew             time.Duration
	FailRate, Kill   float64
}

// fullRead is how often the syncers read everything. It is so long that most comparisons come without a full read, which
// would repair what the others got wrong.
const fullRead = 48 * time.Hour

// headerNow is the header with the time at Basiq, in microseconds since 1970.
const headerNow = "X-Now"

// TestSyncer is the main function of the syncer processes. Its clock is that of a bubble, which follows the one of the
// sandbox in the parent process, plus the skew.
func TestSyncer(t *testing.T) { //nolint:paralleltest // a process of its own
	encoded := os.Getenv("MIRRORTEST_SYNCER")
	if encoded == "" {
		t.Skip("this is the main function of another process")
	}
	var s setup
	require.NoError(t, json.Unmarshal([]byte(encoded), &s))
	commands, replies := json.NewDecoder(os.Stdin), json.NewEncoder(os.NewFile(3, "replies"))
	synctest.Test(t, func(t *testing.T) {
		d := database{s.Dialect, s.Database}
		faults := &trouble{random: rand.New(rand.NewPCG(s.Seed, 1))}
		db := d.openFaulty(t, faults)
		db.SetMaxOpenConns(1)
		defer func() { _ = db.Close() }()
		store, err := mirror.OpenSQL(context.Background(), db, d.dialect, mirror.InTx(ownTable(d)))
		require.NoError(t, err)
		follow := func(now time.Time) { time.Sleep(time.Until(now.Add(s.Skew))) }
		client, err := basiq.New(s.APIKey, basiq.WithBaseURL(s.Server), basiq.WithHTTPClient(&http.Client{Transport: &following{
			follow: follow,
			// The readers of idle connections would stop the clock of the bubble.
			next: &http.Transport{DisableKeepAlives: true},
		}}))
		require.NoError(t, err)
		m, err := mirror.New(client, store, mirror.WithFullRead(fullRead))
		require.NoError(t, err)
		for {
			var c command
			if err := commands.Decode(&c); err != nil {
				return
			}
			follow(c.Now)
			faults.fail, faults.kill = s.FailRate, s.Kill
			if c.Calm {
				faults.fail, faults.kill = 0, 0
			}
			var r reply
			if c.Erase {
				_, err = m.Erase(context.Background(), c.User, mirror.ReasonUserRequest)
			} else {
				var options []mirror.SyncOption
				if c.AllowMass {
					options = append(options, mirror.AllowMassRemoval())
				}
				if c.Connections {
					options = append(options, mirror.ReadConnections())
				}
				r.Result, err = m.Sync(context.Background(), c.User, options...)
			}
			if err != nil {
				r.Err = err.Error()
			}
			if err := replies.Encode(r); err != nil {
				return
			}
		}
	})
}

// following is a transport that sets the clock of the bubble to the server's.
type following struct {
	follow func(time.Time)
	next   http.RoundTripper
}

func (f *following) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := f.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	// The body is read first, because an open connection stops the clock.
	body, readErr := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(io.MultiReader(bytesReader(body), errorReader{readErr}))
	if now, err := strconv.ParseInt(response.Header.Get(headerNow), 10, 64); err == nil {
		f.follow(time.UnixMicro(now))
	}
	return response, nil
}

// ownTable keeps a table of the application that must be consistent with the mirror after every crash.
func ownTable(d database) func(ctx context.Context, tx *sql.Tx, changes []mirror.Change) error {
	return func(ctx context.Context, tx *sql.Tx, changes []mirror.Change) error {
		var values []any
		for _, c := range changes {
			gone := c.PendingID
			if c.Kind == mirror.KindRemoved {
				gone = c.TransactionID
			}
			var err error
			switch {
			case c.Kind == mirror.KindErased:
				_, err = tx.ExecContext(ctx, d.bind(`DELETE FROM app_transaction WHERE user_id = ?`), c.UserID)
			case gone != "":
				_, err = tx.ExecContext(ctx, d.bind(`DELETE FROM app_transaction WHERE user_id = ? AND transaction_id = ?`), c.UserID, gone)
			}
			if err != nil {
				return err
			}
			if c.Transaction != nil {
				values = append(values, c.UserID, c.TransactionID, string(c.Transaction.Amount), c.Transaction.Description)
			}
		}
		for rows := range slices.Chunk(values, 4*100) {
			query := `INSERT INTO app_transaction (user_id, transaction_id, amount, description) VALUES (?, ?, ?, ?)` +
				strings.Repeat(", (?, ?, ?, ?)", len(rows)/4-1) +
				` ON CONFLICT (user_id, transaction_id) DO UPDATE SET amount = excluded.amount, description = excluded.description`
			if _, err := tx.ExecContext(ctx, d.bind(query), rows...); err != nil {
				return err
			}
		}
		return nil
	}
}

const ownSchema = `CREATE TABLE app_transaction (user_id TEXT NOT NULL, transaction_id TEXT NOT NULL, amount TEXT NOT NULL,
	description TEXT NOT NULL, PRIMARY KEY (user_id, transaction_id))`

// process is a syncer process. It is started again when it has died. All its goroutines are outside of the bubble.
type process struct {
	index    int
	setup    setup
	commands chan command
	replies  chan reply
	// running is the process, nil if it is not running.
	running atomic.Pointer[os.Process]
}

// kill kills the process if it is running.
func (p *process) kill() {
	if running := p.running.Load(); running != nil {
		_ = running.Kill()
	}
}

// start starts the goroutine that runs the process. The function that it returns ends both, also during a command.
func (p *process) start() (stop func()) {
	p.commands = make(chan command)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var cmd *exec.Cmd
		var in io.WriteCloser
		var out *bufio.Reader
		stop := func() {
			if cmd != nil {
				p.running.Store(nil)
				_ = in.Close()
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				cmd = nil
			}
		}
		defer stop()
		for c := range p.commands {
			if cmd == nil {
				p.setup.Seed++
				var err error
				if cmd, in, out, err = p.spawn(); err != nil {
					p.replies <- reply{Err: err.Error(), Died: true, process: p.index}
					continue
				}
				p.running.Store(cmd.Process)
			}
			var r reply
			line, _ := json.Marshal(c)
			_, err := in.Write(append(line, '\n'))
			if err == nil {
				line, err = out.ReadBytes('\n')
			}
			if err == nil {
				err = json.Unmarshal(line, &r)
			}
			if err != nil {
				r = reply{Err: err.Error(), Died: true}
				stop()
			}
			r.process = p.index
			p.replies <- r
		}
	}()
	return func() {
		close(p.commands)
		p.kill()
		for {
			select {
			case <-p.replies:
			case <-ended:
				return
			}
		}
	}
}

func (p *process) spawn() (*exec.Cmd, io.WriteCloser, *bufio.Reader, error) {
	encoded, err := json.Marshal(p.setup)
	if err != nil {
		return nil, nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.Command(self, "-test.run=^TestSyncer$", "-test.timeout=1h")
	cmd.Env = append(os.Environ(), "MIRRORTEST_SYNCER="+string(encoded))
	cmd.ExtraFiles = []*os.File{write}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	_ = write.Close()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("syncer: %w", err)
	}
	return cmd, in, bufio.NewReader(read), nil
}
