//go:build unix

package basiq

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
)

const (
	largestBody = 32 << 20
	// heapLimit and cpuLimit are what one response may take.
	heapLimit = 192 << 20
	cpuLimit  = 5 * time.Second
)

// responses are the types that responses are decoded into.
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
	"errors":        func() any { return new(gen.ErrorResponse) },
}

// repeat returns a body of the largest size.
func repeat(before, element, after string) []byte {
	n := (largestBody - len(before) - len(after)) / len(element)
	return append(append(append(make([]byte, 0, largestBody), before...), bytes.Repeat([]byte(element), n)...), after...)
}

type hostileBody struct{ name, before, element, after, response string }

// hostile are bodies that take far more memory or time than their size suggests.
var hostile = []hostileBody{
	{"zeros", `{"type":"list","data":[0`, `,0`, `]}`, ""},
	{"empty strings", `{"data":[""`, `,""`, `]}`, ""},
	{"empty arrays", `{"data":[[]`, `,[]`, `]}`, ""},
	{"empty objects", `{"data":[{}`, `,{}`, `]}`, ""},
	{"nulls", `{"data":[null`, `,null`, `]}`, ""},
	{"nested arrays", `{"data":[[[]]`, `,[[[]]]`, `]}`, ""},
	{"one list again and again", `{"data":[]`, `,"data":[{}]`, `}`, ""},
	{"mistyped member", `{"data":[{"id":"a"`, `,"id":1`, `}]}`, ""},
	{"amounts", `{"data":[{"amount":1`, `,"amount":1`, `}]}`, ""},
	{"pointers", `{"data":[{}`, `,{"enrich":{}}`, `]}`, ""},
	{"pointers again", `{"data":[{"enrich":{}`, `,"enrich":null,"enrich":{}`, `}]}`, ""},
	{"tags", `{"data":[{"enrich":{"tags":[""`, `,""`, `]}}]}`, ""},
	{"odd tags", `{"data":[{"enrich":{"tags":[0`, `,0`, `]}}]}`, ""},
	{"lat", `{"data":[{"enrich":{"location":{"geometry":{"lat":[0`, `,0`, `]}}}}]}`, ""},
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

// everyPair takes some minutes.
var everyPair = flag.Bool("every-pair", false, "decode each hostile body into each type of response")

// of returns the response that a body is made for.
func (s hostileBody) of() string {
	if s.response != "" {
		return s.response
	}
	return "transactions"
}

//nolint:paralleltest // measures the heap
func TestDecode_HostileBodies(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("allocates 32 MiB for each shape")
	}
	for _, shape := range hostile {
		body := repeat(shape.before, shape.element, shape.after)
		for name, value := range responses {
			if !*everyPair && name != shape.of() {
				continue
			}
			target := value()
			grown, used, err := cost(func() error { _, err := decode(body, target); return err })
			runtime.KeepAlive(target)
			if grown+largestBody > heapLimit || used > cpuLimit {
				t.Errorf("%s into %s: the heap grows by %d MiB beside the body in %v: %v", shape.name, name, grown>>20, used, err)
			}
			if testing.Verbose() && grown > 64<<20 {
				t.Logf("%s into %s: %d MiB, %v, %v", shape.name, name, grown>>20, used, err)
			}
		}
	}
}

// cost returns by how much the heap grows during a call, garbage included, and the processor time that the call takes.
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

// Large bodies that Basiq could send are decoded whole.
//
//nolint:paralleltest // measures the heap
func TestDecode_LargeBodies(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("allocates 32 MiB for each shape")
	}
	t.Run("100,000 users", func(t *testing.T) {
		user := func(i int) string {
			return fmt.Sprintf(`{"type":"user","id":"%036d","email":"user%d@example.com","mobile":"+61400000000","firstName":"Gavin","lastName":"Belson","name":"Gavin Belson","links":{"self":"https://au-api.basiq.io/users/%036d"}}`, i, i, i)
		}
		body := []byte(`{"type":"list","data":[` + join(100_000, user) + `]}`)
		require.Less(t, len(body), largestBody)
		var page pageBody[gen.User]
		grown, used, err := cost(func() error { _, err := decode(body, &page); return err })
		require.NoError(t, err)
		t.Logf("%d MiB: %d MiB, %v", len(body)>>20, grown>>20, used)
		assert.Less(t, grown+largestBody, uint64(heapLimit))
		assert.Len(t, page.Data, 100_000)
	})
	t.Run("report", func(t *testing.T) {
		transaction := func(i int) string {
			return fmt.Sprintf(`{"id":"%036d","description":"EFTPOS purchase","amount":"-%d.10","date":"2024-01-02","account":{"id":"a1"}}`, i, i)
		}
		group := func(i int) string {
			return fmt.Sprintf(`{"id":"INC-%d","title":"Salary","subgroup":[{"id":"s","transactions":[%s]}]}`, i, join(2500, transaction))
		}
		body := []byte(`{"type":"report","id":"r1","data":{"groups":[` + join(90, group) + `]}}`)
		require.Less(t, len(body), largestBody)
		var report gen.Report
		grown, used, err := cost(func() error { _, err := decode(body, &report); return err })
		require.NoError(t, err)
		t.Logf("%d MiB: %d MiB, %v", len(body)>>20, grown>>20, used)
		assert.Less(t, grown+largestBody, uint64(heapLimit))
		require.Len(t, report.Data.Groups, 90)
		assert.Len(t, report.Data.Groups[89].Subgroup[0].Transactions, 2500)
	})
}

func join(n int, element func(i int) string) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = element(i)
	}
	return strings.Join(elements, ",")
}

func TestLargestIn(t *testing.T) {
	t.Parallel()
	assert.Equal(t, growth*int(reflect.TypeFor[gen.Account]().Size()), largestIn(reflect.TypeFor[pageBody[gen.Account]]()))
	assert.Equal(t, mistypedCost, largestIn(reflect.TypeFor[gen.User]()))
	type recursive struct{ Next *recursive }
	assert.Equal(t, mistypedCost, largestIn(reflect.TypeFor[recursive]()))
	for name, value := range responses {
		assert.Less(t, largestIn(reflect.TypeOf(value()).Elem()), 4<<10, "%s: a page of 500 would be measured one by one", name)
	}
}

func TestDecode_Odd(t *testing.T) {
	t.Parallel()
	var page pageBody[gen.Transaction]
	odd, err := decode([]byte(`{"size":"2","data":[{"id":"t1","subClass":"","enrich":[],"account":{"id":"a"},"amount":1.50}]}`), &page)
	require.NoError(t, err)
	require.NotNil(t, odd)
	assert.Equal(t, "size", odd.Field)
	assert.Equal(t, []gen.Transaction{{ID: "t1", Amount: "1.50", Enrich: &gen.EnrichData{}}}, page.Data)

	for _, body := range []string{`[]`, `"text"`, `7`, `{"size":"2"}`, `{"data":"text"}`, `{"data":7}`, `{"data":{}}`, `{"data":[]`} {
		_, err = decode([]byte(body), new(pageBody[gen.Transaction]))
		require.Error(t, err, body)
	}
	_, err = decode([]byte(`{"size":"2","data":[]}`), &page)
	require.NoError(t, err)
}

// Any body that is refused is refused for its size, and any that is not takes no more than was charged.
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
			m := newMeter(body)
			m.value(reflect.TypeOf(target).Elem())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := decode(body, target)
			runtime.ReadMemStats(&after)
			if err != nil && errors.Is(err, ErrResponseTooLarge) {
				continue
			}
			allocated := int(after.TotalAlloc - before.TotalAlloc)
			require.LessOrEqual(t, allocated, 2*(decodeBudget-m.left)+4*len(body)+(1<<20), "%s: %.100s", name, body)
		}
	})
}
