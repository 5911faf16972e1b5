package basiq_test

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// keeping keeps the request that the generated client has made.
type keeping struct{ request *http.Request }

func (k *keeping) Do(req *http.Request) (*http.Response, error) {
	k.request = req
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// oddIDs have what Basiq's ids do not have, and what is still allowed in one.
var oddIDs = []string{"6a52015e-4791-11e8-8750-0a87c0279fe8", "a;b,c:d@e$f+g=h&i'(j)*!k", `[x]"<>^|{y}` + "`", "...", "~._-", "{userId}"}

// Requests that send no body are made without the generated client, which does the same at many times the cost.
func TestRequestsAreThoseOfTheGeneratedClient(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, base := range []string{"https://au-api.basiq.io", "https://proxy.example:8443/basiq/v3", "http://127.0.0.1:80/"} {
		client, err := basiq.New(testKey, basiq.WithBaseURL(base))
		require.NoError(t, err)
		for _, op := range basiq.Operations() {
			for i := range oddIDs {
				ids := make([]string, strings.Count(op.Path, "{"))
				for n := range ids {
					ids[n] = oddIDs[(i+n)%len(oddIDs)]
				}
				want := generated(t, base, op.ID, ids)
				if want == nil {
					continue // it sends a body
				}
				got, err := basiq.Request(t.Context(), client, op.ID, ids, "")
				require.NoError(t, err, op.ID)
				assert.Equal(t, want.URL.String(), got.URL.String(), op.ID)
				assert.Equal(t, *want.URL, *got.URL, op.ID)
				want.URL, got.URL = nil, nil
				want, got = want.WithContext(context.Background()), got.WithContext(context.Background())
				assert.Equal(t, want, got, op.ID)
				compared++
			}
		}
	}
	require.Equal(t, 3*len(oddIDs)*(64-withBody), compared)
}

// withBody counts the operations that send a body, or a query that is more than a page's.
const withBody = 16

// generated returns the request that the generated client makes for an operation; nil when that wants more than ids.
func generated(t *testing.T, base, operationID string, ids []string) *http.Request {
	t.Helper()
	kept := new(keeping)
	client := reflect.ValueOf(&gen.Client{Server: strings.TrimRight(base, "/") + "/", Client: kept})
	method, found := client.Type().MethodByName(methodOf(client.Type(), operationID))
	require.True(t, found, operationID)
	arguments := []reflect.Value{client, reflect.ValueOf(t.Context())}
	for i := 2; i < method.Type.NumIn()-1; i++ { // the last are editors
		switch argument := method.Type.In(i); {
		case argument == reflect.TypeFor[api.ID]():
			arguments = append(arguments, reflect.ValueOf(api.ID(ids[i-2])))
		case argument.Kind() == reflect.Pointer && operationID != "getEnrich" && operationID != "postToken":
			arguments = append(arguments, reflect.Zero(argument))
		default:
			return nil
		}
	}
	err, _ := reflect.TypeAssert[error](method.Func.Call(arguments)[1])
	require.NoError(t, err, operationID)
	return kept.request
}

// methodOf returns the name of an operation's method, whose initialisms are in capitals.
func methodOf(client reflect.Type, operationID string) string {
	for method := range client.Methods() {
		name := method.Name
		if strings.EqualFold(name, operationID) || strings.EqualFold(name, operationID+"WithBody") {
			return name
		}
	}
	return ""
}

func TestPageQueriesAreThoseOfTheGeneratedClient(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"payment", "a b", "ü", "50%", "a+b", "a&b=c", "~", "*", "(x)", "a;b", "a/b?c", `"<>`} {
		filter := basiq.TransactionFields.Class.Eq(basiq.TransactionClass(text))
		got, err := basiq.FirstQuery(filter, basiq.PageSize[basiq.Transaction](7))
		require.NoError(t, err, text)
		limit, whole := int64(7), filter.String()
		want, err := gen.NewGetTransactionsRequest("https://au-api.basiq.io/", "u1", &gen.GetTransactionsParams{Limit: &limit, Filter: &whole})
		require.NoError(t, err, text)
		assert.Equal(t, want.URL.RawQuery, got)
	}
}
