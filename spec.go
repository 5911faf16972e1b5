// Package spec contains the OpenAPI description from which this module is generated and against which it is tested.
// The client is package basiq in the directory wrapper.
package spec

import _ "embed"

// OpenAPI is the content of openapi.yaml. It describes all operations and models of the Basiq API that this module supports.
//
//go:embed openapi.yaml
var OpenAPI string
