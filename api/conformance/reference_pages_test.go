package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// referencePages are the pages whose payloads are in testdata, in the parent of the directory with Basiq's descriptions.
var referencePages = []string{"basiq-api.md", "basiq-api-details.md", "field-evidence.md", "newest-connect.md", "newest-other.md"}

// pagesFile lists the payloads of the pages that are not in testdata, identified by their first characters, with reasons.
const pagesFile = "testdata/pages.tsv"

// Every payload in the reference pages must be in testdata, or part of a payload there, so that the payload tests do not need
// the pages.
func TestReferencePages_Payloads(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("BASIQ_OFFICIAL")
	if dir == "" {
		t.Skip("BASIQ_OFFICIAL is not set to the directory with Basiq's descriptions")
	}
	var fixtures []any
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	for _, file := range files {
		fixtures = append(fixtures, decode(t, []byte(readFile(t, file))))
	}
	exceptions := map[[2]string]bool{} // page and first characters, and whether a payload uses the row
	for line := range strings.Lines(readFile(t, pagesFile)) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, row, 3, line)
		require.NotEmpty(t, row[2], line)
		exceptions[[2]string{row[0], row[1]}] = false
	}
	delete(exceptions, [2]string{"page", "beginning"})

	count := 0
	for _, page := range referencePages {
		found := payloadsOf(readFile(t, dir, "..", page))
		require.NotEmpty(t, found, page)
		count += len(found)
		for _, payload := range found {
			part := decode(t, []byte(payload)).(map[string]any)
			if slices.ContainsFunc(fixtures, func(fixture any) bool { return contains(fixture, part) }) {
				continue
			}
			excepted := false
			for e := range exceptions {
				if e[0] == page && strings.HasPrefix(payload, e[1]) {
					exceptions[e], excepted = true, true
				}
			}
			assert.True(t, excepted, "%s: not in testdata: %s", page, payload)
		}
	}
	for e, used := range exceptions {
		assert.True(t, used, "unused row of %s: %q", pagesFile, e)
	}
	t.Logf("%d payloads in %d pages, %d exceptions", count, len(referencePages), len(exceptions))
}

// contains reports whether a JSON value is, or contains, an object with the members of part.
func contains(value any, part map[string]any) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, member := range value {
			if contains(member, part) {
				return true
			}
		}
		for name, member := range part {
			if have, ok := value[name]; !ok || !reflect.DeepEqual(have, member) {
				return false
			}
		}
		return true
	case []any:
		return slices.ContainsFunc(value, func(element any) bool { return contains(element, part) })
	default:
		return false
	}
}

var (
	fence = regexp.MustCompile("(?ms)^```(?:json)?\n(.*?)^```$")
	// A code span that starts like an object with a member.
	codeSpan = regexp.MustCompile("`(\\{\"[^`]*)`")
)

// payloadsOf returns the JSON objects of a page, without white space: those in fenced blocks, and the code spans that are
// valid JSON. An object without members is not a payload.
func payloadsOf(page string) []string {
	var all []string
	add := func(text string) {
		decoder := json.NewDecoder(strings.NewReader(text))
		for {
			var value json.RawMessage
			if decoder.Decode(&value) != nil {
				return
			}
			var compact bytes.Buffer
			if json.Compact(&compact, value) == nil && bytes.HasPrefix(compact.Bytes(), []byte(`{"`)) {
				all = append(all, compact.String())
			}
		}
	}
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		add(block[1])
	}
	for _, span := range codeSpan.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		add(span[1])
	}
	return all
}

func TestContains(t *testing.T) {
	t.Parallel()
	value := decode(t, []byte(`{"a":{"b":[{"c":1.0,"d":[]}]},"e":null}`))
	for part, want := range map[string]bool{
		`{"c":1.0}`: true, `{"d":[],"c":1.0}`: true, `{"e":null}`: true, `{"b":[{"c":1.0,"d":[]}]}`: true,
		`{"c":1}`: false, `{"d":[1]}`: false, `{"f":null}`: false, `{"b":[{"c":1.0}]}`: false,
	} {
		assert.Equal(t, want, contains(value, decode(t, []byte(part)).(map[string]any)), part)
	}
}

func TestPayloadsOf(t *testing.T) {
	t.Parallel()
	const page = "`{\"a\": 1}` and `{}`, `{\"b\": \"x\"|\"y\"}`, `{c}`, `[1]`.\n\n" +
		"```json\n{\"d\":\n  [\"…\"]}\n{\"e\":{}}\n[]\n```\n\n```go\n{\"f\": 1}\n```\n\n```\nGET /\n```\n`{\"g\":null}`\n"
	assert.Equal(t, []string{`{"d":["…"]}`, `{"e":{}}`, `{"a":1}`, `{"g":null}`}, payloadsOf(page))
}
