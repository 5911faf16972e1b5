package basiqtest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const hook = "https://piper.example/basiq"

// A delivery is a request received by a subscriber.
type delivery struct {
	at     time.Time
	method string
	url    string
	header http.Header
	body   string
}

// subscriber is a transport that is the endpoint of all webhooks.
type subscriber struct {
	// status returns the status for the n-th delivery, counted from 0, or 0 for no response.
	status func(n int, r *http.Request) int

	mu  sync.Mutex
	got []delivery
}

func respondWith(status int) *subscriber {
	return &subscriber{status: func(int, *http.Request) int { return status }}
}

func (s *subscriber) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	n := len(s.got)
	s.got = append(s.got, delivery{at: time.Now(), method: r.Method, url: r.URL.String(), header: r.Header.Clone(), body: string(body)})
	s.mu.Unlock()
	status := s.status(n, r)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example"}}, Body: http.NoBody, Request: r,
	}, nil
}

// deliveries returns the deliveries so far. Call it in a synctest bubble.
func (s *subscriber) deliveries() []delivery {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.got...)
}

func (s *subscriber) option() basiqtest.Option {
	return basiqtest.WithWebhookClient(&http.Client{Transport: s})
}

// offsets returns the times of deliveries, relative to the first.
func offsets(list []delivery) []time.Duration {
	var times []time.Duration
	for _, d := range list {
		times = append(times, d.at.Sub(list[0].at))
	}
	return times
}

// subscribe creates a webhook.
func (c *caller) subscribe(url string, events ...string) reply {
	c.t.Helper()
	r := c.post("/notifications/webhooks", map[string]any{"url": url, "subscribedEvents": events})
	require.Equal(c.t, http.StatusCreated, r.status, r.raw)
	return r
}

// schedule holds the documented times of the attempts.
var schedule = []time.Duration{
	0, 5 * time.Second, 5*time.Minute + 5*time.Second, 35*time.Minute + 5*time.Second, 2*time.Hour + 35*time.Minute + 5*time.Second,
	7*time.Hour + 35*time.Minute + 5*time.Second, 17*time.Hour + 35*time.Minute + 5*time.Second,
	27*time.Hour + 35*time.Minute + 5*time.Second,
}

func TestDeliveries_Signed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusNoContent)
		c := new30(t, sub.option())
		secret := c.subscribe(hook, "user.created").text("secret")
		time.Sleep(1500 * time.Millisecond)
		user := c.newUser()
		c.post("/users/"+user, map[string]any{"email": "g@hooli.com"}) // not subscribed to
		got := sub.deliveries()
		require.Len(t, got, 1, "at once")
		d := got[0]
		assert.Equal(t, http.MethodPost, d.method)
		assert.Equal(t, hook, d.url)
		assert.Equal(t, "application/json", d.header.Get("Content-Type"))
		event := c.event("event.type.eq('created')").text("id")
		base := c.sandbox.URL()
		assert.JSONEq(t, `{"eventTypeId":"user.created","eventId":"`+event+`","links":{"event":"`+base+`/events/`+event+
			`","eventEntity":"`+base+`/users/`+user+`"}}`, d.body)

		verifier, err := webhook.New(api.NewSecret(secret))
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(d.header, []byte(d.body)))
		require.Error(t, verifier.Verify(d.header, []byte(d.body+" ")))

		// Verify the signature manually, as specified by Standard Webhooks.
		encoded, ok := strings.CutPrefix(secret, "whsec_")
		require.True(t, ok)
		key, err := base64.StdEncoding.DecodeString(encoded)
		require.NoError(t, err)
		assert.Len(t, key, 24)
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, d.header.Get("webhook-id")+"."+d.header.Get("webhook-timestamp")+"."+d.body)
		assert.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), d.header.Get("webhook-signature"))
		assert.Equal(t, strconv.FormatInt(time.Now().Unix(), 10), d.header.Get("webhook-timestamp"))

		time.Sleep(30 * time.Hour)
		assert.Len(t, sub.deliveries(), 1, "delivered messages are not retried")
	})
}

func TestDeliveries_Job(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusOK)
		c := new30(t, sub.option())
		c.subscribe(hook, "connection.created", "connection.activated", "account.updated", "transactions.updated")
		c.connect(c.newUser(), hooli, "Wentworth-Smith", "whislter")
		time.Sleep(long) // without a request for the job
		types, ids := map[string]int{}, map[string]bool{}
		for _, d := range sub.deliveries() {
			var body struct{ EventTypeID, EventID string }
			require.NoError(t, json.Unmarshal([]byte(d.body), &body))
			types[body.EventTypeID]++
			ids[d.header.Get("webhook-id")] = true
			assert.Equal(t, http.StatusOK, c.get("/events/"+body.EventID).status)
		}
		assert.Equal(t, map[string]int{
			"connection.created": 1, "connection.activated": 1, "account.updated": 4, "transactions.updated": 1,
		}, types)
		assert.Len(t, ids, 7, "IDs are unique")
	})
}

func TestDeliveries_RetrySchedule(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{
		"500": http.StatusInternalServerError, "404": http.StatusNotFound, "redirect": http.StatusFound,
		"moved": http.StatusPermanentRedirect, "no response": 0,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sub := respondWith(status)
				c := new30(t, sub.option())
				hooked := c.subscribe(hook, "user.created")
				verifier, err := webhook.New(api.NewSecret(hooked.text("secret")))
				require.NoError(t, err)
				c.newUser()
				time.Sleep(schedule[7] - time.Nanosecond)
				require.Len(t, sub.deliveries(), 7)
				c = c.as("3.0", server, "")
				path := "/notifications/webhooks/" + hooked.text("id")
				assert.Equal(t, "active", c.get(path).text("status"))
				time.Sleep(time.Nanosecond)
				got := sub.deliveries()
				assert.Equal(t, schedule, offsets(got))
				for _, d := range got {
					assert.Equal(t, hook, d.url, "redirects are not followed")
					assert.Equal(t, got[0].header.Get("webhook-id"), d.header.Get("webhook-id"))
					assert.Equal(t, got[0].body, d.body)
					assert.Equal(t, strconv.FormatInt(d.at.Unix(), 10), d.header.Get("webhook-timestamp"), "time of the attempt")
				}
				require.NoError(t, verifier.Verify(got[7].header, []byte(got[7].body)))

				r := c.get(path)
				assert.Equal(t, "pending-approval", r.text("status"), "disabled")
				c.newUser()
				time.Sleep(30 * time.Hour)
				assert.Len(t, sub.deliveries(), 8)

				c = c.as("3.0", server, "")
				r = c.post(path, map[string]any{"url": hook})
				assert.Equal(t, "active", r.text("status"), r.raw)
				assert.Len(t, sub.deliveries(), 8, "missed events are not delivered later")
				c.newUser()
				assert.Len(t, sub.deliveries(), 9)
			})
		})
	}
}

func TestDeliveries_DisabledWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusTeapot)
		c := new30(t, sub.option())
		c.subscribe(hook, "user.created")
		c.newUser()
		time.Sleep(time.Hour)
		c.as("3.0", server, "").newUser()
		time.Sleep(60 * time.Hour)
		assert.Len(t, sub.deliveries(), 8+7, "the second message had one attempt left")
	})
}

func TestDeliveries_RetrySucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := &subscriber{status: func(n int, _ *http.Request) int {
			return []int{0, http.StatusBadGateway, http.StatusAccepted}[n]
		}}
		c := new30(t, sub.option())
		hooked := c.subscribe(hook, "user.created")
		c.newUser()
		time.Sleep(40 * time.Minute)
		assert.Equal(t, schedule[:3], offsets(sub.deliveries()))

		path := "/notifications/webhooks/" + hooked.text("id")
		list := c.get(path + "/messages")
		require.Equal(t, 1, list.length("data"), list.raw)
		assert.False(t, list.has("data.0.attempts"), "lists omit attempts")
		r := c.get(path + "/messages/" + list.text("data.0.id"))
		item, _ := list.at("data.0")
		whole := r.body.(map[string]any)
		attempts := whole["attempts"].([]any)
		delete(whole, "attempts")
		assert.Equal(t, item, whole)
		require.Len(t, attempts, 3)
		began := time.Now().Add(-40 * time.Minute).UTC()
		for i, want := range []struct {
			after    time.Duration
			code     any
			response string
			status   string
		}{
			{schedule[2], json.Number("202"), "Accepted", "Success"}, // newest first
			{schedule[1], json.Number("502"), "Bad Gateway", "Failed"},
			{schedule[0], nil, "No response", "Failed"},
		} {
			a := attempts[i].(map[string]any)
			assert.NotEmpty(t, a["id"])
			delete(a, "id")
			assert.Equal(t, map[string]any{
				"url": hook, "timestamp": began.Add(want.after).Format(time.RFC3339), "responseStatusCode": want.code,
				"response": want.response, "status": want.status,
			}, a)
		}
	})
}

// A delivery without a response times out after ten seconds, and the delay starts then.
func TestDeliveries_Timeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := &subscriber{status: func(n int, r *http.Request) int {
			if n == 0 {
				<-r.Context().Done()
				return 0
			}
			return http.StatusOK
		}}
		c := new30(t, sub.option())
		c.subscribe(hook, "user.created")
		c.newUser()
		c.newUser()
		time.Sleep(time.Minute)
		assert.Equal(t, []time.Duration{0, 0, 15 * time.Second}, offsets(sub.deliveries()), "deliveries are independent")
	})
}

func TestDeliveries_ClientTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := &subscriber{status: func(_ int, r *http.Request) int {
			<-r.Context().Done()
			return 0
		}}
		own := &http.Client{Transport: sub, Timeout: time.Minute}
		c := new30(t, basiqtest.WithWebhookClient(own))
		c.subscribe(hook, "user.created")
		c.newUser()
		time.Sleep(90 * time.Second)
		assert.Equal(t, []time.Duration{0, 65 * time.Second}, offsets(sub.deliveries()))
		assert.Nil(t, own.CheckRedirect, "the client is not modified")
	})
}

func TestDeliveries_Speed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusInternalServerError)
		c := new30(t, sub.option(), basiqtest.WithSpeed(3600))
		c.subscribe(hook, "user.created")
		c.newUser()
		time.Sleep(time.Minute)
		got := offsets(sub.deliveries())
		require.Len(t, got, 8)
		for i, at := range got {
			assert.InDelta(t, schedule[i]/3600, at, 10, "to a few nanoseconds")
		}
	})
}

func TestDeliveries_DeletedWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusInternalServerError)
		c := new30(t, sub.option())
		path := "/notifications/webhooks/" + c.subscribe(hook, "user.created").text("id")
		c.newUser()
		require.Len(t, sub.deliveries(), 1)
		assert.Equal(t, http.StatusNoContent, c.delete(path).status)
		c.newUser()
		time.Sleep(time.Hour)
		assert.Len(t, sub.deliveries(), 1)
	})
}

func TestDeliveries_UpdatedWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusInternalServerError)
		c := new30(t, sub.option())
		path := "/notifications/webhooks/" + c.subscribe(hook, "user.created").text("id")
		c.newUser()
		require.Len(t, sub.deliveries(), 1)
		c.post(path, map[string]any{"url": hook + "/moved", "subscribedEvents": []string{"user.deleted"}})
		time.Sleep(10 * time.Second)
		got := sub.deliveries()
		require.Len(t, got, 2, "although it no longer subscribes to the type")
		assert.Equal(t, hook+"/moved", got[1].url)
		c.newUser()
		assert.Len(t, sub.deliveries(), 2)
	})
}

// The bubble would not end if a goroutine were left.
func TestDeliveries_Close(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := &subscriber{status: func(_ int, r *http.Request) int {
			<-r.Context().Done()
			return 0
		}}
		s := basiqtest.New(t, sub.option())
		c := newCaller(t, s, "3.0", server, "")
		c.subscribe(hook, "user.created")
		c.newUser()
		require.Len(t, sub.deliveries(), 1)
		began := time.Now()
		require.NoError(t, s.Close())
		assert.Equal(t, began, time.Now(), "Close does not wait for the timeout")
		time.Sleep(time.Hour)
		assert.Len(t, sub.deliveries(), 1)
	})
}

// A sandbox mounted in another server can receive requests after it was closed.
func TestDeliveries_AfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusOK)
		s := basiqtest.New(t, sub.option())
		c := newCaller(t, s, "3.0", server, "")
		c.subscribe(hook, "user.created")
		require.NoError(t, s.Close())
		r := httptest.NewRequest(http.MethodPost, "/users", strings.NewReader(`{"email":"gavin@hooli.com"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+c.token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		assert.Equal(t, http.StatusCreated, w.Code)
		assert.Empty(t, sub.deliveries())
	})
}

func TestDeliveries_Loopback(t *testing.T) {
	t.Parallel()
	s, err := basiqtest.Start(basiqtest.WithSpeed(1000))
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	c := newCaller(t, s, "3.0", server, "")

	got := make(chan *webhook.Event, 10)
	var verifier *webhook.Verifier
	var tries, elsewhere atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	mux.HandleFunc("/basiq", func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) == 1 {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		event, err := verifier.Parse(r)
		if !assert.NoError(t, err) {
			return
		}
		// A subscriber may call the sandbox before it responds.
		assert.Equal(t, event.UserID(), c.get(strings.TrimPrefix(event.Links.Event, s.URL())).text("userId")) //nolint:contextcheck // the test has its own context
		got <- event
	})
	endpoint := httptest.NewServer(mux)
	defer endpoint.Close()
	verifier, err = webhook.New(api.NewSecret(c.subscribe(endpoint.URL+"/basiq", "user.created").text("secret")))
	require.NoError(t, err)
	user := c.newUser()
	select {
	case event := <-got:
		assert.Equal(t, webhook.EventUserCreated, event.EventTypeID)
		assert.Equal(t, user, event.UserID())
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	require.NoError(t, s.Close())
	assert.EqualValues(t, 2, tries.Load())
	assert.Zero(t, elsewhere.Load(), "redirects are not followed")
}

// A webhook that is created by the client for a loopback host receives its deliveries over HTTP.
func TestWebhooks_Create_Loopback(t *testing.T) {
	t.Parallel()
	s, err := basiqtest.Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	client, err := s.NewClient()
	require.NoError(t, err)
	got := make(chan delivery, 1)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- delivery{header: r.Header, body: string(body)}
	}))
	defer endpoint.Close()
	created, err := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{
		URL: endpoint.URL, SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameUserCreated},
	})
	require.NoError(t, err)
	_, err = client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	select {
	case d := <-got:
		verifier, err := webhook.New(created.Secret)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(d.header, []byte(d.body)))
	case <-time.After(time.Minute):
		t.Fatal("no delivery")
	}
}

func TestDeliveries_Close_HangingSubscriber(t *testing.T) {
	t.Parallel()
	// Use an hour, so that Close cannot be waiting for this timeout.
	s, err := basiqtest.Start(basiqtest.WithWebhookClient(&http.Client{Timeout: time.Hour}))
	require.NoError(t, err)
	c := newCaller(t, s, "3.0", server, "")
	came, gone := make(chan struct{}), make(chan struct{})
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(came)
		<-r.Context().Done()
		close(gone)
	}))
	defer endpoint.Close()
	c.subscribe(endpoint.URL, "user.created")
	c.newUser()
	<-came
	began := time.Now()
	require.NoError(t, s.Close())
	assert.Less(t, time.Since(began), time.Minute)
	<-gone
}

func TestDeliveries_MessageLinks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusOK)
		c := new30(t, sub.option())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://basiq.example/notifications/webhooks",
			strings.NewReader(`{"url":"`+hook+`","subscribedEvents":"user.created"}`))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+c.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.sandbox.HTTPClient().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusCreated, resp.StatusCode)
		user := c.newUser()
		require.Len(t, sub.deliveries(), 1)
		assert.Contains(t, sub.deliveries()[0].body, `"eventEntity":"http://basiq.example/users/`+user+`"`)
	})
}

// An attempt is logged with its result, but without the URL, which may contain a secret.
func TestDeliveries_Log(t *testing.T) {
	t.Parallel()
	var out lines
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(far.Close)
	c := new30(t, basiqtest.WithLogger(slog.New(slog.NewJSONHandler(&out, nil))))
	r := c.post("/notifications/webhooks", map[string]any{
		"url": far.URL + "/?key=Pl4nted", "subscribedEvents": []string{"user.created"},
	})
	require.Equal(t, http.StatusCreated, r.status, r.raw)
	c.newUser()
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		assert.Contains(t, out.String(), `"msg":"delivery","webhook":"`+r.text("id"))
	}, time.Minute, time.Millisecond)
	assert.Contains(t, out.String(), `"event":"user.created","status":418`)
	assert.NotContains(t, out.String(), "Pl4nted")
}

func TestSandbox_DeliverTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		const hook = "http://localhost:8080/basiq?tenant=1"
		created, err := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{
			URL: hook, SubscribedEvents: []basiq.EventTypeName{"user.updated"},
		})
		require.NoError(t, err)
		verifier, err := webhook.New(created.Secret)
		require.NoError(t, err)

		var got atomic.Int64
		handle := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
		var mu sync.Mutex
		sandbox.DeliverTo(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got.Add(1)
			assert.Equal(t, hook, "http://"+r.Host+r.URL.String())
			_, err := verifier.Parse(r)
			assert.NoError(t, err)
			_, err = client.Users.Get(r.Context(), user.ID) // the sandbox can be called
			assert.NoError(t, err)
			mu.Lock()
			respond := handle
			mu.Unlock()
			respond(w, r)
		}))
		for _, test := range []struct {
			name   string
			handle http.HandlerFunc
			want   int64
		}{
			{"success", handle, 1},
			{"failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 2},
			{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, 2},
			{"panic", func(http.ResponseWriter, *http.Request) { panic("handler") }, 2},
			{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 2},
		} {
			mu.Lock()
			handle = test.handle
			mu.Unlock()
			got.Store(0)
			_, err := client.Users.Update(t.Context(), user.ID, basiq.UpdateUser{Email: test.name + "@hooli.com"})
			require.NoError(t, err)
			time.Sleep(time.Minute)
			assert.Equal(t, test.want, got.Load(), test.name)
		}
		_, err = client.Users.Update(t.Context(), user.ID, basiq.UpdateUser{Email: "last@hooli.com"})
		require.NoError(t, err)
		synctest.Wait() // the handler waits, which must not block Close
	})
}

func TestSandbox_DeliverTo_Nil(t *testing.T) {
	t.Parallel()
	var tb fakeTB
	sandbox := basiqtest.New(&tb)
	defer tb.cleanups[0]()
	sandbox.DeliverTo(nil)
	assert.Equal(t, "basiqtest: DeliverTo: nil handler", tb.fatal)
}
