package basiqtest

import (
	"bytes"
	"fmt"
	"strings"
)

// linesOnPage is the number of text lines per page.
const linesOnPage = 52

// newPDF returns lines of text as a PDF 1.4 document. Characters other than printable ASCII become question marks.
func newPDF(lines []string) []byte {
	var pages [][]string
	for len(lines) > linesOnPage {
		pages = append(pages, lines[:linesOnPage])
		lines = lines[linesOnPage:]
	}
	pages = append(pages, lines)

	// Objects 1 to 3 are the catalog, the page tree and the font. Each page adds two objects.
	kids := make([]string, 0, len(pages))
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	objects := make([]string, 0, 3+2*len(pages))
	objects = append(objects,
		"<< /Type /Catalog /Pages 2 0 R >>",
		fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	)
	for i, page := range pages {
		content := pageContent(page)
		objects = append(objects,
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "+
				"/Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i),
			fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}

	var buf bytes.Buffer
	var table strings.Builder
	buf.WriteString("%PDF-1.4\n")
	table.WriteString("0000000000 65535 f \n")
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", buf.Len())
		fmt.Fprintf(&buf, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&buf, "xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, table.String(), len(objects)+1, buf.Len())
	return buf.Bytes()
}

// pageContent returns the content stream of a page.
func pageContent(lines []string) string {
	var b strings.Builder
	b.WriteString("BT /F1 10 Tf 14 TL 50 790 Td")
	for _, l := range lines {
		b.WriteString("\n(" + pdfText(l) + ") Tj T*")
	}
	b.WriteString("\nET")
	return b.String()
}

// pdfText escapes a string for a PDF literal.
func pdfText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text))
}
