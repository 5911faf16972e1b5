package basiq_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestEveryOperationHasACall(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, op := range basiq.Operations() {
		want = append(want, op.ID)
	}
	for _, c := range operationCalls {
		have = append(have, c.id)
	}
	assert.ElementsMatch(t, want, have)
}

func TestEveryOperationSucceeds(t *testing.T) {
	t.Parallel()
	for _, c := range operationCalls {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			s := answerTo(c, func(int) (*http.Response, error) { return reply(c.status, c.body), nil })
			require.NoError(t, c.call(t, newClient(t, s)))
			require.Equal(t, 1, s.calls(c), "one call is one request")
			if c.id != "postToken" {
				sent := s.seen()[0]
				op := operation(t, c.id)
				assert.Equal(t, op.Method+" "+c.path, sent.String())
				assert.Equal(t, "Bearer token-1", sent.Authorization)
				assert.Equal(t, "application/json", sent.Header.Get("Accept"))
				assert.True(t, strings.HasPrefix(sent.Header.Get("User-Agent"), "basiq-go/"))
				if sent.Body != "" {
					assert.Equal(t, "application/json", sent.ContentType)
				}
			}
		})
	}
}

// Every status that the documents name arrives as an Error with nothing lost of what Basiq says.
func TestEveryOperationReportsErrors(t *testing.T) {
	t.Parallel()
	for _, c := range operationCalls {
		for _, status := range []int{400, 401, 403, 404, 409, 415, 418, 429, 500, 503} {
			t.Run(c.id+"/"+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				s := answerTo(c, func(int) (*http.Response, error) {
					return reply(status, envelope("some-code", "Some title.", "Some detail.")), nil
				})
				err := c.call(t, newClient(t, s))
				var failure *basiq.Error
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, operation(t, c.id).Name, failure.Operation)
				assert.Equal(t, status, failure.StatusCode)
				assert.Equal(t, "corr-1", failure.CorrelationID)
				require.Len(t, failure.Details, 1)
				assert.Equal(t, basiq.ErrorDetail{
					Type: "error", Code: "some-code", Title: "Some title.", Detail: "Some detail.",
					Source: &basiq.ErrorSource{Parameter: "id", Pointer: "users/id"},
				}, failure.Details[0])
				require.ErrorIs(t, err, basiq.Code("some-code"))
				assert.Contains(t, err.Error(), "Some detail.")
				assert.Contains(t, err.Error(), "corr-1")
			})
		}
	}
}

func TestWhichOperationsAreRepeated(t *testing.T) {
	t.Parallel()
	once := []string{"createUser", "updateUser", "postConnection", "updateConnection", "purgeConnectionData", "postJobMfa"}
	for _, c := range operationCalls {
		wantRepeats := 4
		for _, id := range once {
			if c.id == id {
				wantRepeats = 1
			}
		}
		for name, answer := range map[string]any{
			"after a reset":              errReset,
			"after 408":                  ok(408, ""),
			"after 500":                  ok(500, ""),
			"after 502":                  ok(502, "<html>"),
			"after 503":                  ok(503, ""),
			"after 504":                  ok(504, ""),
			"after a success that broke": answerOf{status: c.status, body: `{"ty`, cut: errors.New("unexpected EOF")},
		} {
			t.Run(c.id+"/"+name, func(t *testing.T) {
				t.Parallel()
				turn := inTurn(answer)
				s := answerTo(c, func(n int) (*http.Response, error) { return turn(n, request{}) })
				require.Error(t, c.call(t, newClient(t, s)))
				assert.Equal(t, wantRepeats, s.calls(c))
			})
		}
		t.Run(c.id+"/after 429", func(t *testing.T) {
			t.Parallel()
			s := answerTo(c, func(n int) (*http.Response, error) {
				if n < 3 {
					return reply(429, envelope("too-many-requests", "", "")), nil
				}
				return reply(c.status, c.body), nil
			})
			require.NoError(t, c.call(t, newClient(t, s)))
			assert.Equal(t, 3, s.calls(c))
		})
		for _, status := range []int{400, 401, 403, 404, 409, 410, 415, 501} {
			t.Run(c.id+"/not after "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				s := answerTo(c, func(int) (*http.Response, error) { return reply(status, envelope("unauthorized-access", "", "")), nil })
				require.Error(t, c.call(t, newClient(t, s)))
				assert.Equal(t, 1, s.calls(c))
			})
		}
		assert.Equal(t, wantRepeats > 1, operation(t, c.id).Repeatable(), c.id)
	}
}

func TestIDsThatChangeThePath(t *testing.T) {
	t.Parallel()
	bad := []string{"", ".", "..", "a/b", `a\b`, "a?b", "a#b", "a%2fb", "a b", "a\x00b", "a\nb", "ä", "refresh"}
	calls := map[string]func(c *basiq.Client, t testing.TB, id string) error{
		"Users.Get": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Users.Get(t.Context(), id)
			return err
		},
		"Users.Update": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Users.Update(t.Context(), id, basiq.UpdateUser{Email: "a@b.c"})
			return err
		},
		"Users.Delete": func(c *basiq.Client, t testing.TB, id string) error { return c.Users.Delete(t.Context(), id) },
		"Connections.List": func(c *basiq.Client, t testing.TB, id string) error {
			for _, err := range c.Connections.List(t.Context(), id) {
				return err
			}
			return nil
		},
		"Connections.Create": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Connections.Create(t.Context(), id, login)
			return err
		},
		"Connections.Get": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Connections.Get(t.Context(), userID, id)
			return err
		},
		"Connections.Get/user": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Connections.Get(t.Context(), id, connID)
			return err
		},
		"Connections.Update": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Connections.Update(t.Context(), userID, id, basiq.UpdateConnection{Password: basiq.NewSecret("x")})
			return err
		},
		"Connections.Delete": func(c *basiq.Client, t testing.TB, id string) error {
			return c.Connections.Delete(t.Context(), userID, id)
		},
		"Connections.Refresh": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Connections.Refresh(t.Context(), userID, id)
			return err
		},
		"Connections.RefreshAll": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Connections.RefreshAll(t.Context(), id)
			return err
		},
		"Connections.Purge": func(c *basiq.Client, t testing.TB, id string) error {
			return c.Connections.Purge(t.Context(), userID, id)
		},
		"Jobs.Get": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Jobs.Get(t.Context(), id)
			return err
		},
		"Jobs.Wait": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Jobs.Wait(t.Context(), id)
			return err
		},
		"Jobs.Watch": func(c *basiq.Client, t testing.TB, id string) error {
			for _, err := range c.Jobs.Watch(t.Context(), id) {
				return err
			}
			return nil
		},
		"Jobs.List": func(c *basiq.Client, t testing.TB, id string) error {
			for _, err := range c.Jobs.List(t.Context(), id) {
				return err
			}
			return nil
		},
		"Jobs.AnswerMFA": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Jobs.AnswerMFA(t.Context(), userID, id, basiq.NewSecret("1"))
			return err
		},
		"Jobs.AnswerMFA/user": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Jobs.AnswerMFA(t.Context(), id, jobID, basiq.NewSecret("1"))
			return err
		},
		"Tokens.Get": func(c *basiq.Client, t testing.TB, id string) error {
			_, err := c.Tokens.Get(t.Context(), basiq.ClientAccess(id))
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, "{}"))
			for _, id := range bad {
				err := call(client, t, id)
				require.ErrorIs(t, err, basiq.ErrInvalidInput, "%q", id)
				var input *basiq.InputError
				require.ErrorAs(t, err, &input)
				assert.NotEmpty(t, input.Argument)
				assert.True(t, strings.HasPrefix(err.Error(), "basiq: "+strings.Split(name, "/")[0]+": "), err.Error())
			}
			assert.Empty(t, s.seen(), "nothing is sent")
			assert.Zero(t, s.tokenRequests())
		})
	}
	t.Run("Raw", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(200, "{}"))
		for _, id := range bad {
			_, err := client.Raw().DeleteConnection(t.Context(), userID, gen.ConnectionID(id))
			require.Error(t, err, "%q", id)
		}
		assert.Empty(t, s.seen(), "nothing is sent")
	})
}

func operation(t testing.TB, id string) basiq.Operation {
	t.Helper()
	for _, op := range basiq.Operations() {
		if op.ID == id {
			return op
		}
	}
	require.Fail(t, "no such operation", id)
	return basiq.Operation{}
}
