package basiq

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
)

// bufferedBody is a response body in memory. Reading it returns the error that the connection returned.
type bufferedBody struct {
	bytes.Reader

	// buffer holds the body. It is nil after release.
	buffer *[]byte
	pooled bool
	// err is the error after the last byte.
	err error
	// conn closes the connection of the response. It is nil if the connection is not known.
	conn interface{ closeConn() }
}

// buffers holds the memory of released bodies. A page of transactions takes a MiB, which is garbage once it is decoded.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const (
	// maxPreallocated limits the memory that is allocated because of a Content-Length.
	maxPreallocated = 2 << 20
	// maxPooledBuffer limits the size of a buffer in the pool.
	maxPooledBuffer = 4 << 20
)

// readBody reads at most limit bytes of a response body and closes it. A pooled body that is not released becomes
// garbage.
func readBody(resp *http.Response, limit int64, pooled bool) *bufferedBody {
	defer func() { _ = resp.Body.Close() }()
	body := &bufferedBody{pooled: pooled}
	body.conn, _ = resp.Body.(interface{ closeConn() })
	if pooled {
		body.buffer = buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds no other type
	} else {
		body.buffer = new([]byte)
	}
	if n := resp.ContentLength; n > 0 && n <= min(limit, maxPreallocated) {
		*body.buffer = slices.Grow(*body.buffer, int(n)+1) // one more to read the io.EOF
	}
	*body.buffer, body.err = readAll(*body.buffer, resp.Body, limit)
	body.Reset(*body.buffer)
	return body
}

// readAll reads from r into the empty buffer, whose capacity grows to limit at most.
func readAll(buffer []byte, r io.Reader, limit int64) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			size := 2*int64(len(buffer)) + bytes.MinRead
			if len(buffer) >= maxPooledBuffer {
				size *= 4 // fewer copies of a large body, which are garbage
			}
			if size > limit {
				size = limit + 1 // one more to notice a larger body
			}
			buffer = append(make([]byte, 0, size), buffer...)
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case int64(len(buffer)) > limit:
			clear(buffer[limit:])
			return buffer[:limit], ErrResponseTooLarge
		case errors.Is(err, io.EOF):
			return buffer, nil
		case err != nil:
			return buffer, err
		}
	}
}

// bytes returns the whole body, until it is released.
func (b *bufferedBody) bytes() []byte {
	if b == nil || b.buffer == nil {
		return nil
	}
	return *b.buffer
}

// release returns the memory of a pooled body to the pool, without its contents.
func (b *bufferedBody) release() {
	if b == nil || b.buffer == nil || !b.pooled || cap(*b.buffer) > maxPooledBuffer {
		return
	}
	buffer := b.buffer
	b.buffer = nil
	b.Reset(nil)
	clear(*buffer)
	*buffer = (*buffer)[:0]
	buffers.Put(buffer)
}

// Read reads the body, then returns its error.
func (b *bufferedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

// WriteTo hides the method of bytes.Reader, which would not return the error.
func (b *bufferedBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// Close does nothing: the connection was released when the body was read.
func (*bufferedBody) Close() error { return nil }

// bodyOf returns the body of a response that the retrier has read.
func bodyOf(resp *http.Response) *bufferedBody {
	body, _ := resp.Body.(*bufferedBody) // see retrier.attempt
	return body
}

// closeConn closes the connection of the response, because it may hold data that belongs to no request.
func (b *bufferedBody) closeConn() {
	if b != nil && b.conn != nil {
		b.conn.closeConn()
	}
}
