package basiq

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

// form is a multipart/form-data body with one file, which is read while it is sent and never kept in memory.
type form struct {
	contentType string
	head, tail  []byte
	file        io.Reader
	// length is how long the whole body is, or -1 where the file does not tell.
	length int64
}

// newForm makes the body of fields, in their order, and a file.
func newForm(fields [][2]string, fileField, fileName, fileType string, file io.Reader) (*form, error) {
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
	f := &form{
		contentType: writer.FormDataContentType(), file: file, length: -1,
		head: text.Bytes()[:headLength], tail: text.Bytes()[headLength:],
	}
	if section, err := sectionOf(file); err != nil {
		return nil, err
	} else if section != nil {
		f.file = section
		f.length = int64(text.Len()) + section.Size()
	}
	return f, nil
}

// body returns the whole body from its start.
func (f *form) body() io.Reader {
	file := f.file
	if section, ok := file.(*io.SectionReader); ok {
		// A reader of its own: the one before may still be read by the attempt that failed.
		file = io.NewSectionReader(section, 0, section.Size())
	}
	return io.MultiReader(bytes.NewReader(f.head), file, bytes.NewReader(f.tail))
}

// prepare tells the request how long its body is, and how to have it again where the file can be read again.
func (f *form) prepare(req *http.Request) {
	if f.length < 0 {
		return
	}
	req.ContentLength = f.length
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(f.body()), nil }
}

// sectionOf returns what is left to read of a file that can be read more than once and says where it ends, such as an
// *os.File or a *bytes.Reader, or nil for another.
func sectionOf(file io.Reader) (*io.SectionReader, error) {
	again, ok := file.(interface {
		io.ReaderAt
		io.Seeker
	})
	if !ok {
		return nil, nil //nolint:nilnil // a stream is no error
	}
	start, err := again.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // a pipe or a terminal: a stream
	}
	end, err := again.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = again.Seek(start, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("its end cannot be found: %w", err)
	}
	return io.NewSectionReader(again, start, max(end-start, 0)), nil
}
