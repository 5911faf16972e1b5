package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

func TestReference(t *testing.T) {
	t.Parallel()
	for sent, id := range map[string]string{
		`"AU00000"`:                     "AU00000",
		`{"type":"x","id":"c1","a":[]}`: "c1",
		`{"links":{}}`:                  "",
		`null`:                          "",
		`12345`:                         "12345",
		`{"id":12345}`:                  "12345",
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			var r api.Reference
			require.NoError(t, json.Unmarshal([]byte(sent), &r))
			assert.Equal(t, id, r.ID)
			assert.Equal(t, id, fmt.Sprint(r))
			assert.Equal(t, sent == "null", r.IsZero())
			again, err := json.Marshal(r)
			require.NoError(t, err)
			assert.Equal(t, sent, string(again))
		})
	}
	for _, odd := range []string{`["c1"]`, `true`, `{"id":true}`} {
		var r api.Reference
		require.NoError(t, json.Unmarshal([]byte(odd), &r), "an unexpected value is not an error")
		assert.Empty(t, r.ID)
		assert.False(t, r.IsZero())
		again, err := json.Marshal(r)
		require.NoError(t, err)
		assert.Equal(t, odd, string(again))
	}
}
