package basiq_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// echoClient returns a client whose responses contain the last segment of the request path.
func echoClient() (*basiq.Client, error) {
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		last := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
		body := fmt.Sprintf(`{"type":"connection","id":%q,"status":%q,"links":{"self":%q}}`, last, "s-"+last, "l-"+last)
		switch {
		case strings.HasPrefix(last, "missing"):
			body = fmt.Sprintf(`{"type":"list","correlationId":%q,"data":[{"code":"resource-not-found","detail":%q}]}`, last, "d-"+last)
			return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
		case strings.HasPrefix(last, "broken"):
			body = `{"id":"` + last
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: req, ContentLength: int64(len(body))}, nil
	})
	return basiq.New("", basiq.WithTokenSource(fixedTokens("token")), basiq.WithHTTPClient(&http.Client{Transport: transport}))
}

// The buffer of a body is reused for the next response. Decoded values and error bodies must not refer to it.
func TestResponses_BufferReuse(t *testing.T) {
	t.Parallel()
	client, err := echoClient()
	require.NoError(t, err)
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			var connections []*basiq.Connection
			var failures []error
			for i := range 200 {
				id := fmt.Sprintf("%d-%d", caller, i)
				connection, err := client.Connections.Get(t.Context(), "u1", id)
				if err != nil {
					assert.Fail(t, err.Error())
					return
				}
				connections = append(connections, connection)
				for _, prefix := range []string{"missing", "broken"} {
					_, err = client.Connections.Get(t.Context(), "u1", prefix+id)
					failures = append(failures, err)
				}
			}
			for i, connection := range connections {
				id := fmt.Sprintf("%d-%d", caller, i)
				assert.Equal(t, []string{id, "s-" + id, "l-" + id}, []string{connection.ID, string(connection.Status), connection.Links.Self})
				for n, want := range []string{`"correlationId":"missing` + id + `"`, `{"id":"broken` + id} {
					var failure *basiq.Error
					if assert.ErrorAs(t, failures[2*i+n], &failure) {
						assert.Contains(t, string(failure.Body()), want)
					}
				}
			}
		})
	}
	all.Wait()
}

// Responses of Raw are read by the caller at any time, so their buffers are not reused.
func TestRaw_BufferNotReused(t *testing.T) {
	t.Parallel()
	client, err := echoClient()
	require.NoError(t, err)
	var bodies []io.Reader
	for i := range 50 {
		resp, err := client.Raw().GetConnection(t.Context(), "u1", api.ID(fmt.Sprint("raw", i)))
		require.NoError(t, err)
		bodies = append(bodies, resp.Body)
		_, err = client.Connections.Get(t.Context(), "u1", fmt.Sprint("other", i))
		require.NoError(t, err)
	}
	for i, body := range bodies {
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Contains(t, string(text), fmt.Sprintf(`"id":"raw%d"`, i))
	}
}

// net/http requests gzip and decompresses the body while it is read.
func TestResponses_Gzip(t *testing.T) {
	t.Parallel()
	var accepted string
	connections := make([]string, 1000)
	for i := range connections {
		connections[i] = strings.Replace(connectionJSON, `"c1"`, fmt.Sprintf(`"c%d"`, i), 1)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		accepted = req.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = io.WriteString(packed, `{"type":"list","data":[`+strings.Join(connections, ",")+`]}`)
		_ = packed.Close()
	}))
	t.Cleanup(server.Close)
	client, err := basiq.New("", basiq.WithTokenSource(fixedTokens("token")), basiq.WithBaseURL(server.URL))
	require.NoError(t, err)
	for range 2 {
		count := 0
		for connection, err := range client.Connections.List(t.Context(), "u1") {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("c", count), connection.ID)
			count++
		}
		require.Equal(t, 1000, count)
	}
	require.Equal(t, "gzip", accepted)
}
