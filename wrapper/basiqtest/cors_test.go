package basiqtest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

const frontEnd = "http://localhost:3000"

func TestCORS_AllowOrigin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []basiqtest.Option
		origin  string
		want    string // allowed origin
	}{
		"without the option": {nil, frontEnd, ""},
		"another origin":     {[]basiqtest.Option{basiqtest.WithAllowedOrigin("http://localhost:4000")}, frontEnd, ""},
		"no browser":         {[]basiqtest.Option{basiqtest.WithAllowedOrigin("*")}, "", ""},
		"all":                {[]basiqtest.Option{basiqtest.WithAllowedOrigin("*")}, frontEnd, frontEnd},
		"the second": {
			[]basiqtest.Option{basiqtest.WithAllowedOrigin("http://localhost:4000"), basiqtest.WithAllowedOrigin(frontEnd)}, frontEnd, frontEnd,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := new30(t, test.options...)
			c.sandbox.Inject(basiqtest.TooManyRequests(time.Second), basiqtest.Operations("createUser"), basiqtest.Times(1))
			asked := bindInput(t, c.sandbox, http.MethodOptions, "/users", "", map[string]string{
				"Origin": test.origin, "Access-Control-Request-Method": "POST",
				"Access-Control-Request-Headers": "authorization,content-type,x-requested-with",
			})
			called := bindInput(t, c.sandbox, http.MethodPost, "/users", `{"email":"gavin@hooli.com","mobile":"+61400000000"}`,
				map[string]string{"Origin": test.origin, "Authorization": "Bearer " + c.token, "Content-Type": "application/json"})
			assert.Equal(t, http.StatusTooManyRequests, called.status, "faults do not apply to preflight requests")
			for _, r := range []reply{asked, called} {
				assert.Equal(t, test.want, r.header.Get("Access-Control-Allow-Origin"))
				assert.Equal(t, test.options != nil, r.header.Get("Vary") == "Origin")
			}
			if test.want == "" {
				assert.Equal(t, http.StatusMethodNotAllowed, asked.status)
				return
			}
			assert.Equal(t, http.StatusNoContent, asked.status)
			assert.Equal(t, "authorization,content-type,x-requested-with", asked.header.Get("Access-Control-Allow-Headers"))
			assert.Contains(t, asked.header.Get("Access-Control-Allow-Methods"), "DELETE")
			assert.Equal(t, "Retry-After", called.header.Get("Access-Control-Expose-Headers"))

			page := bindInput(t, c.sandbox, http.MethodGet, "/home", "", map[string]string{"Origin": test.origin})
			assert.Empty(t, page.header.Get("Access-Control-Allow-Origin"), "the consent page allows no other origin")
			plain := bindInput(t, c.sandbox, http.MethodOptions, "/users", "", map[string]string{"Origin": test.origin})
			assert.Equal(t, http.StatusMethodNotAllowed, plain.status, "OPTIONS without preflight headers")
		})
	}
}

func TestCORS_InvalidOrigin(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"", "localhost:3000", "http://localhost:3000/", "ftp://localhost", "http://u@localhost", "null"} {
		_, err := basiqtest.Start(basiqtest.WithAllowedOrigin(origin))
		require.ErrorContains(t, err, `must be a scheme and host, such as http://localhost:3000, or "*"`, origin)
	}
}
