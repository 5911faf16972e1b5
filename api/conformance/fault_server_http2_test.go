package conformance

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Conn is an HTTP/2 connection of the fault server. It handles single frames, so that faults are exact. One goroutine reads
// frames, and each request has a goroutine that responds.
type http2Conn struct {
	server *faultServer
	conn   *serverConn

	writing sync.Mutex
	framer  *http2.Framer
	encoder *hpack.Encoder
	block   bytes.Buffer

	mu      sync.Mutex
	changed *sync.Cond // signals changes of windows, resets, and the end of the connection
	window  int
	initial int // the window of a new stream
	streams map[uint32]*http2Stream
	ended   bool
	// silent: incoming frames, including pings, are not acknowledged.
	silent bool
}

// http2Stream is the server's side of a stream. It implements [wire].
type http2Stream struct {
	*http2Conn

	id      uint32
	req     *http.Request
	window  int
	isReset bool
}

func newHTTP2Conn(s *faultServer, conn *serverConn) *http2Conn {
	c := &http2Conn{server: s, conn: conn, window: 65535, initial: 65535, streams: map[uint32]*http2Stream{}}
	c.changed = sync.NewCond(&c.mu)
	c.framer = http2.NewFramer(conn, conn)
	c.framer.AllowIllegalWrites = true
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.encoder = hpack.NewEncoder(&c.block)
	return c
}

// serve reads frames until either side ends the connection, and waits for the goroutines that respond.
func (c *http2Conn) serve() {
	var responding sync.WaitGroup
	defer responding.Wait()
	defer func() {
		_ = c.conn.Close()
		c.change(func() { c.ended = true })
	}()
	if _, err := io.ReadFull(c.conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	var settings []http2.Setting
	if c.server.fault.stalls {
		settings = append(settings, http2.Setting{ID: http2.SettingInitialWindowSize})
	}
	c.write(func() error { return c.framer.WriteSettings(settings...) })
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		c.mu.Lock()
		silent := c.silent
		c.mu.Unlock()
		if silent {
			continue
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if !c.open(frame) {
				return
			}
		case *http2.DataFrame: // bodies are smaller than the windows
		default:
			c.control(frame)
			continue
		}
		if stream := c.streams[frame.Header().StreamID]; stream != nil && frame.Header().Flags.Has(http2.FlagDataEndStream) {
			responding.Go(func() { c.server.respond(stream, stream.req) })
		}
	}
}

// open starts a stream. It returns false if the fault ends the connection.
func (c *http2Conn) open(frame *http2.MetaHeadersFrame) bool {
	target, err := url.ParseRequestURI(frame.PseudoValue("path"))
	if err != nil {
		return false
	}
	req := &http.Request{Method: frame.PseudoValue("method"), URL: target}
	fault := c.server.fault
	if fault.reading != nil && c.server.subject.matches(req) {
		if _, applies := c.server.apply(); applies {
			fault.reading(c.conn)
			return false
		}
	}
	stream := &http2Stream{http2Conn: c, id: frame.StreamID, req: req}
	c.change(func() { stream.window, c.streams[frame.StreamID] = c.initial, stream })
	for _, field := range frame.RegularFields() {
		if field.Name == "expect" && !stream.head(reply{status: http.StatusContinue}, -1) {
			return false
		}
	}
	if !fault.stalls || frame.StreamEnded() {
		return true
	}
	if c.server.subject.matches(req) {
		if _, applies := c.server.apply(); applies {
			return true
		}
	}
	return c.write(func() error { return c.framer.WriteWindowUpdate(frame.StreamID, 65535) })
}

func (c *http2Conn) control(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if frame.IsAck() {
			return
		}
		if size, ok := frame.Value(http2.SettingInitialWindowSize); ok {
			c.change(func() { c.initial = int(size) })
		}
		c.write(c.framer.WriteSettingsAck)
	case *http2.PingFrame:
		if !frame.IsAck() {
			c.write(func() error { return c.framer.WritePing(true, frame.Data) })
		}
	case *http2.WindowUpdateFrame:
		c.change(func() {
			if stream := c.streams[frame.StreamID]; stream != nil {
				stream.window += int(frame.Increment)
			} else if frame.StreamID == 0 {
				c.window += int(frame.Increment)
			}
		})
	case *http2.RSTStreamFrame:
		c.change(func() {
			if stream := c.streams[frame.StreamID]; stream != nil {
				stream.isReset = true
			}
		})
	}
}

func (c *http2Conn) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.changed.Broadcast()
}

func (c *http2Conn) write(frames func() error) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	return frames() == nil
}

// alive reports whether the client is still waiting for a response.
func (s *http2Stream) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended && !s.isReset
}

// headers writes HEADERS with the response headers and, if end is false, without END_HEADERS.
func (s *http2Stream) headers(r reply, length int, end, endStream bool) bool {
	fields := []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(r.status)}}
	if r.status == 0 {
		fields = nil
	}
	if r.body != "" {
		fields = append(fields, hpack.HeaderField{Name: "content-type", Value: r.mediaType})
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(r.header, "\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			fields = append(fields, hpack.HeaderField{Name: strings.ToLower(name), Value: value})
		}
	}
	if length >= 0 {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(length)})
	}
	return s.alive() && s.write(func() error {
		return s.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: s.id, BlockFragment: s.encode(fields...), EndHeaders: end, EndStream: endStream,
		})
	})
}

// encode returns a header block. It must be called while writing is locked.
func (s *http2Stream) encode(fields ...hpack.HeaderField) []byte {
	s.block.Reset()
	for _, field := range fields {
		_ = s.encoder.WriteField(field)
	}
	return s.block.Bytes()
}

func (s *http2Stream) respond(r reply) bool {
	if r.body == "" {
		return s.headers(r, -1, true, true)
	}
	return s.head(r, len(r.body)) && s.data(r.body, true)
}

func (s *http2Stream) head(r reply, length int) bool { return s.headers(r, length, true, false) }
func (s *http2Stream) body(text string) bool         { return s.data(text, false) }
func (s *http2Stream) end()                          { s.data("", true) }
func (s *http2Stream) openHead(r reply) bool         { return s.headers(r, -1, false, false) }
func (s *http2Stream) reset()                        { s.conn.reset() }

func (s *http2Stream) field(name, value string) bool {
	return s.alive() && s.write(func() error {
		return s.framer.WriteContinuation(s.id, false, s.encode(hpack.HeaderField{Name: strings.ToLower(name), Value: value}))
	})
}

// data sends text as far as the client's windows allow, and waits for larger windows.
func (s *http2Stream) data(text string, end bool) bool {
	for {
		s.mu.Lock()
		for text != "" && min(s.window, s.http2Conn.window) <= 0 && !s.ended && !s.isReset {
			s.changed.Wait()
		}
		n := min(len(text), s.window, s.http2Conn.window, 16<<10)
		gone := s.ended || s.isReset
		s.window -= n
		s.http2Conn.window -= n
		s.mu.Unlock()
		part, last := text[:n], n == len(text)
		text = text[n:]
		if gone || !s.write(func() error { return s.framer.WriteData(s.id, end && last, []byte(part)) }) {
			return false
		}
		if last {
			return true
		}
	}
}

// raw sends bytes instead of frames and closes the connection.
func (s *http2Stream) raw(text string) bool {
	ok := s.write(func() error {
		_, err := io.WriteString(s.conn, text)
		return err
	})
	_ = s.conn.Close()
	return ok
}

func (s *http2Stream) hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && !s.isReset {
		s.changed.Wait()
	}
}

func (s *http2Stream) refuse(code http2.ErrCode) {
	s.write(func() error { return s.framer.WriteRSTStream(s.id, code) })
}

// goAway announces the end of the connection. Requests on streams above last are not handled.
func (s *http2Stream) goAway(last uint32, code http2.ErrCode) {
	s.write(func() error { return s.framer.WriteGoAway(last, code, nil) })
}
