package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

func TestStringOrObject(t *testing.T) {
	t.Parallel()
	type value = api.StringOrObject[leaf]
	tests := []struct {
		sent string
		want value
		zero bool
	}{
		{`"a\"b"`, value{Text: `a"b`}, false},
		{`""`, value{}, true},
		{`null`, value{}, true},
		{`{"code":"1","next":null}`, value{Object: &leaf{Code: "1"}}, false},
		{`{}`, value{Object: &leaf{}}, false},
	}
	for _, tt := range tests {
		got := value{Text: "before", Object: &leaf{}}
		require.NoError(t, json.Unmarshal([]byte(tt.sent), &got), tt.sent)
		assert.Equal(t, tt.want, got, tt.sent)
		assert.Equal(t, tt.zero, got.IsZero(), tt.sent)
	}
	for _, sent := range []string{`"a\"b"`, `{"code":"1","next":null}`, `12.50`, `true`, `["a",{"b":1}]`, `null`} {
		var got value
		require.NoError(t, json.Unmarshal([]byte(sent), &got), sent)
		again, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, sent, string(again))
		assert.Equal(t, sent == `null`, got.IsZero(), sent)
	}
}

// A mistyped field of the object does not lose the rest of it.
func TestStringOrObject_MistypedField(t *testing.T) {
	t.Parallel()
	var got struct {
		Value api.StringOrObject[leaf]
		Last  string
	}
	err := api.Unmarshal([]byte(`{"Value":{"code":true,"next":{"code":"2"}},"Last":"kept"}`), &got)
	assert.Equal(t, &api.TypeError{Field: "code", Kind: "string"}, err)
	assert.Equal(t, &leaf{Next: &leaf{Code: "2"}}, got.Value.Object)
	assert.Equal(t, "kept", got.Last)
}
