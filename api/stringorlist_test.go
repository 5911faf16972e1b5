package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

func TestStringOrList(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]struct {
		value api.StringOrList
		list  bool
		texts []string
	}{
		`"a"`:       {api.String("a"), false, []string{"a"}},
		`""`:        {api.String(""), false, []string{""}},
		`["a","b"]`: {api.List("a", "b"), true, []string{"a", "b"}},
		`["a"]`:     {api.List("a"), true, []string{"a"}},
		`null`:      {api.StringOrList{}, false, nil},
		`["a",1.0]`: {api.StringOrList{}, true, []string{"a", "1.0"}},
		`-1e3`:      {api.StringOrList{}, false, []string{"-1e3"}},
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			var got api.StringOrList
			require.NoError(t, json.Unmarshal([]byte(sent), &got))
			if !want.value.IsZero() {
				assert.Equal(t, want.value, got)
			}
			assert.Equal(t, want.list, got.IsList())
			assert.Equal(t, want.texts, got.Strings())
			assert.Equal(t, sent == "null", got.IsZero())
			again, err := json.Marshal(got)
			require.NoError(t, err)
			assert.Equal(t, sent, string(again))
		})
	}
	ids := []string{"a"}
	kept := api.List(ids...)
	ids[0] = "changed"
	kept.Strings()[0] = "changed"
	assert.Equal(t, []string{"a"}, kept.Strings(), "the value does not share the slices")
	empty, err := json.Marshal(api.List())
	require.NoError(t, err)
	assert.Equal(t, "[]", string(empty), "an empty list is not null: as a report filter it includes everything, null nothing")
	for _, odd := range []string{`{}`, `{"a":"b"}`, `["a",true]`, `[null]`, `true`} {
		var got api.StringOrList
		require.NoError(t, json.Unmarshal([]byte(odd), &got), "an unexpected value is not an error")
		assert.Empty(t, got.Strings())
		assert.False(t, got.IsZero())
		again, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Equal(t, odd, string(again))
	}
}
