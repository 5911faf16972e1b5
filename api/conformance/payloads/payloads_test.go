package payloads_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/payloads"
	"github.com/basiq-go/basiq-go/gen"
)

const transactions, connections = 500, 100

// The payloads must fill every field, so that a decoder cannot be fast by skipping fields.
func TestPayloads_FillEveryField(t *testing.T) {
	t.Parallel()
	// Basiq's connections do not have this field, and it is larger than the rest of them.
	const omitted = ".Accounts.Data[].Meta"
	for name, payload := range map[string]struct {
		text []byte
		into any
	}{
		"transactions": {payloads.Transactions(transactions, "https://au-api.basiq.io/users/6a52015e/transactions?next=bf1ec9d4"), new(gen.TransactionList)},
		"connections":  {payloads.Connections(connections), new(gen.ConnectionList)},
		"connection":   {payloads.Connection(0), new(gen.Connection)},
		"job":          {payloads.Job(0), new(gen.Job)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := payload.into
			decoder := json.NewDecoder(bytes.NewReader(payload.text))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(value))
			switch list := value.(type) {
			case *gen.TransactionList:
				require.Len(t, list.Data, transactions)
				for i := range list.Data {
					assert.Empty(t, unfilled("", reflect.ValueOf(&list.Data[i])), "transaction %d", i)
				}
				assert.Empty(t, unfilled("", reflect.ValueOf(value)))
			case *gen.ConnectionList:
				require.Len(t, list.Data, connections)
				for i := range list.Data {
					assert.Equal(t, []string{omitted}, unfilled("", reflect.ValueOf(&list.Data[i])), "connection %d", i)
				}
				assert.Equal(t, []string{".Data[]" + omitted}, unfilled("", reflect.ValueOf(value)))
			case *gen.Connection:
				assert.Equal(t, []string{omitted}, unfilled("", reflect.ValueOf(value)))
			default:
				assert.Empty(t, unfilled("", reflect.ValueOf(value)))
			}
		})
	}
	assert.Equal(t, []string{".Enrich", ".Tags"}, unfilled("", reflect.ValueOf([]struct {
		Enrich *gen.EnrichData
		Tags   []string
		ID     string
	}{{ID: "1"}, {}}))[:2], "missing fields are found")
}

// unfilled returns the paths of the fields that are empty in all values, which have the same type.
func unfilled(path string, values ...reflect.Value) []string {
	var inner []reflect.Value
	for _, value := range values {
		switch value.Kind() {
		case reflect.Pointer:
			if !value.IsNil() {
				inner = append(inner, value.Elem())
			}
		case reflect.Slice:
			for i := range value.Len() {
				inner = append(inner, value.Index(i))
			}
		case reflect.Map:
			inner = append(inner, value.MapKeys()...)
		default:
			if _, opaque := reflect.TypeAssert[interface{ IsZero() bool }](value); opaque || value.Kind() != reflect.Struct {
				if !value.IsZero() {
					return nil
				}
				continue
			}
			inner = append(inner, value)
		}
	}
	if len(inner) == 0 {
		return []string{path}
	}
	kind := values[0].Kind()
	switch {
	case kind == reflect.Slice && path != "":
		path += "[]"
	case kind == reflect.Struct:
		var all []string
		for i := range inner[0].NumField() {
			fields := make([]reflect.Value, len(inner))
			for j := range inner {
				fields[j] = inner[j].Field(i)
			}
			all = append(all, unfilled(path+"."+inner[0].Type().Field(i).Name, fields...)...)
		}
		return all
	}
	return unfilled(path, inner...)
}
