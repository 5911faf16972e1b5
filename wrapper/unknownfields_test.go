package basiq_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// reportsOf returns a function for [basiq.WithUnknownFields] and the calls of that function as text.
func reportsOf() (report func(basiq.UnknownField), reports *[]string) {
	reports = new([]string)
	return func(f basiq.UnknownField) {
		*reports = append(*reports, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", f.Operation.ID, f.Path, f.Problem, f.Value)))
	}, reports
}

func TestWithUnknownFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"all known", `{"type":"transaction","id":"t1","amount":"1.00","status":"posted","enrich":null,"subClass":{"code":"1","title":""}}`, nil},
		{"names in another case are decoded", `{"ID":"t1","subclass":{"CODE":"1"}}`, nil},
		{"name", `{"id":"t1","displayName":{"x":1}}`, []string{"getTransaction displayName name"}},
		{"nested name", `{"id":"t1","subClass":{"x":[]},"enrich":{"location":{"geometry":{"alt":"1"}}}}`, []string{"getTransaction subClass.x name", "getTransaction enrich.location.geometry.alt name"}},
		{"value", `{"id":"t1","status":"held"}`, []string{"getTransaction status value held"}},
		{"empty value", `{"id":"t1","status":""}`, nil},
		{"kind", `{"id":"t1","description":{"text":"x"}}`, []string{"getTransaction description kind"}},
		{"kind of an object", `{"id":"t1","subClass":"1"}`, []string{"getTransaction subClass kind"}},
		{"kind of an element", `{"id":"t1","links":[1]}`, []string{"getTransaction links kind"}},
		{"amounts are strings or numbers", `{"id":"t1","amount":1.5,"balance":""}`, nil},
		{"kind of an amount", `{"id":"t1","amount":{"value":"1.00"},"balance":true}`, []string{"getTransaction amount kind", "getTransaction balance kind"}},
		{"kind of a decimal", `{"id":"t1","enrich":{"category":{"matchScore":[1]},"location":{"geometry":{"lat":false,"lng":"1"}}}}`, []string{"getTransaction enrich.category.matchScore kind", "getTransaction enrich.location.geometry.lat kind"}},
		{"kind of a list or an object", `{"id":"t1","enrich":{"tags":true}}`, []string{"getTransaction enrich.tags kind"}},
		{"kind of an element of a list", `{"id":"t1","enrich":{"tags":["a",{"b":1}]}}`, []string{"getTransaction enrich.tags[] kind"}},
		{"an object of unknown form", `{"id":"t1","enrich":{"tags":{"a":1}}}`, nil},
		{"control characters", `{"id":"t1","a\u0000\nb":1}`, []string{"getTransaction a  b name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report, reports := reportsOf()
			client := newClient(t, &stub{respond: respondWith(ok(200, c.body))}, basiq.WithUnknownFields(report))
			for range 2 {
				_, err := client.Transactions.Get(t.Context(), userID, "t1")
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, *reports, "each field must be reported once")
		})
	}
}

func TestWithUnknownFields_List(t *testing.T) {
	t.Parallel()
	report, reports := reportsOf()
	client := newClient(t, &stub{respond: respondWith(
		ok(200, `{"type":"list","count":1,"size":3,"totalCount":3,"pages":2,"data":[{"id":"a1","x":1},{"id":"a2","x":1,"y":1}],"links":{"self":"","next":"?next=1","last":""}}`),
		ok(200, `{"type":"list","data":[{"id":"a3","x":1,"z":1}]}`),
	)}, basiq.WithUnknownFields(report))
	for _, err := range client.Accounts.List(t.Context(), userID) {
		require.NoError(t, err)
	}
	assert.Equal(t, []string{
		"getAccounts pages name", "getAccounts data[].x name", "getAccounts data[].y name", "getAccounts links.last name", "getAccounts data[].z name",
	}, *reports)
}

func TestWithUnknownFields_Unions(t *testing.T) {
	t.Parallel()
	report, reports := reportsOf()
	client := newClient(t, &stub{respond: respondWith(
		ok(200, `{"id":"a1","institution":{"type":"institution","id":"AU00000","x":1,"links":{"self":"","y":1}},"connection":true,"links":{"statements":[1]}}`),
		ok(200, `{"id":"i1","data":[{"balance":{"input":{"min":"1","max":false,"x":1}},"name":{"input":1}}]}`),
		ok(200, `{"type":"list","id":"","name":"","description":"","filters":[{"name":"users","x":1}],"data":[{"id":"CON_AFFOR_01"}],"y":1}`),
	)}, basiq.WithUnknownFields(report))
	_, err := client.Accounts.Get(t.Context(), userID, "a1")
	require.NoError(t, err)
	_, err = client.Insights.Get(t.Context(), userID, "i1")
	require.NoError(t, err)
	for _, err := range client.Reports.Types(t.Context()) {
		require.NoError(t, err)
	}
	assert.Equal(t, []string{
		"getAccount institution.x name", "getAccount institution.links.y name", "getAccount connection kind", "getAccount links.statements[] kind",
		"getInsightById data[].balance.input.max kind", "getInsightById data[].balance.input.x name", "getInsightById data[].name.input kind",
		"listReportTypes filters[].x name", "listReportTypes y name",
	}, *reports)
}

// Names come from the server, and the keys of maps may be personal data.
func TestWithUnknownFields_Bounds(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString(`{"id":"t1"`)
	for i := range 3000 {
		fmt.Fprintf(&body, `,"x%d":1`, i)
	}
	fmt.Fprintf(&body, `,%q:1}`, strings.Repeat("x", 1<<20))
	report, reports := reportsOf()
	client := newClient(t, &stub{respond: respondWith(ok(200, body.String()))}, basiq.WithUnknownFields(report))
	_, err := client.Transactions.Get(t.Context(), userID, "t1")
	require.NoError(t, err)
	assert.Len(t, *reports, 1000)

	report, reports = reportsOf()
	client = newClient(t, &stub{respond: respondWith(ok(200, `{"id":"t1",`+strings.Repeat(" ", 10)+`"`+strings.Repeat("x", 1<<20)+`":1}`))}, basiq.WithUnknownFields(report))
	_, err = client.Transactions.Get(t.Context(), userID, "t1")
	require.NoError(t, err)
	require.Len(t, *reports, 1)
	assert.Less(t, len((*reports)[0]), 2000)

	report, reports = reportsOf()
	const depth = 4000
	client = newClient(t, &stub{respond: respondWith(ok(200, strings.Repeat(`{"id":"r1","x":1,"data":[`, depth)+strings.Repeat(`]}`, depth)))}, basiq.WithUnknownFields(report))
	_, err = client.Reports.Type(t.Context(), "r1")
	require.NoError(t, err)
	assert.NotEmpty(t, *reports)
	assert.Less(t, len(strings.Join(*reports, "")), 200_000)

	report, reports = reportsOf()
	client = newClient(t, &stub{respond: respondWith(ok(200, `{"id":"a1","class":{"type":"loan","meta":{"Jane Doe":1}}}`))}, basiq.WithUnknownFields(report))
	_, err = client.Accounts.Get(t.Context(), userID, "a1")
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(*reports, ""), "Jane")
}

func TestWithUnknownFields_Nil(t *testing.T) {
	t.Parallel()
	_, err := basiq.New(testKey, basiq.WithUnknownFields(nil))
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
}
