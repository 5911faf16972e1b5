package basiq

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func bodyOfText(text string, pooled bool) *bufferedBody {
	return readBody(&http.Response{Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}, 1<<30, pooled)
}

//nolint:paralleltest // other tests use the pool
func TestBufferedBody_Release(t *testing.T) {
	body := bodyOfText("secret", true)
	require.Equal(t, "secret", string(body.bytes()))
	memory := body.bytes()
	memory = memory[:cap(memory)]
	body.release()
	assert.Empty(t, body.bytes(), "another response may use the memory")
	rest, err := io.ReadAll(body)
	require.NoError(t, err)
	assert.Empty(t, rest)
	assert.Equal(t, make([]byte, len(memory)), memory, "the pool must not hold contents")

	body.release()
	first, second := buffers.Get(), buffers.Get()
	assert.NotSame(t, first, second, "two responses would share memory")
	(*bufferedBody)(nil).release()
}

//nolint:paralleltest // other tests use the pool
func TestBufferedBody_Release_KeepsMemory(t *testing.T) {
	for name, c := range map[string]struct {
		length int
		pooled bool
		kept   bool
	}{
		"of the caller":            {length: 10, pooled: false, kept: true},
		"large":                    {length: maxPooledBuffer + 1, pooled: true, kept: true},
		"large and of the caller":  {length: maxPooledBuffer + 1, pooled: false, kept: true},
		"of the client, and small": {length: 10, pooled: true, kept: false},
	} {
		t.Run(name, func(t *testing.T) {
			body := bodyOfText(strings.Repeat("x", c.length), c.pooled)
			body.release()
			assert.Equal(t, c.kept, len(body.bytes()) == c.length)
		})
	}
}

func TestReadAll_TooLarge(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 5, 511, 512, 513, 2048} {
		text := bytes.Repeat([]byte("x"), int(limit)+100)
		read, err := readAll(nil, bytes.NewReader(text), limit)
		require.ErrorIs(t, err, ErrResponseTooLarge)
		assert.Equal(t, text[:limit], read)
		rest := read[limit:cap(read)]
		assert.Equal(t, make([]byte, len(rest)), rest, "the rest is not a part of the response")

		read, err = readAll(nil, bytes.NewReader(text[:limit]), limit)
		require.NoError(t, err)
		assert.Equal(t, text[:limit], read)
	}
	failure := errors.New("connection reset")
	read, err := readAll(nil, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(failure)), 100)
	require.ErrorIs(t, err, failure)
	assert.Equal(t, "half", string(read))
}
