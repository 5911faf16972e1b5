package mirror_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

func TestOptions_Invalid(t *testing.T) {
	t.Parallel()
	client, err := basiqtest.New(t).NewClient()
	require.NoError(t, err)
	newMirror := func(options ...mirror.Option) error {
		_, err := mirror.New(client, new(mirror.Memory), options...)
		return err
	}
	_, noMirror := mirror.NewInbox(nil, "")
	for _, c := range []struct {
		argument string
		err      error
	}{
		{"New", newMirror(nil)},
		{"WithWindow", newMirror(mirror.WithWindow(0))},
		{"WithWindow", newMirror(mirror.WithWindow(1_000_000))},
		{"WithImportTime", newMirror(mirror.WithImportTime(0))},
		{"WithFullRead", newMirror(mirror.WithFullRead(-1))},
		{"WithSameAccount", newMirror(mirror.WithSameAccount(nil))},
		{"NewInbox", noMirror},
	} {
		require.ErrorIs(t, c.err, basiq.ErrInvalidInput, c.argument)
		assert.ErrorContains(t, c.err, "mirror: invalid input: "+c.argument+": ")
	}
}
