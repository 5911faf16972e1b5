package decoders

import (
	"encoding/json"

	v2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	v1 "github.com/go-json-experiment/json/v1"

	"github.com/basiq-go/basiq-go/api"
)

// candidate is a decoder.
type candidate struct {
	name      string
	unmarshal func(data []byte, value any) error
	// own turns what to decode into, as [fixture.into] makes it, into what this decoder takes, or is nil when it takes
	// anything. The result is nil where there is no such type.
	own func(value any) any
}

// into makes what c decodes into in place of what fresh makes, or nil when it cannot.
func (c candidate) into(fresh func() any) any {
	if c.own == nil {
		return fresh()
	}
	return c.own(fresh())
}

// standard is what the others are compared with. With Go 1.27 it is the engine of v2, with the rules of v1.
var standard = candidate{name: "std", unmarshal: json.Unmarshal}

// ours is the decoder that the library uses.
var ours = candidate{name: "api", unmarshal: api.Unmarshal}

// candidates are all that run here.
func candidates() []candidate {
	return append([]candidate{
		standard,
		ours,
		{name: "v1", unmarshal: v1.Unmarshal},
		{name: "v2", unmarshal: func(data []byte, value any) error { return v2.Unmarshal(data, value, lenient) }},
	}, rivals...)
}

// lenient is what makes v2 take most of what encoding/json takes.
var lenient = v2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), v2.MatchCaseInsensitiveNames(true))
