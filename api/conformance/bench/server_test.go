package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/basiq-go/basiq-go/api/conformance/payloads"
)

const (
	apiKey       = "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA=="
	userID       = "6a52015e-4791-11e8-8750-0a87c0279fe8"
	connectionID = "1ab2c3d4-4791-11e8-8750-0a87c0279fe8"
	// missingID is an ID that does not exist.
	missingID = "00000000-4791-11e8-8750-0a87c0279fe8"
	// stubURL is the base URL of the stub transport.
	stubURL = "https://au-api.basiq.io"
)

// tokenJSON has the typical length of Basiq's tokens, which are JWTs.
var tokenJSON = []byte(`{"access_token":"` + strings.Repeat("eyJhbGciOiJIUzI1NiJ9", 40) + `","token_type":"Bearer","expires_in":3600}`)

var errorJSON = []byte(`{"type":"list","correlationId":"7f1d0a4c-0b12-43ba-a3c1-286dd5f4f396","data":[{"type":"error","code":"resource-not-found",` +
	`"title":"Resource not found","detail":"Requested resource could not be found","source":{"parameter":"connectionId","pointer":""}}]}`)

// server responds to the benchmarks' requests with prepared bodies.
type server struct {
	requests, tokens, jobs atomic.Int64

	connection, connections, job []byte
	// items is a page of transactions without the ends of their IDs, which differ by page. next is the start of the link to
	// the next page, and end follows the link.
	items     [][]byte
	next, end []byte
	// pages is the number of pages.
	pages int
	// running is a job in progress. It is the response to the first laterDone requests for jobs.
	running   []byte
	laterDone int64
	// watch is called on every hundredth request for a job. Calls are not concurrent.
	watch   func()
	watched sync.Mutex
}

// fill prepares the responses: every user gets this number of pages, each with this number of transactions.
func (s *server) fill(baseURL string, pages, transactions int) {
	const mark = "NEXT"
	page, end, _ := bytes.Cut(payloads.Transactions(transactions, mark), []byte(mark))
	s.items, s.end = bytes.Split(page, []byte("0b87c0279fe8")), end
	s.next = fmt.Appendf(nil, "%s/users/%s/transactions?limit=500&next=", baseURL, userID)
	s.connections, s.job = payloads.Connections(100), payloads.DoneJob(0)
	s.connection = bytes.ReplaceAll(payloads.Connection(0), []byte(missingID), []byte(connectionID))
	s.pages = pages
	s.running = bytes.Replace(s.job, []byte(`"success"`), []byte(`"in-progress"`), 3)
}

// transactions returns a page of transactions in parts. Only the last page has no link.
func (s *server) transactions(number int) [][]byte {
	parts, idEnd := make([][]byte, 0, 2*len(s.items)+2), fmt.Appendf(nil, "%012d", number)
	for _, item := range s.items[:len(s.items)-1] {
		parts = append(parts, item, idEnd)
	}
	parts = append(parts, s.items[len(s.items)-1])
	if number++; number < s.pages {
		parts = append(parts, s.next, strconv.AppendInt(nil, int64(number), 10))
	}
	return append(parts, s.end)
}

// withID returns a job with an ID in parts.
func withID(job []byte, id string) [][]byte {
	before, rest, _ := bytes.Cut(job, []byte(`"id":"`))
	_, after, _ := bytes.Cut(rest, []byte(`"`))
	return [][]byte{before, []byte(`"id":"` + id + `"`), after}
}

// respond returns the response to a request in parts.
func (s *server) respond(req *http.Request) (status int, parts [][]byte) {
	s.requests.Add(1)
	path := req.URL.Path
	switch {
	case path == "/token":
		s.tokens.Add(1)
		return http.StatusOK, [][]byte{tokenJSON}
	case strings.HasPrefix(path, "/jobs/"):
		number := s.jobs.Add(1)
		if s.watch != nil && number%100 == 0 {
			s.watched.Lock()
			s.watch()
			s.watched.Unlock()
		}
		job := s.job
		if number <= s.laterDone {
			job = s.running
		}
		return http.StatusOK, withID(job, strings.TrimPrefix(path, "/jobs/"))
	case strings.HasSuffix(path, "/transactions"):
		_, at, _ := strings.Cut(req.URL.RawQuery, "next=")
		number, _ := strconv.Atoi(at)
		return http.StatusOK, s.transactions(number)
	case strings.HasSuffix(path, "/connections"):
		if req.Method == http.MethodPost {
			return http.StatusAccepted, [][]byte{s.job}
		}
		return http.StatusOK, [][]byte{s.connections}
	case strings.HasSuffix(path, missingID):
		return http.StatusNotFound, [][]byte{errorJSON}
	}
	return http.StatusOK, [][]byte{s.connection}
}

// RoundTrip implements [http.RoundTripper] in memory, at almost no cost.
func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	status, parts := s.respond(req)
	body := net.Buffers(parts)
	return &http.Response{
		StatusCode: status, ContentLength: int64(length(parts)), Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(&body),
	}, nil
}

func length(parts [][]byte) int {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	return n
}

func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status, parts := s.respond(req)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length(parts)))
	w.WriteHeader(status)
	for _, part := range parts {
		_, _ = w.Write(part)
	}
}

// listen starts a server on loopback and counts the connections to it.
func listen(b *testing.B, handler http.Handler) (baseURL string, opened *atomic.Int64) {
	b.Helper()
	opened = new(atomic.Int64)
	listener := httptest.NewUnstartedServer(handler)
	listener.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	listener.Start()
	b.Cleanup(listener.Close)
	return listener.URL, opened
}
