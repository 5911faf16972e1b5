package official

import (
	"encoding/json"
	"slices"

	"go.yaml.in/yaml/v3"
)

// variants returns the number of payloads needed to contain each alternative of a schema once. within contains the enclosing
// schemas: a schema that contains itself is not expanded again.
func (f *file) variants(schema *yaml.Node, within []*yaml.Node) int {
	schema = f.resolve(schema)
	if schema == nil || slices.Contains(within, schema) {
		return 1
	}
	within = append(slices.Clip(within), schema)
	if alternatives := f.alternatives(schema); len(alternatives) > 0 {
		sum := 0
		for _, alternative := range alternatives {
			sum += f.variants(alternative, within)
		}
		return sum
	}
	most := 1
	for _, property := range members(get(schema, "properties")) {
		most = max(most, f.variants(property, within))
	}
	return max(most, f.variants(get(schema, "items"), within), f.variants(get(schema, "additionalProperties"), within))
}

// assemble returns a payload with all properties of a schema. The second result is false if the schema contains itself.
func (f *file) assemble(schema *yaml.Node, variant int, name string, within []*yaml.Node) (any, bool) {
	schema = f.resolve(schema)
	if slices.Contains(within, schema) {
		return nil, false
	}
	around := within
	within = append(slices.Clip(within), schema)
	if alternatives := f.alternatives(schema); len(alternatives) > 0 {
		variant %= f.variants(schema, around)
		for _, alternative := range alternatives {
			n := f.variants(alternative, within)
			if variant < n {
				return f.assemble(alternative, variant, name, within)
			}
			variant -= n
		}
	}

	properties, items, others := get(schema, "properties"), get(schema, "items"), get(schema, "additionalProperties")
	// The example of a list of objects may omit some of their properties.
	objects := slices.ContainsFunc(f.places(items), func(item *yaml.Node) bool { return get(item, "properties") != nil })
	switch example := get(schema, "example"); {
	case properties != nil:
		object := map[string]any{}
		for key, property := range members(properties) {
			if value, ok := f.assemble(property, variant, name+"."+key, within); ok {
				object[key] = value
			}
		}
		return object, true
	case example != nil && !objects:
		return f.value(example, []*yaml.Node{schema}), true
	case items != nil:
		value, ok := f.assemble(items, variant, name, within)
		if !ok {
			return []any{}, true
		}
		return []any{value}, true
	case others != nil && others.Kind == yaml.MappingNode:
		object := map[string]any{}
		if value, ok := f.assemble(others, variant, name+".any", within); ok {
			object["any"] = value
		}
		return object, true
	}
	if values := elements(get(schema, "enum")); len(values) > 0 {
		return f.value(values[0], []*yaml.Node{schema}), true
	}
	return placeholder(schema, name), true
}

// samples maps types and formats to values.
var samples = map[string]any{
	"integer": json.Number("1"), "number": json.Number("1.5"), "boolean": true, "object": map[string]any{}, "array": []any{},
	"date-time": "2020-09-09T11:06:52Z", "date": "2020-09-09",
}

// placeholder returns a value of the type of a schema without an example.
func placeholder(schema *yaml.Node, name string) any {
	for _, key := range []string{"type", "format"} {
		if node := get(schema, key); node != nil && samples[node.Value] != nil {
			return samples[node.Value]
		}
	}
	return Placeholder + name[min(1, len(name)):]
}
