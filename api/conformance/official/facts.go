package official

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The kinds of facts.
const (
	KindOperation = "operation"
	KindParameter = "parameter"
	KindProperty  = "property"
	KindStatus    = "status"
	KindValue     = "value"
)

// Fact is a statement of a description about an operation: that it exists, or that it has a parameter, a property of a body, a
// member of an enum, or a status. Path parameters are part of the path.
type Fact struct {
	Operation Operation
	Kind      string
	// Place holds the position of the fact in the operation. It is empty for operations and statuses. For a parameter it is
	// "query" or "header", and for a property the status of the response or [Request]. For a value it is the place and the
	// name of its property or parameter.
	Place string
	// Name is the name of a parameter, the pointer of a property, the text of a value, or a status.
	Name string
}

// statement is a fact, or the text of the description for a place.
type statement struct {
	Fact

	text string
}

// Facts returns the facts of a description without duplicates. file is used only as the file name of the operations.
func Facts(file string, text []byte) ([]Fact, error) {
	all, err := statements(file, text)
	if err != nil {
		return nil, err
	}
	var facts []Fact
	seen := map[Fact]bool{}
	for _, s := range all {
		if s.Kind != "" && !seen[s.Fact] {
			seen[s.Fact] = true
			facts = append(facts, s.Fact)
		}
	}
	return facts, nil
}

func statements(name string, text []byte) ([]statement, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	if len(tree.Content) == 0 {
		return nil, errors.New("empty")
	}
	f := &file{root: tree.Content[0]}
	version := "3.0"
	if get(f.root, "swagger") != nil {
		version = "2.1"
	}
	r := &factReader{file: f}
	for path, item := range members(get(f.root, "paths")) {
		for method, node := range members(item) {
			if !slices.Contains(methods, method) {
				continue
			}
			id := ""
			if node := get(node, "operationId"); node != nil {
				id = node.Value
			}
			r.operation = Operation{name, version, strings.ToUpper(method), path, id}
			r.read(node, get(item, "parameters"))
		}
	}
	if len(r.found) == 0 {
		return nil, errors.New("no operations")
	}
	return r.found, errors.Join(f.failures...)
}

// factReader reads operations one by one.
type factReader struct {
	*file

	operation Operation
	found     []statement
}

func (r *factReader) add(kind, place, name string) {
	r.found = append(r.found, statement{Fact: Fact{r.operation, kind, place, name}})
}

func (r *factReader) read(node, shared *yaml.Node) {
	r.add(KindOperation, "", "")
	for _, parameter := range slices.Concat(elements(shared), elements(get(node, "parameters"))) {
		r.parameter(r.resolve(parameter))
	}
	for _, media := range members(get(r.resolve(get(node, "requestBody")), "content")) {
		r.schema(Request, "", get(media, "schema"), nil)
	}
	for status, response := range members(get(node, "responses")) {
		response = r.resolve(response)
		r.add(KindStatus, "", status)
		for _, media := range members(get(response, "content")) {
			r.schema(status, "", get(media, "schema"), nil)
		}
		r.schema(status, "", get(response, "schema"), nil) // Swagger
	}
}

func (r *factReader) parameter(node *yaml.Node) {
	in, name, schema := get(node, "in"), get(node, "name"), get(node, "schema")
	if in == nil || name == nil {
		return
	}
	if schema == nil {
		schema = node // Swagger: the members of the schema belong to the parameter
	}
	switch in.Value {
	case "path":
	case "body": // Swagger
		r.schema(Request, "", schema, nil)
	case "formData": // Swagger
		r.add(KindProperty, Request, "/"+name.Value)
		r.schema(Request, "/"+name.Value, schema, nil)
	default:
		key := name.Value
		if in.Value == "header" {
			key = strings.ToLower(key)
		}
		r.add(KindParameter, in.Value, key)
		r.describe(in.Value, key, get(node, "description"))
		r.schema(in.Value, key, schema, nil)
	}
}

// schema adds the values of a schema and everything below it. within contains the enclosing schemas. A schema that contains itself
// is read twice, because other descriptions may spell out one level of the recursion.
func (r *factReader) schema(place, pointer string, schema *yaml.Node, within []*yaml.Node) {
	schema = r.resolve(schema)
	if schema == nil {
		return
	}
	if i := slices.Index(within, schema); i >= 0 && slices.Contains(within[i+1:], schema) {
		return
	}
	within = append(slices.Clip(within), schema)
	r.describe(place, pointer, get(schema, "description"))
	for _, value := range elements(get(schema, "enum")) {
		if scalar(value) != nil {
			r.add(KindValue, join(place, pointer), value.Value)
		}
	}
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		for _, alternative := range elements(get(schema, key)) {
			r.schema(place, pointer, alternative, within)
		}
	}
	for name, property := range members(get(schema, "properties")) {
		below := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		r.add(KindProperty, place, below)
		r.schema(place, below, property, within)
	}
	for _, each := range []string{"items", "additionalProperties"} {
		if node := get(schema, each); node != nil && node.Kind == yaml.MappingNode {
			r.schema(place, pointer+"/*", node, within)
		}
	}
}

func (r *factReader) describe(place, pointer string, description *yaml.Node) {
	if description != nil {
		r.found = append(r.found, statement{Fact: Fact{Operation: r.operation, Place: join(place, pointer)}, text: description.Value})
	}
}

func join(place, pointer string) string { return strings.TrimSuffix(place+" "+pointer, " ") }

// factHeading is the header of a table of facts.
const factHeading = "file\toperationId\tkind\tplace\tnames\n"

// FactTable returns facts as a table. A row contains all names of a kind at a place, as a JSON array. Operations have no rows
// because operations.tsv lists them.
func FactTable(facts []Fact) (string, error) {
	var keys []string
	all := map[string][]string{}
	for _, fact := range facts {
		if fact.Kind == KindOperation {
			continue
		}
		key := strings.Join([]string{fact.Operation.File, fact.Operation.ID, fact.Kind, fact.Place}, "\t")
		if all[key] == nil {
			keys = append(keys, key)
		}
		all[key] = append(all[key], fact.Name)
	}
	var table strings.Builder
	table.WriteString(factHeading)
	for _, key := range keys {
		names, err := json.Marshal(all[key])
		if err != nil {
			return "", err
		}
		table.WriteString(key + "\t" + string(names) + "\n")
	}
	return table.String(), nil
}

// ParseFacts returns the facts of operations and of the rows of a table.
func ParseFacts(operations []Operation, rows [][]string) ([]Fact, error) {
	facts := make([]Fact, 0, len(operations))
	byName := map[[2]string]Operation{}
	for _, op := range operations {
		facts = append(facts, Fact{Operation: op, Kind: KindOperation})
		byName[[2]string{op.File, op.ID}] = op
	}
	for _, row := range rows {
		op, known := byName[[2]string{row[0], row[1]}]
		if !known {
			return nil, fmt.Errorf("%s: unknown operation %s", row[0], row[1])
		}
		var names []string
		if err := json.Unmarshal([]byte(row[4]), &names); err != nil {
			return nil, fmt.Errorf("%s %s: %w", row[0], row[1], err)
		}
		for _, name := range names {
			facts = append(facts, Fact{op, row[2], row[3], name})
		}
	}
	return facts, nil
}
