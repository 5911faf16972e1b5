package basiqtest

import (
	"slices"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// institutionPath is where an institution is found, which changed with version 3.0.
func (v *view) institutionPath(id string) string {
	if v.version == v30 {
		return "/connectors/" + id
	}
	return "/institutions/" + id
}

func (v *view) institution(id string) object {
	return object{"type": "institution", "id": id, "links": v.selfLinks(v.institutionPath(id))}
}

// accepts reports whether the answers to a challenge are right, given in the order of the questions and letter for
// letter. The documents disagree about the one that asks for the bank's id: AU00000 is right everywhere, and so is the
// bank's own.
func isCorrectAnswer(challenge *bank.Challenge, answers []api.WireSecret, bankID string) bool {
	return slices.EqualFunc(challenge.Questions, answers, func(q bank.Question, given api.WireSecret) bool {
		return given.Reveal() == q.Answer || q.OrBankID && given.Reveal() == bankID
	})
}
