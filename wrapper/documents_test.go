package basiq_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// documents lists the calls whose response is a document instead of JSON.
var documents = map[string]struct {
	operation, path, mediaType string
	get                        func(t testing.TB, c *basiq.Client, id string) ([]byte, error)
}{
	"report": {"Reports.Get", "/reports/r1", "application/pdf", func(t testing.TB, c *basiq.Client, id string) ([]byte, error) {
		return c.Reports.PDF(t.Context(), id)
	}},
	"summary": {"Affordability.Get", "/users/u1/affordability/r1", "application/pdf", func(t testing.TB, c *basiq.Client, id string) ([]byte, error) {
		return c.Affordability.PDF(t.Context(), userID, id)
	}},
	"transactions": {"Affordability.Transactions", "/users/u1/affordability/r1/transactions", "application/csv", func(t testing.TB, c *basiq.Client, id string) ([]byte, error) {
		return c.Affordability.TransactionsCSV(t.Context(), userID, id)
	}},
	"expenses": {"Expenses.Get", "/users/u1/expenses/r1", "text/csv", func(t testing.TB, c *basiq.Client, id string) ([]byte, error) {
		return c.Expenses.CSV(t.Context(), userID, id)
	}},
}

func typed(status int, mediaType, body string) stubResponse {
	return stubResponse{status: status, body: body, header: http.Header{"Content-Type": {mediaType}}}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	const content = "%PDF-1.7\n\x00\xff\xfe not UTF-8, and not JSON\n%%EOF"
	for name, c := range documents {
		for _, mediaType := range []string{c.mediaType, c.mediaType + "; charset=binary", strings.ToUpper(c.mediaType)} {
			t.Run(name+"/"+mediaType, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, typed(200, mediaType, content))
				document, err := c.get(t, client, "r1")
				require.NoError(t, err)
				assert.Equal(t, content, string(document), "the bytes must be unchanged")
				require.Len(t, s.seen(), 1)
				assert.Equal(t, "GET "+c.path, s.seen()[0].String())
				assert.Equal(t, []string{c.mediaType}, s.seen()[0].Header.Values("Accept"))
			})
		}
		t.Run(name+"/after a failed attempt", func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(503, ""), typed(200, c.mediaType, content))
			document, err := c.get(t, client, "r1")
			require.NoError(t, err)
			assert.Equal(t, content, string(document))
			for _, sent := range s.seen() {
				assert.Equal(t, []string{c.mediaType}, sent.Header.Values("Accept"), "every attempt must accept the document's type")
			}
		})
	}
}

// A caller must not get JSON or a proxy's error page as a PDF or CSV.
func TestDocuments_OtherMediaTypes(t *testing.T) {
	t.Parallel()
	for name, c := range documents {
		for what, response := range map[string]stubResponse{
			"JSON":         ok(200, `{"type":"report","id":"r1","private":"gavin@hooli.com"}`),
			"HTML":         typed(200, "text/html", "<html>gavin@hooli.com"),
			"missing type": typed(200, "", "%PDF-1.7"),
			"invalid type": typed(200, "application/", "%PDF-1.7"),
			"longer type":  typed(200, c.mediaType+"x", "%PDF-1.7"),
			"PDF alias":    typed(200, "application/x-pdf", "%PDF-1.7"),
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, response)
				document, err := c.get(t, client, "r1")
				var failure *basiq.Error
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, c.operation, failure.Operation)
				assert.Equal(t, 200, failure.StatusCode)
				assert.Contains(t, err.Error(), "media type is not "+c.mediaType)
				assert.NotContains(t, err.Error(), "hooli")
				assert.Nil(t, document)
			})
		}
		t.Run(name+"/empty", func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, typed(200, c.mediaType, ""))
			document, err := c.get(t, client, "r1")
			require.ErrorContains(t, err, "empty document")
			assert.Nil(t, document)
		})
		t.Run(name+"/invalid ID", func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, typed(200, c.mediaType, "x"))
			_, err := c.get(t, client, "..")
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			assert.Empty(t, s.seen())
		})
		// Basiq's errors are JSON, regardless of the requested type.
		t.Run(name+"/not found", func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(404, envelope("resource-not-found", "Requested resource is not found", "Report not found.")))
			document, err := c.get(t, client, "r1")
			require.ErrorIs(t, err, basiq.ErrNotFound)
			require.ErrorIs(t, err, basiq.CodeResourceNotFound)
			assert.Contains(t, err.Error(), "Report not found.")
			assert.Contains(t, err.Error(), "corr-1")
			assert.Nil(t, document)
		})
		t.Run(name+"/truncated", func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, stubResponse{
				status: 200, body: "%PDF-1.7", header: http.Header{"Content-Type": {c.mediaType}}, cut: errors.New("unexpected EOF"),
			})
			document, err := c.get(t, client, "r1")
			require.Error(t, err)
			assert.Nil(t, document, "an incomplete document must not be returned")
		})
		t.Run(name+"/too large", func(t *testing.T) {
			t.Parallel()
			s := &stub{respond: respondWith(typed(200, c.mediaType, strings.Repeat("x", 2000)))}
			document, err := c.get(t, newClient(t, s, basiq.WithMaxResponseBytes(1000)), "r1")
			require.ErrorIs(t, err, basiq.ErrResponseTooLarge)
			assert.Nil(t, document)
		})
	}
}

// Basiq documents two media types for CSV, and either may be returned for the other.
func TestDocuments_CSVMediaTypes(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, typed(200, "text/csv", "a,b"))
	document, err := client.Affordability.TransactionsCSV(t.Context(), userID, "s1")
	require.NoError(t, err)
	assert.Equal(t, "a,b", string(document))
}

// A document is returned unchanged if its media type is the requested one. Otherwise an error is returned.
func FuzzDocument(f *testing.F) {
	for _, mediaType := range []string{
		"application/pdf", "text/csv", "application/csv", "TEXT/CSV", "text/csv; charset=utf-8", "text/csv;", "text/csv; charset=a; charset=b", "application/json",
		"text/html", "", "application/", "application/pdfx", " application/pdf ", "application/pdf, text/html", "text/csv; x=\"", "multipart/mixed; boundary=a",
	} {
		f.Add(mediaType, []byte("%PDF-1.7\n\x00\xff"))
		f.Add(mediaType, []byte{})
	}
	w := new(wire)
	client := newClient(f, w, oneAttempt)
	f.Fuzz(func(t *testing.T, mediaType string, body []byte) {
		sent, parameters, _ := strings.Cut(mediaType, ";")
		sent = strings.ToLower(strings.TrimSpace(sent))
		for _, c := range documents {
			w.set(typed(http.StatusOK, mediaType, string(body)))
			document, err := c.get(t, client, "r1")
			require.Len(t, w.sent, 1)
			wanted := sent == c.mediaType || strings.HasSuffix(c.mediaType, "/csv") && (sent == "text/csv" || sent == "application/csv")
			wanted = wanted && (c.mediaType != "application/pdf" || bytes.HasPrefix(body, []byte("%PDF-")))
			if err == nil {
				require.True(t, wanted, "%q", mediaType)
				require.NotEmpty(t, document)
				require.Equal(t, body, document)
				continue
			}
			require.Nil(t, document)
			checkInvalidResponse(t, err, c.operation)
			require.False(t, wanted && strings.TrimSpace(parameters) == "" && len(body) > 0, "a valid document was rejected: %q", mediaType)
		}
	})
}
