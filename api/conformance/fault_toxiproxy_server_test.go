package conformance

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// toxicServer behaves like Basiq on a real socket. Each subject has its own path prefix.
type toxicServer struct {
	protocol protocol
	subjects []subject
	// holds: the connection stays open after a response.
	holds   bool
	arrived []atomic.Int32
	conns   sync.WaitGroup
}

// listen serves until the test ends, and then waits until all connections are closed.
func (s *toxicServer) listen(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if s.protocol == h2 {
		server := httptest.NewUnstartedServer(s)
		require.NoError(t, server.Listener.Close())
		server.Listener, server.EnableHTTP2, server.TLS = listener, true, serverTLS(h2)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		return listener.Addr().String()
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() {
				defer func() { _ = conn.Close() }()
				s.serveHTTP1(conn)
			})
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		accepting.Wait()
		s.conns.Wait()
	})
	return listener.Addr().String()
}

// response returns the response to a received request, padded to the size, or false for an unknown path.
func (s *toxicServer) response(req *http.Request, size int) (reply, bool) {
	number, path, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	i, err := strconv.Atoi(number)
	if err != nil {
		return reply{}, false
	}
	req.URL.Path = "/" + path
	subject := &s.subjects[i]
	response := subject.good.withBody()
	if subject.matches(req) {
		s.arrived[i].Add(1)
	} else {
		response = subject.other(req).withBody()
	}
	response.body += strings.Repeat(" ", size-len(response.body))
	return response, true
}

func (s *toxicServer) serveHTTP1(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if _, err = io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	response, ok := s.response(req, toxicBody)
	if !ok {
		return
	}
	head := response.text() + fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\nX-Padding: ", len(response.body))
	head += strings.Repeat("x", toxicHead-len(head)-len("\r\n\r\n")) + "\r\n\r\n"
	_, _ = io.WriteString(conn, head+response.body)
	if s.holds {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// ServeHTTP responds to a request over HTTP/2.
func (s *toxicServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	response, ok := s.response(req, toxicHTTP2Body)
	if !ok || req.ProtoMajor != 2 {
		w.WriteHeader(http.StatusHTTPVersionNotSupported)
		return
	}
	w.Header().Set("Content-Type", response.mediaType)
	w.WriteHeader(response.status)
	_, _ = io.WriteString(w, response.body)
}
