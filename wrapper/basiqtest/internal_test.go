package basiqtest

import (
	"errors"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
)

// TestRoutes_MatchContract parses the contract line by line, because its four properties do not justify a YAML
// dependency.
func TestRoutes_MatchContract(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile("../../openapi.yaml")
	require.NoError(t, err)
	line := regexp.MustCompile(`^(?:  (/\S*):|    (get|post|put|patch|delete):|      (operationId|x-basiq-versions|x-basiq-scopes): (.*))$`)
	var want []route
	var path, method string
	for text := range strings.SplitSeq(string(contract), "\n") {
		switch m := line.FindStringSubmatch(text); {
		case m == nil:
		case m[1] != "":
			path = m[1]
		case m[2] != "":
			method = strings.ToUpper(m[2])
		case m[3] == "operationId":
			want = append(want, route{operation: m[4], method: method, path: path})
		case m[3] == "x-basiq-versions":
			last := &want[len(want)-1]
			for version, known := range map[string]versions{"2.1": v21, "3.0": v30} {
				if strings.Contains(m[4], version) {
					last.versions |= known
				}
			}
		default:
			last := &want[len(want)-1]
			for scope, known := range map[gen.TokenScope]scopes{
				gen.TokenScopeServerAccess: server, gen.TokenScopeClientAccess: client,
			} {
				if strings.Contains(m[4], string(scope)) {
					last.scopes |= known
				}
			}
		}
	}
	var got []route
	for _, r := range routes() {
		r.body, r.alternative, r.handler = "", "", nil
		got = append(got, r)
	}
	assert.Equal(t, want, got)
}

func TestFilter_Parse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]filterConditions{
		"a.eq('1')":                     {{"a", "eq", []string{"1"}}},
		"a.b.ne('')":                    {{"a.b", "ne", []string{""}}},
		"a.bt('1','2')":                 {{"a", "bt", []string{"1", "2"}}},
		"a.eq('x,y'),b.gteq('z.eq(1)')": {{"a", "eq", []string{"x,y"}}, {"b", "gteq", []string{"z.eq(1)"}}},
		"a.bt('','2')":                  {{"a", "bt", []string{"", "2"}}},
		"":                              nil,
		"a":                             nil,
		"eq('1')":                       nil,
		"a.eq('1','2')":                 nil,
		"a.bt('1')":                     nil,
		"a.bt('1','2','3')":             nil,
		"a.in('1')":                     {{"a", "in", []string{"1"}}},
		"a.in('1','2','3')":             {{"a", "in", []string{"1", "2", "3"}}},
		"a.eq('1'),":                    nil,
		"a.eq('1') ,b.eq('2')":          nil,
		"a.eq(''')":                     nil,
		"a..b.eq('1')":                  nil,
	} {
		got, ok := parseFilter(text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want != nil, ok, text)
	}
}

// An accepted filter means the same if it is written with all values quoted and without spaces.
func FuzzParseFilter(f *testing.F) {
	for _, text := range []string{"a.eq('1')", "a.b.bt('1','2'),c.ne('')", "a.bt('','')", "a.eq('''')", "a.bt('',''')", ",", "a.in(1, '2'), b.eq(c-d)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		conditions, ok := parseFilter(text)
		if !ok {
			require.Empty(t, conditions)
			return
		}
		var statements []string
		for _, c := range conditions {
			statements = append(statements, c.property+"."+c.operator+"('"+strings.Join(c.values, "','")+"')")
		}
		again, ok := parseFilter(strings.Join(statements, ","))
		require.True(t, ok, statements)
		require.Equal(t, conditions, again)
	})
}

func TestRequestLog_Bounded(t *testing.T) {
	t.Parallel()
	var l requestLog
	for i := range maxRequests + 5 {
		l.add(Request{Path: strconv.Itoa(i)})
	}
	all := l.all()
	require.Len(t, all, maxRequests)
	assert.Equal(t, "5", all[0].Path)
	assert.Equal(t, strconv.Itoa(maxRequests+4), all[len(all)-1].Path)
}

func TestIDs_Format(t *testing.T) {
	t.Parallel()
	same := &Sandbox{random: newRandom(7)}
	drawn := &Sandbox{random: newRandom(7)}
	one, two := same.newID(), same.newID()
	assert.NotEqual(t, one, two)
	assert.Equal(t, []string{one, two}, []string{drawn.newID(), drawn.newID()}, "determined by the seed")
	assert.NotEqual(t, one, (&Sandbox{random: newRandom(8)}).newID())
	id := derivedID("space", "name")
	assert.Equal(t, id, derivedID("space", "name"))
	assert.NotEqual(t, id, derivedID("other", "name"))
	assert.NotEqual(t, derivedID("ab", "c"), derivedID("a", "bc"))
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
}

// An unexpected error in a handler is a bug in the sandbox. It must panic and not look like an API response.
func TestEncode_Panics(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { new(Sandbox).errorResponse(errors.New("a bug")) })
	assert.Panics(t, func() { encode(response{http.StatusOK, func() {}}) })
	assert.EqualError(t, userNotFound(), "resource-not-found: Requested resource is not found")
}

func TestPipeListener_Close(t *testing.T) {
	t.Parallel()
	l := newPipeListener()
	assert.Equal(t, "pipe", l.Addr().Network())
	assert.Equal(t, "pipe", l.Addr().String())
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err := l.Accept()
	require.Error(t, err)
}

func TestCursors_Bounded(t *testing.T) {
	t.Parallel()
	var all cursors
	first := all.add(cursor{path: "/first"})
	for i := range maxCursors - 1 {
		all.add(cursor{path: "/users", start: i})
	}
	assert.Equal(t, first, all.add(cursor{path: "/first"}), "same position, same cursor")
	assert.Contains(t, all.byID, first)
	last := all.add(cursor{path: "/last"})
	assert.NotContains(t, all.byID, first, "the oldest is dropped")
	assert.Contains(t, all.byID, last)
	assert.Len(t, all.byID, maxCursors)
	assert.Len(t, all.ids, maxCursors)
}
