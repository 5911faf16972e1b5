package basiq

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// source is the file of an upload. Exactly one of at, reopen and stream is set.
type source struct {
	// at can be read by several attempts concurrently.
	at io.ReaderAt
	// reopen opens the file for one attempt.
	reopen func() (io.ReadCloser, error)
	// stream can be read once, and stays open.
	stream io.Reader
	// size is the length in bytes, or -1 if it is unknown.
	size int64

	// started is set once an attempt reads the stream.
	started atomic.Bool
	// panicked is the panic of a caller's Read.
	panicked atomic.Pointer[recovered]
}

var errStreamRead = errors.New("stream was already read")

// rewindable reports whether the file can be read by another attempt.
func (s *source) rewindable() bool { return s.stream == nil || !s.started.Load() }

// open returns the file for one attempt.
func (s *source) open() (io.ReadCloser, error) {
	if s.reopen == nil {
		return io.NopCloser(s.stream), nil
	}
	file, err := s.reopen()
	if err == nil && file == nil {
		err = errors.New("nil reader from Open")
	}
	return file, err
}

// streamBody is a request body that is read in its own goroutine. It ends with its context even while a Read of the
// stream blocks; net/http would wait for that Read.
type streamBody struct {
	*io.PipeReader
	source *source
	file   io.Closer
	start  sync.Once
	run    func()
}

// newStreamBody returns a body that reads whole, which contains file. timeout limits the time to read it unless it is
// 0.
func newStreamBody(ctx context.Context, timeout time.Duration, whole io.Reader, s *source, file io.Closer) *streamBody {
	reader, writer := io.Pipe()
	return &streamBody{PipeReader: reader, source: s, file: file, run: func() {
		if s.started.Swap(true) && s.stream != nil {
			_ = writer.CloseWithError(errStreamRead)
			return
		}
		ctx, cancel := withOptionalTimeout(ctx, timeout)
		stop := context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })
		// The goroutine ends at the end of the stream, or when a Read returns after the body was closed.
		go func() {
			err := s.copy(writer, whole)
			stop()
			cancel()
			_ = file.Close()
			_ = writer.CloseWithError(err) // nil becomes io.EOF
		}()
	}}
}

// copy copies the body to the pipe. It recovers a panic of the caller's Read, because the caller could not recover a
// panic in this goroutine and the program would crash.
func (s *source) copy(writer *io.PipeWriter, whole io.Reader) (err error) {
	defer func() {
		if panicked := catch(recover()); panicked != nil {
			s.panicked.Store(panicked)
			err = errors.New("panic while reading the file")
		}
	}()
	_, err = io.Copy(writer, struct{ io.Reader }{whole})
	return err
}

// withOptionalTimeout returns a context that ends with ctx, and after timeout unless timeout is 0.
func withOptionalTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	return context.WithCancel(ctx)
}

// Read reads the body. The stream is not read before the first Read.
func (b *streamBody) Read(p []byte) (int, error) {
	b.start.Do(b.run)
	return b.PipeReader.Read(p)
}

// Close closes the body. A file that is being read is closed when the Read in progress returns.
func (b *streamBody) Close() error {
	b.start.Do(func() { _ = b.file.Close() }) // a Read after Close must not start
	return b.PipeReader.Close()
}
