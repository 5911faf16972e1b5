package mirrortest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/stretchr/testify/require"
)

// postgres is a PostgreSQL server that belongs to the test binary.
var postgres struct {
	once sync.Once
	stop func()
	url  string
	err  error
	next int
	mu   sync.Mutex
}

func TestMain(m *testing.M) {
	code := m.Run()
	if postgres.stop != nil {
		postgres.stop()
	}
	os.Exit(code)
}

// postgresBin returns the directory of the server's programs, "" if PostgreSQL is not installed.
func postgresBin() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// startPostgres starts a server on a free loopback port. PostgreSQL refuses to run as root, so root runs it as the user
// postgres or nobody.
func startPostgres(bin string) (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "mirrortest")
	if err != nil {
		return "", nil, err
	}
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			account, err = user.Lookup("nobody")
		}
		if err != nil {
			return "", nil, err
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return "", nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "basiq", "-A", "trust", "-E", "UTF8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: attributes.Credential}, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", dir,
		"-c", "max_connections=200", "-c", "log_min_messages=fatal")
	server.SysProcAttr, server.Dir = attributes, dir
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
		_ = os.RemoveAll(dir)
	}
	url = fmt.Sprintf("postgres://basiq@127.0.0.1:%d/postgres?sslmode=disable", port)
	db, err := sql.Open("pgx", url)
	if err != nil {
		stop()
		return "", nil, err
	}
	defer func() { _ = db.Close() }()
	for deadline := time.Now().Add(time.Minute); ; {
		if err = db.PingContext(context.Background()); err == nil {
			return url, stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return "", nil, err
		}
		<-time.After(50 * time.Millisecond) // the server has no other signal that it is ready
	}
}

// postgresURL returns the URL of a new, empty database. The test is skipped if PostgreSQL is not installed, unless
// POSTGRES_TESTS is "required". POSTGRES_URL is the URL of a server to use instead of a new one.
func postgresURL(t testing.TB) string {
	t.Helper()
	postgres.once.Do(func() {
		if postgres.url = os.Getenv("POSTGRES_URL"); postgres.url != "" {
			return
		}
		if bin := postgresBin(); bin != "" {
			postgres.url, postgres.stop, postgres.err = startPostgres(bin)
		}
	})
	require.NoError(t, postgres.err)
	if postgres.url == "" {
		require.NotEqual(t, "required", os.Getenv("POSTGRES_TESTS"), "PostgreSQL is not installed")
		t.Skip("PostgreSQL is not installed")
	}
	postgres.mu.Lock()
	postgres.next++
	name := fmt.Sprintf("mirrortest_%d_%d", os.Getpid(), postgres.next)
	postgres.mu.Unlock()
	db, err := sql.Open("pgx", postgres.url)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.Exec("CREATE DATABASE " + name)
	require.NoError(t, err)
	return withDatabase(t, postgres.url, name)
}
