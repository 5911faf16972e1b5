package official

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sample = `
openapi: 3.0.1
paths:
  /things/{id}:
    summary: Not an operation
    get:
      operationId: getThing
      responses:
        '200':
          content:
            text/csv:
              schema: {type: string}
            application/pdf:
              schema: {type: object, properties: {page: {type: integer}}}
            application/json:
              schema: {$ref: '#/components/schemas/Thing'}
              examples:
                Both of them!:
                  value:
                    phone: 0410888999
                    mobile: 61410888999
                    when: 2020-09-09
                    amount: 1.50
                    answer: yes
                    sure: true
                    sureOf: true
                    nothing:
                    other: {phone: "1"}
                    more: [1, '2']
                    unknown: 7
                    kind: {a: 1}
        '404': {$ref: '#/components/responses/Gone'}
        '410': {$ref: '#/components/responses/Gone'}
    post:
      operationId: postThing
      requestBody: {$ref: '#/components/requestBodies/a~1b'}
      responses:
        '204': {description: Nothing}
components:
  requestBodies:
    a/b:
      content:
        application/json:
          schema: {$ref: '#/components/schemas/Thing'}
  responses:
    Gone:
      content:
        application/json:
          schema: {type: object, properties: {code: {type: string, example: gone}}}
          example: {code: 410}
  schemas:
    Thing:
      properties:
        phone: {type: string}
        mobile: {type: string, example: +61410888999}
        when: {type: string, format: date}
        amount: {type: number, example: 1.50}
        rate: {type: number}
        count: {type: integer}
        answer: {type: string, enum: [yes, no]}
        sure: {type: string}
        sureOf: {type: boolean}
        nothing: {type: string, format: date-time}
        other: {$ref: '#/components/schemas/Thing'}
        more: {type: array, items: {type: string}, example: [1]}
        parts: {type: array, example: [{}], items: {type: object, properties: {id: {type: string}}}}
        names: {type: object, additionalProperties: {type: string}}
        kind:
          oneOf:
            - {type: object, properties: {a: {type: string}}}
            - type: array
              items: {anyOf: [{type: integer}, {type: boolean}]}
`

func read(t *testing.T, files map[string]string) *Description {
	t.Helper()
	dir := fstest.MapFS{}
	for name, text := range files {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	all, err := Read(dir)
	require.NoError(t, err)
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	all := read(t, map[string]string{"some.yml": sample, "README.md": "not: one"})
	assert.Equal(t, []Operation{
		{"some.yml", "3.0", "GET", "/things/{id}", "getThing"},
		{"some.yml", "3.0", "POST", "/things/{id}", "postThing"},
	}, all.Operations)

	const assembled = `{"phone":"placeholder phone","mobile":"+61410888999","when":"2020-09-09","amount":1.50,"rate":1.5,"count":1,
		"answer":"yes","sure":"placeholder sure","sureOf":true,"nothing":"2020-09-09T11:06:52Z","more":["1"],
		"parts":[{"id":"placeholder parts.id"}],"names":{"any":"placeholder names.any"},"kind":`
	want := map[string]string{
		"examples/some/getThing.200.both-of-them.json": `{"phone":"0410888999","mobile":"61410888999","when":"2020-09-09","amount":1.50,
			"answer":"yes","sure":"true","sureOf":true,"nothing":null,"other":{"phone":"1"},"more":["1","2"],"unknown":7,"kind":{"a":"1"}}`,
		"examples/some/getThing.404.example.json": `{"code":"410"}`,
		"assembled/some/getThing.200.1.json":      assembled + `{"a":"placeholder kind.a"}}`,
		"assembled/some/getThing.200.2.json":      assembled + `[1]}`,
		"assembled/some/getThing.200.3.json":      assembled + `[true]}`,
		"assembled/some/getThing.200.4.json":      `{"page":1}`,
		"assembled/some/postThing.request.1.json": assembled + `{"a":"placeholder kind.a"}}`,
		"assembled/some/postThing.request.2.json": assembled + `[1]}`,
		"assembled/some/postThing.request.3.json": assembled + `[true]}`,
	}
	for _, payload := range all.Payloads {
		if assert.Contains(t, want, payload.File()) {
			assert.JSONEq(t, want[payload.File()], string(payload.JSON), payload.File())
		}
	}
	assert.Len(t, all.Payloads, len(want))
	assert.Contains(t, string(all.Payloads[0].JSON), `"amount": 1.50`, "numbers keep their digits")
}

func TestRead_Swagger(t *testing.T) {
	t.Parallel()
	all := read(t, map[string]string{"old.json": `{"swagger":"2.0","paths":{"/a":{"post":{"operationId":"postA",
		"parameters":[{"in":"query","name":"q"},{"in":"body","name":"a","schema":{"$ref":"#/definitions/A"}}],
		"responses":{"200":{"schema":{"$ref":"#/definitions/A"},"examples":{"application/json":{"b":"<\u00e9>"}}}}}}},
		"definitions":{"A":{"type":"object","properties":{"b":{"type":"string","example":"c"}},"example":{"b":"d"}}}}`})
	assert.Equal(t, []Operation{{"old.json", "2.1", "POST", "/a", "postA"}}, all.Operations)
	have := map[string]string{}
	for _, payload := range all.Payloads {
		have[payload.File()] = string(payload.JSON)
	}
	assert.Equal(t, map[string]string{
		"examples/old/postA.request.schema.json":       "{\n  \"b\": \"d\"\n}\n",
		"assembled/old/postA.request.1.json":           "{\n  \"b\": \"c\"\n}\n",
		"examples/old/postA.200.application-json.json": "{\n  \"b\": \"<é>\"\n}\n",
		"examples/old/postA.200.schema.json":           "{\n  \"b\": \"d\"\n}\n",
		"assembled/old/postA.200.1.json":               "{\n  \"b\": \"c\"\n}\n",
	}, have)
}

// Unsupported descriptions must fail, so that the comparison is never silently empty.
func TestRead_Errors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, failure string }{
		"not YAML":         {`a: [`, "did not find expected node content"},
		"nothing":          {``, "empty"},
		"no operationId":   {`paths: {/a: {get: {}}}`, "get /a has no operationId"},
		"a broken ref":     {`paths: {/a: {get: {operationId: a, requestBody: {$ref: '#/b'}}}}`, "line 1: unresolved reference #/b"},
		"a ref elsewhere":  {`paths: {/a: {get: {operationId: a, requestBody: {$ref: 'b.yml#/paths'}}}}`, "unresolved reference"},
		"a ref to itself":  {`paths: {/a: {get: {operationId: a, requestBody: &a {$ref: '#/paths/~1a/get/requestBody'}}}}`, "circular reference"},
		"no value":         {`paths: {/a: {get: {operationId: a, requestBody: {content: {application/json: {examples: {b: {}}}}}}}}`, "example b has no value"},
		"allOf":            {`paths: {/a: {get: {operationId: a, requestBody: {content: {application/json: {schema: {allOf: []}}}}}}}`, "unsupported keyword allOf"},
		"oneOf and others": {`paths: {/a: {get: {operationId: a, requestBody: {content: {application/json: {schema: {oneOf: [{}], properties: {}}}}}}}}`, "properties and alternatives"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(fstest.MapFS{"some.yml": {Data: []byte(tc.text)}})
			require.ErrorContains(t, err, tc.failure)
			assert.ErrorContains(t, err, "some.yml: ")
		})
	}
}

func TestScalar(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"~": nil, "true": true, "1.10": json.Number("1.10"), "-0.5e3": json.Number("-0.5e3"),
		"0801": "0801", "+61": "+61", "1_000": "1_000", "0x1f": "0x1f", "no": "no", ".5": ".5", "2020-09-09T11:06:52Z": "2020-09-09T11:06:52Z",
		`"1"`: "1", `'true'`: "true", `""`: "",
	} {
		payloads := read(t, map[string]string{"some.yml": "paths: {/a: {get: {operationId: a, requestBody: {content: {application/json: {example: [" + text + "]}}}}}}"}).Payloads
		require.Len(t, payloads, 1)
		wanted, err := json.Marshal([]any{want})
		require.NoError(t, err)
		assert.JSONEq(t, string(wanted), string(payloads[0].JSON), text)
	}
}
