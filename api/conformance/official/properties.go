package official

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Property describes a property in the schema of a success response.
type Property struct {
	Operation Operation
	Status    string
	// Pointer is the path of the property, with a star for the elements of an array and the members of a map.
	Pointer string
	// Type is the type in the schema. It is empty if the schema has no type or has alternatives.
	Type     string
	Required bool // false within an alternative
	Nullable bool
}

// Row returns the property as a row of a table.
func (p Property) Row() []string {
	return []string{
		p.Operation.File, p.Operation.ID, p.Status, p.Pointer, p.Type, strconv.FormatBool(p.Required), strconv.FormatBool(p.Nullable),
	}
}

// ParseProperty parses the result of Row. The operation has only the file and the ID.
func ParseProperty(row []string) Property {
	return Property{
		Operation: Operation{File: row[0], ID: row[1]}, Status: row[2], Pointer: row[3], Type: row[4],
		Required: row[5] == "true", Nullable: row[6] == "true",
	}
}

// properties stores the properties of a success response.
func (f *file) properties(op Operation, status string, schema *yaml.Node) {
	if status >= "300" {
		return
	}
	f.below(Property{Operation: op, Status: status}, schema, false, nil)
}

// below stores the properties below a property. optional means that the value may be an alternative without them. within contains
// the enclosing schemas: a schema that contains itself is not expanded again.
func (f *file) below(at Property, schema *yaml.Node, optional bool, within []*yaml.Node) {
	schema = f.resolve(schema)
	if schema == nil || slices.Contains(within, schema) {
		return
	}
	within = append(slices.Clip(within), schema)
	for _, alternative := range f.alternatives(schema) {
		f.below(at, alternative, true, within)
	}
	required := elements(get(schema, "required"))
	for name, node := range members(get(schema, "properties")) {
		node = f.resolve(node)
		p := Property{
			Operation: at.Operation, Status: at.Status, Pointer: at.Pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name),
			Required: !optional && slices.ContainsFunc(required, func(r *yaml.Node) bool { return r.Value == name }),
			Nullable: is(get(node, "nullable"), "true") || is(get(node, "x-nullable"), "true"),
		}
		if kind := get(node, "type"); kind != nil && len(f.alternatives(node)) == 0 {
			p.Type = kind.Value
		}
		f.keepProperty(p)
		f.below(p, node, optional, within)
	}
	for _, each := range []string{"items", "additionalProperties"} {
		if node := get(schema, each); node != nil && node.Kind == yaml.MappingNode {
			element := at
			element.Pointer += "/*"
			f.below(element, node, optional, within)
		}
	}
}

// keepProperty stores a property. If alternatives differ, it has no type and the least strict requirements.
func (f *file) keepProperty(p Property) {
	all := f.found.Properties
	i := slices.IndexFunc(all, func(other Property) bool {
		return other.Operation == p.Operation && other.Status == p.Status && other.Pointer == p.Pointer
	})
	if i < 0 {
		f.found.Properties = append(f.found.Properties, p)
		return
	}
	if all[i].Type != p.Type {
		all[i].Type = ""
	}
	all[i].Required = all[i].Required && p.Required
	all[i].Nullable = all[i].Nullable || p.Nullable
}
