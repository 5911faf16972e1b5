// Package official reads Basiq's own descriptions of its API, so that the contract can be compared with them. The descriptions
// belong to Basiq and are not part of this repository. The data that the checks need is in testdata/official: the operations,
// properties, facts and payloads. The tests of this package write these files and check that they match the descriptions.
//
// The descriptions contain mistakes, and two are not valid OpenAPI, so this package does not validate them. It corrects only one
// kind of mistake: a number or a boolean in an example is a string if the schema of its place says string, because YAML
// allows strings without quotes.
package official

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Request is used instead of a status for the payloads of requests.
const Request = "request"

// Placeholder is the prefix of strings in assembled payloads that are not in the description. Such a string may be invalid, for
// example where the description requires a value of an enum or a decimal number.
const Placeholder = "placeholder "

// Description contains the data of the files in a directory.
type Description struct {
	Operations []Operation
	Payloads   []Payload
	Properties []Property
	Facts      []Fact
}

// Operation is an operation in a file.
type Operation struct {
	File, Version, Method, Path, ID string
}

// Stem returns the name of the operation's file without its extension.
func (op Operation) Stem() string { return strings.TrimSuffix(op.File, path.Ext(op.File)) }

// Payload is a JSON body of a response or a request.
type Payload struct {
	Operation Operation
	// Status is the status of the response, or [Request].
	Status string
	// Name is the name of the example, or the number of an assembled payload.
	Name string
	// Assembled payloads do not exist in the files. They contain every property of the schema, with its own example or a value of
	// its type. If the schema has alternatives, there is a payload for each.
	Assembled bool
	JSON      []byte
}

// File returns the path of the payload in testdata/official.
func (p Payload) File() string {
	folder := "examples"
	if p.Assembled {
		folder = "assembled"
	}
	return path.Join(folder, p.Operation.Stem(), p.Operation.ID+"."+p.Status+"."+p.Name+".json")
}

// Read reads the .json and .yml files in a directory. Two files may describe the same operation. Of identical payloads, it returns
// only the first.
func Read(dir fs.FS) (*Description, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var all Description
	seen := map[string]bool{}
	for _, entry := range entries {
		name := entry.Name()
		if ext := path.Ext(name); ext != ".json" && ext != ".yml" {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		one, err := parse(name, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		facts, err := Facts(name, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all.Facts = append(all.Facts, facts...)
		all.Operations = append(all.Operations, one.Operations...)
		for _, payload := range one.Payloads {
			key := strings.Join([]string{placeOf(payload.Operation), payload.Status, string(payload.JSON)}, " ")
			if !seen[key] {
				seen[key] = true
				all.Payloads = append(all.Payloads, payload)
			}
		}
		all.Properties = append(all.Properties, one.Properties...)
	}
	return &all, nil
}
