package basiq

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// source is the file of an upload. Exactly one of at, reopen and stream is set.
type source struct {
	// at can be read by several attempts at once.
	at io.ReaderAt
	// reopen opens the file for one attempt.
	reopen func() (io.ReadCloser, error)
	// stream can be read once.
	stream io.Reader
	// size is the length in bytes, or -1 if it is unknown.
	size int64

	mu     sync.Mutex
	opened []*attemptStream
	// current is the last of opened, and the only one that may read from stream. started is set once it has.
	current *attemptStream
	started bool
	// read is the largest number of bytes that an attempt has read, and complete is set if one reached the end.
	read     int64
	complete bool
	panicked *recovered
}

var (
	errStreamRead = errors.New("stream has been read and cannot be read again")
	errBodyClosed = errors.New("read from a closed request body")
)

// rewindable reports whether the file can be read by another attempt.
func (s *source) rewindable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream == nil || !s.started
}

// open returns the file for one attempt. It must be closed.
func (s *source) open() (*attemptStream, error) {
	attempt := &attemptStream{source: s, file: s.stream}
	if s.reopen != nil {
		file, err := s.reopen()
		switch {
		case err != nil:
			return nil, err
		case file == nil:
			return nil, errors.New("nil reader from Open")
		}
		attempt.file, attempt.closer = file, file
	}
	if err := s.add(attempt); err != nil {
		return nil, err
	}
	if err := s.measure(attempt.file); err != nil {
		_ = attempt.Close()
		return nil, err
	}
	return attempt, nil
}

// add records an attempt. A stream that has been read cannot be read by another one.
func (s *source) add(attempt *attemptStream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream != nil && s.started {
		return errStreamRead
	}
	s.opened, s.current = append(s.opened, attempt), attempt
	return nil
}

// measure finds the length of a file that was opened, from its offset to its end, and compares it with the length known.
func (s *source) measure(opened io.Reader) error {
	file, ok := opened.(*os.File)
	if !ok || s.reopen == nil {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !hasLength(file, info) {
		return nil
	}
	offset, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	length := max(info.Size()-offset, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size >= 0 && s.size != length || s.size < 0 && len(s.opened) > 1 {
		return errFileChanged
	}
	s.size = length
	return nil
}

// close closes all files that were opened. One that is being read is closed when the Read returns. It re-raises a panic
// of the caller's Read.
func (s *source) close() {
	s.mu.Lock()
	opened, panicked := s.opened, s.panicked
	s.mu.Unlock()
	for _, attempt := range opened {
		_ = attempt.Close()
	}
	panicked.raise()
}

// attemptStream reads a file for one attempt.
type attemptStream struct {
	source *source
	file   io.Reader
	// closer is nil if the file stays open.
	closer io.Closer
	n      int64

	mu              sync.Mutex
	reading, closed bool
}

// Read reads from the file, unless it is closed or another attempt reads the same stream.
func (a *attemptStream) Read(p []byte) (int, error) {
	if err := a.begin(); err != nil {
		return 0, err
	}
	defer a.end()
	n, err := a.file.Read(p)
	a.n += int64(n)
	if changed := a.source.count(a.n, errors.Is(err, io.EOF)); changed != nil {
		return n, changed
	}
	return n, err
}

// count records how many bytes an attempt has read. It returns an error if an earlier attempt read a file of another
// length.
func (s *source) count(n int64, end bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.complete && n > s.read || end && n < s.read {
		return errFileChanged
	}
	s.read, s.complete = max(s.read, n), s.complete || end
	return nil
}

func (a *attemptStream) begin() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return errBodyClosed
	}
	s := a.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream != nil && s.current != a {
		return errStreamRead
	}
	s.started = true
	a.reading = true
	return nil
}

func (a *attemptStream) end() {
	a.mu.Lock()
	a.reading = false
	closed := a.closed
	a.mu.Unlock()
	if closed && a.closer != nil {
		_ = a.closer.Close()
	}
}

// Close closes the file, or has it closed when the Read in progress returns. It does not wait for that Read.
func (a *attemptStream) Close() error {
	a.mu.Lock()
	now := !a.closed && !a.reading
	a.closed = true
	a.mu.Unlock()
	if now && a.closer != nil {
		return a.closer.Close()
	}
	return nil
}

// streamBody is a request body that is read in a goroutine, so that it ends with its context even while a Read of the
// stream blocks: net/http would wait for that Read.
type streamBody struct {
	*io.PipeReader
	file  *attemptStream
	start sync.Once
	run   func()
}

// newStreamBody returns a body that reads whole, which contains file. timeout bounds the reading, unless it is 0.
func newStreamBody(ctx context.Context, timeout time.Duration, whole io.Reader, file *attemptStream) *streamBody {
	reader, writer := io.Pipe()
	return &streamBody{PipeReader: reader, file: file, run: func() {
		ctx, cancel := withOptionalTimeout(ctx, timeout)
		stop := context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })
		// The goroutine ends with the stream, or with the first Read of the stream that returns after the body was closed.
		go func() {
			err := file.source.copy(writer, whole)
			stop()
			cancel()
			_ = file.Close()
			_ = writer.CloseWithError(err) // nil becomes io.EOF
		}()
	}}
}

// copy copies the body to the pipe. It recovers a panic of the caller's Read: in this goroutine the caller could not
// recover it, and it would crash the program.
func (s *source) copy(writer *io.PipeWriter, whole io.Reader) (err error) {
	defer func() {
		if panicked := catch(recover()); panicked != nil {
			s.mu.Lock()
			s.panicked = panicked
			s.mu.Unlock()
			err = errors.New("panic while the file was read")
		}
	}()
	_, err = io.Copy(writer, struct{ io.Reader }{whole})
	return err
}

// withOptionalTimeout returns a context that ends with ctx, and after timeout, unless that is 0.
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

// Close closes the body and its file.
func (b *streamBody) Close() error {
	b.start.Do(func() {}) // a Read after Close must not start
	_ = b.file.Close()
	return b.PipeReader.Close()
}
