package official

import (
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// This package uses the nodes of the YAML library, because its decoded values would lose digits, dates and quotes. A nil node
// represents a missing node and is empty.

// get returns the node at a path of keys, or nil.
func get(node *yaml.Node, keys ...string) *yaml.Node {
next:
	for _, key := range keys {
		for name, member := range members(node) {
			if name == key {
				node = member
				continue next
			}
		}
		return nil
	}
	return node
}

// members yields the members of a mapping in order.
func members(node *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if node == nil || node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if !yield(node.Content[i].Value, dereferenced(node.Content[i+1])) {
				return
			}
		}
	}
}

// elements returns the elements of a sequence.
func elements(node *yaml.Node) []*yaml.Node {
	if node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

// dereferenced follows YAML aliases.
func dereferenced(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// is reports whether a node is a scalar with this text.
func is(node *yaml.Node, text string) bool {
	return node != nil && node.Kind == yaml.ScalarNode && node.Value == text
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// resolve follows OpenAPI references. It ignores other keys next to $ref.
func (f *file) resolve(node *yaml.Node) *yaml.Node {
	for range 100 {
		ref := get(node, "$ref")
		if ref == nil {
			return node
		}
		pointer, err := url.PathUnescape(ref.Value)
		pointer, local := strings.CutPrefix(pointer, "#/")
		target := f.root
		for key := range strings.SplitSeq(pointer, "/") {
			if list := elements(target); list != nil {
				if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(list) {
					target = list[i]
					continue
				}
			}
			target = get(target, unescape.Replace(key))
		}
		if err != nil || !local || target == nil {
			f.fail("line %d: unresolved reference %s", ref.Line, ref.Value)
			return nil
		}
		node = target
	}
	f.fail("line %d: circular reference", node.Line)
	return nil
}

func (f *file) fail(format string, args ...any) {
	f.failures = append(f.failures, fmt.Errorf(format, args...))
}
