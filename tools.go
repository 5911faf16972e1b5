//go:build generate

// This file says how gen/ is made; `go generate ./...` runs it and no build sees it.
//
// The generator is oapi-codegen. tools.mod pins it, beside go.mod and not in it, so that neither it nor the OpenAPI
// library under it enters the module graph of those who import this module.
package spec

//go:generate go tool -modfile=tools.mod oapi-codegen -config api/models.cfg.yaml openapi.yaml
//go:generate go tool -modfile=tools.mod oapi-codegen -config api/client.cfg.yaml openapi.yaml
