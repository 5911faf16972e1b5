package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in, out string
		err           string
	}{
		{"right answer", "1234\n", ": active\n", ""},
		{"wrong answer", "4321\n", "", "MFA response is not valid"},
		{"no answer", "", "", "end of input"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, err := basiqtest.New(t).NewClient(basiq.WithAPIVersion(basiq.APIVersion21))
				require.NoError(t, err)
				user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "jared@hooli.com"})
				require.NoError(t, err)
				bank := basiq.CreateConnection{InstitutionID: "AU00002", LoginID: basiq.NewSecret("jared"), Password: basiq.NewSecret("django")}
				var out strings.Builder
				err = connect(t.Context(), client, user.ID, bank, strings.NewReader(tc.in), &out)
				assert.Contains(t, out.String(), "within 2m0s")
				assert.True(t, strings.HasSuffix(out.String(), tc.out), out.String())
				if tc.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, tc.err)
				}
			})
		})
	}
}
