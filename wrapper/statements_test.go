package basiq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// upload is the content of an upload request.
type upload struct {
	institutionID, name, fileType, content string
	length                                 int64
}

func readUpload(t testing.TB, r *http.Request) upload {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/form-data", mediaType)
	form, err := multipart.NewReader(r.Body, params["boundary"]).ReadForm(1 << 20)
	require.NoError(t, err)
	require.Len(t, form.File["statement"], 1)
	part := form.File["statement"][0]
	file, err := part.Open()
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Len(t, form.Value["institutionId"], 1)
	return upload{form.Value["institutionId"][0], part.Filename, part.Header.Get("Content-Type"), string(content), r.ContentLength}
}

// onlyReader hides all methods except Read, like a network stream.
type onlyReader struct{ io.Reader }

func TestStatements_Upload(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "march.pdf")
	require.NoError(t, os.WriteFile(path, []byte("%PDF-1.7 ..."), 0o600))
	onDisk, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = onDisk.Close() })
	halfRead := strings.NewReader("skipped,rest")
	_, err = io.CopyN(io.Discard, halfRead, 8)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		name     string
		content  io.Reader
		fileType string
		want     string
		sized    bool
	}{
		"file":                           {"march.pdf", onDisk, "application/pdf", "%PDF-1.7 ...", true},
		"bytes":                          {"March.CSV", bytes.NewReader([]byte("a,b\n")), "text/csv", "a,b\n", true},
		"half read":                      {"m.csv", halfRead, "text/csv", "skipped,rest", true},
		"stream":                         {"m.csv", onlyReader{strings.NewReader("a,b\n")}, "text/csv", "a,b\n", false},
		"empty file":                     {"m.csv", strings.NewReader(""), "text/csv", "", true},
		"special characters in the name": {`Übersicht "März", 2024.csv`, strings.NewReader("x"), "text/csv", "x", true},
		"path as the name":               {"/home/gavin/m.csv", strings.NewReader("x"), "text/csv", "x", true},
		"name with two dots":             {"..csv", strings.NewReader("x"), "text/csv", "x", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "POST /users/u1/statements", r.Method+" "+r.URL.Path)
				got := readUpload(t, r)
				assert.Equal(t, c.sized, got.length > int64(len(c.want)), "Content-Length")
				got.length = 0
				assert.Equal(t, upload{"AU00000", filepath.Base(c.name), c.fileType, c.want, 0}, got)
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, jobJSON)
			})
			job, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: c.name, Content: c.content})
			require.NoError(t, checkJob(t, job, err))
			if c.sized {
				job, err = client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: c.name, Content: c.content})
				require.NoError(t, checkJob(t, job, err), "the file offset must be unchanged, so that a second upload works")
			}
		})
	}
}

func opened(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func openNothing() (io.ReadCloser, error) { return http.NoBody, nil }

func TestStatements_Upload_InvalidInput(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(202, jobJSON))
	file := strings.NewReader("x")
	closed := opened(t, os.DevNull)
	require.NoError(t, closed.Close())
	for name, c := range map[string]struct {
		userID    string
		statement basiq.Statement
		text      string
	}{
		"empty user ID":                 {"", basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: file}, "userID"},
		"missing institution":           {userID, basiq.Statement{Name: "a.pdf", Content: file}, "statement.InstitutionID"},
		"missing name":                  {userID, basiq.Statement{InstitutionID: "AU00000", Content: file}, "statement.Name"},
		"unsupported type":              {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.xls", Content: file}, ".pdf or .csv"},
		"line break in the name":        {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a\r\nX: y.pdf", Content: file}, "statement.Name"},
		"missing content":               {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf"}, "exactly one of Content and Open"},
		"Content and Open":              {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: file, Open: openNothing}, "exactly one of Content and Open"},
		"Open with a Size":              {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Open: openNothing, Size: -1}, "statement.Size"},
		"section that is too large":     {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: io.NewSectionReader(file, 0, math.MaxInt64)}, "bytes out of range"},
		"nil file":                      {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: (*os.File)(nil)}, "nil pointer"},
		"nil buffer":                    {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: (*bytes.Buffer)(nil)}, "nil pointer"},
		"Size differs from the length":  {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: strings.NewReader("abc"), Size: 2}, "3 bytes"},
		"Size that is too large":        {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: onlyReader{file}, Size: math.MaxInt64}, "statement.Size"},
		"directory":                     {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: opened(t, t.TempDir())}, "directory"},
		"closed file":                   {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: closed}, "file is not readable"},
		"negative Size":                 {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: file, Size: -1}, "statement.Size"},
		"control character in the name": {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a\x01.pdf", Content: file}, "statement.Name"},
		"invalid UTF-8 in the name":     {userID, basiq.Statement{InstitutionID: "AU00000", Name: "a\xff.pdf", Content: file}, "statement.Name"},
	} {
		_, err := client.Statements.Upload(t.Context(), c.userID, c.statement)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		assert.Contains(t, err.Error(), c.text, name)
	}
	assert.Empty(t, s.seen())
}

// An upload of a file that can be rewound is retried from the start if that is safe. An upload of a stream is not retried.
func TestStatements_Upload_Retry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content io.Reader
		first   any
		times   int
		err     error
	}{
		"file after 429":                {strings.NewReader("a,b\n"), ok(429, ""), 2, nil},
		"file after an expired token":   {strings.NewReader("a,b\n"), tokenExpired, 2, nil},
		"file after 503":                {strings.NewReader("a,b\n"), ok(503, ""), 1, basiq.ErrUnavailable},
		"stream after 429":              {onlyReader{strings.NewReader("a,b\n")}, ok(429, ""), 1, basiq.ErrTooManyRequests},
		"stream after an expired token": {onlyReader{strings.NewReader("a,b\n")}, tokenExpired, 1, basiq.CodeAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn := respondWith(c.first, ok(202, jobJSON))
			var bodies []string
			s := &stub{respond: func(n int, req request) (*http.Response, error) {
				_, content, _ := strings.Cut(req.Body, "text/csv\r\n\r\n")
				content, _, _ = strings.Cut(content, "\r\n--")
				bodies = append(bodies, content)
				return turn(n, req)
			}}
			_, err := newClient(t, s).Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.csv", Content: c.content})
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			require.Len(t, bodies, c.times)
			for _, body := range bodies {
				assert.Equal(t, "a,b\n", body)
			}
		})
	}
}

// slowFile is a generated file of the given size. It supports concurrent reads.
type slowFile struct {
	size   int64
	offset int64
}

func (f *slowFile) ReadAt(p []byte, at int64) (int, error) {
	if at >= f.size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), f.size-at)
	for i := range p[:n] {
		p[i] = byte('a' + (at+int64(i))%26)
	}
	return int(n), nil
}

func (f *slowFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

func (f *slowFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekEnd:
		offset += f.size
	case io.SeekCurrent:
		offset += f.offset
	}
	f.offset = offset
	return offset, nil
}

// An upload of fifty megabytes needs less than one megabyte of memory.
//
//nolint:paralleltest // measures the memory of the whole process
func TestStatements_Upload_Memory(t *testing.T) {
	withoutRaceDetector(t)
	const size = 50 << 20
	for name, content := range map[string]io.Reader{"file": io.NewSectionReader(&slowFile{size: size}, 0, size), "stream": &slowFile{size: size}} {
		t.Run(name, func(t *testing.T) {
			var received int64
			var peak uint64
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				buffer := make([]byte, 64<<10)
				var stats runtime.MemStats
				for reads := 0; ; reads++ {
					n, err := r.Body.Read(buffer)
					received += int64(n)
					if err != nil {
						break
					}
					if reads%200 == 0 {
						runtime.ReadMemStats(&stats)
						peak = max(peak, stats.HeapAlloc)
					}
				}
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, jobJSON)
			})
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.pdf", Content: content})
			require.NoError(t, err)
			runtime.ReadMemStats(&after)
			assert.Greater(t, received, int64(size))
			allocated, grown := after.TotalAlloc-before.TotalAlloc, int64(peak)-int64(before.HeapAlloc)
			t.Logf("%d MiB sent, %d KiB allocated in all, heap grew by %d KiB at most", received>>20, allocated>>10, grown>>10)
			assert.Less(t, allocated, uint64(size/25))
		})
	}
}

// An upload that was rejected early may still read the file when the next attempt begins.
func TestStatements_Upload_SeparateOffsets(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	var mu sync.Mutex
	requests := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests++
		n := requests
		mu.Unlock()
		if n < 3 {
			w.WriteHeader(http.StatusTooManyRequests) // without reading the body
			return
		}
		got, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		at := bytes.Index(got, []byte("abcdefghijklmnopqrstuvwxyz"))
		want := make([]byte, size)
		_, _ = (&slowFile{size: size}).ReadAt(want, 0)
		assert.True(t, bytes.Equal(want, got[at:at+size]), "each attempt must send the whole file in order")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, jobJSON)
	})
	content := io.NewSectionReader(&slowFile{size: size}, 0, size)
	_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.pdf", Content: content})
	require.NoError(t, err)
	assert.Equal(t, 3, requests)
}

// With the default http.Client the timeout of an upload is ten minutes instead of half a minute. Other clients have their own
// timeout.
func TestStatements_Upload_Timeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &http.Client{Timeout: 30 * time.Second, Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/token" {
				return reply(200, tokenJSON), nil
			}
			<-req.Context().Done()
			return nil, req.Context().Err()
		})}
		client, err := basiq.New(testKey, basiq.WithHTTPClient(slow))
		require.NoError(t, err)
		start := time.Now()
		_, err = client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.pdf", Content: strings.NewReader("x")})
		var failure *basiq.TransportError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

// shrunk is a file that has become shorter since its length was determined.
type shrunk struct {
	*io.SectionReader
	left int64
}

func (f shrunk) ReadAt(p []byte, at int64) (int, error) {
	if at >= f.left {
		return 0, io.EOF
	}
	return f.SectionReader.ReadAt(p[:min(int64(len(p)), f.left-at)], at)
}

// An incomplete statement must not be accepted as a complete one. With HTTP/2, net/http does not detect a body that is too short.
func TestStatements_Upload_ShrunkFile(t *testing.T) {
	t.Parallel()
	const told = 100_000
	for name, statement := range map[string]func() basiq.Statement{
		"shorter file": func() basiq.Statement {
			file := io.NewSectionReader(&slowFile{size: told}, 0, told)
			return basiq.Statement{Content: io.NewSectionReader(shrunk{file, told - 1000}, 0, told)}
		},
		"shorter stream": func() basiq.Statement {
			return basiq.Statement{Content: onlyReader{io.LimitReader(&slowFile{size: told}, told-1000)}, Size: told}
		},
		"longer stream": func() basiq.Statement {
			return basiq.Statement{Content: onlyReader{&slowFile{size: told + 1}}, Size: told}
		},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", HTTP/2 ", http2), func(t *testing.T) {
				t.Parallel()
				var whole atomic.Bool
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/token" {
						_, _ = io.WriteString(w, tokenJSON)
						return
					}
					_, err := io.Copy(io.Discard, r.Body)
					whole.Store(whole.Load() || err == nil)
					w.WriteHeader(http.StatusAccepted)
					_, _ = io.WriteString(w, jobJSON)
				}))
				server.EnableHTTP2 = http2
				server.Config.ErrorLog = log.New(io.Discard, "", 0)
				server.StartTLS()
				t.Cleanup(server.Close)
				client, err := basiq.New(testKey, basiq.WithBaseURL(server.URL), basiq.WithHTTPClient(server.Client()), basiq.WithRetry(fastRetry))
				require.NoError(t, err)
				content := statement()
				content.InstitutionID, content.Name = "AU01001", "m.csv"
				_, err = client.Statements.Upload(t.Context(), userID, content)
				require.ErrorContains(t, err, "file length changed")
				server.Close() // ends all handlers
				assert.False(t, whole.Load())
			})
		}
	}
}

// stalled is a stream whose Read blocks.
type stalled struct{ release chan struct{} }

func (s stalled) Read([]byte) (int, error) {
	<-s.release
	return 0, io.EOF
}

// A call ends with its context, even if the stream blocks.
func TestStatements_Upload_StalledStream(t *testing.T) {
	t.Parallel()
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	stream := stalled{make(chan struct{})}
	t.Cleanup(func() { close(stream.release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := client.Statements.Upload(ctx, userID, basiq.Statement{InstitutionID: "AU01001", Name: "m.csv", Content: stream})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 10*time.Second)
}

// Without a deadline in the context, the call ends after the timeout of the http.Client.
func TestStatements_Upload_StalledStreamTimeout(t *testing.T) {
	t.Parallel()
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, basiq.WithHTTPClient(&http.Client{Timeout: 100 * time.Millisecond}))
	stream := stalled{make(chan struct{})}
	t.Cleanup(func() { close(stream.release) })
	done := make(chan error, 1)
	go func() {
		_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU01001", Name: "m.csv", Content: stream})
		done <- err
	}()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "the call must not wait for the stream")
	}
}

// An upload does not leave goroutines behind, even if the context never ends.
func TestStatements_Upload_NoGoroutines(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"with a timeout": time.Minute, "without a timeout": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{respond: respondWith(ok(202, jobJSON))}
				client := newClient(t, s, basiq.WithHTTPClient(&http.Client{Transport: s, Timeout: timeout}), basiq.WithTokenSource(fixedTokens("token-1")))
				_, err := client.Statements.Upload(newForeignContext(), userID, basiq.Statement{
					InstitutionID: "AU01001", Name: "m.csv", Content: onlyReader{strings.NewReader("a,b")},
				})
				require.NoError(t, err)
				require.Len(t, s.seen(), 1)
				assert.Contains(t, s.seen()[0].Body, "a,b")
			})
		})
	}
}

// The maximum size of a statement is 1 TiB.
func TestStatements_Upload_MaxSize(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(202, jobJSON))
	for size, invalid := range map[int64]bool{1 << 40: false, 1<<40 + 1: true} {
		_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{
			InstitutionID: "AU01001", Name: "m.csv", Content: onlyReader{strings.NewReader("a,b")}, Size: size,
		})
		require.Error(t, err, "the content is shorter")
		assert.Equal(t, invalid, errors.Is(err, basiq.ErrInvalidInput))
	}
}

// upper is a file with its own Read method, like a file that is decrypted while it is read.
type upper struct{ *strings.Reader }

func (u upper) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

// The content is read with the caller's Read method if it has one, not with the methods of an embedded reader.
func TestStatements_Upload_CustomRead(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "A,B", readUpload(t, r).content)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, jobJSON)
	})
	_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU01001", Name: "m.csv", Content: upper{strings.NewReader("a,b")}})
	require.NoError(t, err)
}

// A pipe is an *os.File without a length. A stream has a length if the caller sets Size.
func TestStatements_Upload_ContentLength(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	go func() {
		_, _ = writer.WriteString("a,b")
		_ = writer.Close()
	}()
	t.Cleanup(func() { _ = reader.Close() })
	for name, c := range map[string]struct {
		statement basiq.Statement
		sized     bool
	}{
		"a pipe":           {basiq.Statement{Content: reader}, false},
		"stream with Size": {basiq.Statement{Content: onlyReader{strings.NewReader("a,b")}, Size: 3}, true},
		"file with Size":   {basiq.Statement{Content: strings.NewReader("a,b"), Size: 3}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got := readUpload(t, r)
				assert.Equal(t, "a,b", got.content)
				assert.Equal(t, c.sized, got.length > 0)
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, jobJSON)
			})
			c.statement.InstitutionID, c.statement.Name = "AU01001", "m.csv"
			_, err := client.Statements.Upload(t.Context(), userID, c.statement)
			require.NoError(t, err)
		})
	}
}
