package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// fixture is a user with a connection in a sandbox, and a mirror in memory.
type fixture struct {
	*testing.T

	sandbox *basiqtest.Sandbox
	client  *basiq.Client
	store   *mirror.Memory
	mirror  *mirror.Mirror
	user    string
	// rewrite changes the JSON of list responses; nil changes nothing. path is that of the request.
	rewrite func(path string, list map[string]any)
}

// RoundTrip implements [http.RoundTripper].
func (f *fixture) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := f.sandbox.HTTPClient().Transport.RoundTrip(r)
	if err != nil || f.rewrite == nil || r.Method != http.MethodGet {
		return response, err
	}
	defer func() { _ = response.Body.Close() }()
	var list map[string]any
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	f.rewrite(r.URL.Path, list)
	body, err := json.Marshal(list)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Length")
	return response, err
}

// isTransactions reports whether a path is that of a list of transactions.
func isTransactions(path string) bool { return strings.HasSuffix(path, "/transactions") }

// filterData removes items from a list.
func filterData(list map[string]any, remove func(item map[string]any) bool) {
	data, _ := list["data"].([]any)
	data = slices.DeleteFunc(data, func(item any) bool { return remove(item.(map[string]any)) })
	list["data"] = data
	delete(list, "count") // other pages would have another size
	delete(list, "size")
}

// run runs a test in a bubble with a user who has no connection yet.
func run(t *testing.T, test func(f *fixture), options ...mirror.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, sandbox: basiqtest.New(t), store: new(mirror.Memory)}
		var err error
		f.client, err = f.sandbox.NewClient(basiq.WithHTTPClient(&http.Client{Transport: f}))
		require.NoError(t, err)
		f.mirror, err = mirror.New(f.client, f.store, options...)
		require.NoError(t, err)
		user, err := f.client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		f.user = user.ID
		test(f)
	})
}

func (f *fixture) connect(login string, options ...basiqtest.ConnectOption) (connectionID string) {
	f.Helper()
	job, err := f.client.Jobs.Wait(f.Context(), f.sandbox.Connect(f.user, "AU00000", login, options...))
	require.NoError(f, err)
	id, ok := job.ConnectionID()
	require.True(f, ok)
	return id
}

func (f *fixture) refresh(connectionID string) {
	f.Helper()
	_, err := f.client.Connections.RefreshAndWait(f.Context(), f.user, connectionID)
	require.NoError(f, err)
}

func (f *fixture) sync(options ...mirror.SyncOption) mirror.Result {
	f.Helper()
	result, err := f.mirror.Sync(f.Context(), f.user, options...)
	require.NoError(f, err)
	return result
}

// truth returns the transactions at Basiq, without links.
func (f *fixture) truth() map[string]string {
	f.Helper()
	all := map[string]string{}
	var raw []byte
	for t, err := range f.client.Transactions.List(basiq.ContextWithRawJSON(context.Background(), &raw), f.user) {
		require.NoError(f, err)
		all[t.ID] = string(raw)
	}
	return all
}

// requireTruth compares the mirror and the replayed feed with Basiq.
func (f *fixture) requireTruth() {
	f.Helper()
	want := f.truth()
	got := f.store.Transactions(f.user)
	require.Len(f, slices.Collect(maps.Keys(got)), len(want))
	for id, payload := range want {
		if payload != string(got[id]) { // parsing takes long
			require.JSONEq(f, payload, string(got[id]))
		}
	}
	replayed, last := map[string]bool{}, mirror.Position(0)
	for c, err := range f.mirror.Changes(f.Context(), f.user, 0) {
		require.NoError(f, err)
		require.Equal(f, last+1, c.Position)
		last = c.Position
		switch c.Kind {
		case mirror.KindAdded:
			require.False(f, replayed[c.TransactionID])
			replayed[c.TransactionID] = true
		case mirror.KindModified:
			require.True(f, replayed[c.TransactionID])
		case mirror.KindRemoved:
			require.True(f, replayed[c.TransactionID])
			delete(replayed, c.TransactionID)
		case mirror.KindSettled:
			require.True(f, replayed[c.PendingID])
			delete(replayed, c.PendingID)
			replayed[c.TransactionID] = true
		case mirror.KindErased:
			require.Fail(f, "erased")
		}
	}
	require.Len(f, replayed, len(want))
	for id := range want {
		require.True(f, replayed[id])
	}
}

func TestMirror_Sync(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		first := f.sync()
		assert.Positive(f, first.Added)
		f.requireTruth()

		idle := f.sync()
		assert.True(f, idle.Idle)
		assert.Equal(f, 1, idle.Requests)
		assert.Equal(f, mirror.Result{Requests: 1, Rounds: 1, Idle: true, Next: idle.Next}, idle)
		assert.True(f, idle.Next.After(time.Now()))

		for range 10 {
			time.Sleep(23 * time.Hour)
			f.refresh(id)
			result := f.sync() // too early to be complete
			assert.False(f, result.Idle)
			time.Sleep(6 * time.Minute)
			result = f.sync()
			f.Log(result)
			f.requireTruth()
			assert.True(f, f.sync().Idle)
		}
	})
}
