package conformance

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// sandboxClient returns a client of the sandbox. Requests and responses are validated against the contract.
func sandboxClient(t *testing.T, sandbox *basiqtest.Sandbox, key string, version basiq.APIVersion) (*basiq.Client, *Transport) {
	t.Helper()
	transport, err := NewTransport(sandbox.HTTPClient().Transport)
	require.NoError(t, err)
	c, err := basiq.New(key, basiq.WithBaseURL(sandbox.URL()), basiq.WithAPIVersion(version),
		basiq.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.Empty(t, transport.Violations()) })
	return c, transport
}

// The client and the sandbox must follow the contract during the complete life cycle of a user and its connections.
func TestClientSandbox_LifeCycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		c, transport := sandboxClient(t, sandbox, sandbox.APIKey(), basiq.APIVersion21)
		ctx := t.Context()

		user, err := c.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		_, err = c.Users.Update(ctx, user.ID, basiq.UpdateUser{Mobile: "+61410888666"})
		require.NoError(t, err)

		connection, err := c.Connections.CreateAndWait(ctx, user.ID, basiq.CreateConnection{
			InstitutionID: "AU00000", LoginID: basiq.NewSecret("Wentworth-Smith"), Password: basiq.NewSecret("whislter"),
		})
		require.NoError(t, err)
		assert.Equal(t, basiq.ConnectionStatusActive, connection.Status)
		assert.Equal(t, "Max Wentworth-Smith", connection.Profile.FullName)
		for _, link := range []string{
			connection.Links.Self, connection.Links.User, connection.Links.Accounts, connection.Links.Transactions,
			connection.Institution.Links.Self,
		} {
			assert.NotEmpty(t, link)
		}
		require.Len(t, connection.Accounts.Data, 4)
		for _, account := range connection.Accounts.Data {
			_, known := account.Balance.Rat()
			assert.True(t, known, account.Name)
		}

		challenges := 0
		challenged, err := c.Connections.CreateAndWait(ctx, user.ID, basiq.CreateConnection{
			InstitutionID: "AU00002", LoginID: basiq.NewSecret("Whistler"), Password: basiq.NewSecret("ShowBox"),
		}, basiq.WithMFA(func(_ context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
			challenges++
			assert.Equal(t, basiq.MFAMethodSecurityQuestions, challenge.Method)
			assert.Len(t, challenge.Questions, 2)
			return []basiq.Secret{basiq.NewSecret("Basiq"), basiq.NewSecret("AU00002")}, nil
		}))
		require.NoError(t, err)
		assert.Equal(t, 1, challenges)

		first, err := c.Connections.Refresh(ctx, user.ID, connection.ID)
		require.NoError(t, err)
		assert.False(t, first.AlreadyRunning)
		second, err := c.Connections.Refresh(ctx, user.ID, connection.ID)
		require.NoError(t, err)
		assert.True(t, second.AlreadyRunning)
		assert.Equal(t, first.ID, second.ID)
		refreshed, err := c.Jobs.Wait(ctx, first.ID)
		require.NoError(t, err)
		var steps []basiq.JobStepTitle
		for _, step := range refreshed.Steps {
			assert.Equal(t, basiq.JobStepStatusSuccess, step.Status)
			steps = append(steps, step.Title)
		}
		assert.Equal(t, []basiq.JobStepTitle{
			basiq.StepVerifyCredentials, basiq.StepRetrieveAccounts, basiq.StepRetrieveTransactions,
		}, steps)

		jobs, err := c.Connections.RefreshAll(ctx, user.ID)
		require.NoError(t, err)
		assert.Len(t, jobs, 2)
		time.Sleep(time.Minute) // an update while a job is running returns that job
		_, err = c.Connections.UpdateAndWait(ctx, user.ID, connection.ID, basiq.UpdateConnection{Password: basiq.NewSecret("whislter")})
		require.NoError(t, err)

		listed, err := collect(c.Jobs.List(ctx, user.ID, basiq.JobListOptions{Filter: basiq.JobFields.ConnectionID.Eq(connection.ID)}))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(listed), 3)

		newer, newerTransport := sandboxClient(t, sandbox, sandbox.APIKey(), basiq.APIVersion30)
		require.NoError(t, newer.Connections.Purge(ctx, user.ID, connection.ID))
		purged, err := newer.Connections.Get(ctx, user.ID, connection.ID)
		require.NoError(t, err)
		assert.Equal(t, basiq.Time(""), purged.ExpiryDate)
		assert.Equal(t, basiq.ConnectionMethodWeb, purged.Method)

		require.NoError(t, c.Connections.Delete(ctx, user.ID, challenged.ID))
		_, err = c.Connections.Get(ctx, user.ID, challenged.ID)
		require.ErrorIs(t, err, basiq.ErrNotFound, "the connection and its profile are deleted")
		left, err := collect(c.Connections.List(ctx, user.ID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.Status.Eq(basiq.ConnectionStatusActive)}))
		require.NoError(t, err)
		require.Len(t, left, 1)
		assert.Equal(t, connection.ID, left[0].ID)
		whole, err := c.Users.Get(ctx, user.ID)
		require.NoError(t, err)
		assert.EqualValues(t, 1, whole.Connections.Count)
		assert.Positive(t, whole.Accounts.Count, "the accounts of a deleted connection stay with the user")
		require.NoError(t, c.Users.Delete(ctx, user.ID))

		passed := transport.Exchanges()
		passed["purgeConnectionData 204"] = newerTransport.Exchanges()["purgeConnectionData 204"]
		for exchange := range map[string]bool{
			"postToken 200": true, "createUser 201": true, "getUser 200": true, "updateUser 200": true, "deleteUser 204": true,
			"getConnections 200": true, "postConnection 202": true, "getConnection 200": true, "updateConnection 202": true,
			"deleteConnection 204": true, "refreshConnection 202": true, "refreshConnection 200": true, "refreshConnections 202": true,
			"purgeConnectionData 204": true, "getJobs 200": true, "getUserJobs 200": true, "postJobMfa 202": true,
		} {
			assert.Positive(t, passed[exchange], exchange)
		}
		t.Logf("%d valid exchanges", total(passed))
	})
}

func total(exchanges map[string]int) int {
	n := 0
	for _, count := range exchanges {
		n += count
	}
	return n
}

// Rejected requests must follow the contract, and the client must return the documented errors.
func TestClientSandbox_Errors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		c, transport := sandboxClient(t, sandbox, sandbox.APIKey(), basiq.APIVersion21)
		newer, _ := sandboxClient(t, sandbox, sandbox.APIKey(), basiq.APIVersion30)
		ctx := t.Context()
		user, err := c.Users.Create(ctx, basiq.CreateUser{Mobile: "+61410888666"})
		require.NoError(t, err)
		credentials := func(login, password string) basiq.CreateConnection {
			return basiq.CreateConnection{InstitutionID: "AU00000", LoginID: basiq.NewSecret(login), Password: basiq.NewSecret(password)}
		}

		for login, c2 := range map[string]struct {
			password string
			code     basiq.Code
			detail   string
		}{
			"bighead":  {"password", basiq.CodeInvalidCredentials, "Account is locked"},
			"erlich":   {"aviato", basiq.CodeAccountNotAccessible, "An action is required from end-user before account details can be returned."},
			"jianYang": {"nothotdog", basiq.CodeServiceUnavailable, "Service is currently unavailable. Please try again later."},
		} {
			_, err := c.Connections.CreateAndWait(ctx, user.ID, credentials(login, c2.password))
			var failed *basiq.JobError
			require.ErrorAs(t, err, &failed, login)
			require.ErrorIs(t, err, c2.code)
			assert.Equal(t, c2.detail, failed.Detail)
		}
		invalid, err := collect(c.Connections.List(ctx, user.ID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.Status.Eq(basiq.ConnectionStatusInvalid)}))
		require.NoError(t, err)
		assert.Len(t, invalid, 1, "only the connection of bighead requires action by the user")

		_, err = newer.Connections.Create(ctx, user.ID, credentials("jared", "django"))
		require.ErrorIs(t, err, basiq.ErrWrongAPIVersion)
		require.ErrorIs(t, c.Connections.Purge(ctx, user.ID, "c1"), basiq.ErrWrongAPIVersion)
		_, err = c.Users.Get(ctx, "00000000-0000-4000-8000-000000000000")
		require.ErrorIs(t, err, basiq.ErrNotFound)
		_, err = c.Connections.Get(ctx, user.ID, "00000000-0000-4000-8000-000000000000")
		require.ErrorIs(t, err, basiq.ErrNotFound)
		_, err = c.Jobs.Get(ctx, "00000000-0000-4000-8000-000000000000")
		require.ErrorIs(t, err, basiq.ErrNotFound)
		_, err = c.Users.Create(ctx, basiq.CreateUser{Email: "not an email"})
		require.ErrorIs(t, err, basiq.CodeParameterNotValid)
		_, err = c.Connections.Create(ctx, user.ID, basiq.CreateConnection{
			InstitutionID: "AU99999", LoginID: basiq.NewSecret("a"), Password: basiq.NewSecret("b"),
		})
		require.ErrorIs(t, err, basiq.ErrBadRequest)
		_, err = c.Users.Get(basiq.ContextWithScope(ctx, basiq.ClientAccess("unknown")), user.ID)
		require.Error(t, err, "no token for a user that does not exist")
		forbidden := basiq.ContextWithScope(ctx, basiq.ClientAccess(user.ID))
		require.ErrorIs(t, c.Connections.Delete(forbidden, user.ID, "c1"), basiq.CodeForbiddenAccess)
		_, err = c.Jobs.AnswerMFA(basiq.ContextWithScope(ctx, basiq.ServerAccess()), user.ID, "j1", basiq.NewSecret("1"))
		require.ErrorIs(t, err, basiq.CodeForbiddenAccess)

		// Expired, revoked and old tokens are replaced automatically.
		for name, end := range map[string]func(){
			"expired": sandbox.ExpireTokens, "revoked": sandbox.RevokeTokens, "old": func() { time.Sleep(2 * time.Hour) },
		} {
			before := transport.Exchanges()["postToken 200"]
			end()
			_, err = c.Users.Get(ctx, user.ID)
			require.NoError(t, err, name)
			assert.Equal(t, before+1, transport.Exchanges()["postToken 200"], name)
		}
		assert.Positive(t, transport.Exchanges()["getUser 403"])
		assert.Positive(t, transport.Exchanges()["getUser 401"])

		wrong, _ := sandboxClient(t, sandbox, "wrong-key", basiq.APIVersion30)
		_, err = wrong.Users.Get(ctx, user.ID)
		require.ErrorIs(t, err, basiq.ErrInvalidAPIKey)
	})
}
