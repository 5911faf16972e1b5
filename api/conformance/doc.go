// Package conformance tests the library against openapi.yaml.
//
// It is a separate module, so that users of the library do not depend on the test dependencies. In particular, the OpenAPI
// library makes breaking changes in most releases.
package conformance
