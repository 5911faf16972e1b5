package basiqtest_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	pdfTable = regexp.MustCompile(`(?s)xref\n0 (\d+)\n(.*?)trailer\n<< /Size (\d+) /Root 1 0 R >>\nstartxref\n(\d+)\n%%EOF\n$`)
	pdfPages = regexp.MustCompile(`/Type /Pages /Kids \[(.*?)\] /Count (\d+)`)
	pdfLine  = regexp.MustCompile(`(?m)^\((.*)\) Tj T\*$`)
	pdfData  = regexp.MustCompile(`(?s)<< /Length (\d+) >>\nstream\n(.*?)\nendstream`)
)

// pdfText checks that a document is a PDF with a valid cross-reference table, and returns its lines of text.
func pdfText(t *testing.T, document string) string {
	t.Helper()
	require.True(t, strings.HasPrefix(document, "%PDF-1.4\n"), document)
	table := pdfTable.FindStringSubmatchIndex(document)
	require.NotNil(t, table, document)
	part := func(n int) string { return document[table[2*n]:table[2*n+1]] }
	assert.Equal(t, part(1), part(3), "/Size is the number of objects")
	start, err := strconv.Atoi(part(4))
	require.NoError(t, err)
	assert.Equal(t, table[0], start, "startxref points to the table")

	entries := strings.SplitAfter(part(2), "\n")
	entries = entries[:len(entries)-1]
	assert.Equal(t, part(1), strconv.Itoa(len(entries)))
	assert.Equal(t, "0000000000 65535 f \n", entries[0])
	for i, entry := range entries[1:] {
		require.Len(t, entry, 20)
		offset, err := strconv.Atoi(entry[:10])
		require.NoError(t, err)
		head := strconv.Itoa(i+1) + " 0 obj\n"
		require.Equal(t, head, document[offset:offset+len(head)])
	}

	pages := pdfPages.FindStringSubmatch(document)
	require.NotNil(t, pages)
	assert.Equal(t, pages[2], strconv.Itoa(strings.Count(pages[1], "0 R")))
	streams := pdfData.FindAllStringSubmatch(document, -1)
	assert.Equal(t, pages[2], strconv.Itoa(len(streams)), "each page has its text")
	var lines []string
	for _, stream := range streams {
		require.Equal(t, stream[1], strconv.Itoa(len(stream[2])))
		for _, l := range pdfLine.FindAllStringSubmatch(stream[2], -1) {
			lines = append(lines, strings.NewReplacer(`\(`, "(", `\)`, ")", `\\`, `\`).Replace(l[1]))
		}
	}
	return strings.Join(lines, "\n")
}
