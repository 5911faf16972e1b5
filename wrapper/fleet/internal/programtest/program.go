// Package programtest runs the command basiq as a process of a test.
package programtest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// A Program is a running process of the command.
type Program struct {
	*exec.Cmd

	// URLs are the addresses that the program has printed, by their names.
	URLs map[string]string
	// Log is what the program has written to stderr.
	Log Log
	// limit limits how long the program may take to start or to stop.
	limit time.Duration
}

// Start starts the program and waits until it is ready. If it takes longer than limit, it is killed and the test fails.
func Start(t basiqtest.TB, limit time.Duration, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{Cmd: cmd, URLs: map[string]string{}, limit: limit}
	cmd.Stderr = &p.Log
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start the program: %v", err)
		return nil
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	defer p.killLater()()
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		line := lines.Text()
		if line == "ready" {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return p
		}
		if fields := strings.Fields(line); len(fields) > 1 {
			p.URLs[fields[0]] = strings.TrimSuffix(fields[1], ",")
		}
	}
	_ = cmd.Wait()
	t.Fatalf("the program ended:\n%s", p.Log.String())
	return nil
}

// killLater kills the program after the limit, unless the function that it returns is called first.
func (p *Program) killLater() (cancel func() bool) {
	return time.AfterFunc(p.limit, func() { _ = p.Process.Kill() }).Stop
}

// Get returns the status and the body of a page of the program.
func (p *Program) Get(t basiqtest.TB, page string) (status int, body string) {
	t.Helper()
	status, body, err := get(p.URLs[page])
	if err != nil {
		t.Fatalf("page %s: %v", page, err)
	}
	return status, body
}

func get(url string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// Stop sends SIGTERM, and requires that the program ends with status 0.
func (p *Program) Stop(t basiqtest.TB) {
	t.Helper()
	defer p.killLater()()
	err := p.Process.Signal(syscall.SIGTERM)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		t.Fatalf("stop the program: %v\n%s", err, p.Log.String())
	}
}

// Log is a log that a test reads while it is written.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// String returns what has been written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
