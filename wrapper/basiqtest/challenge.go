package basiqtest

import (
	"slices"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// institutionPath returns the path of an institution, which changed in version 3.0.
func (v *view) institutionPath(id string) string {
	if v.version.since(v30) {
		return "/connectors/" + id
	}
	return "/institutions/" + id
}

func (v *view) institution(id string) object {
	return object{"type": "institution", "id": id, "links": v.selfLinks(v.institutionPath(id))}
}

// isCorrectAnswer reports whether the answers to a challenge are correct. They must be in the order of the questions
// and match exactly. The documentation is inconsistent about the question for the bank's ID. The sandbox accepts
// AU00000 at every bank and also the bank's own ID.
func isCorrectAnswer(challenge *bank.Challenge, answers []api.WireSecret, bankID string) bool {
	return slices.EqualFunc(challenge.Questions, answers, func(q bank.Question, given api.WireSecret) bool {
		return given.Reveal() == q.Answer || q.OrBankID && given.Reveal() == bankID
	})
}
