package official

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const mediaType = "application/json"

// methods are the keys of a path item that are operations.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// file is a description that is being parsed.
type file struct {
	root     *yaml.Node
	found    Description
	kept     map[string]bool
	count    map[string]int // numbers of assembled payloads
	failures []error
}

// parse parses a file. JSON is valid YAML.
func parse(name string, text []byte) (*Description, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	if len(tree.Content) == 0 {
		return nil, errors.New("empty")
	}
	f := &file{root: tree.Content[0], kept: map[string]bool{}, count: map[string]int{}}
	version := "3.0"
	if get(f.root, "swagger") != nil {
		version = "2.1"
	}
	for path, item := range members(get(f.root, "paths")) {
		for method, op := range members(item) {
			if slices.Contains(methods, method) {
				id := get(op, "operationId")
				if id == nil {
					return nil, fmt.Errorf("%s %s has no operationId", method, path)
				}
				f.operation(Operation{name, version, strings.ToUpper(method), path, id.Value}, op)
			}
		}
	}
	return &f.found, errors.Join(f.failures...)
}

func (f *file) operation(op Operation, node *yaml.Node) {
	f.found.Operations = append(f.found.Operations, op)
	f.body(op, Request, get(f.resolve(get(node, "requestBody")), "content", mediaType))
	for _, parameter := range elements(get(node, "parameters")) {
		if parameter = f.resolve(parameter); is(get(parameter, "in"), "body") { // Swagger
			f.body(op, Request, parameter)
		}
	}
	for status, response := range members(get(node, "responses")) {
		response = f.resolve(response)
		f.body(op, status, get(response, "content", mediaType))
		f.body(op, status, response) // Swagger
		// Descriptions contain a schema of PDF reports, as if they were JSON. One such schema is not described elsewhere.
		for name, media := range members(get(response, "content")) {
			if schema := get(media, "schema"); name != mediaType && get(f.resolve(schema), "properties") != nil {
				f.assembled(op, status, schema)
			}
		}
	}
}

// body stores the payloads of a body: an OpenAPI media type, or a Swagger parameter or response.
func (f *file) body(op Operation, status string, body *yaml.Node) {
	schema := get(body, "schema")
	places := f.places(schema)
	if example := get(body, "example"); example != nil {
		f.keep(Payload{Operation: op, Status: status, Name: "example"}, f.value(example, places))
	}
	for name, example := range members(get(body, "examples")) {
		value := get(f.resolve(example), "value")
		if name == mediaType { // Swagger
			value = example
		}
		if value == nil {
			f.fail("%s: example %s has no value", op.ID, name)
			continue
		}
		f.keep(Payload{Operation: op, Status: status, Name: slug(name)}, f.value(value, places))
	}
	if example := get(f.resolve(schema), "example"); example != nil {
		f.keep(Payload{Operation: op, Status: status, Name: "schema"}, f.value(example, places))
	}
	if schema != nil {
		f.assembled(op, status, schema)
		if status != Request {
			f.properties(op, status, schema)
		}
	}
}

// assembled stores the assembled payloads of a schema. It skips errors: all use the same envelope, which has examples.
func (f *file) assembled(op Operation, status string, schema *yaml.Node) {
	if status >= "300" && status != Request {
		return
	}
	for variant := range f.variants(schema, nil) {
		if value, ok := f.assemble(schema, variant, "", nil); ok {
			f.keep(Payload{Operation: op, Status: status, Assembled: true}, value)
		}
	}
}

// keep stores a payload unless it is a duplicate. Every operation repeats the same few errors, so each file needs an error only
// once.
func (f *file) keep(payload Payload, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		f.fail("%s: %w", payload.File(), err)
		return
	}
	key := text.String()
	if payload.Status < "400" || payload.Status == Request {
		key = payload.Operation.ID + payload.Status + key
	}
	if !f.kept[key] {
		f.kept[key] = true
		if payload.Assembled {
			of := payload.Operation.ID + payload.Status
			f.count[of]++
			payload.Name = strconv.Itoa(f.count[of])
		}
		payload.JSON = text.Bytes()
		f.found.Payloads = append(f.found.Payloads, payload)
	}
}

var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(name string) string {
	return strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// places returns the possible schemas of a value at a place: one, unless there are alternatives.
func (f *file) places(schemas ...*yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	for _, schema := range schemas {
		if schema = f.resolve(schema); schema == nil {
			continue
		}
		if alternatives := f.alternatives(schema); alternatives != nil {
			all = append(all, f.places(alternatives...)...)
		} else {
			all = append(all, schema)
		}
	}
	return all
}

func (f *file) alternatives(schema *yaml.Node) []*yaml.Node {
	for _, unknown := range []string{"allOf", "not", "patternProperties"} {
		if get(schema, unknown) != nil {
			f.fail("line %d: unsupported keyword %s", schema.Line, unknown)
		}
	}
	all := slices.Concat(elements(get(schema, "oneOf")), elements(get(schema, "anyOf")))
	if len(all) > 0 && get(schema, "properties") != nil {
		f.fail("line %d: unsupported combination of properties and alternatives", schema.Line)
	}
	return all
}

// value converts an example to a JSON value.
func (f *file) value(node *yaml.Node, places []*yaml.Node) any {
	switch node = dereferenced(node); node.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for name, member := range members(node) {
			within := make([]*yaml.Node, 0, len(places))
			for _, place := range places {
				property := get(place, "properties", name)
				if property == nil {
					property = get(place, "additionalProperties")
				}
				within = append(within, f.places(property)...)
			}
			object[name] = f.value(member, within)
		}
		return object
	case yaml.SequenceNode:
		within := make([]*yaml.Node, 0, len(places))
		for _, place := range places {
			within = append(within, f.places(get(place, "items"))...)
		}
		list := []any{}
		for _, element := range node.Content {
			list = append(list, f.value(element, within))
		}
		return list
	default:
		value := scalar(node)
		if _, text := value.(string); value == nil || text || len(places) == 0 {
			return value
		}
		for _, place := range places {
			if !is(get(place, "type"), "string") {
				return value
			}
		}
		return node.Value
	}
}

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar converts a scalar to the types of JSON, according to the JSON schema of YAML 1.2. Dates and words such as "yes" are
// strings, and numbers keep their digits.
func scalar(node *yaml.Node) any {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	text := node.Value
	switch {
	case node.Style&quoted != 0:
		return text
	case text == "" || text == "~" || text == "null":
		return nil
	case text == "true" || text == "false":
		return text == "true"
	case number.MatchString(text):
		return json.Number(text)
	default:
		return text
	}
}
