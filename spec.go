// Package spec carries the OpenAPI description that this module is generated from and held to.
// The client itself is package basiq, in the folder wrapper.
package spec

import _ "embed"

// OpenAPI is openapi.yaml, to the byte: every operation and model of the Basiq API that this module knows.
//
//go:embed openapi.yaml
var OpenAPI string
