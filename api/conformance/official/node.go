package official

import (
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The nodes of the YAML library are kept, because its values would have lost digits, dates and quotes. A nil node is
// one that is not there, and has nothing in it.

// get returns what stands under keys, or nil.
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

// members yields the members of a mapping in their order.
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

// dereferenced follows YAML's own references.
func dereferenced(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// is reports whether a node is this text.
func is(node *yaml.Node, text string) bool {
	return node != nil && node.Kind == yaml.ScalarNode && node.Value == text
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// resolve follows OpenAPI's references. What stands beside one does not count.
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
			f.fail("line %d: %s leads nowhere", ref.Line, ref.Value)
			return nil
		}
		node = target
	}
	f.fail("line %d: a reference to itself", node.Line)
	return nil
}

func (f *file) fail(format string, args ...any) {
	f.failures = append(f.failures, fmt.Errorf(format, args...))
}
