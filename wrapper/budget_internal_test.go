//go:build unix

package basiq

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
)

const (
	largestBody = 32 << 20
	// heapLimit and cpuLimit are the limits for one response.
	heapLimit = 192 << 20
	cpuLimit  = 5 * time.Second
)

// responses lists the types that responses are decoded into.
var responses = map[string]func() any{
	"transactions":  func() any { return new(pageBody[gen.Transaction]) },
	"accounts":      func() any { return new(pageBody[gen.Account]) },
	"users":         func() any { return new(pageBody[gen.User]) },
	"report":        func() any { return new(gen.Report) },
	"affordability": func() any { return new(gen.Affordability) },
	"expenses":      func() any { return new(gen.Expenses) },
	"job":           func() any { return new(Job) },
	"connectors":    func() any { return new(pageBody[gen.Connector]) },
	"institutions":  func() any { return new(pageBody[gen.Institution]) },
	"events":        func() any { return new(pageBody[gen.Event]) },
	"webhooks":      func() any { return new(gen.WebhookList) },
	"insights":      func() any { return new(pageBody[gen.Insight]) },
	"payees":        func() any { return new(pageBody[gen.Payee]) },
	"errors":        func() any { return new(gen.ErrorResponse) },
}

// repeat returns a body of the largest size.
func repeat(before, element, after string) []byte {
	n := (largestBody - len(before) - len(after)) / len(element)
	return append(append(append(make([]byte, 0, largestBody), before...), bytes.Repeat([]byte(element), n)...), after...)
}

type hostileBody struct{ name, before, element, after, response string }

// hostile lists bodies that take much more memory or time than their size suggests.
var hostile = []hostileBody{
	{"zeros", `{"type":"list","data":[0`, `,0`, `]}`, ""},
	{"zeros for accounts", `{"type":"list","data":[0`, `,0`, `]}`, "accounts"},
	{"empty strings", `{"data":[""`, `,""`, `]}`, ""},
	{"empty arrays", `{"data":[[]`, `,[]`, `]}`, ""},
	{"empty objects", `{"data":[{}`, `,{}`, `]}`, ""},
	{"nulls", `{"data":[null`, `,null`, `]}`, ""},
	{"a mistyped transaction after others", `{"data":[{}`, `,{}`, `,0]}`, ""},
	{"a mistyped account after others", `{"data":[{}`, `,{}`, `,0]}`, "accounts"},
	{"a mistyped event after others", `{"data":[{}`, `,{"data":[{}]}`, `,0]}`, "events"},
	{"a mistyped step after others", `{"steps":[{}`, `,{"result":[{}]}`, `,0]}`, "job"},
	{"nested arrays", `{"data":[[[]]`, `,[[[]]]`, `]}`, ""},
	{"duplicate list", `{"data":[]`, `,"data":[{}]`, `}`, ""},
	{"mistyped member", `{"data":[{"id":"a"`, `,"id":1`, `}]}`, ""},
	{"amounts", `{"data":[{"amount":1`, `,"amount":1`, `}]}`, ""},
	{"pointers", `{"data":[{}`, `,{"enrich":{}}`, `]}`, ""},
	{"pointers again", `{"data":[{"enrich":{}`, `,"enrich":null,"enrich":{}`, `}]}`, ""},
	{"tags", `{"data":[{"enrich":{"tags":[""`, `,""`, `]}}]}`, ""},
	{"mistyped tags", `{"data":[{"enrich":{"tags":[0`, `,0`, `]}}]}`, ""},
	{"latitude", `{"data":[{"enrich":{"location":{"geometry":{"latitude":[0`, `,0`, `]}}}}]}`, ""},
	{"events", `{"data":[{"data":[{}`, `,{}`, `]}]}`, "events"},
	{"single events", `{"data":[{}`, `,{"data":{}}`, `]}`, "events"},
	{"subscriptions", `{"data":[{"subscribedEvents":[""`, `,""`, `]}]}`, "webhooks"},
	{"references", `{"data":[{"institution":{"id":1`, `,"id":1`, `}}]}`, "accounts"},
	{"steps", `{"steps":[{}`, `,{}`, `]}`, "job"},
	{"results", `{"steps":[{"result":[0`, `,0`, `]}]}`, "job"},
	{"groups", `{"data":{"groups":[{}`, `,{}`, `]}}`, "report"},
	{"subgroups", `{"data":{"groups":[{"subgroup":[{}`, `,{}`, `]}]}}`, "report"},
	{"metrics", `{"data":{"metrics":[{}`, `,{}`, `]}}`, "report"},
	{"metric values", `{"data":{"metrics":[{"result":{"value":[0`, `,0`, `]}}]}}`, "report"},
	{"accounts", `{"data":{"accounts":[{}`, `,{}`, `]}}`, "report"},
	{"assets", `{"assets":[{}`, `,{}`, `]}`, "affordability"},
	{"insight results", `{"data":[{"data":[{}`, `,{}`, `]}]}`, "insights"},
	{"balance inputs", `{"data":[{"data":[{}`, `,{"balance":{"input":{}}}`, `]}]}`, "insights"},
	{"mistyped balance inputs", `{"data":[{"data":[{}`, `,{"balance":{"input":{"min":[]}}}`, `]}]}`, "insights"},
	{"odd balance inputs", `{"data":[{"data":[{}`, `,{"balance":{"input":0}}`, `]}]}`, "insights"},
	{"payees", `{"data":[{}`, `,{}`, `]}`, "payees"},
	{"bank addresses", `{"data":[{}`, `,{"international":{"bankDetails":{"bankAddress":{"a":0}}}}`, `]}`, "payees"},
	{"payments", `{"payments":[{}`, `,{}`, `]}`, "expenses"},
	{"fees", `{"data":[{"meta":{"fees":[{}`, `,{}`, `]}}]}`, "accounts"},
	{"map", `{"data":[{"class":{"meta":{"a":""`, `,"b":""`, `}}}]}`, "accounts"},
	{"unknown members", `{"a":0`, `,"a":0`, `}`, ""},
	{"unknown members with escapes", `{"a":0`, `,"\u0061":0`, `}`, ""},
	{"one string", `{"id":"`, `a`, `"}`, "report"},
	{"escapes", `{"id":"`, `\u0001`, `"}`, ""},
	{"invalid UTF-8", `{"id":"`, "\xff", `"}`, ""},
	{"invalid UTF-8 in a job", `{"id":"`, "\xff", `"}`, "job"},
	{"invalid UTF-8 in a name", `{"`, "\xff", `":1}`, "job"},
	{"invalid UTF-8 in money", `{"data":[{"amount":"`, "\xff", `"}]}`, ""},
	{"escaped quotes", `{"id":"`, `\"`, `"}`, "job"},
	{"late escape", `{"id":"`, `a`, `\n"}`, "job"},
	{"early escape", `{"id":"\n`, `a`, `"}`, "job"},
	{"escapes in a name", `{"`, `\"`, `":1}`, "job"},
	{"digits", `{"size":`, `1`, `}`, "users"},
	{"digits of money", `{"data":[{"amount":`, `1`, `}]}`, ""},
	{"deep", `{"data":`, `[`, ``, ""},
	{"deep objects", `{"data":`, `{"data":`, ``, ""},
	{"spaces", `{"data":[`, ` `, `]}`, ""},
	{"not JSON", `{`, `,`, ``, ""},
}

// With -every-pair the test takes several minutes.
var everyPair = flag.Bool("every-pair", false, "decode each hostile body into each type of response")

// of returns the type of response that the body is meant for.
func (s hostileBody) of() string {
	if s.response != "" {
		return s.response
	}
	return "transactions"
}

// charged returns what checkBudget compares with the budget.
func charged(body []byte, value any) int64 {
	total := math.MaxInt64 - charge(body, costsOf(reflect.TypeOf(value).Elem()), math.MaxInt64)
	if !utf8.Valid(body) {
		total += invalidCost * int64(len(body))
	}
	return total
}

// accepted returns the longest body of a shape that is accepted. A valid body is padded with spaces to the maximum size.
func accepted(shape hostileBody, value any) []byte {
	body := func(n int) []byte { return []byte(shape.before + strings.Repeat(shape.element, n) + shape.after) }
	most := int64(largestBody-len(shape.before)-len(shape.after)) / int64(len(shape.element))
	if each := (charged(body(1001), value) - charged(body(1), value)) / 1000; each > 0 {
		most = min(most, (decodeBudget-charged(body(1), value))/each)
	}
	longest := body(int(most))
	if utf8.Valid(longest) {
		longest = append(longest, bytes.Repeat([]byte(" "), largestBody-len(longest))...)
	}
	return longest
}

// The cost of a value of this type is 128 + 64 bytes, which divides the budgets.
type budgeted = map[string][64]byte

func TestCheckBudget_Limits(t *testing.T) {
	t.Parallel()
	const each = 192
	object := func(values int, rest string) []byte { return []byte("{" + strings.Repeat(",", values-1) + rest) }
	spaces := func(n int) string { return strings.Repeat(" ", n) }
	const invalid = "\xff"
	fewer := decodeTwiceBudget / each
	for (decodeBudget-each*fewer)%invalidCost != 0 { // so that invalid bytes can take the rest of the budget
		fewer--
	}
	rest := (decodeBudget-each*fewer)/invalidCost - fewer - len(invalid)
	for name, c := range map[string]struct {
		body     []byte
		large    bool
		tooLarge bool
	}{
		"small":                           {body: object(10, "")},
		"half of the budget":              {body: object(decodeTwiceBudget/each, "")},
		"half, and commas in a string":    {body: object(decodeTwiceBudget/each, `",,,"`)},
		"more than half":                  {body: object(decodeTwiceBudget/each+1, ""), large: true},
		"the whole budget":                {body: object(decodeBudget/each, ""), large: true},
		"more":                            {body: object(decodeBudget/each+1, ""), large: true, tooLarge: true},
		"commas in a string":              {body: object(10, `"`+strings.Repeat(`,\"[{`, decodeBudget/each)+`"`)},
		"invalid UTF-8":                   {body: object(fewer, invalid+spaces(rest)), large: true},
		"more invalid UTF-8":              {body: object(fewer, invalid+spaces(rest+1)), large: true, tooLarge: true},
		"invalid UTF-8 without values":    {body: []byte(invalid + spaces(decodeTwiceBudget/invalidCost-1))},
		"each byte is an invalid value":   {body: object(decodeTwiceBudget/(each+invalidCost)+1, invalid), large: true},
		"text after the end of the value": {body: object(1, "}}"+strings.Repeat(",", 2*decodeBudget/each))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			large, err := checkBudget(c.body, new(budgeted))
			assert.Equal(t, c.large, large)
			if !c.tooLarge {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrResponseTooLarge)
			assert.ErrorContains(t, err, "values exceed 96 MiB of memory")
		})
	}
}

// Basiq lists all users of an application in one response.
func TestCheckBudget_Users(t *testing.T) {
	t.Parallel()
	const user = `{"type":"user","id":"1bd9a1a5-9f6c-4c9b-8b1b-f8fa1d9eb96a","links":{"self":"https://au-api.basiq.io/users/1bd9a1a5-9f6c-4c9b-8b1b-f8fa1d9eb96a"}}`
	body := []byte(`{"type":"list","data":[` + strings.Repeat(user+",", 40_000) + user + `]}`)
	_, err := checkBudget(body, responses["users"]())
	require.NoError(t, err)
}

//nolint:paralleltest // measures the heap
func TestDecode_HostileBodies(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("allocates 32 MiB for each shape")
	}
	for _, shape := range hostile {
		whole := repeat(shape.before, shape.element, shape.after)
		for name, value := range responses {
			if !*everyPair && name != shape.of() {
				continue
			}
			bodies := [][]byte{whole}
			if _, err := checkBudget(whole, value()); err != nil {
				bodies = append(bodies, accepted(shape, value()))
			}
			for _, body := range bodies {
				target := value()
				grown, used, err := cost(func() error { _, err := decode(body, target); return err })
				runtime.KeepAlive(target)
				if grown+largestBody > heapLimit || used > cpuLimit {
					t.Errorf("%s into %s: the heap grows by %d MiB beside the body in %v: %v", shape.name, name, grown>>20, used, err)
				}
				if testing.Verbose() && (grown > 64<<20 || used > time.Second) {
					t.Logf("%s into %s: %d MiB, %v, %v", shape.name, name, grown>>20, used, err)
				}
			}
		}
	}
}

// The limits include the memory of the body and of net/http.
//
//nolint:paralleltest // measures the heap
func TestClient_HostileBodies(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("allocates 32 MiB for each shape")
	}
	for _, shape := range hostile {
		call, ok := hostileCalls[shape.name]
		if !ok {
			continue
		}
		var packed bytes.Buffer
		writer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		require.NoError(t, err)
		_, err = writer.Write(accepted(shape, responses[shape.of()]()))
		require.NoError(t, err)
		require.NoError(t, writer.Close())
		for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
			t.Run(fmt.Sprint(shape.name, " ", status), func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Encoding", "gzip")
					w.WriteHeader(status)
					_, _ = w.Write(packed.Bytes())
				}))
				defer server.Close()
				client, err := New("", WithTokenSource(anyToken{}), WithBaseURL(server.URL))
				require.NoError(t, err)
				grown, used, err := cost(func() error { return call(t.Context(), client) })
				t.Logf("%d MiB, %v, %.200v", grown>>20, used, err)
				require.NotErrorIs(t, err, ErrResponseTooLarge)
				assert.Less(t, grown, uint64(heapLimit))
				assert.Less(t, used, cpuLimit)
			})
		}
	}
}

// hostileCalls maps the names of shapes to calls whose responses have that shape.
var hostileCalls = map[string]func(context.Context, *Client) error{
	"zeros": listTransactions,
	"zeros for accounts": func(ctx context.Context, client *Client) error {
		for _, err := range client.Accounts.List(ctx, "u1") {
			return err
		}
		return nil
	},
	"pointers":                listTransactions,
	"unknown members":         listTransactions,
	"invalid UTF-8 in a name": getJob,
	"escapes in a name":       getJob,
	"accounts": func(ctx context.Context, client *Client) error {
		_, err := client.Reports.Get(ctx, "r1")
		return err
	},
}

func listTransactions(ctx context.Context, client *Client) error {
	_, err := client.Transactions.Page(ctx, "u1", "")
	return err
}

func getJob(ctx context.Context, client *Client) error {
	_, err := client.Jobs.Get(ctx, "j1")
	return err
}

type anyToken struct{}

func (anyToken) Token(context.Context, Scope) (Token, error) {
	return Token{Value: NewSecret("token")}, nil
}

func (anyToken) Reject(context.Context, Scope, Token) {}

// cost returns how much the heap grows during a call, including garbage, and the processor time of the call.
func cost(call func() error) (grown uint64, used time.Duration, err error) {
	debug.FreeOSMemory()
	before, started := heapNow(), cpuNow()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		for {
			most = max(most, heapNow())
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	err = call()
	used = cpuNow() - started
	close(stop)
	return max(<-peak, heapNow()) - before, used, err
}

func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() + sample[1].Value.Uint64()
}

func cpuNow() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Large bodies that Basiq could send are decoded completely.
//
//nolint:paralleltest // measures the heap
func TestDecode_LargeBodies(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("allocates 32 MiB for each shape")
	}
	t.Run("20,000 users", func(t *testing.T) {
		user := func(i int) string {
			return fmt.Sprintf(`{"type":"user","id":"%036d","email":"user%d@example.com","mobile":"+61400000000","firstName":"Gavin","lastName":"Belson","name":"Gavin Belson","links":{"self":"https://au-api.basiq.io/users/%036d"}}`, i, i, i)
		}
		body := []byte(`{"type":"list","data":[` + join(20_000, user) + `]}`)
		require.Less(t, len(body), largestBody)
		var page pageBody[gen.User]
		grown, used, err := cost(func() error { _, err := decode(body, &page); return err })
		require.NoError(t, err)
		t.Logf("%d MiB: %d MiB, %v", len(body)>>20, grown>>20, used)
		assert.Less(t, grown+largestBody, uint64(heapLimit))
		assert.Len(t, page.Data, 20_000)
	})
	t.Run("report", func(t *testing.T) {
		transaction := func(i int) string {
			return fmt.Sprintf(`{"id":"%036d","description":"EFTPOS purchase","amount":"-%d.10","date":"2024-01-02","account":{"id":"a1"}}`, i, i)
		}
		group := func(i int) string {
			return fmt.Sprintf(`{"id":"INC-%d","title":"Salary","subgroup":[{"id":"s","transactions":[%s]}]}`, i, join(2500, transaction))
		}
		body := []byte(`{"type":"report","id":"r1","data":{"groups":[` + join(25, group) + `]}}`)
		require.Less(t, len(body), largestBody)
		var report gen.Report
		grown, used, err := cost(func() error { _, err := decode(body, &report); return err })
		require.NoError(t, err)
		t.Logf("%d MiB: %d MiB, %v", len(body)>>20, grown>>20, used)
		assert.Less(t, grown+largestBody, uint64(heapLimit))
		require.Len(t, report.Data.Groups, 25)
		assert.Len(t, report.Data.Groups[24].Subgroup[0].Transactions, 2500)
	})
}

func join(n int, element func(i int) string) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = element(i)
	}
	return strings.Join(elements, ",")
}

func TestDecode_MistypedValues(t *testing.T) {
	t.Parallel()
	var page pageBody[gen.Transaction]
	typeErr, err := decode([]byte(`{"size":false,"data":[{"id":"t1","subClass":"","enrich":[],"account":{"id":"a"},"amount":1.50}]}`), &page)
	require.NoError(t, err)
	require.NotNil(t, typeErr)
	assert.Equal(t, "size", typeErr.Field)
	assert.Equal(t, []gen.Transaction{{ID: "t1", Amount: "1.50", Enrich: &gen.EnrichData{}}}, page.Data)

	for _, body := range []string{`[]`, `"text"`, `7`, `{"size":false}`, `{"data":"text"}`, `{"data":7}`, `{"data":{}}`, `{"data":[]`} {
		_, err = decode([]byte(body), new(pageBody[gen.Transaction]))
		require.Error(t, err, body)
	}
	_, err = decode([]byte(`{"size":false,"data":[]}`), &page)
	require.NoError(t, err)

	typeErr, err = decode([]byte(`{"size":"2","data":[{"id":61723,"subClass":{"code":722}}]}`), &page)
	require.NoError(t, err)
	assert.Nil(t, typeErr, "numbers and quoted integers are not mistyped")
	assert.EqualValues(t, 2, page.Size)
	assert.Equal(t, []gen.Transaction{{ID: "61723", SubClass: gen.TransactionSubClass{Code: "722"}}}, page.Data)
}

// Decoding an accepted response allocates at most about what was charged, and up to half as much again if a mistyped value
// requires a second pass. Most of that is garbage by then. TestDecode_HostileBodies measures the heap.
func FuzzDecode_Budget(f *testing.F) {
	for i := range hostile {
		f.Add(uint8(i), uint8(i+1), uint16(1000))
	}
	f.Fuzz(func(t *testing.T, outer, inner uint8, n uint16) {
		a, b := hostile[int(outer)%len(hostile)], hostile[int(inner)%len(hostile)]
		element := b.before + strings.Repeat(b.element, int(n)) + b.after
		body := []byte(a.before + strings.Repeat(a.element, 10) + a.after)
		if i := bytes.IndexByte(body, '['); i > 0 {
			body = []byte(string(body[:i+1]) + element + "," + string(body[i+1:]))
		}
		for name, value := range responses {
			target := value()
			expected := charged(body, target)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			typeErr, err := decode(body, target)
			runtime.ReadMemStats(&after)
			if errors.Is(err, ErrResponseTooLarge) {
				require.Greater(t, expected, int64(decodeBudget), "%s: %.100s", name, body)
				continue
			}
			allocated := int64(after.TotalAlloc - before.TotalAlloc)
			passes := int64(2)
			if typeErr != nil || err != nil {
				passes = 3
			}
			require.LessOrEqual(t, allocated, passes*expected+4*int64(len(body))+(1<<20), "%s: %.100s", name, body)
		}
	})
}

func TestValueCosts(t *testing.T) {
	t.Parallel()
	transaction, enrich := reflect.TypeFor[gen.Transaction]().Size(), reflect.TypeFor[gen.EnrichData]().Size()
	costs := costsOf(reflect.TypeFor[pageBody[gen.Transaction]]())
	assert.Equal(t, valueCost+sliceGrowth*int64(transaction), costs[2])
	assert.Equal(t, valueCost+int64(enrich), costs[3])
	type recursive struct{ Next *recursive }
	assert.NotNil(t, costsOf(reflect.TypeFor[recursive]()))
	for name, value := range responses {
		costs := costsOf(reflect.TypeOf(value()).Elem())
		assert.Less(t, slices.Max(costs[:]), int64(3<<10), "%s: a page of 500 items would be scanned", name)
		assert.EqualValues(t, valueCost, costs[len(costs)-1], "%s: has values deeper than valueCosts", name)
	}
}
