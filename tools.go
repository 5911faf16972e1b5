//go:build generate

// This file contains the commands that generate gen/. `go generate ./...` runs them. The file is not part of any build.
//
// The generator is oapi-codegen. Its version is pinned in tools.mod instead of go.mod, so that neither the generator nor its
// OpenAPI library is in the module graph of importers of this module.
package spec

//go:generate go tool -modfile=tools.mod oapi-codegen -config api/models.cfg.yaml openapi.yaml
//go:generate go tool -modfile=tools.mod oapi-codegen -config api/client.cfg.yaml openapi.yaml
