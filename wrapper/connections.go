package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Connection is a link between a user and an institution. It never contains the credentials.
	Connection = gen.Connection
	// ConnectionStatus is the state of a connection.
	ConnectionStatus = gen.ConnectionStatus
	// ConnectionMethod is a way to fetch a connection's data.
	ConnectionMethod = gen.ConnectionMethod
	// ConnectionProfile holds the institution's personal details of the user who logged in.
	ConnectionProfile = gen.ConnectionProfile
	// PhysicalAddress is a postal address of a profile.
	PhysicalAddress = gen.PhysicalAddress
	// InstitutionReference identifies the institution of a connection or a job.
	InstitutionReference = gen.InstitutionReference
)

// The states of a connection.
const (
	// ConnectionStatusPending lasts until the credentials have been verified.
	ConnectionStatusPending = gen.ConnectionStatusPending
	// ConnectionStatusActive: the credentials are valid; the job may still be fetching data.
	ConnectionStatusActive = gen.ConnectionStatusActive
	// ConnectionStatusInvalid: the credentials are invalid. Update the connection before refreshing it.
	ConnectionStatusInvalid = gen.ConnectionStatusInvalid
	// ConnectionStatusPreInit and ConnectionStatusInit are undocumented initial states of open-banking connections.
	ConnectionStatusPreInit = gen.ConnectionStatusPreInit
	ConnectionStatusInit    = gen.ConnectionStatusInit
	// ConnectionStatusRevoked, ConnectionStatusDeleted and ConnectionStatusInvalidConnection occur in guides and events.
	ConnectionStatusRevoked           = gen.ConnectionStatusRevoked
	ConnectionStatusDeleted           = gen.ConnectionStatusDeleted
	ConnectionStatusInvalidConnection = gen.ConnectionStatusInvalidConnection
)

// Ways to fetch a connection's data.
const (
	// ConnectionMethodWeb: with the user's login, through the bank's website.
	ConnectionMethodWeb = gen.ConnectionMethodWeb
	// ConnectionMethodOpenBanking: with the user's consent, through the bank's API. Compare with both spellings.
	ConnectionMethodOpenBanking             = gen.ConnectionMethodOpenBanking
	ConnectionMethodOpenBankingUnhyphenated = gen.ConnectionMethodOpenBankingUnhyphenated
	// ConnectionMethodPDF and ConnectionMethodCSV: from uploaded statements.
	ConnectionMethodPDF = gen.ConnectionMethodPDF
	ConnectionMethodCSV = gen.ConnectionMethodCSV
)

// CreateConnection holds the bank login to connect. Its secrets are redacted except in the request to Basiq.
type CreateConnection struct {
	// InstitutionID is the ID of the bank, for example "AU00000". Required.
	InstitutionID string
	// LoginID and Password are the user's login at the bank. Required unless UserToken is set.
	LoginID, Password Secret
	// SecondaryLoginID and SecurityCode are required by some institutions.
	SecondaryLoginID, SecurityCode Secret
	// UserToken replaces LoginID and Password for institutions whose authorization is "token".
	UserToken Secret
}

// UpdateConnection holds new credentials for a connection. They are redacted except in the request to Basiq.
type UpdateConnection struct {
	// Password is the user's password at the bank, new or old. Required.
	Password Secret
	// SecondaryLoginID and SecurityCode are required by some institutions.
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

// List returns the user's connections that the options select; see [ConnectionListOptions]. Only [ConnectionsService.Get]
// returns their Profile and Accounts. operationId: getConnections.
func (s *ConnectionsService) List(ctx context.Context, userID string, options ...ConnectionListOptions) iter.Seq2[*Connection, error] {
	return list(ctx, s.client, opGetConnections, []pathParam{{"userID", userID}}, connectionResource, bindIDInput(s.client.raw.GetConnections, userID, nil), listOptionsOf(options))
}

// Get returns a connection with its accounts and its profile. It never contains the login, the password or the security
// code. If its Status is [ConnectionStatusInvalid], ask the user for new credentials and call [ConnectionsService.Update].
// Its Links are the URLs of the user's accounts and transactions at the institution; the Links of its Institution hold the
// URL of the institution.
//
// Its Profile holds the name, phone numbers, email and postal addresses of the user who logged in or shares the data.
// The institution may mask or omit any of it, and API 3.0 may omit the profile. operationId: getConnection.
func (s *ConnectionsService) Get(ctx context.Context, userID, connectionID string) (*Connection, error) {
	return get(ctx, s.client, opGetConnection, []pathParam{{"userID", userID}, {"connectionID", connectionID}}, connectionResource, bindIDs(s.client.raw.GetConnection, userID, connectionID))
}

// Create connects the user to a bank and returns a reference to a job without steps. The job logs in
// (verify-credentials), asks the user for a second factor if the bank requires one (mfa-challenge), and fetches the
// accounts (retrieve-accounts) and their transactions (retrieve-transactions). That usually takes 3 to 30 seconds;
// follow it with [JobsService.Wait] or [JobsService.Watch]. [ConnectionsService.List] contains the connection
// immediately, as [ConnectionStatusPending]. The job has its ID after the first step, see [Job.ConnectionID].
//
// If a job for the same login is running, Basiq returns that one, and AlreadyRunning is set. After an error for which
// [MayHaveSucceeded] is true, check [ConnectionsService.List] or [JobsService.List] before calling again: banks lock
// logins that are tried too often.
//
// It requires [APIVersion21]; with API 3.0 users connect on Basiq's consent page. Errors: [ErrBadRequest] if the bank
// does not exist or is disabled, [CodeInstitutionNotSupported], [CodeNoProductionAccess],
// [CodeTooManySandboxConnections]. If the credentials are wrong, Create succeeds and the job fails. operationId:
// postConnection.
func (s *ConnectionsService) Create(ctx context.Context, userID string, connection CreateConnection) (*Job, error) {
	switch {
	case connection.InstitutionID == "":
		return nil, invalidInput(opPostConnection.Name, "connection", "InstitutionID is required")
	case connection.UserToken.IsZero() && connection.LoginID.IsZero():
		return nil, invalidInput(opPostConnection.Name, "connection", "LoginID and Password, or UserToken, are required")
	case connection.UserToken.IsZero() && connection.Password.IsZero():
		return nil, invalidInput(opPostConnection.Name, "connection", "Password is required with LoginID")
	}
	return startJob(ctx, s.client, opPostConnection, []pathParam{{"userID", userID}}, [2]string{userID}, bindIDInput(s.client.raw.PostConnection, userID, gen.CreateConnection{
		Institution:      gen.CreateConnectionInstitution{ID: connection.InstitutionID},
		LoginID:          wire(connection.LoginID),
		Password:         wire(connection.Password),
		SecondaryLoginID: wire(connection.SecondaryLoginID),
		SecurityCode:     wire(connection.SecurityCode),
		UserToken:        wire(connection.UserToken),
	}))
}

// Update stores new credentials for a connection and starts a job, as [ConnectionsService.Create] does. If a job of
// the connection is running, Basiq may return that one, with its old credentials, and AlreadyRunning is set. Wait for
// it, then call [ConnectionsService.Refresh].
//
// It requires [APIVersion21]. Errors: [ErrBadRequest] if the Method of the connection is not [ConnectionMethodWeb].
// operationId: updateConnection.
func (s *ConnectionsService) Update(ctx context.Context, userID, connectionID string, change UpdateConnection) (*Job, error) {
	if change.Password.IsZero() {
		return nil, invalidInput(opUpdateConnection.Name, "change", "Password is required")
	}
	return startJob(ctx, s.client, opUpdateConnection, []pathParam{{"userID", userID}, {"connectionID", connectionID}}, [2]string{userID, connectionID}, bindIDsInput(s.client.raw.UpdateConnection, userID, connectionID, gen.UpdateConnection{
		Password:         wire(change.Password),
		SecondaryLoginID: wire(change.SecondaryLoginID),
		SecurityCode:     wire(change.SecurityCode),
	}))
}

// Refresh starts a job that fetches the connection's latest data, with the steps of [ConnectionsService.Create]. If a
// job of the connection is running, Basiq returns that one, and AlreadyRunning is set.
//
// Basiq asks partners not to refresh in bulk or on a schedule; see [ConnectionsService.RefreshIfStale]. One document
// allows 20 refreshes of an open-banking connection a day, another lists [ErrBadRequest] for them. Errors:
// [CodeInvalidCredentials] if the connection is [ConnectionStatusInvalid], [CodeNoProductionAccess]. operationId:
// refreshConnection.
func (s *ConnectionsService) Refresh(ctx context.Context, userID, connectionID string) (*Job, error) {
	return startJob(ctx, s.client, opRefreshConnection, []pathParam{{"userID", userID}, {"connectionID", connectionID}}, [2]string{userID, connectionID}, bindIDs(s.client.raw.RefreshConnection, userID, connectionID))
}

// RefreshAll starts a job for each of the user's connections, see [ConnectionsService.Refresh], and returns references
// to them. Whether pending and invalid connections get a job is not documented. operationId: refreshConnections.
func (s *ConnectionsService) RefreshAll(ctx context.Context, userID string) (jobs []*Job, err error) {
	resp, err := s.client.do(ctx, opRefreshConnections, []pathParam{{"userID", userID}}, bindID(s.client.raw.RefreshConnections, userID))
	if err != nil {
		return nil, err
	}
	defer func() { resp.end(len(jobs), err) }()
	list, err := readList[Job](resp, nil)
	if err != nil {
		return nil, err
	}
	if _, err := jobResource.checkItems(list.Data); err != nil {
		return nil, invalidResponse(resp.op, resp.status, nil, err)
	}
	resp.storeRaw()
	jobs = make([]*Job, len(list.Data))
	for i := range list.Data {
		jobs[i] = &list.Data[i]
	}
	return jobs, nil
}

// Delete deletes a connection and its profile permanently. This cannot be undone.
//
// If the Method of the connection is [ConnectionMethodOpenBanking] (or the other spelling), Basiq also deletes its accounts
// and transactions permanently. With any other method the user still has them; call [ConnectionsService.Purge] (API 3.0)
// before Delete to remove them. operationId: deleteConnection.
func (s *ConnectionsService) Delete(ctx context.Context, userID, connectionID string) error {
	return doNoContent(ctx, s.client, opDeleteConnection, []pathParam{{"userID", userID}, {"connectionID", connectionID}}, bindIDs(s.client.raw.DeleteConnection, userID, connectionID))
}

// Purge permanently removes the user's data from the connection's institution and keeps the connection, which must be
// active. [ConnectionsService.Refresh] fetches the data again. It requires [APIVersion30]. Errors: [ErrBadRequest].
// operationId: purgeConnectionData.
func (s *ConnectionsService) Purge(ctx context.Context, userID, connectionID string) error {
	return doNoContent(ctx, s.client, opPurgeConnection, []pathParam{{"userID", userID}, {"connectionID", connectionID}}, bindIDs(s.client.raw.PurgeConnectionData, userID, connectionID))
}

// CreateAndWait calls [ConnectionsService.Create], [JobsService.Wait] and [ConnectionsService.Get]. An error after the
// job was started is a [*WaitError], and the job continues, or a [*JobError].
//
// A connection exists after such an error. [Job.ConnectionID] of the JobError's Job returns its ID if a later step
// failed. Otherwise it may be in [ConnectionsService.List] as [ConnectionStatusInvalid] or [ConnectionStatusPending].
// Update or delete it instead of creating another. operationIds: postConnection, getJobs, getConnection.
func (s *ConnectionsService) CreateAndWait(ctx context.Context, userID string, connection CreateConnection, options ...WaitOption) (*Connection, error) {
	return s.andWait(ctx, "Connections.CreateAndWait", userID, "", options, func() (*Job, error) {
		return s.Create(ctx, userID, connection)
	})
}

// RefreshAndWait calls [ConnectionsService.Refresh], [JobsService.Wait] and [ConnectionsService.Get]. Errors: as
// [ConnectionsService.CreateAndWait]. operationIds: refreshConnection, getJobs, getConnection.
func (s *ConnectionsService) RefreshAndWait(ctx context.Context, userID, connectionID string, options ...WaitOption) (*Connection, error) {
	return s.andWait(ctx, "Connections.RefreshAndWait", userID, connectionID, options, func() (*Job, error) {
		return s.Refresh(ctx, userID, connectionID)
	})
}

// UpdateAndWait calls [ConnectionsService.Update], [JobsService.Wait] and [ConnectionsService.Get]. If a job of the
// connection is running, it may wait for that one, with its old credentials: wait for running jobs first, see
// [JobsService.List]. Errors: as [ConnectionsService.CreateAndWait]. operationIds: updateConnection, getJobs, getConnection.
func (s *ConnectionsService) UpdateAndWait(ctx context.Context, userID, connectionID string, change UpdateConnection, options ...WaitOption) (*Connection, error) {
	return s.andWait(ctx, "Connections.UpdateAndWait", userID, connectionID, options, func() (*Job, error) {
		return s.Update(ctx, userID, connectionID, change)
	})
}

// andWait starts a job, waits for it and returns its connection. Options are validated first, because every error after
// the start names the job. connectionID is empty if only the job has it.
func (s *ConnectionsService) andWait(ctx context.Context, operation, userID, connectionID string, options []WaitOption, start func() (*Job, error)) (*Connection, error) {
	ofUser := func(c *waitConfig) { c.userID = userID } // unlike WithUser it leaves an invalid ID to start
	config, err := newWaitConfig(ctx, operation, append([]WaitOption{ofUser}, options...))
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

// wire returns a secret that a request may contain.
func wire(secret Secret) api.WireSecret { return api.WireSecret{Secret: secret} }
