package mirrortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// errorReader fails with an error, or with io.EOF.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) {
	if r.err == nil {
		return 0, io.EOF
	}
	return 0, r.err
}

// exchange is a request of a syncer process, which waits until the bubble has handled it.
type exchange struct {
	request  *http.Request
	body     []byte
	response *httptest.ResponseRecorder
	now      time.Time
	abort    bool // the connection is reset
	truncate bool
	done     chan struct{}
}

// proxy is a server outside of the bubble that hands requests to a goroutine in the bubble. In the bubble it adds what the
// sandbox does not do: transactions that change or vanish, pages that shift, and faults of the network.
type proxy struct {
	exchanges chan *exchange
	server    *httptest.Server

	sandbox *basiqtest.Sandbox
	random  *rand.Rand
	faults  float64
	// overlay holds transactions that the bank has changed: a new description, or "" for those that have vanished.
	overlay map[string]string
	// pending holds the pending transactions that were ever listed, absent the posted ones that Basiq did not have later.
	pending, absent map[string]bool
	// purges is how often a purge gave the transactions of a connection new IDs.
	purges           map[string]int
	requests, failed atomic.Int64
	// parsed holds the transactions by their JSON.
	parsed map[string]listed
	// lists holds the lists that were made at the time listsAt. A change of the sandbox empties it.
	lists   map[string][]listed
	listsAt time.Time
}

func newProxy(seed uint64) *proxy {
	p := &proxy{
		exchanges: make(chan *exchange), random: rand.New(rand.NewPCG(seed, 2)), overlay: map[string]string{}, pending: map[string]bool{},
		absent: map[string]bool{}, purges: map[string]int{}, parsed: map[string]listed{},
	}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		x := &exchange{request: r, body: body, response: httptest.NewRecorder(), done: make(chan struct{})}
		select {
		case p.exchanges <- x:
		case <-r.Context().Done(): // the process was killed
			return
		}
		select {
		case <-x.done:
		case <-r.Context().Done():
			return
		}
		if x.abort {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), x.response.Header())
		content := x.response.Body.Bytes()
		w.Header().Set(headerNow, strconv.FormatInt(x.now.UnixMicro(), 10))
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.WriteHeader(x.response.Code)
		if x.truncate {
			content = content[:len(content)/2]
		}
		_, _ = w.Write(content)
		if x.truncate {
			panic(http.ErrAbortHandler)
		}
	}))
	return p
}

const emptyList = `{"type":"list","count":0,"size":0,"data":[],"links":{}}`

// handle handles an exchange in the bubble.
func (p *proxy) handle(x *exchange) {
	defer close(x.done)
	defer func() { x.now = time.Now() }()
	switch chance := p.random.Float64(); {
	case chance < p.faults:
		p.failed.Add(1)
		p.fail(x)
		return
	case chance < 1.5*p.faults && strings.HasSuffix(x.request.URL.Path, "/transactions"): // the most dangerous fault
		p.failed.Add(1)
		x.response.Header().Set("Content-Type", "application/json")
		_, _ = x.response.WriteString(emptyList)
		return
	}
	p.serve(x)
}

// fail does one of the things that go wrong between a client and Basiq.
func (p *proxy) fail(x *exchange) {
	isList := x.request.Method == http.MethodGet && !strings.Contains(x.request.URL.Path, "/accounts/")
	switch kind := p.random.IntN(9); {
	case kind == 0:
		x.abort = true
	case kind == 1:
		p.serve(x)
		x.truncate = true
	case kind == 2:
		x.response.Header().Set("Content-Type", "application/json")
		_, _ = x.response.WriteString(`{"type":"list","data":[{"id":`)
	case kind == 3:
		x.response.Header().Set("Content-Type", "text/html")
		x.response.WriteHeader(http.StatusBadGateway)
		_, _ = x.response.WriteString("<html>bad gateway</html>")
	case kind == 4:
		x.response.Header().Set("Retry-After", "3")
		x.response.WriteHeader(http.StatusTooManyRequests)
	case kind == 5:
		p.sandbox.ExpireTokens()
		p.serve(x)
	case isList && kind > 5:
		x.response.Header().Set("Content-Type", "application/json")
		_, _ = x.response.WriteString(emptyList)
	default:
		x.response.Header().Set("Content-Type", "application/json")
		x.response.WriteHeader(http.StatusServiceUnavailable)
		_, _ = x.response.WriteString(`{"type":"list","data":[{"type":"error","code":"service-unavailable","title":"Unavailable"}]}`)
	}
}

// serve hands an exchange to the sandbox.
func (p *proxy) serve(x *exchange) {
	r := x.request.Clone(x.request.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	if parts := strings.Split(r.URL.Path, "/"); len(parts) == 4 && parts[3] == "transactions" && r.Method == http.MethodGet {
		p.serveTransactions(x, r)
		return
	}
	p.sandbox.ServeHTTP(x.response, r)
}

// listed is a transaction in a list.
type listed struct {
	ID          string          `json:"id"`
	Status      string          `json:"status"`
	Amount      string          `json:"amount"`
	Description string          `json:"description"`
	Account     string          `json:"account"`
	Connection  string          `json:"connection"`
	raw         json.RawMessage `json:"-"`
}

// pageSize is small, so that lists change between their pages.
const pageSize = 40

// serveTransactions serves a page of the changed list. Its cursor is an offset, so that lists shift.
func (p *proxy) serveTransactions(x *exchange, r *http.Request) {
	query := r.URL.Query()
	offset, _ := strconv.Atoi(query.Get("next"))
	all, code, body := p.transactions(r.URL.Path, query.Get("filter"), r.Header)
	if code != http.StatusOK {
		x.response.WriteHeader(code)
		_, _ = x.response.Write(body)
		return
	}
	offset = min(offset, len(all))
	end := min(len(all), offset+pageSize)
	data := make([]json.RawMessage, 0, pageSize)
	for _, t := range all[offset:end] {
		data = append(data, t.raw)
	}
	links := map[string]string{}
	if end < len(all) {
		links["next"] = p.server.URL + r.URL.Path + "?" + url.Values{"filter": {query.Get("filter")}, "next": {strconv.Itoa(end)}}.Encode()
	}
	content, err := json.Marshal(map[string]any{"type": "list", "count": len(data), "size": len(all), "data": data, "links": links})
	if err != nil {
		panic(err)
	}
	x.response.Header().Set("Content-Type", "application/json")
	_, _ = x.response.Write(content)
}

// transactions returns the changed list of the sandbox's transactions.
func (p *proxy) transactions(path, filter string, header http.Header) (all []listed, code int, body []byte) {
	if now := time.Now(); p.lists == nil || !now.Equal(p.listsAt) {
		p.lists, p.listsAt = map[string][]listed{}, now
	}
	if list, found := p.lists[path+filter]; found {
		return list, http.StatusOK, nil
	}
	next := path + "?" + url.Values{"limit": {"500"}, "filter": {filter}}.Encode()
	if filter == "" {
		next = path + "?limit=500"
	}
	for next != "" {
		r := httptest.NewRequest(http.MethodGet, next, nil)
		r.Header = header
		w := httptest.NewRecorder()
		p.sandbox.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return nil, w.Code, w.Body.Bytes()
		}
		var page struct {
			Data  []json.RawMessage `json:"data"`
			Links struct {
				Next string `json:"next"`
			} `json:"links"`
		}
		if err := api.Unmarshal(w.Body.Bytes(), &page); err != nil {
			panic(err)
		}
		for _, raw := range page.Data {
			t, known := p.parsed[string(raw)]
			if !known {
				t.raw = raw
				if err := api.Unmarshal(raw, &t); err != nil {
					panic(err)
				}
				p.parsed[string(raw)] = t
			}
			if purges := p.purges[t.Connection]; purges > 0 {
				id := fmt.Sprintf("%s-%d", t.ID, purges)
				t.raw = bytes.Replace(t.raw, fmt.Appendf(nil, `"id":%q`, t.ID), fmt.Appendf(nil, `"id":%q`, id), 1)
				t.ID = id
			}
			if t.Status == "pending" {
				p.pending[t.ID] = true
			} else {
				delete(p.pending, t.ID)
			}
			if description, changed := p.overlay[t.ID]; changed {
				if description == "" {
					p.absent[t.ID] = true
					continue
				}
				t.raw = bytes.Replace(t.raw, fmt.Appendf(nil, `"description":%q`, t.Description), fmt.Appendf(nil, `"description":%q`, description), 1)
				t.Description = description
			}
			all = append(all, t)
		}
		next = ""
		if page.Links.Next != "" {
			u, err := url.Parse(page.Links.Next)
			if err != nil {
				panic(err)
			}
			next = u.RequestURI()
		}
	}
	p.lists[path+filter] = all
	return all, http.StatusOK, nil
}
