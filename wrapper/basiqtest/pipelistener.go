package basiqtest

import (
	"context"
	"net"
	"sync"
)

// pipeListener is an in-memory listener. In a synctest bubble, real sockets would block the bubble's clock, because
// waiting for the network is not durably blocking.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// A secureConn is the server's end of a connection that the client dialed for https.
type secureConn struct{ net.Conn }

// secureKey is the key of a context value that is set for requests on a secureConn.
type secureKey struct{}

// connContext is the ConnContext function of the sandbox's server.
func connContext(ctx context.Context, conn net.Conn) context.Context {
	if _, secure := conn.(secureConn); secure {
		return context.WithValue(ctx, secureKey{}, true)
	}
	return ctx
}

// dial connects to the listener, regardless of the address.
func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	return l.connect(ctx, client, server)
}

// dialTLS is like dial, but links in the responses use https.
func (l *pipeListener) dialTLS(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	return l.connect(ctx, client, secureConn{server})
}

func (l *pipeListener) connect(ctx context.Context, client, server net.Conn) (net.Conn, error) {
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		err = &net.OpError{Op: "dial", Net: "pipe", Addr: l.Addr(), Err: net.ErrClosed}
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = client.Close()
	_ = server.Close()
	return nil, err
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close may be called more than once, as http.Server does.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
