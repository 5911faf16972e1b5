package basiqtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// deliveryTimeout is the timeout for the response to a message. Basiq's timeout is not documented.
const deliveryTimeout = 10 * time.Second

// maxMessages is the number of messages kept per webhook. The oldest are dropped.
const maxMessages = 10_000

// deliveryWaits holds the documented delays after each failed attempt. The last failure disables the webhook.
var deliveryWaits = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
}

// A message is a notification of an event for one webhook.
type message struct {
	id       string
	webhook  *webhook // may be deleted
	created  time.Time
	typeID   string
	eventID  string
	payload  object // as the message log shows it; immutable
	body     []byte // as sent
	attempts []attempt
}

// An attempt is one attempt to deliver a message.
type attempt struct {
	id       string
	url      string
	began    time.Time
	code     int    // HTTP status of the response; 0 if there was none
	response string // status text
}

func (a *attempt) status() gen.WebhookAttemptStatus {
	if a.code/100 == 2 {
		return gen.WebhookAttemptStatusSuccess
	}
	return gen.WebhookAttemptStatusFailed
}

// status returns the status of the last attempt, or "" if there was none.
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

// newWebhookClient returns a client that does not follow redirects and always has a timeout. It is based on base if
// that is not nil. The default client keeps no idle connections and ignores proxy settings of the environment.
func newWebhookClient(base *http.Client) *http.Client {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, MaxConnsPerHost: 100}}
	if base != nil {
		client = *base
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.Timeout == 0 {
		client.Timeout = deliveryTimeout
	}
	return &client
}

// DeliverTo delivers webhook messages to a handler in memory, instead of to the URLs of the webhooks. It opens no
// sockets, so it also works in a synctest bubble:
//
//	sandbox.DeliverTo(app) // the handler of the application
//	created, err := client.Webhooks.Create(ctx, basiq.CreateWebhook{URL: "https://app.example/basiq", ...})
//
// The requests have the host and path of the webhook's URL. A response outside 2xx, a panic and a response that takes
// longer than ten seconds are failed attempts, as over a network. DeliverTo applies to attempts from now on, and replaces
// the client of [WithWebhookClient] and an earlier handler. [Sandbox.Close] waits for the handler to return. A nil
// handler fails the test that created the sandbox with [New]. For a sandbox created with [Start], it panics.
func (s *Sandbox) DeliverTo(handler http.Handler) {
	if handler == nil {
		s.fatalf("DeliverTo", errors.New("nil handler"))
		return
	}
	listener := newPipeListener()
	receiver := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), ConnState: s.trackConn,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.webhookClient = newWebhookClient(&http.Client{Transport: &http.Transport{
		DialContext: listener.dial, DialTLSContext: listener.dialTLS, DisableKeepAlives: true,
	}})
	s.receivers = append(s.receivers, receiver)
	s.background.Go(func() { _ = receiver.Serve(listener) }) // always http.ErrServerClosed
}

// notify sends an event to the webhooks that subscribe to its type.
func (s *Sandbox) notify(e *event) { s.sendMessages(e, e.typeID(), "") }

// sendMessages sends an event to the webhooks that subscribe to typeID. The text is set for test messages only.
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
		sent.addIfSet("Text", text) // not part of the message log
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

// deliver starts the next attempt to deliver a message, unless its webhook is disabled or deleted. The attempt runs in
// the background, because the sandbox is locked and the subscriber may call the sandbox before it responds.
func (s *Sandbox) deliver(m *message) {
	w := m.webhook
	if s.closed || w.status != gen.WebhookStatusActive || !slices.Contains(s.webhooks, w) {
		return
	}
	// Both may change during the attempt.
	to, sign := w.url, w.verifier.Sign
	client := s.webhookClient
	a := attempt{id: derivedID(m.id, "attempt "+strconv.Itoa(len(m.attempts))), url: to, began: s.now()}
	s.background.Go(func() {
		// Sign with the real time of the attempt, which may be later than scheduled, for example after the computer slept.
		began := time.Now()
		a.code, a.response = post(s.lifetime, client, to, sign(m.id, began, m.body), m.body)
		// Do not log the URL, because it may contain a secret. The webhook ID identifies it.
		s.config.logger.LogAttrs(s.lifetime, slog.LevelInfo, "delivery",
			slog.String("webhook", w.id), slog.String("message", m.id), slog.String("event", m.typeID),
			slog.Int("status", a.code), slog.Duration("duration", time.Since(began)))
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			s.recordAttempt(m, a, s.now())
		}
	})
}

// post sends a message and returns the status code and text of the response, or 0 and noResponse if there is none.
func post(ctx context.Context, client *http.Client, to string, header http.Header, body []byte) (code int, response string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, noResponse
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		return 0, noResponse
	}
	_ = resp.Body.Close() // only the status matters
	return resp.StatusCode, http.StatusText(resp.StatusCode)
}

// noResponse is the response text of an attempt without a response. It does not include the error, which may contain
// details of the local machine.
const noResponse = "No response"

// recordAttempt stores the result of an attempt and schedules the next one if it failed. The delay starts when the
// attempt has failed.
func (s *Sandbox) recordAttempt(m *message, a attempt, now time.Time) {
	failures := len(m.attempts) // all previous attempts failed
	m.attempts = append(m.attempts, a)
	switch {
	case a.status() == gen.WebhookAttemptStatusSuccess:
	case failures < len(deliveryWaits):
		s.schedule(now.Add(s.scaleDuration(deliveryWaits[failures])), func(time.Time) { s.deliver(m) })
	default:
		m.webhook.status = gen.WebhookStatusPendingApproval
	}
}
