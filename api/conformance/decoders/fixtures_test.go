package decoders

import (
	"github.com/basiq-go/basiq-go/api/conformance/answers"
	"github.com/basiq-go/basiq-go/gen"
)

// fixture is an answer to decode.
type fixture struct {
	name string
	text []byte
	// into makes what it is decoded into.
	into func() any
}

// fixtures are the answers that are decoded most. Package answers holds that they have every field of the models.
func fixtures() []fixture {
	return []fixture{
		{"transactions", answers.Transactions(500, "https://au-api.basiq.io/users/6a52015e/transactions?next=bf1ec9d4"), into[gen.TransactionList]},
		{"connections", answers.Connections(100), into[gen.ConnectionList]},
		{"connection", answers.Connection(0), into[gen.Connection]},
		{"job", answers.Job(0), into[gen.Job]},
	}
}

func into[T any]() any { return new(T) }
