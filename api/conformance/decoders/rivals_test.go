//go:build rivals

package decoders

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	goccy "github.com/goccy/go-json"
	"github.com/mailru/easyjson"
	segmentio "github.com/segmentio/encoding/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/decoders/easy"
	"github.com/basiq-go/basiq-go/gen"
)

var rivals = []candidate{
	{name: "sonic", unmarshal: sonic.ConfigStd.Unmarshal},
	{name: "sonicfast", unmarshal: sonic.ConfigFastest.Unmarshal},
	{name: "goccy", unmarshal: goccy.Unmarshal},
	{name: "segmentio", unmarshal: segmentio.Unmarshal},
	{name: "easyjson", unmarshal: func(data []byte, value any) error {
		target, ok := value.(easyjson.Unmarshaler)
		if !ok {
			return fmt.Errorf("nothing is generated for %T", value)
		}
		return easyjson.Unmarshal(data, target)
	}, own: func(value any) any {
		if _, ok := value.(*gen.TransactionList); ok {
			return new(easy.TransactionList)
		}
		return nil
	}},
}

// What easyjson decodes into is a copy, because it can only give methods to types of its own package.
func TestTypesForEasyJSONAreTheModels(t *testing.T) {
	t.Parallel()
	assertAlike(t, reflect.TypeFor[gen.TransactionList](), reflect.TypeFor[easy.TransactionList]())
}

// assertAlike checks that two types have the same fields, down to those of other packages.
func assertAlike(t *testing.T, want, have reflect.Type) {
	t.Helper()
	if want == have {
		return
	}
	if !assert.Equal(t, want.Kind(), have.Kind(), "%v and %v", want, have) {
		return
	}
	switch want.Kind() {
	case reflect.Pointer, reflect.Slice:
		assertAlike(t, want.Elem(), have.Elem())
	case reflect.Struct:
		if !assert.Equal(t, want.NumField(), have.NumField(), "%v", want) {
			return
		}
		for i := range want.NumField() {
			assert.Equal(t, want.Field(i).Name, have.Field(i).Name, "%v", want)
			assert.Equal(t, want.Field(i).Tag, have.Field(i).Tag, "%v.%s", want, want.Field(i).Name)
			assertAlike(t, want.Field(i).Type, have.Field(i).Type)
		}
	default:
		assert.Fail(t, "another type", "%v and %v", want, have)
	}
}

var update = flag.Bool("update", false, "write testdata/rivals.tsv")

const rivalsFile = "testdata/rivals.tsv"

// Whoever weighs another decoder sees here what it would change.
func TestRivalsDifferFromEncodingJSONAsWritten(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("decoder\tdifference\tinputs\todd\twhere\n")
	all := inputs()
	for _, by := range candidates() {
		var order []string
		where := map[string][]string{}
		compared := 0
		for _, in := range all {
			both := decodeBoth(by, in.text, in.into)
			if both == nil {
				continue
			}
			compared++
			difference := both.difference()
			if difference == "" {
				continue
			}
			row := difference + "\t%d\t" + in.what
			if where[row] == nil {
				order = append(order, row)
			}
			where[row] = append(where[row], in.where)
		}
		fmt.Fprintf(&table, "%s\tcompared\t%d\t\t\n", by.name, compared)
		for _, row := range order {
			spots, more := where[row], ""
			if shown := 5; len(spots) > shown {
				spots, more = spots[:shown], "; …"
			}
			fmt.Fprintf(&table, "%s\t"+row+"\t%s%s\n", by.name, len(where[row]), strings.Join(spots, "; "), more)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(rivalsFile, []byte(table.String()), 0o600))
	}
	want, err := os.ReadFile(rivalsFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), table.String())
}
