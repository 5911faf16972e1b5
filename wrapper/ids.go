package basiq

import (
	"strings"

	"github.com/basiq-go/basiq-go/api"
)

// pathParam is an ID in the path of a request, with the name of the argument that holds it.
type pathParam struct{ argument, value string }

// checkIDs returns an [InputError] if an ID would change the meaning of the URL. The generated client also rejects such
// IDs, but its error does not name the argument.
func checkIDs(op *Operation, ids ...pathParam) error {
	for _, id := range ids {
		if err := api.ID(id.value).Validate(); err != nil {
			return &InputError{Operation: op.Name, Argument: id.argument, Problem: idProblem(err), isID: true}
		}
	}
	return nil
}

// idProblem returns the text of an error of [api.ID.Validate] without its prefix.
func idProblem(err error) string { return strings.TrimPrefix(err.Error(), api.ErrBadID.Error()+": ") }
