package basiqtest

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// deliveryTimeout is for how long an answer to a message is waited for; Basiq's time is not documented.
const deliveryTimeout = 10 * time.Second

// maxMessages bounds the messages of a webhook that are kept. The oldest go first.
const maxMessages = 10_000

// deliveryWaits are the documented waits after each failure but the last, which disables the webhook.
var deliveryWaits = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
}

// message is what a webhook is told of an event.
type message struct {
	id       string
	webhook  *webhook // may have been deleted since
	created  time.Time
	typeID   string
	eventID  string
	payload  object // as the log shows it; never changes
	body     []byte // as it is sent
	attempts []attempt
}

// attempt is one at delivering a message.
type attempt struct {
	id       string
	url      string
	began    time.Time
	code     int    // the status of the answer; 0 when there was none
	response string // in words
}

func (a *attempt) status() gen.WebhookAttemptStatus {
	if a.code/100 == 2 {
		return gen.WebhookAttemptStatusSuccess
	}
	return gen.WebhookAttemptStatusFailed
}

// status is that of the last attempt, and "" before there is one.
func (m *message) status() gen.WebhookAttemptStatus {
	if len(m.attempts) == 0 {
		return ""
	}
	return m.attempts[len(m.attempts)-1].status()
}

func (a *attempt) show() object {
	o := object{
		"id": a.id, "url": a.url, "status": a.status(), "timestamp": formatTime(a.began), "response": a.response,
		"responseStatusCode": nil,
	}
	if a.code != 0 {
		o["responseStatusCode"] = a.code
	}
	return o
}

// newDeliverer returns a client that follows no redirects and waits for nobody for ever: the given one as far as it does
// so, or one that leaves no connections behind and asks no environment for a proxy.
func newWebhookClient(given *http.Client) *http.Client {
	deliverer := http.Client{Transport: &http.Transport{DisableKeepAlives: true, MaxConnsPerHost: 100}}
	if given != nil {
		deliverer = *given
	}
	deliverer.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if deliverer.Timeout == 0 {
		deliverer.Timeout = deliveryTimeout
	}
	return &deliverer
}

// notify tells the webhooks that want to hear of an event.
func (s *Sandbox) notify(e *event) { s.sendMessages(e, e.typeID(), "") }

// send sends a message to the webhooks that subscribe to the type of an event. The text is of a test message, else "".
func (s *Sandbox) sendMessages(e *event, typeID, text string) {
	for _, w := range s.webhooks {
		if !w.subscribesTo(typeID) {
			continue
		}
		payload := object{
			"eventTypeId": typeID, "eventId": e.id,
			"links": object{"event": w.base + e.path(), "eventEntity": w.base + e.ref},
		}
		sent := maps.Clone(payload)
		sent.addIfSet("Text", text) // which the log of messages has no place for
		_, body := encode(response{body: sent})
		m := &message{
			id: derivedID(e.id, "message "+w.id), webhook: w, created: e.created, typeID: typeID, eventID: e.id,
			payload: payload, body: bytes.TrimSpace(body),
		}
		for len(w.messages) > 0 && (len(w.messages) >= maxMessages || !w.messages[0].retained(m.created)) {
			w.messages[0] = nil
			w.messages = w.messages[1:]
		}
		w.messages = append(w.messages, m)
		s.deliver(m)
	}
}

// deliver makes the next attempt at delivering a message, unless its webhook is gone or disabled, which ends the matter.
// Nobody waits for the attempt: the sandbox is locked, and the subscriber may want to call it before it answers.
func (s *Sandbox) deliver(m *message) {
	w := m.webhook
	if s.closed || w.status != gen.WebhookStatusActive || !slices.Contains(s.webhooks, w) {
		return
	}
	// Both may change while the attempt is made.
	to, sign := w.url, w.verifier.Sign
	id := derivedID(m.id, "attempt "+strconv.Itoa(len(m.attempts)))
	s.background.Go(func() {
		// The moment of the attempt itself: one that comes late, say because the computer slept, is signed as of now.
		began := time.Now()
		a := attempt{id: id, url: to, began: began}
		a.code, a.response = s.post(s.lifetime, to, sign(m.id, began, m.body), m.body)
		// Not the URL: it may hold a secret, and the webhook's id leads to it.
		s.config.logger.LogAttrs(s.lifetime, slog.LevelInfo, "delivery",
			slog.String("webhook", w.id), slog.String("message", m.id), slog.String("event", m.typeID),
			slog.Int("status", a.code), slog.Duration("duration", time.Since(began)))
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			s.recordAttempt(m, a, time.Now())
		}
	})
}

// post sends a message and returns the status of the answer with its words; 0 when there is no answer.
func (s *Sandbox) post(ctx context.Context, to string, header http.Header, body []byte) (code int, response string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, noResponse
	}
	req.Header = header
	resp, err := s.webhookClient.Do(req)
	if err != nil {
		return 0, noResponse
	}
	_ = resp.Body.Close() // Nobody reads it: the status says it all.
	return resp.StatusCode, http.StatusText(resp.StatusCode)
}

// noResponse stands for the words of an answer. The reason is not told: it may be about the machine the sandbox runs on.
const noResponse = "No response"

// delivered keeps what came of an attempt and plans the next, if there has to be one. Each wait begins when the attempt
// before has failed.
func (s *Sandbox) recordAttempt(m *message, a attempt, now time.Time) {
	failures := len(m.attempts) // all before have failed
	m.attempts = append(m.attempts, a)
	switch {
	case a.status() == gen.WebhookAttemptStatusSuccess:
	case failures < len(deliveryWaits):
		s.schedule(now.Add(s.scaleDuration(deliveryWaits[failures])), func(time.Time) { s.deliver(m) })
	default:
		m.webhook.status = gen.WebhookStatusPendingApproval
	}
}
