package basiq

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
)

// bufferedBody is an answer's body in memory, which ends as it ended on the wire.
type bufferedBody struct {
	bytes.Reader

	// buffer is where the body is; nil once it has been released.
	buffer *bytes.Buffer
	pooled bool
	// source is where it was read from.
	source io.LimitedReader
	// err is why there is no more of it.
	err error
	// conn closes the connection that it came from, where that is known.
	conn interface{ closeConn() }
}

// buffers keeps the memory of bodies for the next ones: a page of transactions is a MiB, which was garbage as soon as it was
// decoded.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const (
	// A length that is a lie costs no more than this.
	trustedLength = 2 << 20
	// largestKept bounds what the pool keeps: one report of 32 MiB need not stay.
	largestKept = 4 << 20
)

// readBody reads at most limit bytes of an answer's body and closes it. A body that is pooled must be released, or else it
// is garbage as any other.
func readBody(resp *http.Response, limit int64, pooled bool) *bufferedBody {
	defer func() { _ = resp.Body.Close() }()
	body := &bufferedBody{pooled: pooled, source: io.LimitedReader{R: resp.Body, N: limit}}
	body.conn, _ = resp.Body.(interface{ closeConn() })
	if pooled {
		body.buffer = buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // nothing else is in there
	} else {
		body.buffer = new(bytes.Buffer)
	}
	if n := resp.ContentLength; n > 0 && n <= min(limit, trustedLength) {
		body.buffer.Grow(int(n) + bytes.MinRead)
	}
	n, err := body.buffer.ReadFrom(&body.source)
	if err == nil && n == limit {
		if more, _ := io.CopyN(io.Discard, resp.Body, 1); more > 0 {
			err = ErrResponseTooLarge
		}
	}
	body.err = err
	body.Reset(body.buffer.Bytes())
	return body
}

// bytes returns the whole body, until it is released.
func (b *bufferedBody) bytes() []byte {
	if b == nil || b.buffer == nil {
		return nil
	}
	return b.buffer.Bytes()
}

// release lets the next answer have the body's memory, where it is pooled. What an answer said is not left lying about.
func (b *bufferedBody) release() {
	if b == nil || b.buffer == nil || !b.pooled || b.buffer.Cap() > largestKept {
		return
	}
	buffer := b.buffer
	b.buffer = nil
	b.Reset(nil)
	clear(buffer.Bytes())
	buffer.Reset()
	buffers.Put(buffer)
}

// Read reads what came, then returns the error that it ended with.
func (b *bufferedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

// WriteTo would skip the error.
func (b *bufferedBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// Close does nothing: the connection was released when the body was read.
func (*bufferedBody) Close() error { return nil }

// bodyOf returns the body of an answer that the retrier has read.
func bodyOf(resp *http.Response) *bufferedBody {
	body, _ := resp.Body.(*bufferedBody) // see retrier.attempt
	return body
}

// closeConn closes the connection that the body came from, because more may be on it that belongs to no request.
func (b *bufferedBody) closeConn() {
	if b != nil && b.conn != nil {
		b.conn.closeConn()
	}
}
