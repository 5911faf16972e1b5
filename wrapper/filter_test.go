package basiq_test

import (
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestConnections_List_Filters(t *testing.T) {
	t.Parallel()
	fields := basiq.ConnectionFields
	for name, c := range map[string]struct {
		filters []basiq.Filter[basiq.Connection]
		want    string
	}{
		"none":        {nil, ""},
		"institution": {[]basiq.Filter[basiq.Connection]{fields.InstitutionID.Eq("AU00000")}, "institution.id.eq('AU00000')"},
		"status":      {[]basiq.Filter[basiq.Connection]{fields.Status.Eq(basiq.ConnectionStatusActive)}, "status.eq('active')"},
		"two": {
			[]basiq.Filter[basiq.Connection]{fields.ID.Eq("c1"), fields.Status.Eq("next")},
			"id.eq('c1'),status.eq('next')",
		},
		"special characters": {[]basiq.Filter[basiq.Connection]{fields.ID.Eq(`a&b=c,d).e "ä+%`)}, `id.eq('a&b=c,d).e "ä+%')`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
			for _, err := range client.Connections.List(t.Context(), userID, basiq.ConnectionListOptions{Filter: basiq.Filter[basiq.Connection]{}.And(c.filters...)}) {
				require.NoError(t, err)
			}
			query, err := url.ParseQuery(s.seen()[0].Query)
			require.NoError(t, err)
			assert.Equal(t, c.want, query.Get("filter"))
			assert.Equal(t, c.want != "", query.Has("filter"), "no filter is not an empty filter")
		})
	}
	assert.Equal(t, "connection.id.eq('c1')", basiq.JobFields.ConnectionID.Eq("c1").String())
}

func TestConnections_List_InvalidFilter(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]basiq.Filter[basiq.Connection]{
		"empty":   basiq.ConnectionFields.ID.Eq(""),
		"quote":   basiq.ConnectionFields.ID.Eq("x'),status.eq('active"),
		"newline": basiq.ConnectionFields.InstitutionID.Eq("AU\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
			n := 0
			for connection, err := range client.Connections.List(t.Context(), userID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.ID.Eq("c1").And(filter)}) {
				n++
				assert.Nil(t, connection)
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
			}
			assert.Equal(t, 1, n)
			assert.Empty(t, s.seen())
		})
	}
	_, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	for _, err := range client.Jobs.List(t.Context(), userID, basiq.JobListOptions{Filter: basiq.JobFields.ConnectionID.Eq("'")}) {
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	}
}

// documentedConditions lists the documented conditions of each field of each collection, with the document. A test cannot
// show that other conditions do not compile. TestFilters_DocumentedConditions compares the methods instead.
var documentedConditions = map[string]struct {
	// fields is the variable from which filters are created.
	fields any
	// conditions maps Basiq's names of fields to their conditions.
	conditions map[string]string
}{
	// swagger-2.1.json, getConnections.
	"ConnectionFields": {basiq.ConnectionFields, map[string]string{"id": "eq", "status": "eq", "institution.id": "eq"}},
	// core.yml, getUserJobs.
	"JobFields": {basiq.JobFields, map[string]string{"connection.id": "eq"}},
	// connect.json, getAccounts: only eq. The older data.yml also has ne.
	"AccountFields": {basiq.AccountFields, map[string]string{"account.id": "eq", "connection.id": "eq", "institution.id": "eq"}},
	// A changelog entry, for getConsents. It does not name conditions.
	"ConsentFields": {basiq.ConsentFields, map[string]string{"status": "eq"}},
	// connect.json, getTransactions, and the guide about filters for the dates.
	"TransactionFields": {basiq.TransactionFields, map[string]string{
		"account.id": "eq", "connection.id": "eq", "institution.id": "eq", "transaction.postDate": "bt eq gt gteq lt lteq",
		"transaction.status": "eq", "transaction.direction": "eq", "transaction.class": "eq",
	}},
	// reports.yml, retrieveReportTransactions.
	"ReportTransactionFields": {basiq.ReportTransactionFields, map[string]string{
		"transaction.id": "eq", "account.id": "eq", "connection.id": "eq", "institution.id": "eq",
		"transaction.postDate": "bt eq gt gteq lt lteq", "transaction.status": "eq", "transaction.direction": "eq", "transaction.class": "eq",
	}},
	// core.yml, getEvents.
	"EventFields": {basiq.EventFields, map[string]string{"user.id": "eq", "event.entity": "eq", "event.type": "eq"}},
	// webhooks.yml, listMessages, which names the fields but no conditions.
	"WebhookMessageFields": {basiq.WebhookMessageFields, map[string]string{
		"date": "bt eq gt gteq lt lteq", "status": "eq", "eventTypeId": "eq", "webhookId": "eq", "eventId": "eq",
	}},
	// data.yml, getConnectors.
	"ConnectorFields": {basiq.ConnectorFields, map[string]string{
		"connector.id": "eq", "connector.method": "eq", "connector.status": "eq in ne", "connector.stage": "eq in ne",
		"connector.scopes": "eq in ne", "connector.institution.country": "eq in ne", "connector.institution.tier": "eq in ne",
		"connector.institution.type": "eq ne", "connector.authorization.type": "eq in ne", "connector.connectorEngine": "eq ne",
	}},
	// swagger-2.1.json, getInstitutions.
	"InstitutionFields": {basiq.InstitutionFields, map[string]string{
		"institution.country": "eq in ne", "institution.tier": "eq in ne", "institution.authorization": "eq in ne",
		"institution.serviceType": "eq ne", "institution.institutionType": "eq ne", "institution.stage": "eq ne",
	}},
}

// The fields of a collection have methods only for the documented conditions, so no other condition compiles. These
// lines do not compile:
//
//	basiq.ConnectionFields.ID.Ne("c1")
//	basiq.TransactionFields.Status.In("posted", "pending")
//	basiq.ConnectorFields.Stage.Gt("live")
//	client.Accounts.List(ctx, userID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.ID.Eq("c1")})
//	client.Events.List(ctx, basiq.EventListOptions{PageSize: 10})
func TestFilters_DocumentedConditions(t *testing.T) {
	t.Parallel()
	for name, c := range documentedConditions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			for _, field := range reflect.ValueOf(c.fields).Fields() {
				var conditions []string
				property := ""
				for _, method := range field.Methods() {
					value := reflect.New(method.Type().In(0)).Elem()
					if value.Kind() == reflect.Slice { // the variadic parameter of In
						value = reflect.MakeSlice(value.Type(), 1, 1)
					}
					args := make([]reflect.Value, method.Type().NumIn())
					for n := range args {
						args[n] = value
					}
					call := method.Call
					if method.Type().IsVariadic() {
						call = method.CallSlice
					}
					text := call(args)[0].Interface().(fmt.Stringer).String()
					text, _, _ = strings.Cut(text, "(")
					dot := strings.LastIndexByte(text, '.')
					property, conditions = text[:dot], append(conditions, text[dot+1:])
				}
				slices.Sort(conditions)
				got[property] = strings.Join(conditions, " ")
			}
			assert.Equal(t, c.conditions, got)
		})
	}
}

// sentFilter lists with a filter and returns the filter that Basiq receives.
func sentFilter[T any](t *testing.T, list func(*basiq.Client, basiq.Filter[T]) iter.Seq2[*T, error], filter basiq.Filter[T]) string {
	t.Helper()
	s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	for _, err := range list(client, filter) {
		require.NoError(t, err)
	}
	require.Len(t, s.seen(), 1)
	query, err := url.ParseQuery(s.seen()[0].Query)
	require.NoError(t, err)
	require.Len(t, query["filter"], 1)
	return query.Get("filter")
}

// checkFilters checks that each filter in good is sent as its key, and that each filter in bad is rejected. good must contain
// every documented condition of every field.
func checkFilters[T any](t *testing.T, variable string, list func(*basiq.Client, basiq.Filter[T]) iter.Seq2[*T, error], good, bad map[string]basiq.Filter[T]) {
	t.Helper()
	missing := map[string]bool{}
	for property, conditions := range documentedConditions[variable].conditions {
		for condition := range strings.FieldsSeq(conditions) {
			missing[property+"."+condition] = true
		}
	}
	for want, filter := range good {
		assert.Equal(t, want, filter.String())
		// Public lists use the name of API 2.1, see TestConnectorFields_Engine.
		assert.Equal(t, want, strings.Replace(sentFilter(t, list, filter), "connectorCategory", "connectorEngine", 1))
		condition, _, _ := strings.Cut(want, "(")
		delete(missing, condition)
	}
	assert.Empty(t, missing, "missing test cases")
	for name, filter := range bad {
		s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
		n := 0
		for item, err := range list(client, filter) {
			n++
			assert.Nil(t, item, name)
			require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
			var input *basiq.InputError
			require.ErrorAs(t, err, &input, name)
			assert.Equal(t, "options", input.Argument, name)
			assert.NotContains(t, err.Error(), "of-note", "a value may be personal data")
		}
		assert.Equal(t, 1, n, name)
		assert.Empty(t, s.seen(), name)
		assert.Zero(t, s.tokenRequests(), name)
	}
}

func TestConnectionFields(t *testing.T) {
	t.Parallel()
	f := basiq.ConnectionFields
	type filters = map[string]basiq.Filter[basiq.Connection]
	checkFilters(t, "ConnectionFields", func(c *basiq.Client, filter basiq.Filter[basiq.Connection]) iter.Seq2[*basiq.Connection, error] {
		return c.Connections.List(t.Context(), userID, basiq.ConnectionListOptions{Filter: filter})
	}, filters{
		"id.eq('c1')":                  f.ID.Eq("c1"),
		"status.eq('active')":          f.Status.Eq(basiq.ConnectionStatusActive),
		"institution.id.eq('AU00000')": f.InstitutionID.Eq("AU00000"),
	}, filters{
		"empty": f.ID.Eq(""), "quote": f.Status.Eq("of-note'"), "control": f.InstitutionID.Eq("of-note\x7f"),
	})
}

func TestJobFields(t *testing.T) {
	t.Parallel()
	f := basiq.JobFields
	type filters = map[string]basiq.Filter[basiq.Job]
	checkFilters(t, "JobFields", func(c *basiq.Client, filter basiq.Filter[basiq.Job]) iter.Seq2[*basiq.Job, error] {
		return c.Jobs.List(t.Context(), userID, basiq.JobListOptions{Filter: filter})
	}, filters{
		"connection.id.eq('ab63cd')": f.ConnectionID.Eq("ab63cd"),
	}, filters{
		"empty": f.ConnectionID.Eq(""), "quote": f.ConnectionID.Eq("of-note'),id.eq('x"),
	})
}

func TestAccountFields(t *testing.T) {
	t.Parallel()
	f := basiq.AccountFields
	type filters = map[string]basiq.Filter[basiq.Account]
	checkFilters(t, "AccountFields", func(c *basiq.Client, filter basiq.Filter[basiq.Account]) iter.Seq2[*basiq.Account, error] {
		return c.Accounts.List(t.Context(), userID, basiq.AccountListOptions{Filter: filter})
	}, filters{
		"account.id.eq('a1')":          f.ID.Eq("a1"),
		"connection.id.eq('c1')":       f.ConnectionID.Eq("c1"),
		"institution.id.eq('AU00000')": f.InstitutionID.Eq("AU00000"),
	}, filters{
		"empty": f.ID.Eq(""), "quote": f.ConnectionID.Eq("'of-note"), "control": f.InstitutionID.Eq("of-note\n"),
	})
}

func TestConsentFields(t *testing.T) {
	t.Parallel()
	f := basiq.ConsentFields
	type filters = map[string]basiq.Filter[basiq.Consent]
	checkFilters(t, "ConsentFields", func(c *basiq.Client, filter basiq.Filter[basiq.Consent]) iter.Seq2[*basiq.Consent, error] {
		return c.Consents.List(t.Context(), userID, basiq.ConsentListOptions{Filter: filter})
	}, filters{
		"status.eq('active')": f.Status.Eq(basiq.ConsentStatusActive),
	}, filters{
		"empty": f.Status.Eq(""), "quote": f.Status.Eq("of-note'"),
	})
}

func TestTransactionFields(t *testing.T) {
	t.Parallel()
	f := basiq.TransactionFields
	type filters = map[string]basiq.Filter[basiq.Transaction]
	checkFilters(t, "TransactionFields", func(c *basiq.Client, filter basiq.Filter[basiq.Transaction]) iter.Seq2[*basiq.Transaction, error] {
		return c.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{Filter: filter})
	}, filters{
		"account.id.eq('a1')":               f.AccountID.Eq("a1"),
		"connection.id.eq('c1')":            f.ConnectionID.Eq("c1"),
		"institution.id.eq('AU00000')":      f.InstitutionID.Eq("AU00000"),
		"transaction.status.eq('posted')":   f.Status.Eq(basiq.TransactionStatusPosted),
		"transaction.direction.eq('debit')": f.Direction.Eq(basiq.TransactionDirectionDebit),
		"transaction.class.eq('payment')":   f.Class.Eq(basiq.TransactionClassPayment),
		// The guide about filters writes dates in this format, and quotes the two values of a range separately.
		"transaction.postDate.eq('2018-01-28')":              f.PostDate.Eq("2018-01-28"),
		"transaction.postDate.gt('2018-01-28')":              f.PostDate.Gt("2018-01-28"),
		"transaction.postDate.gteq('2018-01-28')":            f.PostDate.Gteq("2018-01-28"),
		"transaction.postDate.lt('2018-01-28')":              f.PostDate.Lt("2018-01-28"),
		"transaction.postDate.lteq('2018-01-28')":            f.PostDate.Lteq("2018-01-28"),
		"transaction.postDate.bt('2018-01-28','2018-01-29')": f.PostDate.Between("2018-01-28", "2018-01-29"),
		"transaction.postDate.bt('2020-02-29','2020-02-29')": f.PostDate.Between("2020-02-29", "2020-02-29"),
		"transaction.postDate.eq('2024-03-01')": f.PostDate.Eq(basiq.DateOf(
			time.Date(2024, time.March, 1, 0, 30, 0, 0, time.FixedZone("AEDT", 11*60*60)))), // still February in UTC
	}, filters{
		"empty":                  f.AccountID.Eq(""),
		"quote":                  f.Status.Eq("of-note'"),
		"empty date":             f.PostDate.Eq(""),
		"not a date":             f.PostDate.Gt("of-note"),
		"date and time":          f.PostDate.Gteq("2018-01-28T00:00:00Z"),
		"February 29":            f.PostDate.Lt("2019-02-29"),
		"other date format":      f.PostDate.Lteq("28/01/2018"),
		"quote in a date":        f.PostDate.Eq("2018-01-28','2018-01-29"),
		"two dates in one value": f.PostDate.Eq("2022-10-01,2022-10-10"),
		"reversed":               f.PostDate.Between("2018-01-29", "2018-01-28"),
		"missing start":          f.PostDate.Between("", "2018-01-28"),
		"missing end":            f.PostDate.Between("2018-01-28", ""),
		"invalid end":            f.PostDate.Between("2018-01-28", "of-note"),
	})
}

func TestReportTransactionFields(t *testing.T) {
	t.Parallel()
	f := basiq.ReportTransactionFields
	type filters = map[string]basiq.Filter[basiq.ReportTransaction]
	checkFilters(t, "ReportTransactionFields", func(c *basiq.Client, filter basiq.Filter[basiq.ReportTransaction]) iter.Seq2[*basiq.ReportTransaction, error] {
		return c.Reports.Transactions(t.Context(), "r1", basiq.ReportTransactionListOptions{Filter: filter})
	}, filters{
		"transaction.id.eq('14198297-b3b5-415c-b6ad-8a14476ef61c')": f.ID.Eq("14198297-b3b5-415c-b6ad-8a14476ef61c"),
		"account.id.eq('15a28893-e8c9-4441-a076-470195218738')":     f.AccountID.Eq("15a28893-e8c9-4441-a076-470195218738"),
		"connection.id.eq('12857a4c-931d-4a5a-ab74-399dafb03bfe')":  f.ConnectionID.Eq("12857a4c-931d-4a5a-ab74-399dafb03bfe"),
		"institution.id.eq('AU00001')":                              f.InstitutionID.Eq("AU00001"),
		"transaction.status.eq('posted')":                           f.Status.Eq(basiq.TransactionStatusPosted),
		"transaction.direction.eq('credit')":                        f.Direction.Eq(basiq.TransactionDirectionCredit),
		"transaction.class.eq('transfer')":                          f.Class.Eq(basiq.TransactionClassTransfer),
		"transaction.postDate.eq('2022-12-03T00:00:00Z')":           f.PostDate.Eq("2022-12-03T00:00:00Z"),
		"transaction.postDate.gt('2022-12-03T00:00:00Z')":           f.PostDate.Gt("2022-12-03T00:00:00Z"),
		"transaction.postDate.gteq('2022-12-03')":                   f.PostDate.Gteq("2022-12-03"),
		"transaction.postDate.lt('2022-12-03T00:00:00+11:00')":      f.PostDate.Lt("2022-12-03T00:00:00+11:00"),
		"transaction.postDate.lteq('2022-12-03')":                   f.PostDate.Lteq("2022-12-03"),
		// This document has one string that contains a comma. The guide about filters has two strings, which are used here;
		// api/NOTES.md explains why.
		"transaction.postDate.bt('2022-10-01','2022-10-10')":           f.PostDate.Between("2022-10-01", "2022-10-10"),
		"transaction.postDate.bt('2022-10-01','2022-10-01T08:00:00Z')": f.PostDate.Between("2022-10-01", "2022-10-01T08:00:00Z"),
	}, filters{
		"empty":           f.ID.Eq(""),
		"quote":           f.Class.Eq("'of-note'"),
		"empty date":      f.PostDate.Lt(""),
		"not a date":      f.PostDate.Gt("of-note"),
		"hour 25":         f.PostDate.Eq("2022-12-03T25:00:00Z"),
		"quote in a date": f.PostDate.Eq("2022-12-03'"),
		"reversed":        f.PostDate.Between("2022-12-03T00:00:01Z", "2022-12-03T00:00:00Z"),
		"across zones":    f.PostDate.Between("2022-12-03T00:00:00Z", "2022-12-03T00:00:00+11:00"),
	})
}

func TestEventFields(t *testing.T) {
	t.Parallel()
	f := basiq.EventFields
	type filters = map[string]basiq.Filter[basiq.Event]
	checkFilters(t, "EventFields", func(c *basiq.Client, filter basiq.Filter[basiq.Event]) iter.Seq2[*basiq.Event, error] {
		return c.Events.List(t.Context(), basiq.EventListOptions{Filter: filter})
	}, filters{
		// The example in this document is the only one without quotes. The client quotes all values.
		"user.id.eq('u1')":           f.UserID.Eq(userID),
		"event.entity.eq('consent')": f.Entity.Eq(basiq.EventEntityConsent),
		"event.type.eq('revoked')":   f.Type.Eq(basiq.EventActionRevoked),
	}, filters{
		"empty": f.UserID.Eq(""), "quote": f.Entity.Eq("of-note'"), "control": f.Type.Eq("of-note\x00"),
	})
}

func TestWebhookMessageFields(t *testing.T) {
	t.Parallel()
	f := basiq.WebhookMessageFields
	type filters = map[string]basiq.Filter[basiq.WebhookMessage]
	checkFilters(t, "WebhookMessageFields", func(c *basiq.Client, filter basiq.Filter[basiq.WebhookMessage]) iter.Seq2[*basiq.WebhookMessage, error] {
		return c.Webhooks.Messages(t.Context(), "w1", basiq.WebhookMessageListOptions{Filter: filter})
	}, filters{
		"date.eq('2019-08-24')":                                  f.Date.Eq("2019-08-24"),
		"date.gt('2019-08-24T14:15:22Z')":                        f.Date.Gt("2019-08-24T14:15:22Z"),
		"date.gteq('2019-08-24')":                                f.Date.Gteq("2019-08-24"),
		"date.lt('2019-08-24')":                                  f.Date.Lt("2019-08-24"),
		"date.lteq('2019-08-24')":                                f.Date.Lteq("2019-08-24"),
		"date.bt('2019-08-24T14:13:22Z','2019-08-24T15:00:00Z')": f.Date.Between("2019-08-24T14:13:22Z", "2019-08-24T15:00:00Z"),
		"status.eq('Failed')":                                    f.Status.Eq(basiq.WebhookAttemptStatusFailed),
		"eventTypeId.eq('user.created')":                         f.EventTypeID.Eq(basiq.EventTypeNameUserCreated),
		"webhookId.eq('w1')":                                     f.WebhookID.Eq("w1"),
		"eventId.eq('e1')":                                       f.EventID.Eq("e1"),
	}, filters{
		"empty": f.EventID.Eq(""), "quote": f.WebhookID.Eq("of-note'"), "no date": f.Date.Eq("of-note"),
		"backwards": f.Date.Between("2019-08-25", "2019-08-24"),
	})
}

func TestConnectorFields(t *testing.T) {
	t.Parallel()
	f := basiq.ConnectorFields
	type filters = map[string]basiq.Filter[basiq.Connector]
	for name, list := range map[string]func(*basiq.Client, basiq.Filter[basiq.Connector]) iter.Seq2[*basiq.Connector, error]{
		"with a token": func(c *basiq.Client, filter basiq.Filter[basiq.Connector]) iter.Seq2[*basiq.Connector, error] {
			return c.Connectors.List(t.Context(), basiq.ConnectorListOptions{Filter: filter})
		},
		"public": func(c *basiq.Client, filter basiq.Filter[basiq.Connector]) iter.Seq2[*basiq.Connector, error] {
			return c.Connectors.ListPublic(t.Context(), basiq.ConnectorListOptions{Filter: filter})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFilters(t, "ConnectorFields", list, filters{
				"connector.id.eq('AU00000')":                                   f.ID.Eq("AU00000"),
				"connector.method.eq('web')":                                   f.Method.Eq(basiq.ConnectionMethodWeb),
				"connector.method.eq('open-banking')":                          f.Method.Eq(basiq.ConnectionMethodOpenBanking),
				"connector.status.eq('operational')":                           f.Status.Eq(basiq.InstitutionStatusOperational),
				"connector.status.ne('major-outage')":                          f.Status.Ne(basiq.InstitutionStatusMajorOutage),
				"connector.status.in('operational','degraded-performance')":    f.Status.In(basiq.InstitutionStatusOperational, basiq.InstitutionStatusDegradedPerformance),
				"connector.stage.eq('live')":                                   f.Stage.Eq(basiq.InstitutionStageLive),
				"connector.stage.ne('alpha')":                                  f.Stage.Ne(basiq.InstitutionStageAlpha),
				"connector.stage.in('live')":                                   f.Stage.In(basiq.InstitutionStageLive),
				"connector.scopes.eq('customer.person.basic')":                 f.Scopes.Eq("customer.person.basic"),
				"connector.scopes.ne('customer.person.basic')":                 f.Scopes.Ne("customer.person.basic"),
				"connector.scopes.in('customer.person.basic','account.basic')": f.Scopes.In("customer.person.basic", "account.basic"),
				"connector.institution.country.eq('Australia')":                f.InstitutionCountry.Eq("Australia"),
				"connector.institution.country.ne('New Zealand')":              f.InstitutionCountry.Ne("New Zealand"),
				"connector.institution.country.in('Australia','New Zealand')":  f.InstitutionCountry.In("Australia", "New Zealand"),
				"connector.institution.tier.eq('1')":                           f.InstitutionTier.Eq("1"),
				"connector.institution.tier.ne('4')":                           f.InstitutionTier.Ne("4"),
				"connector.institution.tier.in('1','2')":                       f.InstitutionTier.In("1", "2"),
				"connector.institution.type.eq('Bank (Foreign)')":              f.InstitutionType.Eq("Bank (Foreign)"),
				"connector.institution.type.ne('Test Bank')":                   f.InstitutionType.Ne("Test Bank"),
				"connector.authorization.type.eq('user-mfa')":                  f.AuthorizationType.Eq(basiq.InstitutionAuthorizationUserMFA),
				"connector.authorization.type.ne('other')":                     f.AuthorizationType.Ne(basiq.InstitutionAuthorizationOther),
				"connector.authorization.type.in('user','token')":              f.AuthorizationType.In(basiq.InstitutionAuthorizationUser, basiq.InstitutionAuthorizationToken),
				"connector.connectorEngine.eq('chrome')":                       f.Engine.Eq("chrome"),
				"connector.connectorEngine.ne('node')":                         f.Engine.Ne("node"),
			}, filters{
				"empty": f.ID.Eq(""), "quote": f.InstitutionType.Ne("of-note'"), "control": f.Scopes.Eq("of-note\t"),
				"in without values": f.Stage.In(), "in with a nil slice": f.Scopes.In([]string(nil)...), "in with an empty value": f.InstitutionTier.In("1", ""),
				"in with a quote": f.InstitutionCountry.In("Australia", "of-note'"), "in with a control character": f.Scopes.In("of-note\n", "x"),
			})
		})
	}
}

func TestInstitutionFields(t *testing.T) {
	t.Parallel()
	f := basiq.InstitutionFields
	type filters = map[string]basiq.Filter[basiq.Institution]
	for name, list := range map[string]func(*basiq.Client, basiq.Filter[basiq.Institution]) iter.Seq2[*basiq.Institution, error]{
		"with a token": func(c *basiq.Client, filter basiq.Filter[basiq.Institution]) iter.Seq2[*basiq.Institution, error] {
			return c.Institutions.List(t.Context(), basiq.InstitutionListOptions{Filter: filter})
		},
		"public": func(c *basiq.Client, filter basiq.Filter[basiq.Institution]) iter.Seq2[*basiq.Institution, error] {
			return c.Institutions.ListPublic(t.Context(), basiq.InstitutionListOptions{Filter: filter})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFilters(t, "InstitutionFields", list, filters{
				"institution.country.eq('Australia')":                              f.Country.Eq("Australia"),
				"institution.country.ne('New Zealand')":                            f.Country.Ne("New Zealand"),
				"institution.country.in('Australia','New Zealand')":                f.Country.In("Australia", "New Zealand"),
				"institution.tier.eq('1')":                                         f.Tier.Eq("1"),
				"institution.tier.ne('4')":                                         f.Tier.Ne("4"),
				"institution.tier.in('1','2','3')":                                 f.Tier.In("1", "2", "3"),
				"institution.authorization.eq('user')":                             f.Authorization.Eq(basiq.InstitutionAuthorizationUser),
				"institution.authorization.ne('token')":                            f.Authorization.Ne(basiq.InstitutionAuthorizationToken),
				"institution.authorization.in('user-mfa','user-mfa-intermittent')": f.Authorization.In(basiq.InstitutionAuthorizationUserMFA, basiq.InstitutionAuthorizationUserMFAIntermittent),
				"institution.serviceType.eq('Personal Banking')":                   f.ServiceType.Eq("Personal Banking"),
				"institution.serviceType.ne('Test')":                               f.ServiceType.Ne("Test"),
				"institution.institutionType.eq('Bank (Foreign)')":                 f.Type.Eq("Bank (Foreign)"),
				"institution.institutionType.ne('Credit Union')":                   f.Type.Ne("Credit Union"),
				"institution.stage.eq('live')":                                     f.Stage.Eq(basiq.InstitutionStageLive),
				"institution.stage.ne('beta')":                                     f.Stage.Ne(basiq.InstitutionStageBeta),
			}, filters{
				"empty": f.ServiceType.Ne(""), "quote": f.Type.Eq("of-note'"), "in without values": f.Tier.In(), "in with an empty value": f.Country.In(""),
				"in with a quote": f.Authorization.In("of-note'"),
			})
		})
	}
}

// condition is one condition of a filter in the documented grammar.
type condition struct {
	property, operator string
	values             []string
}

// parseConditions parses a filter by the documented grammar: property.condition('value'). A range has two values, in has any
// number of values. Conditions are separated by commas.
func parseConditions(text string) ([]condition, error) {
	var found []condition
	take := func(word string) bool {
		rest, ok := strings.CutPrefix(text, word)
		text = rest
		return ok
	}
	for {
		name, rest, ok := strings.Cut(text, "(")
		dot := strings.LastIndexByte(name, '.')
		if !ok || dot < 1 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.") != "" {
			return nil, fmt.Errorf("missing property and condition at %q", text)
		}
		text = rest
		c := condition{property: name[:dot], operator: name[dot+1:]}
		for more := true; more; more = take(",") {
			if !take("'") {
				return nil, fmt.Errorf("missing value at %q", text)
			}
			value, rest, ok := strings.Cut(text, "'")
			if !ok {
				return nil, fmt.Errorf("unterminated value at %q", text)
			}
			text = rest
			c.values = append(c.values, value)
		}
		if !take(")") {
			return nil, fmt.Errorf("missing end at %q", text)
		}
		wanted, known := map[string]int{"eq": 1, "ne": 1, "gt": 1, "gteq": 1, "lt": 1, "lteq": 1, "bt": 2, "in": len(c.values)}[c.operator]
		if !known || wanted != len(c.values) {
			return nil, fmt.Errorf("invalid number of values for %s: %d", c.operator, len(c.values))
		}
		found = append(found, c)
		if text == "" {
			return found, nil
		}
		if !take(",") {
			return nil, fmt.Errorf("missing comma at %q", text)
		}
	}
}

// isDay reports whether text is a date.
func isDay(text string) bool {
	_, err := time.Parse("2006-01-02", text)
	return err == nil
}

// A filter is either sent so that a parser of the grammar finds exactly its conditions, or it is rejected and no request is
// sent.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"AU00000", "", "'", "a,b", "a')", "ä", "\x00", "a%27b", "&filter=", "\xff", "a').ne('b", "2019-10-29", "2019-02-30", " ", "+", "\u2019", "\u2028", "\\'", "a#b", "\x7f",
	} {
		f.Add(seed, "b")
		f.Add("2019-10-28", seed)
		f.Add("a", seed)
	}
	w := new(wire)
	client := newClient(f, w, oneAttempt)
	f.Fuzz(func(t *testing.T, one, other string) {
		words := func(values ...string) bool {
			for _, value := range values {
				if value == "" || strings.ContainsRune(value, '\'') || strings.ContainsFunc(value, unicode.IsControl) {
					return false
				}
			}
			return true
		}
		connectors, transactions := basiq.ConnectorFields, basiq.TransactionFields
		for name, c := range map[string]struct {
			call func() error
			good bool
			want []condition
		}{
			"one": {func() error {
				return rangeErr(client.Connections.List(t.Context(), userID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.ID.Eq(one)}))
			}, words(one), []condition{{"id", "eq", []string{one}}}},
			"several": {func() error {
				return rangeErr(client.Connectors.List(t.Context(), basiq.ConnectorListOptions{
					Filter: connectors.Scopes.Ne(one).And(connectors.InstitutionTier.In(other, one), connectors.ID.Eq(other)),
				}))
			}, words(one, other), []condition{
				{"connector.scopes", "ne", []string{one}}, {"connector.institution.tier", "in", []string{other, one}}, {"connector.id", "eq", []string{other}},
			}},
			"dates": {func() error {
				return rangeErr(client.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{
					Filter: transactions.PostDate.Between(basiq.Date(one), basiq.Date(other)).And(transactions.PostDate.Gteq(basiq.Date(other)), transactions.AccountID.Eq(one)),
				}))
			}, isDay(one) && isDay(other) && one <= other, []condition{
				{"transaction.postDate", "bt", []string{one, other}}, {"transaction.postDate", "gteq", []string{other}}, {"account.id", "eq", []string{one}},
			}},
		} {
			w.set(ok(200, `{"type":"list","data":[]}`))
			err := c.call()
			if !c.good {
				require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
				require.Empty(t, w.sent)
				checkText(t, err, 300)
				continue
			}
			require.NoError(t, err, name)
			query, err := url.ParseQuery(w.sent[0].URL.RawQuery)
			require.NoError(t, err)
			delete(query, "limit")
			require.Len(t, query, 1)
			require.Len(t, query["filter"], 1)
			got, err := parseConditions(query.Get("filter"))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		}
	})
}
