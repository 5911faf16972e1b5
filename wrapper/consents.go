package basiq

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Consent is what a user has allowed the application to read, and for how long.
	Consent = gen.Consent
	// ConsentStatus is the state of a consent.
	ConsentStatus = gen.ConsentStatus
)

// The states of a consent.
const (
	ConsentStatusActive  = gen.ConsentStatusActive
	ConsentStatusRevoked = gen.ConsentStatusRevoked
	ConsentStatusExpired = gen.ConsentStatusExpired
)

// ConsentFields are the fields that [ConsentsService.List] can filter by. Basiq has announced the filter and not published
// its syntax; the filter is sent in the syntax of [ConnectionFields].
var ConsentFields = consentFields{
	Status: EqualField[Consent, ConsentStatus]{name: "status"},
}

type consentFields struct {
	Status EqualField[Consent, ConsentStatus]
}

// ConsentsService creates URLs of Basiq's consent page, and reads and revokes consents. It requires [APIVersion30].
type ConsentsService struct{ client *Client }

// List returns the user's consents that satisfy all filters; see [ConsentFields]. Without filters it includes expired and
// revoked consents. The list is empty for a user who has never given a consent, which Basiq reports as 403 access-denied.
// operationId: getConsents.
func (s *ConsentsService) List(ctx context.Context, userID string, filters ...Filter[Consent]) iter.Seq2[*Consent, error] {
	consents := list(ctx, s.client, opGetConsents, []pathParam{{"userID", userID}}, resource[Consent]{"", func(c *Consent) (string, string) { return c.Type, c.ID }}, bindIDInput(s.client.raw.GetConsents, userID, nil), filters)
	return func(yield func(*Consent, error) bool) {
		for consent, err := range consents {
			if hasNoConsent(err) || !yield(consent, err) {
				return
			}
		}
	}
}

// hasNoConsent reports whether err is the recorded response for a user without any consent. Unlike it, the response to an
// expired token has a detail, and the one to a token without the permission another code.
func hasNoConsent(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.StatusCode != http.StatusForbidden || len(failure.Details) != 1 {
		return false
	}
	detail := failure.Details[0]
	return Code(detail.Code) == CodeAccessDenied && strings.TrimSpace(detail.Detail) == "" &&
		detail.Source.Parameter == "" && detail.Source.Pointer == ""
}

// Delete revokes a consent permanently: no more data is fetched under it. Errors: [ErrGone] if it was revoked before.
// operationId: deleteConsent.
func (s *ConsentsService) Delete(ctx context.Context, userID, consentID string) error {
	return doNoContent(ctx, s.client, opDeleteConsent, []pathParam{{"userID", userID}, {"consentID", consentID}}, bindIDs(s.client.raw.DeleteConsent, userID, consentID))
}
