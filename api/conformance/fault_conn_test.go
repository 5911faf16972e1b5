package conformance

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// receiveBuffer is the number of bytes that a memory connection buffers for the client before the server's writes block. The
// other direction is unlimited, so that client and server never block on each other's writes.
const receiveBuffer = 64 << 10

// byteQueue is one direction of a memory connection.
type byteQueue struct {
	mu    sync.Mutex
	ready *sync.Cond
	data  []byte
	limit int // 0 means unlimited
	// ended is the error of reads after the data. refused is the error of writes.
	ended, refused error
}

func newByteQueue(limit int) *byteQueue {
	q := &byteQueue{limit: limit}
	q.ready = sync.NewCond(&q.mu)
	return q
}

func (q *byteQueue) read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.data) == 0 && q.ended == nil {
		q.ready.Wait()
	}
	if len(q.data) == 0 {
		return 0, q.ended
	}
	n := copy(p, q.data)
	q.data = q.data[n:]
	q.ready.Broadcast()
	return n, nil
}

func (q *byteQueue) write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	written := 0
	for {
		switch {
		case q.refused != nil:
			return written, q.refused
		case len(p) == 0:
			return written, nil
		case q.limit > 0 && len(q.data) >= q.limit:
			q.ready.Wait()
			continue
		}
		n := len(p)
		if q.limit > 0 {
			n = min(n, q.limit-len(q.data))
		}
		q.data = append(q.data, p[:n]...)
		p, written = p[n:], written+n
		q.ready.Broadcast()
	}
}

// end makes reads return ended after the data, and writes return refused. Only the first call has an effect.
func (q *byteQueue) end(ended, refused error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == nil {
		q.ended, q.refused = ended, refused
	}
	q.ready.Broadcast()
}

// memoryConn is one end of a connection in memory. Like a socket, and unlike a [net.Pipe], it has buffers and can be reset.
type memoryConn struct {
	in, out *byteQueue
	closed  sync.Once
	onClose func()
}

// newMemoryConns returns the two ends of a connection. Closing the client's end calls onClose.
func newMemoryConns(onClose func()) (client, server *memoryConn) {
	toServer, toClient := newByteQueue(0), newByteQueue(receiveBuffer)
	return &memoryConn{in: toClient, out: toServer, onClose: onClose}, &memoryConn{in: toServer, out: toClient}
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close closes the connection: the other side reads the remaining data and then io.EOF.
func (c *memoryConn) Close() error {
	c.shut(io.EOF)
	return nil
}

func (c *memoryConn) reset() { c.shut(&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}) }

func (c *memoryConn) shut(ended error) {
	c.closed.Do(func() {
		c.out.end(ended, net.ErrClosed)
		c.in.end(net.ErrClosed, &net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET})
		if c.onClose != nil {
			c.onClose()
		}
	})
}

func (c *memoryConn) LocalAddr() net.Addr              { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr             { return memoryAddr{} }
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "tcp" }
func (memoryAddr) String() string  { return host }

// serverConn is the server's end of a connection. It counts the bytes that it sends.
type serverConn struct {
	net.Conn

	memory *memoryConn
	sent   *atomic.Int64
}

func (c *serverConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func (c *serverConn) reset() { c.memory.reset() }

// identities holds certificates for host: one that the clients trust, and one that they do not.
type identities struct {
	good, untrusted tls.Certificate
	trusted         *x509.CertPool
}

// certificates creates the certificates once. They are valid at the time of a synctest bubble, which starts in the year 2000.
var certificates = sync.OnceValue(func() identities {
	ids := identities{trusted: x509.NewCertPool(), good: newCertificate(1), untrusted: newCertificate(2)}
	ids.trusted.AddCert(ids.good.Leaf)
	return ids
})

func newCertificate(serial int64) tls.Certificate {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, public, private))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: must(x509.ParseCertificate(der))}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// cheapKeys reduces the cost of thousands of handshakes.
var cheapKeys = []tls.CurveID{tls.CurveP256}

// serverTLS returns the TLS configuration of the fault server.
func serverTLS(p protocol) *tls.Config {
	config := &tls.Config{
		Certificates: []tls.Certificate{certificates().good}, MinVersion: tls.VersionTLS12, CurvePreferences: cheapKeys,
	}
	if p == h2 {
		config.NextProtos = []string{"h2"}
	}
	return config
}

// newFaultTransport returns the transport of a client without WithHTTPClient. It differs only in the dialer, the trusted
// certificates, and the cost of a handshake.
func newFaultTransport() *http.Transport {
	transport := basiq.NewTransport()
	transport.Proxy = nil
	transport.TLSClientConfig.RootCAs, transport.TLSClientConfig.CurvePreferences = certificates().trusted, cheapKeys
	return transport
}
