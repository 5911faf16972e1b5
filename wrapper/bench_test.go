package basiq_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// answering answers every request with the same body, at no cost of its own.
type answering struct{ body string }

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ContentLength: int64(len(a.body)), Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

// BenchmarkGetConnection compares one call with what a team would write by hand: build the request, send it, read it all,
// decode it.
func BenchmarkGetConnection(b *testing.B) {
	transport := answering{connectionJSON}
	b.Run("by=hand", func(b *testing.B) {
		client := &http.Client{Transport: transport}
		for b.Loop() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf("%s/users/%s/connections/%s", basiq.DefaultBaseURL, userID, connID), nil)
			require.NoError(b, err)
			req.Header.Set("Accept", "application/json")
			req.Header.Set("Authorization", "Bearer token")
			resp, err := client.Do(req)
			require.NoError(b, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(b, err)
			_ = resp.Body.Close()
			connection := new(basiq.Connection)
			require.NoError(b, json.Unmarshal(body, connection))
		}
	})
	b.Run("by=client", func(b *testing.B) {
		client, err := basiq.New("", basiq.WithTokenSource(fixedTokens("token")), basiq.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(b, err)
		for b.Loop() {
			_, err := client.Connections.Get(b.Context(), userID, connID)
			require.NoError(b, err)
		}
	})
}

// BenchmarkToken is what a call pays for a token that is in store.
func BenchmarkToken(b *testing.B) {
	client, err := basiq.New(testKey, basiq.WithHTTPClient(&http.Client{Transport: answering{tokenJSON}, Timeout: time.Minute}))
	require.NoError(b, err)
	source := basiq.Tokens(client)
	ctx := context.Background()
	for b.Loop() {
		if _, err := source.Token(ctx, basiq.ServerAccess()); err != nil {
			b.Fatal(err)
		}
	}
}
