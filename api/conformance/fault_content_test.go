package conformance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
)

// contentFaults returns complete responses with unexpected content.
func contentFaults() []fault {
	changed := func(name string, meaning meaning, change func(reply) reply) fault {
		return fault{name: name, meaning: meaning, respond: func(x *faultExchange) { x.respond(change(x.good)) }}
	}
	changedJSON := func(name string, meaning meaning, change func(string) string) fault {
		f := changed(name, meaning, func(r reply) reply { return withJSON(r, change) })
		f.json = true
		return f
	}
	withNumber := func(name, number string) fault {
		f := changedJSON(name, harmless, func(s string) string { return withNumbers(s, number) })
		f.number = number
		return f
	}
	tooLong := func(x *faultExchange) {
		response := x.good.withBody()
		x.head(response, len(response.body)/2)
		x.body(response.body)
		x.end()
	}
	all := []fault{
		{name: "a body longer than its Content-Length", meaning: cutOff, only: h1, respond: tooLong},
		{name: "a body longer than its Content-Length", meaning: broken, only: h2, respond: tooLong},
		changed("a success with an empty body", unusable, func(r reply) reply { return reply{status: r.withBody().status} }),
		changed("a success with a proxy's HTML", unusable, func(r reply) reply {
			return reply{status: r.withBody().status, mediaType: "text/html", body: "<html>" + marker + "</html>"}
		}),
		changedJSON("invalid JSON", unusable, func(string) string { return marker + `{"type":]` }),
		changedJSON("an array in place of an object", unusable, func(string) string { return `["` + marker + `"]` }),
		changedJSON("a million open brackets", unusable, func(string) string { return deep() }),
		changedJSON("NUL bytes", unusable, func(s string) string { return strings.ReplaceAll(s, ":", ":\x00") }),
		changedJSON("text that is not UTF-8", harmless, func(s string) string {
			return strings.Replace(s, marker, marker+"\xff\xfe\xc0\x80", 1)
		}),
		withNumber("numbers of 400 digits", strings.Repeat("9", 400)),
		withNumber("numbers such as 1e999999", "1e999999"),
	}
	for i := range all {
		all[i].moment, all[i].handled = decoding, true
		all[i].foreign = slices.Contains([]string{"a success with a proxy's HTML", "invalid JSON"}, all[i].name)
	}
	return all
}

// withJSON returns a response with a changed JSON body, even if a document was requested.
func withJSON(r reply, change func(string) string) reply {
	r = r.withBody()
	if r.mediaType != "application/json" {
		r.mediaType, r.body = "application/json", reply{}.withBody().body
	}
	r.body = change(r.body)
	return r
}

func (x *faultExchange) half(r reply) {
	x.head(r, len(r.body))
	x.body(r.body[:len(r.body)/2])
}

// huge sends a body of 1 GiB until the client stops reading.
func (x *faultExchange) huge(r reply) {
	r.body += marker
	const size = 1 << 30
	block := strings.Repeat(" ", 64<<10)
	ok := x.head(r, size)
	for left := size; ok && left > 0; left -= len(block) {
		ok = x.body(block)
	}
	x.end()
}

// bomb sends 1 GiB of spaces in about 1 MiB of gzip.
func (x *faultExchange) bomb(r reply) {
	r.header, r.body = "Content-Encoding: gzip\r\n", bomb()
	x.respond(r)
}

var (
	deep = sync.OnceValue(func() string { return strings.Repeat("[", 1_000_000) })
	// A gzip file may consist of several members.
	bomb = sync.OnceValue(func() string {
		var member bytes.Buffer
		w := gzip.NewWriter(&member)
		_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
		_ = w.Close()
		return strings.Repeat(member.String(), 1<<10)
	})
)

// withNumbers replaces all numbers in a JSON text and adds an undocumented one.
func withNumbers(text, number string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	value["plantedNumber"] = json.Number("0")
	return string(must(json.Marshal(replaced(value, json.Number(number)))))
}

// withoutNumbers returns a value as JSON without the fields that are numbers.
func withoutNumbers(t *testing.T, value any) any {
	t.Helper()
	return replaced(decode(t, []byte(marshal(t, value))), "")
}

func replaced(value any, number json.Number) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			if value[name] = replaced(value[name], number); value[name] == json.Number("") {
				delete(value, name)
			}
		}
	case []any:
		for i := range value {
			value[i] = replaced(value[i], number)
		}
	case json.Number:
		return number
	}
	return value
}
