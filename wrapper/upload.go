package basiq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"reflect"
	"strings"
	"time"
)

// form is a multipart/form-data body with one file. The file is read while it is sent and is not kept in memory.
type form struct {
	contentType string
	head, tail  []byte
	file        *source
	// timeout limits the time to read a stream unless it is 0.
	timeout time.Duration
	// expect is set if the body is sent only after the server has accepted the headers.
	expect bool
}

// newForm returns a form with fields, in their order, and a file.
func newForm(fields [][2]string, fileField, fileName, fileType string, file *source) (*form, error) {
	var text bytes.Buffer
	writer := multipart.NewWriter(&text)
	for _, field := range fields {
		if err := writer.WriteField(field[0], field[1]); err != nil {
			return nil, err
		}
	}
	part := textproto.MIMEHeader{}
	part.Set("Content-Disposition", multipart.FileContentDisposition(fileField, fileName))
	part.Set("Content-Type", fileType)
	if _, err := writer.CreatePart(part); err != nil {
		return nil, err
	}
	headLength := text.Len()
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return &form{
		contentType: writer.FormDataContentType(), file: file, expect: file.stream != nil,
		head: text.Bytes()[:headLength], tail: text.Bytes()[headLength:],
	}, nil
}

// body returns the whole body for one attempt.
func (f *form) body(ctx context.Context) (io.ReadCloser, error) {
	if f.file.at != nil {
		// Read one byte more than the size, to detect that the file has grown.
		return io.NopCloser(f.reader(io.NewSectionReader(f.file.at, 0, f.file.size+1))), nil
	}
	stream, err := f.file.open()
	if err != nil {
		return nil, err
	}
	return newStreamBody(ctx, f.timeout, f.reader(stream), f.file, stream), nil
}

// reader returns a reader of the form, with file as the content of its file.
func (f *form) reader(file io.Reader) io.Reader {
	if f.file.size >= 0 {
		file = &exactReader{file: file, left: f.file.size}
	}
	return io.MultiReader(bytes.NewReader(f.head), file, bytes.NewReader(f.tail))
}

// prepare is a request editor that sets the length of the body, and GetBody for further attempts.
func (f *form) prepare(ctx context.Context, req *http.Request) error {
	if f.file.size >= 0 {
		req.ContentLength = int64(len(f.head)) + f.file.size + int64(len(f.tail))
	}
	if f.expect {
		// A server that rejects the request, for example because the token has expired, then leaves the stream unread.
		req.Header.Set("Expect", "100-continue")
	}
	req.GetBody = func() (io.ReadCloser, error) { return f.body(ctx) }
	return nil
}

// exactReader reads a file of known length. It returns an error if the length differs, because net/http does
// not detect that over HTTP/2 and the server would accept an incomplete file.
type exactReader struct {
	file io.Reader
	left int64
}

var errFileChanged = errors.New("file length changed or differs from Size")

func (r *exactReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	// Read one byte more than is left, to detect a longer file.
	if int64(len(p)) > r.left {
		p = p[:r.left+1]
	}
	n, err := r.file.Read(p)
	r.left -= int64(n)
	switch {
	case r.left < 0:
		return 0, errFileChanged
	case errors.Is(err, io.EOF) && r.left > 0:
		return n, errFileChanged
	}
	return n, err
}

// newSource returns the source of a statement. Only types of the standard library are read with ReadAt, by several
// attempts. A type that embeds a file, for example to decrypt it, may have a ReadAt that returns other bytes than Read.
func newSource(statement Statement) (*source, error) {
	if (statement.Content == nil) == (statement.Open == nil) {
		return nil, errors.New("exactly one of Content and Open is required")
	}
	s := &source{size: -1, reopen: statement.Open}
	if statement.Size > 0 {
		s.size = statement.Size
	}
	if statement.Open != nil {
		return s, nil
	}
	if value := reflect.ValueOf(statement.Content); value.Kind() == reflect.Pointer && value.IsNil() {
		return nil, errors.New("nil pointer")
	}
	var size int64
	switch content := statement.Content.(type) {
	case *os.File:
		info, err := content.Stat()
		switch {
		case err != nil:
			return nil, errors.New("file is not readable")
		case info.IsDir():
			return nil, errors.New("is a directory")
		case !hasLength(content, info):
			s.stream = content
			return s, nil
		}
		s.at, size = content, info.Size()
	case *bytes.Reader:
		s.at, size = content, content.Size()
	case *strings.Reader:
		s.at, size = content, content.Size()
	case *io.SectionReader:
		s.at, size = content, content.Size()
	default:
		s.stream = content
		return s, nil
	}
	switch {
	case size > maxStatement:
		return nil, fmt.Errorf("length of %d bytes out of range [0, %d]", size, int64(maxStatement))
	case s.size >= 0 && s.size != size:
		return nil, fmt.Errorf("length of %d bytes does not match Size %d", size, s.size)
	}
	s.size = size
	return s, nil
}

// hasLength reports whether the size of a file is reliable. It is not for pipes, devices and generated files.
func hasLength(file *os.File, info os.FileInfo) bool {
	return info.Mode().IsRegular() && !strings.HasPrefix(file.Name(), "/proc/") && !strings.HasPrefix(file.Name(), "/sys/")
}
