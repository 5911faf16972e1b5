package api_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

type (
	embedded struct {
		Inner string `json:"inner"`
		Outer string `json:"outer"`
	}
	leaf struct {
		Code  string `json:"code"`
		Title string `json:"title,omitempty"`
		Next  *leaf  `json:"next"`
	}
	// everything has a field of each kind that the models have, and of those that encoding/json reads.
	everything struct {
		embedded

		Text      string     `json:"text"`
		Named     api.Amount `json:"named"`
		NoTag     string
		Left      string                  `json:"-"`
		Number    int64                   `json:"number"`
		Yes       bool                    `json:"yes"`
		PText     *string                 `json:"pText"`
		PNumber   *int64                  `json:"pNumber"`
		PYes      *bool                   `json:"pYes"`
		Leaf      leaf                    `json:"leaf"`
		PLeaf     *leaf                   `json:"pLeaf"`
		Texts     []string                `json:"texts"`
		Leaves    []leaf                  `json:"leaves"`
		PLeaves   []*leaf                 `json:"pLeaves"`
		Lists     [][]int64               `json:"lists"`
		Decimal   api.Decimal             `json:"decimal"`
		Decimals  []api.Decimal           `json:"decimals"`
		Reference api.Reference           `json:"reference"`
		TextList  api.TextOrList          `json:"textList"`
		Many      api.OneOrMany[leaf]     `json:"many"`
		PMany     *api.OneOrMany[*string] `json:"pMany"`
		Raw       json.RawMessage         `json:"raw"`
		JSON      json.Number             `json:"json"`
		Map       map[string]*string      `json:"map"`
		Any       any                     `json:"any"`
		Float     float64                 `json:"float"`
		Small     int8                    `json:"small"`
		Bytes     []byte                  `json:"bytes"`
		Array     [2]string               `json:"array"`
		Moment    time.Time               `json:"moment"`
		Secret    api.Secret              `json:"secret"`
		Quoted    quoted                  `json:"quoted"`
		Pointed   pointed                 `json:"pointed"`
		Twice     twice                   `json:"twice"`
		unseen    string
	}
	// Those have rules of encoding/json's own.
	quoted struct {
		Number int64 `json:"number,string"`
	}
	pointed struct{ *leaf }
	twice   struct {
		embedded

		Outer string `json:"outer"`
	}
)

// unmarshalTexts are texts, whole and broken, for everything.
var unmarshalTexts = []string{
	`{"text":"a","named":"-1.50","NoTag":"b","Left":"c","number":-9223372036854775808,"yes":true,"pText":"","pNumber":0,"pYes":false}`,
	`{"inner":"i","outer":"o","unseen":"u","Unseen":"u","embedded":{"inner":"x"}}`,
	`{"TEXT":"a","nOtAg":"b","ſecret":"c","\u0074ext":"escaped","PLEAF":{"CODE":"1"}}`, `{"text":"a","Text":"b","TEXT":"c"}`,
	`{"leaf":{"code":"1","next":{"code":"2","next":{"code":"3","title":"t"}}},"pLeaf":{"next":null}}`,
	`{"leaf":{"code":"1"},"leaf":{"title":"t"},"pLeaf":{"code":"1"},"pLeaf":{"title":"t"},"pLeaf":null}`,
	`{"texts":["a","b","",null,"c"],"leaves":[{"code":"1"},{},null,{"code":"2"}],"pLeaves":[{"code":"1"},null,{"code":"2"}],"lists":[[1,2],[],null,[3]]}`,
	`{"texts":[],"leaves":[],"pLeaves":[],"lists":[],"many":[]}`, `{"texts":null,"leaves":null,"pLeaf":null,"pText":null,"number":null,"yes":null,"text":null,"leaf":null}`,
	`{"decimal":12.50,"decimals":["1.50",2e3,null,true,{"a":1}],"reference":"r","textList":"t","many":{"code":"1"},"pMany":"x"}`,
	`{"reference":{"id":"r","x":[1]},"textList":["a","ü","\u00fc"],"many":[{"code":"1"},{"code":"2"}],"pMany":["x",null]}`,
	`{"reference":null,"textList":null,"many":null,"pMany":null,"decimal":null}`, `{"reference":[1],"textList":["a",null],"many":[1]}`,
	`{"textList":["a",["b"]],"reference":7}`, `{"textList":[]}`, `{"textList":{}}`, `{"textList":["a",{}]}`,
	`{"raw":{"a": [1, 2]},"json":1.50,"map":{"a":"b","c":null},"any":{"a":[1,"b",null]},"float":1.5,"small":127,"bytes":"YWI=","array":["a","b","c"],"moment":"2024-01-02T03:04:05Z","secret":"s"}`,
	`{"json":"1","small":128,"float":"x"}`, `{"json":"x"}`, `{"moment":"yesterday"}`, `{"bytes":"?"}`, `{"secret":"[redacted]"}`,
	`{"quoted":{"number":"7"},"pointed":{"code":"1"},"twice":{"inner":"i","outer":"o"}}`, `{"quoted":{"number":7}}`,
	`{"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, `{"text":"\ud83d"}`, `{"text":"\ud83dx\udc00"}`, `{"text":"\x"}`, `{"text":"\u12"}`,
	"{\"text\":\"\xff\xc3\"}", "{\"te\xffxt\":\"a\"}", "{\"text\":\"a\nb\"}", "{\"text\":\"\x00\"}", "{\"text\":\"ü€😀\"}", "\xef\xbb\xbf{}",
	`{"text":1,"named":"kept"}`, `{"text":{},"named":"kept"}`, `{"text":["a"],"named":"kept"}`, `{"number":"1","named":"kept"}`, `{"number":1.0,"named":"kept"}`,
	`{"number":1e2}`, `{"number":9223372036854775808,"named":"kept"}`, `{"number":-0}`, `{"number":01}`, `{"number":+1}`, `{"number":.5}`, `{"number":1.}`,
	`{"yes":"true","named":"kept"}`, `{"yes":1}`, `{"yes":tru}`, `{"leaf":"x","named":"kept"}`, `{"leaf":[],"named":"kept"}`, `{"texts":{},"named":"kept"}`,
	`{"texts":"a","leaves":[1,{"code":2},{"code":"3"}],"named":"kept"}`, `{"many":7}`, `{"pLeaf":true,"pNumber":"1","named":"kept"}`,
	``, ` `, `{`, `}`, `{}`, ` { } `, `{}{}`, `{} x`, `{},`, `[]`, `null`, `"text"`, `7`, `true`, `nul`, `{"text"}`, `{"text":}`, `{"text":"a",}`, `{"text":"a" "b":1}`,
	`{,}`, `{"texts":[,]}`, `{"texts":["a",]}`, `{"texts":["a"}`, `{"texts":["a" "b"]}`, `{text:"a"}`, `{'text':'a'}`, `{"x":{"y":[{"z":nul}]}}`, `{"x":{"y":[1,2}}`, `{1:2}`,
	`{"leaf":` + strings.Repeat(`{"next":`, 30) + `{"code":"deep"}` + strings.Repeat(`}`, 30) + `}`,
	`{"any":` + strings.Repeat(`[`, 9999) + strings.Repeat(`]`, 9999) + `}`, `{"x":` + strings.Repeat(`[`, 10001) + strings.Repeat(`]`, 10001) + `}`,
	`{"text":"` + strings.Repeat("long", 5000) + `","named":"` + strings.Repeat("1", 300) + `"}`,
	`{"leaves":[` + strings.Repeat(`{"code":"same"},`, 1500) + `{"code":"last"}],"texts":[` + strings.Repeat(`"t",`, 700) + `"u"]}`,
}

func TestUnmarshalIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	for i, text := range unmarshalTexts {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			var want, got everything
			wantErr, gotErr := json.Unmarshal([]byte(text), &want), api.Unmarshal([]byte(text), &got)
			if !assert.Equal(t, wantErr == nil, gotErr == nil, "%.200s: %v, and not %v", text, gotErr, wantErr) || wantErr == nil {
				require.Equal(t, want, got, "%.200s", text)
			}
			if mistyped, ok := gotErr.(*api.MistypedError); ok { //nolint:errorlint // it is not wrapped
				assert.Equal(t, want, got, "what is right is kept beside what is not: %.200s", text)
				assert.NotEmpty(t, mistyped.Kind)
			} else if _, ok := wantErr.(*json.SyntaxError); ok { //nolint:errorlint // it is not wrapped
				assert.Equal(t, wantErr, gotErr, "%.200s", text)
			}
		})
	}
	require.Empty(t, everything{}.unseen)
}

func TestUnmarshalWantsAPointer(t *testing.T) {
	t.Parallel()
	require.EqualError(t, api.Unmarshal([]byte(`{}`), everything{}), "api.Unmarshal: give a pointer that is not nil, and not a api_test.everything")
	require.Error(t, api.Unmarshal([]byte(`{}`), nil))
	require.Error(t, api.Unmarshal([]byte(`{}`), (*everything)(nil)))
}

func TestMistyped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]api.MistypedError{
		`{"leaves":[{"code":"1"},{"next":{"code":2}}],"number":"x"}`: {"leaves.1.next.code", "string"},
		`{"number":"x"}`:       {"number", "int64"},
		`{"pYes":0}`:           {"pYes", "bool"},
		`{"texts":{"a":true}}`: {"texts", "[]string"},
		`[]`:                   {"", "api_test.everything"},
		`{"small":1000}`:       {"small", "int8"},
	} {
		var mistyped *api.MistypedError
		require.ErrorAs(t, api.Unmarshal([]byte(text), new(everything)), &mistyped, text)
		assert.Equal(t, want, *mistyped, text)
	}
	require.EqualError(t, &api.MistypedError{Field: "a.b", Kind: "string"}, `the field "a.b" is not of the kind string`)
}

// A list that is there twice is the second one. encoding/json would let the first show through where the second says nothing.
func TestUnmarshalReadsAListAnew(t *testing.T) {
	t.Parallel()
	var got everything
	require.NoError(t, api.Unmarshal([]byte(`{"leaves":[{"code":"1","title":"t"},{"code":"2"}],"leaves":[{"code":"3"}]}`), &got))
	require.Equal(t, []leaf{{Code: "3"}}, got.Leaves)
}

func TestUnmarshalKeepsNothingOfTheText(t *testing.T) {
	t.Parallel()
	text := []byte(`{"text":"some text","texts":["a","some text"],"decimal":1.25,"reference":{"id":"r"},"textList":["l"],"raw":[1],"map":{"k":"v"}}`)
	var got, want everything
	require.NoError(t, json.Unmarshal(text, &want))
	require.NoError(t, api.Unmarshal(text, &got))
	clear(text)
	require.Equal(t, want, got)

	large := make([]byte, 0, 1<<16)
	large = append(large, `{"text":"kept"}`...)
	require.NoError(t, api.Unmarshal(large, &got))
	gone := weak.Make(unsafe.SliceData(large))
	large = nil
	require.Eventually(t, func() bool { runtime.GC(); return gone.Value() == nil }, 10*time.Second, time.Millisecond)
	require.Equal(t, "kept", got.Text)
	require.Nil(t, large)
}

// Pointers to things of the same type come from the same array, and never twice.
func TestUnmarshalGivesEachPointerItsOwn(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, `,{"code":"%d","next":{"code":"n%d"}}`, i, i)
	}
	var got everything
	require.NoError(t, api.Unmarshal([]byte(`{"pLeaves":[`+text.String()[1:]+`]}`), &got))
	seen := map[*leaf]bool{}
	for i, leaf := range got.PLeaves {
		require.Equal(t, strconv.Itoa(i), leaf.Code)
		require.Equal(t, fmt.Sprint("n", i), leaf.Next.Code)
		require.False(t, seen[leaf] || seen[leaf.Next])
		seen[leaf], seen[leaf.Next] = true, true
	}
}

func TestUnmarshalByManyAtOnce(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for n := range 50 {
				want := fmt.Sprint(i, " ", n)
				var got struct { // a type that nobody has read before
					everything

					More []leaf `json:"more"`
				}
				err := api.Unmarshal(fmt.Appendf(nil, `{"text":%q,"more":[{"code":%q}],"pLeaf":{"code":%q}}`, want, want, want), &got)
				assert.True(t, err == nil && got.Text == want && got.More[0].Code == want && got.PLeaf.Code == want)
			}
		})
	}
	all.Wait()
}

//nolint:paralleltest // AllocsPerRun counts what others allocate
func TestUnmarshalAllocatesLittle(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, `,{"code":"code-%d","title":"the same title for all of them","next":{"code":"n-%d","title":"again the same"}}`, i, i)
	}
	body := []byte(`{"leaves":[` + text.String()[1:] + `]}`)
	count := func(unmarshal func([]byte, any) error) float64 {
		return testing.AllocsPerRun(20, func() {
			var got everything
			if unmarshal(body, &got) != nil || len(got.Leaves) != 1000 {
				panic("it cannot be read")
			}
		})
	}
	require.Less(t, count(api.Unmarshal), count(json.Unmarshal)/10)
}

func TestUnmarshalIsForTypesThatContainThemselves(t *testing.T) {
	t.Parallel()
	var got struct{ Leaf *leaf }
	require.NoError(t, api.Unmarshal([]byte(`{"leaf":{"next":{"next":{"code":"3"}}}}`), &got))
	require.Equal(t, "3", got.Leaf.Next.Next.Code)
	require.Equal(t, reflect.TypeFor[*leaf](), reflect.TypeOf(got.Leaf.Next))
}
