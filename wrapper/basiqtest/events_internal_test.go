package basiqtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
)

func TestEvents_Consent(t *testing.T) {
	t.Parallel()
	s := New(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	v := s.eventView(now)
	policy := "https://consent.basiq.io/policy"
	data := object{
		"type": "consent", "origin": s.url + "/not-a-link",
		"purpose": []object{{"links": object{"self": v.url("/purposes/1")}}},
		"links":   object{"self": v.url("/users/u1/consents/c1"), "consentPolicy": policy, "other": nil},
	}
	s.emitConsentEvent(&user{id: "u1"}, "c1", 1, data, gen.EventActionRevoked, now)
	e := s.events[0]
	assert.Equal(t, "consent.revoked", e.typeID())
	assert.Equal(t, object{
		"type": "event", "id": e.id, "createdDate": "2026-03-01T12:00:00Z", "entity": gen.EventEntityConsent,
		"eventType": gen.EventActionRevoked, "userId": "u1", "dataRef": "http://h/users/u1/consents/c1",
		"data": object{
			"type": "consent", "origin": s.url + "/not-a-link",
			"purpose": []object{{"links": object{"self": "http://h/purposes/1"}}},
			"links":   object{"self": "http://h/users/u1/consents/c1", "consentPolicy": policy, "other": nil},
		},
		"links": object{"self": "http://h/events/" + e.id},
	}, s.showEvent(e, &view{base: "http://h"}))
	assert.Equal(t, v.url("/users/u1/consents/c1"), data["links"].(object)["self"], "the event itself is not modified")
}

func TestEvents_Bounded(t *testing.T) {
	t.Parallel()
	s := New(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range maxEvents + 3 {
		s.emit(&event{created: now.Add(time.Duration(i))})
	}
	assert.Len(t, s.events, maxEvents)
	assert.Equal(t, now.Add(3), s.events[0].created)
	s.emit(&event{created: now.Add(2 * eventRetention)})
	assert.Len(t, s.events, 1, "old entries are dropped")
}

func TestWebhooks_Messages_Bounded(t *testing.T) {
	t.Parallel()
	s := New(t)
	require.NoError(t, s.Close()) // no messages are delivered
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &webhook{status: gen.WebhookStatusActive, events: []string{"user.created"}}
	s.webhooks = []*webhook{w}
	now := time.Now()
	for i := range maxMessages + 3 {
		s.sendMessages(&event{created: now.Add(time.Duration(i))}, "user.created", "")
	}
	assert.Len(t, w.messages, maxMessages)
	assert.Equal(t, now.Add(3), w.messages[0].created)
	s.sendMessages(&event{created: now.Add(2 * eventRetention)}, "user.created", "")
	assert.Len(t, w.messages, 1, "old entries are dropped")
}
