package decoders

import (
	"fmt"
	"strings"

	"github.com/basiq-go/basiq-go/api/conformance/answers"
	"github.com/basiq-go/basiq-go/gen"
)

// input is something to decode that a bank, a proxy or an attacker may send.
type input struct {
	// what is odd about it, and where that is.
	what, where string
	text        string
	into        func() any
}

// String names the input; no two have the same name.
func (in input) String() string { return in.what + " | " + in.where }

// spot is where a value can be in an answer: %s in text. Together they are all kinds of fields that the models have.
type spot struct {
	where, text string
	into        func() any
}

var spots = []spot{
	{"answer", `%s`, into[gen.TransactionList]},
	{"text", `{"data":[{"id":%s,"type":"transaction"}]}`, into[gen.TransactionList]},
	{"text of a kind", `{"data":[{"amount":%s,"status":"posted"}]}`, into[gen.TransactionList]},
	{"number", `{"size":%s,"count":1}`, into[gen.TransactionList]},
	{"number by pointer", `{"class":{"product":"a"},"meta":{"addresses":[{"paf":{"thoroughfareNumber1":%s}}]}}`, into[gen.Account]},
	{"boolean by pointer", `{"mfaEnabled":%s,"id":"1"}`, into[gen.Connection]},
	{"object", `{"institution":%s,"id":"1"}`, into[gen.Connection]},
	{"object by pointer", `{"data":[{"id":"1","enrich":%s}]}`, into[gen.TransactionList]},
	{"list of objects", `{"data":%s,"size":1}`, into[gen.TransactionList]},
	{"element of a list of objects", `{"data":[{"id":"1"},%s]}`, into[gen.TransactionList]},
	{"list of texts", `{"profile":{"phoneNumbers":%s}}`, into[gen.Connection]},
	{"element of a list of texts", `{"profile":{"phoneNumbers":["1",%s]}}`, into[gen.Connection]},
	{"map", `{"class":{"meta":%s}}`, into[gen.Account]},
	{"value of a map", `{"class":{"meta":{"a":"1","b":%s}}}`, into[gen.Account]},
	{"decimal", `{"data":[{"enrich":{"category":{"matchScore":%s}}}]}`, into[gen.TransactionList]},
	{"reference", `{"connection":%s,"id":"1"}`, into[gen.Account]},
	{"text or list", `{"data":[{"enrich":{"tags":%s}}]}`, into[gen.TransactionList]},
	{"one or many", `{"steps":[{"status":"success","result":%s}]}`, into[gen.Job]},
	{"one or many texts", `{"institutions":%s}`, into[gen.Affordability]},
	{"what is kept as it came", `{"organisation":%s}`, into[gen.ConsentData]},
	{"secret", `{"access_token":%s,"expires_in":3600}`, into[gen.Token]},
	{"unknown member", `{"new":%s,"size":1}`, into[gen.TransactionList]},
	{"inside an unknown member", `{"data":[{"new":{"a":[1,%s]},"id":"1"}]}`, into[gen.TransactionList]},
	{"before the end of nothing", `{"data":[]} %s`, into[gen.TransactionList]},
}

// values are what can be where a value should be. The names say what is odd about them.
var values = []struct{ what, text string }{
	{"nothing", ``},
	{"null", `null`},
	{"true", `true`},
	{"false", `false`},
	{"number", `1`},
	{"empty text", `""`},
	{"text", `"a"`},
	{"number in a text", `"1"`},
	{"empty list", `[]`},
	{"list of a text", `["a"]`},
	{"list of a null", `[null]`},
	{"list of a number", `[1]`},
	{"list of lists", `[["a"],[]]`},
	{"list of objects", `[{"id":"1"},{"code":"2"}]`},
	{"empty object", `{}`},
	{"object", `{"id":"1","code":"2"}`},
	{"object of nulls", `{"id":null,"code":null,"enrich":null,"data":null}`},

	{"word in capitals", `NULL`},
	{"half a word", `nul`},
	{"word and more", `nullx`},
	{"unknown word", `undefined`},
	{"bare word", `abc`},

	{"NaN", `NaN`},
	{"infinity", `Infinity`},
	{"minus alone", `-`},
	{"plus", `+1`},
	{"leading zero", `01`},
	{"negative leading zero", `-01`},
	{"double zero", `00`},
	{"no digit before the point", `.5`},
	{"no digit after the point", `1.`},
	{"no digit in the exponent", `1e`},
	{"sign alone in the exponent", `1e+`},
	{"two points", `1.2.3`},
	{"hexadecimal", `0x10`},
	{"underscore in a number", `1_000`},
	{"minus zero", `-0`},
	{"whole number with a point", `1.0`},
	{"whole number with an exponent", `1e2`},
	{"fraction", `1.5`},
	{"tiny", `1e-400`},
	{"huge", `1e400`},
	{"largest", `9223372036854775807`},
	{"one too many", `9223372036854775808`},
	{"one too few", `-9223372036854775809`},
	{"thousand digits", strings.Repeat("1", 1000)},
	{"two numbers", `1 2`},

	{"bad UTF-8", "\"a\xffb\""},
	{"overlong UTF-8", "\"a\xc0\xafb\""},
	{"surrogate in UTF-8", "\"\xed\xa0\x80\""},
	{"UTF-8 cut off", "\"a\xe2\x82\""},
	{"beyond Unicode", "\"\xf4\x90\x80\x80\""},
	{"text of many scripts", `"Zażółć 東京 🏦"`},
	{"escaped pair of surrogates", `"\ud83c\udfe6"`},
	{"lone high surrogate", `"a\ud800b"`},
	{"lone low surrogate", `"\udc00"`},
	{"surrogates in the wrong order", `"\udc00\ud800"`},
	{"high surrogate before another escape", `"\ud800\n"`},
	{"high surrogate before a letter's escape", `"\ud800\u0041"`},
	{"escapes", `"\"\\\/\b\f\n\r\t\u00e9\u2028"`},
	{"escaped NUL", `"a\u0000b"`},
	{"escape that is none", `"\x41"`},
	{"escaped quote of the wrong kind", `"\'"`},
	{"escape in capitals", `"\U0041"`},
	{"short escape", `"\u12"`},
	{"escape that is not hexadecimal", `"\u12g4"`},
	{"backslash at the end", `"a\"`},
	{"text without an end", `"a`},
	{"single quotes", `'a'`},
	{"NUL in a text", "\"a\x00b\""},
	{"newline in a text", "\"a\nb\""},
	{"tab in a text", "\"a\tb\""},
	{"control character in a text", "\"a\x1fb\""},
	{"delete in a text", "\"a\x7fb\""},

	{"comma at the end of a list", `["a",]`},
	{"comma at the end of an object", `{"id":"1",}`},
	{"comma alone", `[,]`},
	{"no comma", `["a" "b"]`},
	{"no colon", `{"id" "1"}`},
	{"equals sign", `{"id"="1"}`},
	{"two colons", `{"id"::"1"}`},
	{"name without quotes", `{id:"1"}`},
	{"number as a name", `{1:"1"}`},
	{"name alone", `{"id"}`},
	{"list without an end", `["a"`},
	{"object without an end", `{"id":"1"`},
	{"wrong bracket", `["a"}`},
	{"wrong brace", `{"id":"1"]`},
	{"bracket too many", `["a"]]`},
	{"brace too many", `{"id":"1"}}`},
	{"comment", `/* a */ "a"`},
	{"comment to the end of the line", "\"a\" // a\n"},
	{"spaces", " \t\r\n\"a\" \t\r\n"},
	{"vertical tab", "\v\"a\""},
	{"form feed", "\f\"a\""},
	{"no-break space", "\u00a0\"a\""},
	{"byte order mark", "\ufeff\"a\""},
	{"NUL before", "\x00\"a\""},
	{"NUL after", "\"a\"\x00"},

	{"same name twice", `{"id":"1","id":"2"}`},
	{"same name with nulls", `{"id":"1","id":null}`},
	{"same object twice", `{"category":{"matchType":"a"},"category":{"mcc":{"code":"1"}}}`},
	{"same list twice, shorter", `{"category":{"mcc":{"code":"1","title":"2"}},"category":null,"category":{"mcc":{"title":"3"}}}`},
	{"wrong case", `{"ID":"1","Code":"2","CATEGORY":{"MatchType":"a"}}`},
	{"right and wrong case", `{"id":"1","ID":"2","Id":"3"}`},
	{"empty name", `{"":"1"}`},
	{"bad UTF-8 in a name", "{\"i\xffd\":\"1\"}"},
	{"lone surrogate in a name", `{"i\ud800d":"1"}`},
	{"control character in a name", "{\"i\nd\":\"1\"}"},
	{"NUL in a name", "{\"id\x00\":\"1\"}"},
	{"escaped name", `{"\u0069d":"1","c\u006fde":"2"}`},
	{"escape that is none in a name", `{"i\xd":"1"}`},
}

// documents are whole answers that are odd in another way.
func documents() []input {
	list, connection, job, account := into[gen.TransactionList], into[gen.Connection], into[gen.Job], into[gen.Account]
	all := []input{
		{"empty", "answer", "", list},
		{"spaces alone", "answer", " \r\n\t", list},
		{"NUL alone", "answer", "\x00", list},
		{"byte order mark alone", "answer", "\ufeff", list},
		{"byte order mark", "before the answer", "\ufeff{}", list},
		{"UTF-16", "answer", "\xff\xfe{\x00}\x00", list},
		{"HTML", "answer", "<html><body>502</body></html>", list},
		{"two answers", "answer", `{"size":1}{"size":2}`, list},
		{"two lines", "answer", "{\"size\":1}\n{\"size\":2}\n", list},
		{"garbage", "after the answer", `{"size":1}x`, list},
		{"comma", "after the answer", `{"size":1},`, list},
		{"NULs", "after the answer", "{\"size\":1}\x00\x00", list},
		{"newline", "after the answer", "{\"size\":1}\n", list},

		{"member twice", "number", `{"size":1,"size":2}`, list},
		{"member twice, wrong kind first", "number", `{"size":"1","size":2}`, list},
		{"member twice, wrong kind last", "number", `{"size":1,"size":"2"}`, list},
		{"member twice, null last", "number", `{"size":1,"size":null}`, list},
		{"member twice", "list of objects", `{"data":[{"id":"1","account":"a"},{"id":"2"}],"data":[{"id":"3"}]}`, list},
		{"member twice, longer last", "list of objects", `{"data":[{"id":"1","account":"a"}],"data":[{"id":"2"},{"id":"3"}]}`, list},
		{"member twice, empty last", "list of objects", `{"data":[{"id":"1"}],"data":[]}`, list},
		{"member twice, null last", "list of objects", `{"data":[{"id":"1"}],"data":null}`, list},
		{"member three times, empty between", "list of objects", `{"data":[{"id":"1","account":"a"}],"data":[],"data":[{"id":"2"}]}`, list},
		{"member three times, null between", "list of objects", `{"data":[{"id":"1","account":"a"}],"data":null,"data":[{"id":"2"}]}`, list},
		{"member twice", "list of texts", `{"profile":{"phoneNumbers":["1","2"],"phoneNumbers":["3"]}}`, connection},
		{"member twice, null element", "list of texts", `{"profile":{"phoneNumbers":["1","2"],"phoneNumbers":[null,null,null]}}`, connection},
		{"member twice", "object by pointer", `{"links":{"self":"a"},"links":{"next":"b"}}`, list},
		{"member three times, null between", "object by pointer", `{"links":{"self":"a"},"links":null,"links":{"next":"b"}}`, list},
		{"member twice", "boolean by pointer", `{"mfaEnabled":true,"mfaEnabled":false}`, connection},
		{"member twice", "object", `{"institution":{"id":"1","type":"a"},"institution":{"id":"2"}}`, connection},
		{"member twice, null last", "object", `{"institution":{"id":"1","type":"a"},"institution":null}`, connection},
		{"member twice", "map", `{"class":{"meta":{"a":"1","b":"2"},"meta":{"b":null,"c":"3"}}}`, account},
		{"member twice", "value of a map", `{"class":{"meta":{"a":"1","a":"2","b":"1","b":null}}}`, account},
		{"member twice, then null", "map", `{"class":{"meta":{"a":"1"},"meta":null}}`, account},
		{"member twice", "one or many", `{"steps":[{"status":"a","result":[{"code":"1","title":"2"}],"result":{"code":"3"}}]}`, job},
		{"member twice, list last", "one or many", `{"steps":[{"status":"a","result":{"code":"1","title":"2"},"result":[{"code":"3"},{"code":"4"}]}]}`, job},
		{"member twice", "reference", `{"connection":{"id":"1"},"connection":"2"}`, account},
		{"member twice", "decimal", `{"data":[{"enrich":{"category":{"matchScore":1,"matchScore":"2"}}}]}`, list},

		{"in capitals", "name", `{"SIZE":1,"DATA":[{"ID":"1","SUBCLASS":{"CODE":"2"}}]}`, list},
		{"first right, then in capitals", "name", `{"size":1,"SIZE":2}`, list},
		{"first in capitals, then right", "name", `{"SIZE":2,"size":1}`, list},
		{"two fields that differ in case", "name", `{"data":[{"enrich":{"merchant":{"ABN":"1","abn":"2","Abn":"3","aBN":"4"}}}]}`, list},
		{"long s for s", "name", `{"ſize":1,"ſIZE":2}`, list},
		{"Kelvin sign for k", "name", `{"link\u017f":{"next":"a"},"lin\u212as":{"self":"b"}}`, list},
		{"dotless i for i", "name", `{"sıze":1,"SİZE":2}`, list},
		{"underscore", "name", `{"si_ze":1,"data":[{"sub_class":{"code":"1"},"transaction-date":"2"}]}`, list},
		{"space", "name", `{" size":1,"size ":2}`, list},
		{"escaped", "name", `{"s\u0069ze":1,"\u0064ata":[{"\u0069\u0064":"1"}]}`, list},
		{"field of Go", "name", `{"data":[{"APCANumber":"1","PaymentDetails":{"APCANumber":"2"}}]}`, list},
		{"minus sign", "name", `{"-":1,"size":2}`, list},

		{"nulls everywhere", "answer", `{"type":null,"size":null,"count":null,"data":null,"links":null}`, list},
		{"nulls everywhere", "transaction", `{"data":[null,{"id":null,"amount":null,"enrich":null,"links":null,"subClass":null,"paymentDetails":null,"postDate":null},null]}`, list},
		{"nulls everywhere", "enrich", `{"data":[{"enrich":{"category":null,"location":null,"merchant":null,"tags":null,"cleanDescription":null}}]}`, list},
		{"nulls everywhere", "connection", `{"id":null,"institution":null,"links":null,"mfaEnabled":null,"profile":null,"accounts":null}`, connection},
		{"nulls everywhere", "job", `{"id":null,"steps":[null,{"result":null,"status":null}],"links":null,"institution":null}`, job},
		{"nulls everywhere", "account", `{"id":null,"class":{"meta":null},"connection":null,"purses":[null],"transactionIntervals":null,"isOwned":null}`, account},
		{"wrong kinds, then right ones", "answer", `{"size":{"a":[1]},"type":[1],"data":[{"id":1,"amount":{},"account":"a"}],"links":{"next":"b"}}`, list},
	}
	for _, depth := range []int{9_990, 9_998, 9_999, 10_000, 10_001, 20_000} {
		lists := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		objects := strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
		deep := fmt.Sprintf("%d deep", depth)
		all = append(all,
			input{deep, "lists", lists, into[any]},
			input{deep, "objects", objects, into[any]},
			input{deep, "lists as the answer", lists, list},
			input{deep, "lists in an unknown member", `{"new":` + lists + `}`, list},
			input{deep, "objects in an unknown member", `{"new":` + objects + `}`, list},
			input{deep, "lists of a known member", `{"size":` + lists + `}`, list},
			input{deep, "decimal", `{"data":[{"enrich":{"category":{"matchScore":` + lists + `}}}]}`, list},
			input{deep, "text or list", `{"data":[{"enrich":{"tags":` + lists + `}}]}`, list},
			input{deep, "what is kept as it came", `{"organisation":` + lists + `}`, into[gen.ConsentData]},
			input{deep, "one or many", `{"steps":[{"result":` + lists + `}]}`, job},
			input{deep, "without an end", lists[:depth], list},
		)
	}
	long := strings.Repeat("0123456789abcdef", 1<<16) // a mebibyte
	for _, odd := range []struct{ what, text string }{
		{"huge text", long},
		{"huge text of escapes", strings.Repeat(`\u00e9\n`, 1<<16)},
		{"huge text of bad UTF-8", strings.Repeat("\xff", 1<<18)},
		{"huge text with a newline at the end", long + "\n"},
		{"huge text with bad UTF-8 at the end", long + "\xff"},
	} {
		all = append(all,
			input{odd.what, "text", `{"data":[{"id":"` + odd.text + `"}]}`, list},
			input{odd.what, "name", `{"` + odd.text + `":1,"size":2}`, list},
			input{odd.what, "unknown member", `{"new":"` + odd.text + `","size":2}`, list},
			input{odd.what, "text or list", `{"data":[{"enrich":{"tags":["` + odd.text + `"]}}]}`, list},
		)
	}
	return append(all,
		input{"huge number", "number", `{"size":` + strings.Repeat("9", 1<<20) + `}`, list},
		input{"huge number", "unknown member", `{"new":` + strings.Repeat("9", 1<<20) + `}`, list},
		input{"huge number", "decimal", `{"data":[{"enrich":{"category":{"matchScore":` + strings.Repeat("9", 1<<20) + `}}}]}`, list},
		input{"huge number of zeros", "number", `{"size":1` + strings.Repeat("0", 1<<20) + `}`, list},
		input{"huge list of nulls", "list of objects", `{"data":[` + strings.Repeat("null,", 1<<14) + `null]}`, list},
		input{"huge number of spaces", "answer", strings.Repeat(" ", 1<<20) + `{"size":1}` + strings.Repeat("\n", 1<<20), list},
	)
}

// inputs are all odd inputs.
func inputs() []input {
	all := documents()
	for _, spot := range spots {
		for _, value := range values {
			all = append(all, input{value.what, spot.where, fmt.Sprintf(spot.text, value.text), spot.into})
		}
	}
	wholes := append([]spot{{"page", string(answers.Transactions(1, "")), into[gen.TransactionList]}}, smalls...)
	for _, whole := range wholes {
		for at := range whole.text {
			all = append(all, input{"cut off", fmt.Sprintf("%s at %d", whole.where, at), whole.text[:at], whole.into})
		}
	}
	for _, small := range smalls {
		for at := range small.text {
			for _, other := range []byte("\x00\"{}[],:\\ x0\xff\n") {
				changed := []byte(small.text)
				changed[at] = other
				where := fmt.Sprintf("%s at %d", small.where, at)
				all = append(all, input{fmt.Sprintf("%q instead of a byte", other), where, string(changed), small.into})
			}
		}
	}
	return all
}

// smalls are short answers without a fault that have something of each kind.
var smalls = []spot{
	{
		"transactions", `{"type":"list","size":-2,"data":[{"id":"a1","amount":"-1.20","enrich":{"category":{"matchScore":0.5,"mcc":{"code":"58"}},` +
			`"tags":["a","\u00e9"]},"new":[1.5e3,{"a":true}]},null],"links":{"next":"b\n"}}`, into[gen.TransactionList],
	},
	{
		"connection", `{"id":"1","mfaEnabled":true,"institution":{"id":"AU"},"profile":{"phoneNumbers":["04",null]},"accounts":{"data":[` +
			`{"id":"2","class":{"meta":{"a":"b","c":null}},"connection":{"id":"3"},"isOwned":false}]}}`, into[gen.Connection],
	},
	{
		"job", `{"id":"1","steps":[{"status":"success","result":{"code":"a","expiryMs":3600}},{"result":[{"input":["q"]},null]}]}`,
		into[gen.Job],
	},
}
