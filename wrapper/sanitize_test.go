package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A password may be a word in the text of an error. It is redacted in the text, but errors.Is and errors.As are not affected.
func TestTransportErrors_PasswordInText(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{
		context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT, syscall.EHOSTUNREACH,
		&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		fmt.Errorf("gateway: %w", io.ErrUnexpectedEOF),
		errors.Join(io.ErrUnexpectedEOF, syscall.ECONNRESET),
	} {
		passwords := strings.FieldsFunc(failure.Error(), func(r rune) bool { return strings.ContainsRune(" :\n", r) })
		passwords = append(passwords, failure.Error(), "hooli2016")
		for _, password := range passwords {
			if len(password) < 4 { // too short to be redacted
				continue
			}
			client := newClient21(t, &stub{respond: respondWith(failure)}, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}))
			_, err := client.Connections.Create(t.Context(), userID, basiq.CreateConnection{
				InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret(password),
			})
			var lost *basiq.TransportError
			require.ErrorAs(t, err, &lost)
			assert.NotContains(t, lost.Err.Error(), password)
			assert.NotContains(t, err.Error(), "not HTTP")
			for _, identity := range identities {
				assert.Equal(t, errors.Is(failure, identity), errors.Is(err, identity), "%v, password %q: %v", failure, password, identity)
			}
			var before, after net.Error
			isTimeout := errors.As(failure, &before) && before.Timeout()
			assert.Equal(t, isTimeout, errors.As(err, &after) && after.Timeout(), "%v, password %q", failure, password)
			assert.Equal(t, !strings.HasPrefix(failure.Error(), "dial"), basiq.MayHaveSucceeded(err), "%v, password %q", failure, password)
		}
	}
}

// identities lists errors that programs compare transport errors with.
var identities = []error{
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded,
	syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE, syscall.ETIMEDOUT, syscall.EHOSTUNREACH,
}

// The same applies to errors while a body is read.
func TestTransportErrors_PasswordInTextOfABody(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"unexpected", "hooli2016"} {
		client := newClient21(t, &stub{respond: respondWith(stubResponse{status: 202, body: "{", cut: io.ErrUnexpectedEOF})})
		_, err := client.Connections.Create(t.Context(), userID, basiq.CreateConnection{
			InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret(password),
		})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.NotContains(t, err.Error(), password)
		assert.True(t, basiq.MayHaveSucceeded(err))
	}
}

// Parts of a response that net/http quotes are removed. This also holds if a secret is in the quotes or around them.
func TestTransportErrors_QuotedResponse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, password, want string }{
		{`malformed HTTP status code "hooli2016"`, "hooli2016", "invalid HTTP response"},
		{`malformed HTTP status code "x"`, "malformed", "invalid HTTP response"},
		{`unexpected EOF after "of note"`, "hooli2016", "unexpected EOF after [redacted]"},
		{`bad value a"b"c`, `a"b"c`, "bad value [redacted]"},
		{`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug="of note"`, "hooli2016", "http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR"},
	} {
		client := newClient21(t, &stub{respond: respondWith(errors.New(c.text))}, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}))
		_, err := client.Connections.Create(t.Context(), userID, basiq.CreateConnection{
			InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret(c.password),
		})
		var lost *basiq.TransportError
		require.ErrorAs(t, err, &lost)
		assert.Equal(t, c.want, lost.Err.Error())
	}
}

// Error bodies above 256 KiB are not parsed, because each byte may need a hundred bytes of memory.
func TestErrors_LargeBodiesAreNotParsed(t *testing.T) {
	t.Parallel()
	pad := strings.Repeat(" ", 256<<10-len(envelope("some-code", "", "")))
	for _, c := range []struct {
		body   string
		parsed bool
	}{
		{envelope("some-code", "", "") + pad, true},
		{envelope("some-code", "", "") + pad + " ", false},
		{`{"data":[` + strings.Repeat("{},", 1<<20) + `{}]}`, false},
	} {
		s, client := newStub(t, ok(http.StatusBadRequest, c.body))
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrBadRequest)
		assert.Equal(t, c.parsed, errors.Is(err, basiq.Code("some-code")))
		assert.Len(t, s.seen(), 1)
	}
}
