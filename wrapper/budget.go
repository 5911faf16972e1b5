package basiq

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// decodeBudget limits the memory of the values of one response, in bytes, without the text of strings.
	decodeBudget = 96 << 20
	// decodeTwiceBudget limits the memory of a response that may be decoded twice, see [api.Unmarshal].
	decodeTwiceBudget = decodeBudget / 2
	// valueCost is charged for each value. It covers a map entry, and the error for a value of another kind than its
	// field.
	valueCost = 128
	// sliceGrowth is the ratio between the memory that a growing slice allocates and the memory that it needs.
	sliceGrowth = 3
	// invalidCost is charged for each byte of invalid UTF-8: it is replaced by three bytes, in a buffer that grows.
	invalidCost = 14
)

// checkBudget returns an error if decoding body into value could take more memory than decodeBudget. large is set if it
// could take more than decodeTwiceBudget.
//
// `[0,0,0]` takes two bytes an element on the wire and up to a KiB in memory.
func checkBudget(body []byte, value any) (large bool, err error) {
	costs := costsOf(reflect.TypeOf(value).Elem())
	most := slices.Max(costs[:])
	values := bytes.Count(body, []byte(",")) + bytes.Count(body, []byte("[")) + bytes.Count(body, []byte("{"))
	if int64(values)*most+invalidCost*int64(len(body)) <= decodeTwiceBudget {
		return false, nil
	}
	var left int64 = decodeBudget
	if !utf8.Valid(body) {
		left -= invalidCost * int64(len(body))
	}
	if int64(values)*most > left-decodeTwiceBudget {
		left = charge(body, costs, left)
	}
	if left < 0 {
		return true, fmt.Errorf("%w: values exceed %d MiB of memory", ErrResponseTooLarge, decodeBudget>>20)
	}
	return left < decodeBudget-decodeTwiceBudget, nil
}

// charge subtracts the cost of each value in body from left, until left is negative or the body is not JSON.
func charge(body []byte, costs *valueCosts, left int64) int64 {
	depth := 0
	for i := 0; i < len(body) && left >= 0 && depth >= 0; i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case ']', '}':
			depth--
		case '[', '{':
			depth++
			fallthrough
		case ',':
			left -= costs[min(depth, len(costs)-1)]
		}
	}
	return left
}

// valueCosts holds the maximum memory of one value in a JSON text, by the number of enclosing arrays and objects.
type valueCosts [16]int64

var costsByType sync.Map // of *valueCosts by reflect.Type

func costsOf(t reflect.Type) *valueCosts {
	if known, ok := costsByType.Load(t); ok {
		return known.(*valueCosts) //nolint:forcetypeassert // the map holds no other type
	}
	costs := new(valueCosts)
	for depth := range costs {
		costs[depth] = valueCost
	}
	costs.add(t, 0, 0)
	costsByType.Store(t, costs)
	return costs
}

// add adds the costs of a value of type t, for which size bytes are allocated, and of the values inside it.
func (c *valueCosts) add(t reflect.Type, depth, size int) {
	if depth == len(c) {
		return
	}
	c[depth] = max(c[depth], valueCost+int64(size))
	switch t.Kind() {
	case reflect.Pointer:
		c.add(t.Elem(), depth, size+int(t.Elem().Size()))
	case reflect.Slice:
		c.add(t.Elem(), depth+1, sliceGrowth*int(t.Elem().Size()))
	case reflect.Map:
		c.add(t.Elem(), depth+1, int(t.Elem().Size()))
	case reflect.Struct:
		if items, ok := oneOrManyItems(t); ok { // an element with or without an array around it
			c.add(items, depth, size)
			c.add(items.Elem(), depth, size+int(items.Elem().Size()))
			return
		}
		for field := range t.Fields() {
			inside := depth + 1
			if field.Anonymous { // its members are members of t
				inside = depth
			}
			c.add(field.Type, inside, 0)
		}
	default: // contains no other values
	}
}

// oneOrManyItems returns the type of the list in an [api.OneOrMany].
func oneOrManyItems(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.Name(), "OneOrMany[") {
		return nil, false
	}
	return t.Field(0).Type, true
}
