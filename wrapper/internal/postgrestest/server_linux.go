package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// readyTimeout limits how long a server takes to start.
const readyTimeout = time.Minute

// ErrNotInstalled is returned if the programs of PostgreSQL were not found. A test that gets it is skipped.
var ErrNotInstalled = errors.New("PostgreSQL is not installed")

// errRequired is returned in place of ErrNotInstalled if the variable POSTGRES_TESTS is "required".
var errRequired = errors.New("PostgreSQL is not installed, and POSTGRES_TESTS requires it")

// Server is a PostgreSQL server.
type Server struct {
	// URL is the URL of the database postgres.
	URL string

	driver   string
	bin, dir string
	port     int
	account  *syscall.Credential
	process  *exec.Cmd
	next     atomic.Int64
}

// shared is the server of the test binary.
var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Shared returns the server of the test binary, which it starts in the first call. POSTGRES_URL is the URL of a server to use
// instead. The binary runs its tests with [Run], which stops the server. The driver of the first call counts.
func Shared(driver string) (*Server, error) {
	shared.once.Do(func() {
		if serverURL := os.Getenv("POSTGRES_URL"); serverURL != "" { //nolint:forbidigo // only tests use this package
			shared.server = &Server{URL: serverURL, driver: driver}
			return
		}
		shared.server, shared.err = Start(driver)
	})
	return shared.server, shared.err
}

// Run runs the tests of a binary, usually a *testing.M, stops the server of [Shared], and returns the exit code.
func Run(tests interface{ Run() int }) int {
	code := tests.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	return code
}

// programs returns the directory of the server's programs, or "".
func programs() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// Start starts a server on a free loopback port. It ends with the process that started it. PostgreSQL refuses to run as
// root, so root runs it as a user without privileges. driver is the name of a driver for database/sql.
func Start(driver string) (*Server, error) {
	s := &Server{driver: driver, bin: programs()}
	if s.bin == "" && os.Getenv("POSTGRES_TESTS") == "required" { //nolint:forbidigo // only tests use this package
		return nil, errRequired
	}
	if s.bin == "" {
		return nil, ErrNotInstalled
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "postgrestest"); err != nil {
		return nil, err
	}
	if err = s.init(); err == nil {
		err = s.run()
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// init creates the server's data directory.
func (s *Server) init() error {
	if os.Geteuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			account, err = user.Lookup("nobody")
		}
		if err != nil {
			return err
		}
		uid, _ := strconv.ParseUint(account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
			return err
		}
		s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	initdb := exec.CommandContext(context.Background(), filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "basiq", "-A", "trust", "-E", "UTF8", "--no-sync") //nolint:gosec // the path is that of the installed programs
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: s.account}, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	host := listener.Addr().String()
	_, port, _ := net.SplitHostPort(host)
	s.port, _ = strconv.Atoi(port)
	s.URL = "postgres://basiq@" + host + "/postgres?sslmode=disable"
	return listener.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// run starts the server's process and waits until it accepts connections.
func (s *Server) run() error {
	s.process = exec.CommandContext(context.Background(), filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port), "-h", "127.0.0.1", //nolint:gosec // the path is that of the installed programs
		"-k", s.dir, "-c", "max_connections=200", "-c", "log_min_messages=fatal")
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Credential: s.account}
	s.process.Dir = s.dir
	if err := s.process.Start(); err != nil {
		return err
	}
	db, err := sql.Open(s.driver, s.URL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		<-time.After(50 * time.Millisecond) // the server has no other signal that it is ready
	}
}

// Restart ends the server as after a power failure, calls whileDown, and starts the server with the same data and port.
func (s *Server) Restart(whileDown func()) error {
	s.kill()
	whileDown()
	return s.run()
}

func (s *Server) kill() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Signal(syscall.SIGQUIT) // an immediate shutdown
		_ = s.process.Wait()
	}
}

// Stop ends the server and deletes its data.
func (s *Server) Stop() {
	s.kill()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// NewDatabase creates an empty database and returns its URL.
func (s *Server) NewDatabase() (string, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", err
	}
	db, err := sql.Open(s.driver, s.URL)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), s.next.Add(1))
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}
