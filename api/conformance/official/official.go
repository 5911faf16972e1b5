// Package official reads Basiq's own descriptions of its API, so that the contract can be held to them. They belong to
// Basiq and are no part of this repository; what the checks need of them, the list of operations and payloads, is in
// testdata/official, and this package's tests write it and tell whether it is still what the descriptions say.
//
// The descriptions hold mistakes, two are not even valid OpenAPI, so nothing here asks whether they are valid. Nothing
// is mended either, with one exception: a number or a boolean in an example, where the schema of that very place says
// string, is a string whose quotes were forgotten, as YAML lets one do.
package official

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Request stands in place of a status for the payloads that a client sends.
const Request = "request"

// Placeholder begins every string of an assembled payload that the description does not say. Nothing follows from its
// form: it need not be a value of an enum, or a decimal number.
const Placeholder = "placeholder "

// Description is what the files of a directory say.
type Description struct {
	Operations []Operation
	Payloads   []Payload
	Properties []Property
	Facts      []Fact
}

// Operation is an operation as one file has it.
type Operation struct {
	File, Version, Method, Path, ID string
}

// Stem is the name of the operation's file without what tells its form.
func (op Operation) Stem() string { return strings.TrimSuffix(op.File, path.Ext(op.File)) }

// Payload is a JSON body, of a response or of a request.
type Payload struct {
	Operation Operation
	// Status is that of the response, or [Request].
	Status string
	// Name is that of the example, or the number of an assembled payload.
	Name string
	// Assembled payloads stand in no file as such: they hold every property that the schema has, each with its own
	// example, or with a value of its type. Where the schema has alternatives, there is a payload for each.
	Assembled bool
	JSON      []byte
}

// File is the name that the payload has in testdata/official.
func (p Payload) File() string {
	folder := "examples"
	if p.Assembled {
		folder = "assembled"
	}
	return path.Join(folder, p.Operation.Stem(), p.Operation.ID+"."+p.Status+"."+p.Name+".json")
}

// Read reads the .json and .yml files of a directory. Two files may describe the same operation. Of payloads that they share,
// it returns the one of the first file.
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
