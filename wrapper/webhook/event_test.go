package webhook_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

func TestParse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		verifier := newVerifier(t)
		event, err := verifier.Parse(delivery(verifier, payload))
		require.NoError(t, err)
		assert.Equal(t, &webhook.Event{
			DeliveryID:  deliveryID,
			Timestamp:   time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC),
			EventTypeID: webhook.EventUserCreated,
			EventID:     eventID,
			Links: webhook.Links{
				Event:       "https://au-api.basiq.io/events/" + eventID,
				EventEntity: "https://au-api.basiq.io/users/" + userID,
			},
			Payload: json.RawMessage(payload),
		}, event)
		assert.Equal(t, userID, event.UserID())
	})
}

// An unexpected payload with a valid signature is accepted, because rejecting it would make Basiq disable the endpoint.
func TestParse_UnexpectedPayload(t *testing.T) {
	t.Parallel()
	const known = `"eventTypeId":"user.created","eventId":"e1"`
	cases := map[string]struct {
		body string
		want webhook.Event
	}{
		"unknown type":    {`{"eventTypeId":"payrequest.successful","eventId":"e1"}`, webhook.Event{EventTypeID: "payrequest.successful", EventID: "e1"}},
		"unknown field":   {`{` + known + `,"Text":"My test message","more":{"a":[1]}}`, webhook.Event{EventTypeID: "user.created", EventID: "e1"}},
		"no event id":     {`{"eventTypeId":"user.created","Text":"My test message"}`, webhook.Event{EventTypeID: "user.created"}},
		"empty":           {`{}`, webhook.Event{}},
		"null links":      {`{` + known + `,"links":null}`, webhook.Event{EventTypeID: "user.created", EventID: "e1"}},
		"null everywhere": {`{"eventTypeId":null,"eventId":null,"links":{"event":null,"eventEntity":null}}`, webhook.Event{}},
		"links of another type": {
			`{"links":"https://au-api.basiq.io",` + known + `}`, webhook.Event{EventTypeID: "user.created", EventID: "e1"},
		},
		"number as an id": {
			`{"eventId":61723,"eventTypeId":"user.created"}`, webhook.Event{EventTypeID: "user.created", EventID: "61723"},
		},
		"id of another type": {
			`{"eventId":[61723],"eventTypeId":"user.created","links":{"eventEntity":"/users/u1"}}`,
			webhook.Event{EventTypeID: "user.created", Links: webhook.Links{EventEntity: "/users/u1"}},
		},
		"link of another type": {
			`{"links":{"event":[],"eventEntity":"/users/u1"},` + known + `}`,
			webhook.Event{EventTypeID: "user.created", EventID: "e1", Links: webhook.Links{EventEntity: "/users/u1"}},
		},
		"another event in the link": {
			`{` + known + `,"links":{"event":"/events/e2"}}`,
			webhook.Event{EventTypeID: "user.created", EventID: "e1", Links: webhook.Links{Event: "/events/e2"}},
		},
		"the headers' names in the body": {`{` + known + `,"deliveryId":"d2","timestamp":"2001-01-01T00:00:00Z"}`, webhook.Event{EventTypeID: "user.created", EventID: "e1"}},
		"white space":                    {" \r\n\t{" + known + "}\n", webhook.Event{EventTypeID: "user.created", EventID: "e1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				verifier := newVerifier(t)
				event, err := verifier.Parse(delivery(verifier, tc.body))
				require.NoError(t, err)
				tc.want.DeliveryID, tc.want.Timestamp, tc.want.Payload = deliveryID, time.Now().UTC(), json.RawMessage(tc.body)
				assert.Equal(t, &tc.want, event)
			})
		})
	}
}

func TestParse_NotAnObject(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":       "",
		"null":          "null",
		"a list":        `[{"eventTypeId":"user.created"}]`,
		"a string":      `"PLANTED"`,
		"a number":      "1",
		"cut off":       payload[:len(payload)-1],
		"more than one": payload + payload,
		"HTML":          "<html>PLANTED</html>",
		"a form":        "eventTypeId=PLANTED",
		"zero bytes":    "\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier := newVerifier(t)
			event, err := verifier.Parse(delivery(verifier, body))
			assert.Nil(t, event)
			requireOnly(t, err, webhook.ErrBadPayload)
			assert.Equal(t, "webhook: invalid payload: must be a JSON object", err.Error(), "the error must not quote the body")
		})
	}
}

func TestEvent_Entity(t *testing.T) {
	t.Parallel()
	const host = "https://au-api.basiq.io"
	none := webhook.Entity{}
	for link, want := range map[string]webhook.Entity{
		host + "/users/u1":                     {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		host + "/users/u1/":                    {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		host + "/users/u1/connections/c1":      {Kind: webhook.EntityConnection, ID: "c1", UserID: "u1"},
		host + "/users/u1/accounts/a1":         {Kind: webhook.EntityAccount, ID: "a1", UserID: "u1"},
		host + "/users/u1/consents/c2":         {Kind: webhook.EntityConsent, ID: "c2", UserID: "u1"},
		host + "/users/u1/consents":            {Kind: webhook.EntityConsent, UserID: "u1"},
		host + "/users/u1/statements/s1":       {Kind: "statements", ID: "s1", UserID: "u1"},
		host + "/users/u1/a/1/b/2":             {Kind: "b", ID: "2", UserID: "u1"},
		host + "/users/u1/transactions/t1#f":   {Kind: webhook.EntityTransactions, ID: "t1", UserID: "u1"},
		host + "/jobs/j1":                      {Kind: "jobs", ID: "j1"},
		host + "/connections/c1/users/u1":      {Kind: webhook.EntityUser, ID: "u1"},
		host + "/users":                        {Kind: webhook.EntityUser},
		"http://127.0.0.1:8080/users/u1":       {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		"/users/u1":                            {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		"//au-api.basiq.io/users/u1":           {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		host + "/users/u1?x=/connections/c1":   {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		"":                                     none,
		host:                                   none,
		host + "/":                             none,
		"users/u1":                             none,
		"mailto:u1@basiq.io":                   none,
		"javascript:/users/u1":                 {Kind: webhook.EntityUser, ID: "u1", UserID: "u1"},
		"::":                                   none,
		"https://au-api.basiq.io\x7f/users/u1": none,
		host + "/users/..":                     none,
		host + "/users/./connections/c1":       none,
		host + "/users/u1/connections/..":      none,
		host + "/users//connections/c1":        none,
		host + "//users/u1":                    none,
		host + "/users/u1//":                   none,
		host + "/users/u%2f1":                  none,
		host + "/users/%2e%2e":                 none,
		host + "/users/u 1":                    none,
		host + "/users/ü":                      none,
		host + `/users/u\1`:                    none,
		host + "/users/u1/connections/refresh": none,
		host + "/users/u1/transactions?filter=connection.id.eq('c1')": {Kind: webhook.EntityTransactions, UserID: "u1"},
	} {
		event := &webhook.Event{Links: webhook.Links{EventEntity: link}}
		assert.Equal(t, want, event.Entity(), link)
		assert.Equal(t, want.UserID, event.UserID(), link)
	}
}

func TestEvent_JSONRoundTrip(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	event, err := verifier.Parse(delivery(verifier, payload))
	require.NoError(t, err)
	queued, err := json.Marshal(event)
	require.NoError(t, err)
	var back webhook.Event
	require.NoError(t, json.Unmarshal(queued, &back))
	assert.Equal(t, event, &back)
}

func TestEvent_LogValue(t *testing.T) {
	t.Parallel()
	verifier := newVerifier(t)
	event, err := verifier.Parse(delivery(verifier, payload))
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", slog.Any("event", event), slog.Any("none", (*webhook.Event)(nil)))
	assert.NotContains(t, log.String(), userID)
	assert.Contains(t, log.String(), `"event":{"delivery_id":"`+deliveryID+`","event_id":"`+eventID+`","event_type_id":"user.created"}`)
}

// Basiq documents the types in three places: the response of GET /events/types, the table of events (connection.updated), and
// a guide (consent.archived).
func TestEventTypes(t *testing.T) {
	t.Parallel()
	documented := strings.Fields(`account.updated connection.activated connection.created connection.deleted connection.invalidated
		connection.updated consent.archived consent.created consent.expired consent.reminder consent.revoked consent.updated consent.warning
		transactions.updated user.created user.deleted user.updated`)
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, parser.ParseComments)
	require.NoError(t, err)
	var have []string
	for node := range ast.Preorder(file) {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if of, named := spec.Type.(*ast.Ident); !named || of.Name != "EventTypeID" {
			continue
		}
		value := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
		have = append(have, value)
		entity, what, _ := strings.Cut(value, ".")
		name := "Event" + strings.ToUpper(entity[:1]) + entity[1:] + strings.ToUpper(what[:1]) + what[1:]
		assert.Equal(t, name, spec.Names[0].Name)
		assert.True(t, strings.HasPrefix(spec.Doc.Text(), name+": "), "missing doc comment of %s", name)
	}
	assert.ElementsMatch(t, documented, have)
}
