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
	"sync"
	"time"
)

// form is a multipart/form-data body with one file, which is read while it is sent and never kept in memory.
type form struct {
	contentType string
	head, tail  []byte
	file        source
}

// source is where the file in a form comes from.
type source struct {
	io.Reader
	// size is how long the file is, or -1 where nobody knows.
	size int64
	// again is set for a file that can be read again, and at several places at once.
	again bool
}

// newForm makes the body of fields, in their order, and a file.
func newForm(fields [][2]string, fileField, fileName, fileType string, file source) (*form, error) {
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
		contentType: writer.FormDataContentType(), file: file,
		head: text.Bytes()[:headLength], tail: text.Bytes()[headLength:],
	}, nil
}

// body returns the whole body from its start. One that is a stream ends with ctx, and within patience.
func (f *form) body(ctx context.Context, patience time.Duration) io.ReadCloser {
	file := f.file.Reader
	if section, ok := file.(*io.SectionReader); ok && f.file.again {
		// A reader of its own: the one before may still be read by the attempt that failed.
		file = io.NewSectionReader(section, 0, section.Size())
	}
	if f.file.size >= 0 {
		file = &exactReader{file: file, left: f.file.size}
	}
	whole := io.MultiReader(bytes.NewReader(f.head), file, bytes.NewReader(f.tail))
	if f.file.again {
		return io.NopCloser(whole)
	}
	return newStreamBody(ctx, patience, whole)
}

// prepare tells the request how long its body is, and how to have it again where the file can be read again.
func (f *form) prepare(ctx context.Context, req *http.Request) error {
	if f.file.size >= 0 {
		req.ContentLength = int64(len(f.head)) + f.file.size + int64(len(f.tail))
	}
	if f.file.again {
		req.GetBody = func() (io.ReadCloser, error) { return f.body(ctx, 0), nil }
	}
	return nil
}

// exactReader reads a file whose length was told. One that has become shorter or longer meanwhile is an error: net/http
// does not notice it over HTTP/2, and half a file would be a whole one to the server.
type exactReader struct {
	file io.Reader
	left int64
}

var errFileChanged = errors.New("the file is not as long as it was said to be")

func (r *exactReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	// One byte more than is left shows that there is one.
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

// streamBody is a body that ends with its context and in its time, even while its stream keeps a Read waiting: net/http
// would wait for that Read.
type streamBody struct {
	*io.PipeReader
	start sync.Once
	run   func()
}

// newStreamBody returns a body of stream. patience bounds the sending of it, unless it is 0.
func newStreamBody(ctx context.Context, patience time.Duration, stream io.Reader) *streamBody {
	reader, writer := io.Pipe()
	// The goroutine ends when the stream does, or with the first Read of the stream that returns after the body was closed.
	return &streamBody{PipeReader: reader, run: func() {
		ctx, cancel := withPatience(ctx, patience)
		stop := context.AfterFunc(ctx, func() { _ = writer.CloseWithError(context.Cause(ctx)) })
		go func() {
			_, err := io.Copy(writer, struct{ io.Reader }{stream})
			stop()
			cancel()
			_ = writer.CloseWithError(err) // of nil, it is io.EOF
		}()
	}}
}

// withPatience returns a context that ends with ctx, and after patience, unless that is 0.
func withPatience(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	if patience > 0 {
		return context.WithTimeout(ctx, patience)
	}
	return context.WithCancel(ctx)
}

// Read reads what has come from the stream.
func (b *streamBody) Read(p []byte) (int, error) {
	b.start.Do(b.run)
	return b.PipeReader.Read(p)
}

// sourceOf looks at a file: how long it is, and whether it can be read again. Only of types that are what they seem: one
// that wraps a file, to decrypt it for example, may have the file's other methods too. size is what the caller knows, or 0.
func sourceOf(file io.Reader, size int64) (source, error) {
	if value := reflect.ValueOf(file); !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil() {
		return source{}, errors.New("it is nil; give the file")
	}
	unknown := source{Reader: file, size: -1}
	if size > 0 {
		unknown.size = size
	}
	var content interface {
		io.ReaderAt
		io.Seeker
	}
	switch file := file.(type) {
	case *os.File:
		// Others, such as pipes and devices, have no length, or a wrong one.
		switch info, err := file.Stat(); {
		case err != nil:
			return source{}, errors.New("it cannot be read: is it open?")
		case info.IsDir():
			return source{}, errors.New("it is a folder; give a file")
		case !info.Mode().IsRegular(), strings.HasPrefix(file.Name(), "/proc/"), strings.HasPrefix(file.Name(), "/sys/"):
			return unknown, nil
		}
		content = file
	case *bytes.Reader:
		content = file
	case *strings.Reader:
		content = file
	case *io.SectionReader:
		content = file
	default:
		return unknown, nil
	}
	start, err := content.Seek(0, io.SeekCurrent)
	var end int64
	if err == nil {
		end, err = content.Seek(0, io.SeekEnd)
	}
	if err == nil {
		_, err = content.Seek(start, io.SeekStart)
	}
	if err != nil {
		return source{}, fmt.Errorf("its length cannot be found: %w", err)
	}
	length := max(end-start, 0)
	if size > 0 && size != length {
		return source{}, fmt.Errorf("it has %d bytes, and Size says %d", length, size)
	}
	return source{Reader: io.NewSectionReader(content, start, length), size: length, again: true}, nil
}
