//go:build generate

// This file holds the commands that generate gen/. `go generate ./...` runs them; the build tag excludes the file from builds.
//
// The generator is oapi-codegen. tools.mod pins its version instead of go.mod, so that neither the generator nor its
// dependencies enter the module graph of users. doccomments then makes sentences of the generated comments.
package spec

//go:generate go tool -modfile=tools.mod oapi-codegen -config api/models.cfg.yaml openapi.yaml
//go:generate go tool -modfile=tools.mod oapi-codegen -config api/client.cfg.yaml openapi.yaml
//go:generate go run ./api/doccomments gen/models.gen.go gen/client.gen.go
