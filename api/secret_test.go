package api_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

const planted = "hunter2-planted"

// holder is a struct that contains secrets in every kind of field.
type holder struct {
	Open   api.Secret
	Wire   api.WireSecret `json:"-"`
	hidden api.Secret
	List   []api.Secret
	Map    map[string]api.Secret
	Any    any
}

func TestSecret_Redacted(t *testing.T) {
	t.Parallel()
	s := api.NewSecret(planted)
	whole := holder{
		Open: s, Wire: api.WireSecret{Secret: s}, hidden: s, List: []api.Secret{s}, Map: map[string]api.Secret{"a": s}, Any: s,
	}
	require.Equal(t, planted, whole.hidden.Reveal())
	for _, value := range []any{s, &s, api.WireSecret{Secret: s}, whole, &whole, []any{whole}, map[string]any{"x": whole}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10s", "%w", "%p", "%z"} {
			text := fmt.Sprintf(verb, value, value)
			assert.NotContains(t, text, planted)
			assert.NotContains(t, text, fmt.Sprintf("%x", planted))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", value)
		if _, wire := value.(api.WireSecret); !wire {
			slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", value)
			asJSON, err := json.Marshal(value)
			require.NoError(t, err)
			assert.NotContains(t, string(asJSON), planted)
		}
		assert.NotContains(t, log.String(), planted)
	}
	asXML, err := xml.Marshal([]api.Secret{s})
	require.NoError(t, err)
	assert.NotContains(t, string(asXML), planted)
	assert.Equal(t, "[redacted]", fmt.Sprint(s))
}

func TestWireSecret_JSON(t *testing.T) {
	t.Parallel()
	body, err := json.Marshal(map[string]api.WireSecret{"password": {Secret: api.NewSecret(planted)}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"password":"hunter2-planted"}`, string(body))
	var back map[string]api.WireSecret
	require.NoError(t, json.Unmarshal(body, &back))
	assert.Equal(t, planted, back["password"].Reveal())
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", api.WireSecret{Secret: api.NewSecret(planted)})
	assert.NotContains(t, log.String(), planted)
}

func TestSecret(t *testing.T) {
	t.Parallel()
	assert.True(t, api.Secret{}.IsZero())
	assert.True(t, api.NewSecret("").IsZero())
	assert.Empty(t, api.Secret{}.Reveal())
	assert.Empty(t, fmt.Sprint(api.Secret{}), "an empty secret prints nothing")
	assert.True(t, api.NewSecret("a").Equal(api.NewSecret("a")))
	assert.False(t, api.NewSecret("a").Equal(api.NewSecret("b")))
}

func TestSecret_UnmarshalText(t *testing.T) {
	t.Parallel()
	var in struct{ Password, None, Empty api.Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"Password":"hunter2","None":null,"Empty":""}`), &in))
	assert.Equal(t, "hunter2", in.Password.Reveal())
	assert.True(t, in.None.IsZero())
	assert.True(t, in.Empty.IsZero())
	again, err := json.Marshal(in)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Password":"[redacted]","None":"","Empty":""}`, string(again))
	require.ErrorContains(t, json.Unmarshal(again, &in), "redacted", "unmarshaling a redacted secret is an error")
}

type recorder struct{ text string }

func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

// testify and go-spew print unexported fields.
func TestSecret_Diff(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]any{
		{api.NewSecret(planted), api.NewSecret(planted + "2")},
		{api.WireSecret{Secret: api.NewSecret(planted)}, api.WireSecret{}},
		{holder{Open: api.NewSecret(planted), hidden: api.NewSecret(planted)}, holder{}},
	} {
		var failed recorder
		require.False(t, assert.Equal(&failed, pair[0], pair[1]))
		assert.NotContains(t, failed.text, planted)
	}
	assert.False(t, reflect.TypeFor[api.Secret]().Comparable(), "== does not compile")
	assert.False(t, reflect.TypeFor[api.WireSecret]().Comparable(), "== does not compile")
}
