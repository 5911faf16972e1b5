package basiqtest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// ParseFault accepts the names of faults in the log.
func TestParseFault_AllFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []basiqtest.Fault{
		basiqtest.Fail(503), basiqtest.Fail(403, "no-production-access"), basiqtest.BadGateway(),
		basiqtest.TooManyRequests(30 * time.Second), basiqtest.TooManyRequestsDate(time.Minute),
		basiqtest.Latency(1500 * time.Millisecond), basiqtest.SlowBody(1000), basiqtest.Truncate(), basiqtest.Garbage(),
		basiqtest.RevokeToken(), basiqtest.RevokeAllTokens(), basiqtest.ExpireToken(), basiqtest.ExpireAllTokens(),
	} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			option, err := basiqtest.ParseFault("  " + fault.String() + " operations=getUser,getUsers\ttimes=1 ")
			require.NoError(t, err)
			var got [2][]any
			for i, opt := range []basiqtest.Option{
				option, basiqtest.WithFault(fault, basiqtest.Operations("getUsers"), basiqtest.Times(1)),
			} {
				synctest.Test(t, func(t *testing.T) {
					c := new21(t, opt)
					resp, body, err := c.try(t.Context(), http.MethodGet, "/users", "")
					got[i] = []any{resp.StatusCode, resp.Header, string(body), err, c.last().String(), time.Now()}
					assert.Equal(t, fault.String(), c.last().Fault)
				})
			}
			assert.Equal(t, got[1], got[0])
		})
	}
	for _, fault := range []basiqtest.Fault{
		basiqtest.Hang(), basiqtest.ResetBefore(), basiqtest.ResetAfter(), basiqtest.EndlessJob(),
	} {
		_, err := basiqtest.ParseFault(fault.String())
		require.NoError(t, err, fault)
	}
}

func TestParseFault_Conditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"503 operations=getUsers":                        "xxxxxxxx",
		"503 operations=getUsers times=2":                "xx......",
		"503 operations=getUsers every=3":                "..x..x..",
		"503 skip=6 operations=getUsers":                 "......xx",
		"503 operations=getUsers skip=1 every=2 times=2": "..x.x...",
		"503 operations=getUsers probability=1 times=1":  "x.......",
		"503 operations=getUser":                         "........",
		"503 operations=getUser operations=getUsers":     "xxxxxxxx",
		"503 operations=getUsers,getUser times=1":        "x.......",
		"503 skip=1": "xxxxxxxx", // the token request is the first
	} {
		option, err := basiqtest.ParseFault(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, new21(t, option).appliedTo(len(want)), text)
	}
}

func TestParseFault_Errors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" ":                                 `missing fault, such as "503 operations=getJobs times=2"`,
		"hnag":                              `unknown fault "hnag": did you mean hang?`,
		"hangs":                             `unknown fault "hangs": did you mean hang?`,
		"operations=getJobs":                `unknown fault "operations"; must be a status, such as 503, or one of 502-html, 429-after, 429-date, latency, hang, reset-before, reset-after, truncate, slow-body, garbage, revoke-token, revoke-all-tokens, expire-token, expire-all-tokens, endless-job`,
		"hang=1s":                           `fault hang: unexpected argument "=1s"`,
		"latency":                           `fault latency: missing argument =DURATION`,
		"slow-body":                         `fault slow-body: missing argument =BYTES`,
		"latency=2":                         `fault latency: invalid duration "2", want a value such as 500ms or 1m30s`,
		"slow-body=x":                       `fault slow-body: invalid integer "x"`,
		"slow-body=0":                       `fault slow-body=0: rate 0 is not positive`,
		"200":                               `fault 200: status 200 out of range [400, 599]`,
		"503 getJobs":                       `fault 503: invalid condition "getJobs": must be operations=OPERATION, skip=N, every=K, probability=P or times=N`,
		"503 times":                         `fault 503: invalid condition "times": must be operations=OPERATION, skip=N, every=K, probability=P or times=N`,
		"503 times=x":                       `fault 503: times: invalid integer "x"`,
		"503 times=0":                       `fault 503: Times(0): must be at least 1`,
		"503 probability=x":                 `fault 503: probability: invalid number "x"`,
		"503 probability=NaN":               `fault 503: probability NaN out of range (0, 1]`,
		"503 operations=getJob":             `fault 503: unknown operation "getJob": did you mean getJobs?`,
		"503 operations=getJobs,,":          `fault 503: unknown operation ""; must be an operationId of openapi.yaml, such as getJobs`,
		"revoke-token operations=postToken": `fault revoke-token: not applicable to postToken, which requires no token`,
	} {
		_, err := basiqtest.ParseFault(text)
		assert.EqualError(t, err, want)
	}
}

// Every parsed fault is a usable option, and no input causes a panic.
func FuzzParseFault(f *testing.F) {
	for _, text := range []string{
		"503 operations=getJobs times=2", "latency=1s", "429-date=1h every=2", "slow-body=1 probability=0.5", "403=x skip=3", "=", "503 =",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		option, err := basiqtest.ParseFault(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			if !strings.Contains(text, "%!") {
				require.NotContains(t, err.Error(), "%!", "fmt error marker")
			}
			return
		}
		// Creating a sandbox for every input would be slow. Check only that the fault's name can be parsed again.
		_, err = basiqtest.ParseFault(strings.Fields(text)[0])
		require.NoError(t, err)
		require.NotNil(t, option)
	})
}
