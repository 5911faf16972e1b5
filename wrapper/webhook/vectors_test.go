package webhook_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// vectorErrors are the names of the errors in the vectors.
var vectorErrors = map[string]error{
	"not signed": webhook.ErrNotSigned, "bad header": webhook.ErrBadHeader, "timestamp": webhook.ErrTimestamp,
	"bad signature": webhook.ErrBadSignature, "bad payload": webhook.ErrBadPayload,
}

// The vectors are for verifiers in any language. testdata/README.md describes them.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	require.NoError(t, err)
	var file struct {
		Format    string
		Tolerance int
		Vectors   []struct {
			Name, Why, Secret, Body, Error string
			Now                            int64
			Headers                        map[string][]string
			Event                          *struct{ EventID, EventTypeID string }
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&file))
	assert.Equal(t, "basiq-webhook-vectors/1", file.Format)

	names, results := map[string]bool{}, map[string]bool{}
	for _, vector := range file.Vectors {
		assert.False(t, names[vector.Name], "duplicate name: %s", vector.Name)
		assert.NotEmpty(t, vector.Why, vector.Name)
		names[vector.Name], results[vector.Error] = true, true
		t.Run(vector.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(vector.Now, 0)))
				verifier, err := webhook.New(api.NewSecret(vector.Secret), webhook.WithTolerance(time.Duration(file.Tolerance)*time.Second))
				require.NoError(t, err)
				req := httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader(vector.Body))
				req.Header = http.Header{}
				for name, values := range vector.Headers {
					for _, value := range values {
						req.Header.Add(name, value)
					}
				}
				event, err := verifier.Parse(req)
				if vector.Error != "" {
					require.Contains(t, vectorErrors, vector.Error)
					requireOnly(t, err, vectorErrors[vector.Error])
					return
				}
				require.NoError(t, err)
				require.NotNil(t, vector.Event)
				assert.Equal(t, vector.Event.EventID, event.EventID)
				assert.EqualValues(t, vector.Event.EventTypeID, event.EventTypeID)
			})
		})
	}
	assert.Len(t, results, len(vectorErrors)+1, "each error, and success")
}
