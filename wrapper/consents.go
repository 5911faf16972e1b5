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
	// Consent is a user's permission for the application to read data for a limited time.
	Consent = gen.Consent
	// ConsentStatus is the status of a consent.
	ConsentStatus = gen.ConsentStatus
)

// The statuses of a consent.
const (
	ConsentStatusActive  = gen.ConsentStatusActive
	ConsentStatusRevoked = gen.ConsentStatusRevoked
	ConsentStatusExpired = gen.ConsentStatusExpired
)

// ConsentFields are the fields that [ConsentsService.List] can filter by. Basiq has announced the filter without its syntax.
// The client uses the syntax of [ConnectionFields].
var ConsentFields = consentFields{
	Status: EqualField[Consent, ConsentStatus]{name: "status"},
}

type consentFields struct {
	Status EqualField[Consent, ConsentStatus]
}

// ConsentsService creates URLs of Basiq's consent page, and reads and revokes consents. It requires [APIVersion30].
type ConsentsService struct{ client *Client }

// List returns the user's consents that the options select; see [ConsentListOptions]. Without filters it includes expired and
// revoked consents. The list is empty for a user who has never given a consent, which Basiq reports as 403 access-denied.
// operationId: getConsents.
func (s *ConsentsService) List(ctx context.Context, userID string, options ...ConsentListOptions) iter.Seq2[*Consent, error] {
	consents := list(ctx, s.client, opGetConsents, []pathParam{{"userID", userID}}, resource[Consent]{"", func(c *Consent) (string, string) { return c.Type, c.ID }}, bindIDInput(s.client.raw.GetConsents, userID, nil), listOptionsOf(options))
	return func(yield func(*Consent, error) bool) {
		for consent, err := range consents {
			if hasNoConsent(err) || !yield(consent, err) {
				return
			}
		}
	}
}

// hasNoConsent reports whether err is the recorded response for a user without any consent. The response for an expired
// token has a detail, and the response for a token without the permission has another code.
func hasNoConsent(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.StatusCode != http.StatusForbidden || len(failure.Details) != 1 {
		return false
	}
	detail := failure.Details[0]
	return Code(detail.Code) == CodeAccessDenied && strings.TrimSpace(detail.Detail) == "" &&
		detail.Source.Parameter == "" && detail.Source.Pointer == ""
}

// Delete revokes a consent permanently. Basiq stops fetching data under it. Errors: [ErrGone] if it was revoked before.
// operationId: deleteConsent.
func (s *ConsentsService) Delete(ctx context.Context, userID, consentID string) error {
	return doNoContent(ctx, s.client, opDeleteConsent, []pathParam{{"userID", userID}, {"consentID", consentID}}, bindIDs(s.client.raw.DeleteConsent, userID, consentID))
}
