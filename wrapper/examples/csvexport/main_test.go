package main

import (
	"encoding/csv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestExport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "gavinBelson"))
		require.NoError(t, err)

		var out strings.Builder
		from, to := basiq.DateOf(time.Now().AddDate(0, -3, 0)), basiq.DateOf(time.Now())
		require.NoError(t, export(t.Context(), client, user.ID, from, to, &out))
		rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		require.NoError(t, err)
		require.Greater(t, len(rows), 100)
		assert.Equal(t, []string{"id", "account", "date", "amount", "currency", "description"}, rows[0])
		for _, row := range rows[1:] {
			assert.GreaterOrEqual(t, row[2], string(from))
			assert.LessOrEqual(t, row[2], string(to))
			assert.Regexp(t, `^-?\d+\.\d\d$`, row[3])
		}
	})
}

func TestExport_InvalidDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := basiqtest.New(t).NewClient()
		require.NoError(t, err)
		require.ErrorIs(t, export(t.Context(), client, "u1", "January", "June", &strings.Builder{}), basiq.ErrInvalidInput)
	})
}
