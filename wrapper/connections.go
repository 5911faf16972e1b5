package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Connection is the link between a user and an institution. The credentials it was made with are never part of it.
	Connection = gen.Connection
	// ConnectionStatus is the state of a connection.
	ConnectionStatus = gen.ConnectionStatus
	// ConnectionMethod is how a connection's data is fetched.
	ConnectionMethod = gen.ConnectionMethod
	// ConnectionProfile is what the institution tells of the person who logged in.
	ConnectionProfile = gen.ConnectionProfile
	// PhysicalAddress is a postal address of a profile.
	PhysicalAddress = gen.PhysicalAddress
	// InstitutionReference is the institution that a connection or a job belongs to.
	InstitutionReference = gen.InstitutionReference
)

// The states of a connection. The list is open.
const (
	// ConnectionStatusPending: briefly, until the credentials have been verified.
	ConnectionStatusPending = gen.ConnectionStatusPending
	// ConnectionStatusActive: the credentials were good and the connection works; its job may still be fetching data.
	ConnectionStatusActive = gen.ConnectionStatusActive
	// ConnectionStatusInvalid: the credentials are no longer good. Ask the user for new ones and update the connection;
	// it cannot be refreshed before.
	ConnectionStatusInvalid = gen.ConnectionStatusInvalid
	// ConnectionStatusPreInit and ConnectionStatusInit: states of open-banking connections before the others, which no
	// document explains.
	ConnectionStatusPreInit = gen.ConnectionStatusPreInit
	ConnectionStatusInit    = gen.ConnectionStatusInit
	// ConnectionStatusRevoked, ConnectionStatusDeleted and ConnectionStatusInvalidConnection occur in guides and events.
	ConnectionStatusRevoked           = gen.ConnectionStatusRevoked
	ConnectionStatusDeleted           = gen.ConnectionStatusDeleted
	ConnectionStatusInvalidConnection = gen.ConnectionStatusInvalidConnection
)

// How a connection's data is fetched. The list is open.
const (
	// ConnectionMethodWeb: with the user's login, through the bank's website.
	ConnectionMethodWeb = gen.ConnectionMethodWeb
	// ConnectionMethodOpenBanking: with the user's consent, through the bank's open-banking interface. It also occurs as ConnectionMethodOpenBankingUnhyphenated: compare with both.
	ConnectionMethodOpenBanking             = gen.ConnectionMethodOpenBanking
	ConnectionMethodOpenBankingUnhyphenated = gen.ConnectionMethodOpenBankingUnhyphenated
	// ConnectionMethodPDF and ConnectionMethodCSV: from statements that were uploaded.
	ConnectionMethodPDF = gen.ConnectionMethodPDF
	ConnectionMethodCSV = gen.ConnectionMethodCSV
)

// CreateConnection is the bank login to connect. Its secrets are redacted wherever it is printed, logged or marshaled;
// only the request to Basiq carries them.
type CreateConnection struct {
	// InstitutionID names the bank, for example "AU00000". Required.
	InstitutionID string
	// LoginID and Password are the user's login at the bank. Required, unless there is a UserToken.
	LoginID, Password Secret
	// SecondaryLoginID and SecurityCode are required where the institution asks for them.
	SecondaryLoginID, SecurityCode Secret
	// UserToken stands in for LoginID and Password, for institutions whose authorization is "token".
	UserToken Secret
}

// UpdateConnection is new credentials for a connection. They are redacted wherever they are printed, logged or
// marshaled; only the request to Basiq carries them.
type UpdateConnection struct {
	// Password is the user's password at the bank, new or old. Required.
	Password Secret
	// SecondaryLoginID and SecurityCode are required where the institution asks for them.
	SecondaryLoginID, SecurityCode Secret
}

// ConnectionFields are the fields that [ConnectionsService.List] can filter by.
var ConnectionFields = connectionFields{
	ID:            EqualField[Connection, string]{name: "id"},
	Status:        EqualField[Connection, ConnectionStatus]{name: "status"},
	InstitutionID: EqualField[Connection, string]{name: "institution.id"},
}

type connectionFields struct {
	ID            EqualField[Connection, string]
	Status        EqualField[Connection, ConnectionStatus]
	InstitutionID EqualField[Connection, string]
}

// ConnectionsService connects users to their banks.
type ConnectionsService struct{ client *Client }

// List returns the user's connections that satisfy all filters; see [ConnectionFields]. They have neither Profile nor
// Accounts, which [ConnectionsService.Get] returns. operationId: getConnections.
func (s *ConnectionsService) List(ctx context.Context, userID string, filters ...Filter[Connection]) iter.Seq2[*Connection, error] {
	return list(ctx, s.client, opGetConnections, []id{{"userID", userID}}, connectionResource, sendTo(s.client.raw.GetConnections, userID, nil), filters)
}

// Get returns a connection, with its accounts and, where the institution gives one, its profile, and links to its
// accounts, transactions and institution. It has most of what the connection was created with, but for security never
// the login, the password or the security code.
//
// Its Status says whether it still works: when it is [ConnectionStatusInvalid], ask the user for new credentials and
// call [ConnectionsService.Update].
//
// Its Profile is the name, the phone numbers, the email and postal addresses of the person who logged in or shares the
// data, as far as the institution makes them available. An institution may let people hide all of it or protect it with
// a second factor, and then none is there. What the institution masks is shown masked. API 3.0 may leave the profile
// out altogether. operationId: getConnection.
func (s *ConnectionsService) Get(ctx context.Context, userID, connectionID string) (*Connection, error) {
	return get(ctx, s.client, opGetConnection, []id{{"userID", userID}, {"connectionID", connectionID}}, connectionResource, by2(s.client.raw.GetConnection, userID, connectionID))
}

// Create connects the user to a bank. Basiq starts a job that logs in with the credentials (verify-credentials), asks
// the user for a second factor where the bank wants one (mfa-challenge), fetches every account with details such as
// number, name and balance (retrieve-accounts), and the transactions of each (retrieve-transactions). That takes 3 to 30
// seconds as a rough guide, depending on the volume of data and on how fast the bank is: follow it with
// [JobsService.Watch] or [JobsService.Wait]. The connection is in [ConnectionsService.List] at once, as
// [ConnectionStatusPending]; the job tells its id once the first step has succeeded, see [Job.ConnectionID].
//
// The answer is a reference to the job, with no steps yet. When a job for the same login is already under way, Basiq
// answers with that one, and AlreadyRunning is set.
//
// It is sent again only when it certainly did not arrive: banks lock logins that are tried too often. After an
// error for which [MayHaveBeenDone] is true, look into [ConnectionsService.List] or [JobsService.List] before trying again.
//
// It needs a client of [APIVersion21]; with API 3.0 the user connects on Basiq's consent page. Errors: [ErrBadRequest]
// for a bank that does not exist or is disabled, [CodeInstitutionNotSupported], [CodeNoProductionAccess],
// [CodeTooManySandboxConnections]. Wrong credentials are no error here: the job fails. operationId: postConnection.
func (s *ConnectionsService) Create(ctx context.Context, userID string, connection CreateConnection) (*Job, error) {
	switch {
	case connection.InstitutionID == "":
		return nil, invalidInput(opPostConnection.Name, "connection", "give an InstitutionID")
	case connection.UserToken.IsZero() && connection.LoginID.IsZero():
		return nil, invalidInput(opPostConnection.Name, "connection", "give a LoginID and a Password, or a UserToken")
	case connection.UserToken.IsZero() && connection.Password.IsZero():
		return nil, invalidInput(opPostConnection.Name, "connection", "give a Password beside the LoginID")
	}
	return startJob(ctx, s.client, opPostConnection, []id{{"userID", userID}}, [2]string{userID}, sendTo(s.client.raw.PostConnection, userID, gen.CreateConnection{
		Institution:      gen.CreateConnectionInstitution{ID: connection.InstitutionID},
		LoginID:          wire(connection.LoginID),
		Password:         wire(connection.Password),
		SecondaryLoginID: wire(connection.SecondaryLoginID),
		SecurityCode:     wire(connection.SecurityCode),
		UserToken:        wire(connection.UserToken),
	}))
}

// Update stores new credentials for a connection and starts a job that logs in with them and fetches the data anew, with
// the same steps as [ConnectionsService.Create]. Only connections whose Method is [ConnectionMethodWeb] can be updated.
// When a job of the connection is under way, Basiq may answer with that one, and AlreadyRunning is set: it logs in with
// the credentials that it began with. Wait for it, then call [ConnectionsService.Refresh].
//
// It needs a client of [APIVersion21]. Errors: [ErrBadRequest] for a connection that is not web. operationId:
// updateConnection.
func (s *ConnectionsService) Update(ctx context.Context, userID, connectionID string, change UpdateConnection) (*Job, error) {
	if change.Password.IsZero() {
		return nil, invalidInput(opUpdateConnection.Name, "change", "give a Password")
	}
	return startJob(ctx, s.client, opUpdateConnection, []id{{"userID", userID}, {"connectionID", connectionID}}, [2]string{userID, connectionID}, sendTo2(s.client.raw.UpdateConnection, userID, connectionID, gen.UpdateConnection{
		Password:         wire(change.Password),
		SecondaryLoginID: wire(change.SecondaryLoginID),
		SecurityCode:     wire(change.SecurityCode),
	}))
}

// Refresh starts a job that fetches the connection's latest data, with the same steps as [ConnectionsService.Create].
// When a job of the connection is already under way, Basiq answers with that one, and AlreadyRunning is set; so it is
// safe to send again, and is.
//
// Basiq asks partners not to refresh in bulk or on a schedule: look at the connection's LastUsed first, as
// [ConnectionsService.RefreshIfStale] does. An open-banking connection can be refreshed 20 times a day, says one
// document; another lists [ErrBadRequest] for it. Errors: [CodeInvalidCredentials] for a connection that is
// [ConnectionStatusInvalid], [CodeNoProductionAccess]. operationId: refreshConnection.
func (s *ConnectionsService) Refresh(ctx context.Context, userID, connectionID string) (*Job, error) {
	return startJob(ctx, s.client, opRefreshConnection, []id{{"userID", userID}, {"connectionID", connectionID}}, [2]string{userID, connectionID}, by2(s.client.raw.RefreshConnection, userID, connectionID))
}

// RefreshAll starts a job for each of the user's connections: see [ConnectionsService.Refresh]. The answer has
// references to the jobs, and none for a user without connections. Whether connections that are pending or invalid get
// a job is not documented. operationId: refreshConnections.
func (s *ConnectionsService) RefreshAll(ctx context.Context, userID string) ([]*Job, error) {
	answer, err := s.client.do(ctx, opRefreshConnections, []id{{"userID", userID}}, by1(s.client.raw.RefreshConnections, userID))
	if err != nil {
		return nil, err
	}
	list, err := readList(answer, decodeResponse[pageBody[Job]])
	if err != nil {
		return nil, err
	}
	if _, err := jobResource.checkItems(list.Data); err != nil {
		return nil, unreadable(answer.op, answer.status, nil, err)
	}
	jobs := make([]*Job, len(list.Data))
	for i := range list.Data {
		jobs[i] = &list.Data[i]
	}
	return jobs, nil
}

// Delete deletes a connection for good. The accounts and transactions that were fetched through it can still be read
// under the user; the connection's profile is deleted with it. To remove the data too, call [ConnectionsService.Purge]
// (API 3.0) first.
//
// Deleting a connection that is not there is an error, unless an earlier attempt of this very call may have deleted it.
// operationId: deleteConnection.
func (s *ConnectionsService) Delete(ctx context.Context, userID, connectionID string) error {
	return doNoContent(ctx, s.client, opDeleteConnection, []id{{"userID", userID}, {"connectionID", connectionID}}, by2(s.client.raw.DeleteConnection, userID, connectionID))
}

// Purge removes all of the user's data from the connection's institution, for good, and keeps the connection:
// [ConnectionsService.Refresh] fetches the data again. Only active connections can be purged.
//
// It needs a client of [APIVersion30]. Errors: [ErrBadRequest]. operationId: purgeConnectionData.
func (s *ConnectionsService) Purge(ctx context.Context, userID, connectionID string) error {
	return doNoContent(ctx, s.client, opPurgeConnection, []id{{"userID", userID}, {"connectionID", connectionID}}, by2(s.client.raw.PurgeConnectionData, userID, connectionID))
}

// CreateAndWait is [ConnectionsService.Create], then [JobsService.Wait], then [ConnectionsService.Get] of the connection
// that the job has made.
//
// An error after the job was started names the job: a [WaitError], while the job goes on, or a [JobError]. There is a
// connection all the same: after a failure of a later step the JobError's Job tells its id, see [Job.ConnectionID]; after
// one of the first it may be in [ConnectionsService.List] as [ConnectionStatusInvalid] or [ConnectionStatusPending]. Update
// or delete it rather than create another. operationIds: postConnection, getJobs, getConnection.
func (s *ConnectionsService) CreateAndWait(ctx context.Context, userID string, connection CreateConnection, options ...WaitOption) (*Connection, error) {
	return s.andWait(ctx, "Connections.CreateAndWait", userID, "", options, func() (*Job, error) {
		return s.Create(ctx, userID, connection)
	})
}

// RefreshAndWait is [ConnectionsService.Refresh], then [JobsService.Wait], then [ConnectionsService.Get].
//
// An error after the job was started names the job: a [WaitError], while the job goes on, or a [JobError]. operationIds:
// refreshConnection, getJobs, getConnection.
func (s *ConnectionsService) RefreshAndWait(ctx context.Context, userID, connectionID string, options ...WaitOption) (*Connection, error) {
	return s.andWait(ctx, "Connections.RefreshAndWait", userID, connectionID, options, func() (*Job, error) {
		return s.Refresh(ctx, userID, connectionID)
	})
}

// UpdateAndWait is [ConnectionsService.Update], then [JobsService.Wait], then [ConnectionsService.Get]. When a job of the
// connection is under way, that one may be what it waits for, with the credentials that it began with: wait for running
// jobs first, see [JobsService.List].
//
// An error after the job was started names the job: a [WaitError], while the job goes on, or a [JobError]. operationIds:
// updateConnection, getJobs, getConnection.
func (s *ConnectionsService) UpdateAndWait(ctx context.Context, userID, connectionID string, change UpdateConnection, options ...WaitOption) (*Connection, error) {
	return s.andWait(ctx, "Connections.UpdateAndWait", userID, connectionID, options, func() (*Job, error) {
		return s.Update(ctx, userID, connectionID, change)
	})
}

// andWait starts a job, waits for it and returns the connection that it worked on. Once there is a job, every error names
// it; so what can be wrong with the options is found out before. connectionID is empty where only the job will tell it.
func (s *ConnectionsService) andWait(ctx context.Context, operation, userID, connectionID string, options []WaitOption, start func() (*Job, error)) (*Connection, error) {
	config, err := newWaitConfig(operation, append([]WaitOption{WaitForUser(userID)}, options...))
	if err != nil {
		return nil, err
	}
	job, err := start()
	if err != nil {
		return nil, err
	}
	done, err := s.client.Jobs.wait(ctx, job.ID, config)
	if err != nil {
		return nil, err
	}
	if connectionID == "" {
		var known bool
		if connectionID, known = done.ConnectionID(); !known {
			return nil, &WaitError{JobID: job.ID, Job: done, Err: errNoConnection}
		}
	}
	connection, err := s.Get(ctx, userID, connectionID)
	if err != nil {
		return nil, &WaitError{JobID: job.ID, Job: done, Err: err}
	}
	return connection, nil
}

var connectionResource = resource[Connection]{"connection", func(c *Connection) (string, string) { return c.Type, c.ID }}

// wire turns a secret into the form that a request carries.
func wire(secret Secret) api.WireSecret { return api.WireSecret{Secret: secret} }
