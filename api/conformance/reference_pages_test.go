package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// referencePages are the pages whose payloads are in testdata, in the parent of the directory with Basiq's descriptions.
var referencePages = []string{"basiq-api-details.md", "newest-connect.md", "newest-other.md"}

// pagesFile lists the payloads of the pages that are not in testdata, identified by their first characters, with reasons.
const pagesFile = "testdata/pages.tsv"

// Every payload in the reference pages must be in testdata, so that the payload tests do not need the pages.
func TestReferencePages_Payloads(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("BASIQ_OFFICIAL")
	if dir == "" {
		t.Skip("BASIQ_OFFICIAL is not set to the directory with Basiq's descriptions")
	}
	fixtures := map[string]bool{}
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	for _, file := range files {
		fixtures[marshal(t, decode(t, []byte(readFile(t, file))))] = true
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
			if fixtures[marshal(t, decode(t, []byte(payload)))] {
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

func TestPayloadsOf(t *testing.T) {
	t.Parallel()
	const page = "`{\"a\": 1}` and `{}`, `{\"b\": \"x\"|\"y\"}`, `{c}`, `[1]`.\n\n" +
		"```json\n{\"d\":\n  [\"…\"]}\n{\"e\":{}}\n[]\n```\n\n```go\n{\"f\": 1}\n```\n\n```\nGET /\n```\n`{\"g\":null}`\n"
	assert.Equal(t, []string{`{"d":["…"]}`, `{"e":{}}`, `{"a":1}`, `{"g":null}`}, payloadsOf(page))
}
