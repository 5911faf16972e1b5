// Package conformance checks the library from outside, against openapi.yaml.
//
// It is a module of its own, so that what the checking needs, above all an OpenAPI library that breaks its own API in
// most releases, never enters the module graph of those who import the library.
package conformance
