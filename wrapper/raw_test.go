package basiq_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// README.md and NOTES.md recommend this for operations that are missing in the contract.
func TestRaw_UnknownOperation(t *testing.T) {
	t.Parallel()
	var paths, tokens []string
	client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		paths = append(paths, req.Method+" "+req.URL.Path)
		tokens = append(tokens, req.Header.Get("Authorization"))
		return reply(503, `{}`), nil
	}), basiq.WithTokenSource(fixedTokens("token-1")))
	raw := client.Raw()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, raw.Server+"enrich/jobs", http.NoBody)
	require.NoError(t, err)
	resp, err := raw.Client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 503, resp.StatusCode)
	assert.Equal(t, []string{"POST /enrich/jobs"}, paths, "an unknown operation may not be safe to retry")
	assert.Equal(t, []string{"Bearer token-1"}, tokens)
}
