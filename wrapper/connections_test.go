package basiq_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Status 200 means that a job was already running, 202 that one was started. Both are successful.
func TestConnections_AlreadyRunning(t *testing.T) {
	t.Parallel()
	for status, running := range map[int]bool{200: true, 202: false} {
		for name, call := range map[string]func(context.Context, *basiq.Client) (*basiq.Job, error){
			"create": func(ctx context.Context, c *basiq.Client) (*basiq.Job, error) {
				return c.Connections.Create(ctx, userID, login)
			},
			"refresh": func(ctx context.Context, c *basiq.Client) (*basiq.Job, error) {
				return c.Connections.Refresh(ctx, userID, connID)
			},
			"update": func(ctx context.Context, c *basiq.Client) (*basiq.Job, error) {
				return c.Connections.Update(ctx, userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("x")})
			},
		} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				t.Parallel()
				s := &stub{respond: respondWith(ok(status, job(step("verify-credentials", "in-progress", "null"))))}
				client := newClient21(t, s)
				job, err := call(t.Context(), client)
				require.NoError(t, err)
				assert.Equal(t, running, job.AlreadyRunning)
				assert.Equal(t, jobID, job.ID)
				assert.Len(t, job.Steps, 1, "the job in the response must be decoded")
				assert.Len(t, s.seen(), 1)
			})
		}
	}
}

// Invalid input is rejected before a request is sent.
func TestConnections_InvalidInput(t *testing.T) {
	t.Parallel()
	secret := basiq.NewSecret("hooli2016")
	for name, c := range map[string]struct {
		in   basiq.CreateConnection
		want string
	}{
		"empty":               {basiq.CreateConnection{}, "InstitutionID is required"},
		"missing credentials": {basiq.CreateConnection{InstitutionID: "AU00000"}, "LoginID and Password, or UserToken, are required"},
		"missing password":    {basiq.CreateConnection{InstitutionID: "AU00000", LoginID: secret}, "Password is required with LoginID"},
		"missing login":       {basiq.CreateConnection{InstitutionID: "AU00000", Password: secret}, "LoginID and Password, or UserToken, are required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub21(t, ok(202, jobJSON))
			_, err := client.Connections.Create(t.Context(), userID, c.in)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			require.ErrorContains(t, err, "basiq: Connections.Create: connection: "+c.want)
			assert.NotContains(t, err.Error(), "hooli2016")
			assert.Empty(t, s.seen())
		})
	}
	s, client := newStub21(t, ok(202, jobJSON))
	_, err := client.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{SecurityCode: secret})
	require.ErrorContains(t, err, "basiq: Connections.Update: change: Password is required")
	_, err = client.Jobs.AnswerMFA(t.Context(), userID, jobID)
	require.ErrorContains(t, err, "basiq: Jobs.AnswerMFA: answers: one answer is required for each question")
	_, err = client.Jobs.AnswerMFA(t.Context(), userID, jobID, secret, basiq.NewSecret(""))
	require.ErrorContains(t, err, "basiq: Jobs.AnswerMFA: answers: MFA answer 2 is empty")
	assert.Empty(t, s.seen())
}

// All credentials are sent unchanged.
func TestConnections_Credentials(t *testing.T) {
	t.Parallel()
	s, client := newStub21(t, ok(202, jobJSON))
	_, err := client.Connections.Create(t.Context(), userID, basiq.CreateConnection{
		InstitutionID: "AU00000", LoginID: basiq.NewSecret("a"), Password: basiq.NewSecret(`b"\é`), SecondaryLoginID: basiq.NewSecret("c"),
		SecurityCode: basiq.NewSecret("d"),
	})
	require.NoError(t, err)
	_, err = client.Connections.Create(t.Context(), userID, basiq.CreateConnection{InstitutionID: "AU19301", UserToken: basiq.NewSecret("token:x")})
	require.NoError(t, err)
	_, err = client.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{
		Password: basiq.NewSecret("a"), SecondaryLoginID: basiq.NewSecret("b"), SecurityCode: basiq.NewSecret("c"),
	})
	require.NoError(t, err)
	seen := s.seen()
	assert.JSONEq(t, `{"institution":{"id":"AU00000"},"loginId":"a","password":"b\"\\é","secondaryLoginId":"c","securityCode":"d"}`, seen[0].Body)
	assert.JSONEq(t, `{"institution":{"id":"AU19301"},"userToken":"token:x"}`, seen[1].Body)
	assert.JSONEq(t, `{"password":"a","secondaryLoginId":"b","securityCode":"c"}`, seen[2].Body)
}

// Undocumented values do not cause decoding errors, and documented values are kept.
func TestConnections_Get_UnexpectedValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		check func(t *testing.T, c *basiq.Connection)
	}{
		"unknown enum values": {
			`{"id":"c1","status":"on-holiday","method":"telepathy","accounts":{"data":[{"id":"a1","status":"lent"}]}}`,
			func(t *testing.T, c *basiq.Connection) {
				assert.Equal(t, basiq.ConnectionStatus("on-holiday"), c.Status)
				assert.Equal(t, basiq.ConnectionMethod("telepathy"), c.Method)
				assert.Equal(t, basiq.AccountStatus("lent"), c.Accounts.Data[0].Status)
			},
		},
		"unknown fields": {
			`{"id":"c1","mood":"good","links":{"self":"s","moon":"m"}}`,
			func(t *testing.T, c *basiq.Connection) { assert.Equal(t, "s", c.Links.Self) },
		},
		"null and empty dates": {
			`{"id":"c1","createdDate":null,"lastUsed":"","expiryDate":""}`,
			func(t *testing.T, c *basiq.Connection) {
				for _, date := range []basiq.Time{c.CreatedDate, c.LastUsed, c.ExpiryDate} {
					_, known := date.Time()
					assert.False(t, known)
				}
			},
		},
		"invalid dates": {
			`{"id":"c1","createdDate":"2018-02-228","lastUsed":"2019-10-29T00:00:00"}`,
			func(t *testing.T, c *basiq.Connection) {
				_, known := c.CreatedDate.Time()
				assert.False(t, known)
				assert.Equal(t, basiq.Time("2018-02-228"), c.CreatedDate, "the invalid date must be kept")
				when, known := c.LastUsed.Time()
				assert.True(t, known)
				assert.Equal(t, 2019, when.Year())
			},
		},
		"null parts": {
			`{"id":"c1","profile":null,"accounts":null,"institution":null,"links":null,"mfaEnabled":null}`,
			func(t *testing.T, c *basiq.Connection) {
				assert.Nil(t, c.Profile)
				assert.Nil(t, c.Accounts)
				assert.Nil(t, c.MFAEnabled)
			},
		},
		"null address lines": {
			`{"id":"c1","profile":{"fullName":"Gavin Belson","phoneNumbers":["XXXX 888 991"],"physicalAddresses":[{"addressLine1":"91 Fisher Rd","addressLine2":null,"city":null}]}}`,
			func(t *testing.T, c *basiq.Connection) {
				assert.Equal(t, "91 Fisher Rd", c.Profile.PhysicalAddresses[0].AddressLine1)
				assert.Equal(t, "XXXX 888 991", c.Profile.PhoneNumbers[0], "the masked number must be unchanged")
			},
		},
		"false is not absent": {
			`{"id":"c1","mfaEnabled":false}`,
			func(t *testing.T, c *basiq.Connection) { assert.False(t, *c.MFAEnabled) },
		},
		"money": {
			`{"id":"c1","accounts":{"data":[{"balance":"-299292.25","availableFunds":null}]}}`,
			func(t *testing.T, c *basiq.Connection) {
				balance, known := c.Accounts.Data[0].Balance.Rat()
				assert.True(t, known)
				assert.Equal(t, "-299292.25", balance.FloatString(2))
				_, known = c.Accounts.Data[0].AvailableFunds.Rat()
				assert.False(t, known)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, c.body))
			connection, err := client.Connections.Get(t.Context(), userID, connID)
			require.NoError(t, err)
			c.check(t, connection)
		})
	}
}

func TestConnections_List(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"empty":   {`{"type":"list","data":[]}`, nil},
		"null":    {`{"type":"list","data":null,"links":null}`, nil},
		"missing": {`{"type":"list"}`, nil},
		"two":     {`{"type":"list","data":[{"id":"a"},{"id":"b"}]}`, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, c.body))
			var connections, jobs []string
			for connection, err := range client.Connections.List(t.Context(), userID) {
				require.NoError(t, err)
				connections = append(connections, connection.ID)
			}
			for job, err := range client.Jobs.List(t.Context(), userID) {
				require.NoError(t, err)
				jobs = append(jobs, job.ID)
			}
			assert.Equal(t, c.want, connections)
			assert.Equal(t, c.want, jobs)
			all, err := client.Connections.RefreshAll(t.Context(), userID)
			require.NoError(t, err)
			assert.Len(t, all, len(c.want))
		})
	}
	t.Run("not a list", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"null", "{}", `{"status":"ok"}`} {
			_, client := newStub(t, ok(200, body))
			for _, err := range client.Connections.List(t.Context(), userID) {
				require.ErrorContains(t, err, "not a list", body)
			}
			_, err := client.Connections.RefreshAll(t.Context(), userID)
			require.ErrorContains(t, err, "not a list", body)
		}
	})
	t.Run("requests only during the loop", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(200, `{"data":[{"id":"a"},{"id":"b"}]}`))
		list := client.Connections.List(t.Context(), userID)
		assert.Empty(t, s.seen())
		for connection, err := range list {
			require.NoError(t, err)
			assert.Equal(t, "a", connection.ID)
			break
		}
		assert.Len(t, s.seen(), 1)
	})
}

// Invalid input is rejected before a request is sent.
func TestUsers_InvalidInput(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(201, userJSON))
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{FirstName: "Gavin"})
	require.ErrorContains(t, err, "basiq: Users.Create: user: Email or Mobile is required")
	_, err = client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c", BusinessIDNo: "16 7645 892"})
	require.ErrorContains(t, err, "BusinessName is required with BusinessIDNo")
	_, err = client.Users.Update(t.Context(), userID, basiq.UpdateUser{})
	require.ErrorContains(t, err, "basiq: Users.Update: change: must not be empty")
	assert.Empty(t, s.seen())
}

// Fields that the caller does not set are omitted from the request.
func TestUsers_OmittedFields(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(201, userJSON))
	verified := false
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Mobile: "+61410888666", VerificationStatus: &verified})
	require.NoError(t, err)
	_, err = client.Users.Update(t.Context(), userID, basiq.UpdateUser{LastName: "Belson"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"mobile":"+61410888666","verificationStatus":false}`, s.seen()[0].Body)
	assert.JSONEq(t, `{"lastName":"Belson"}`, s.seen()[1].Body)
}
