package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Consent is what a user has allowed the application to read, and for how long.
	Consent = gen.Consent
	// ConsentStatus is the state of a consent.
	ConsentStatus = gen.ConsentStatus
)

// The states of a consent. The list is open.
const (
	ConsentStatusActive  = gen.ConsentStatusActive
	ConsentStatusRevoked = gen.ConsentStatusRevoked
	ConsentStatusExpired = gen.ConsentStatusExpired
)

// ConsentsService sends users to Basiq's consent page, and reads and revokes what they have consented to. It needs a
// client of [APIVersion30].
type ConsentsService struct{ client *Client }

// List returns the user's consents, those that have expired or were revoked too. operationId: getConsents.
func (s *ConsentsService) List(ctx context.Context, userID string) iter.Seq2[*Consent, error] {
	return list(ctx, s.client, opGetConsents, []id{{"userID", userID}}, resource[Consent]{"", func(c *Consent) (string, string) { return c.Type, c.ID }}, by1(s.client.raw.GetConsents, userID), nil)
}

// Delete revokes a consent, for good: no more data is fetched under it.
//
// Revoking a consent that is not there is an error, or [ErrGone] for one that was revoked, unless an earlier attempt of
// this very call may have revoked it. Errors: [ErrGone]. operationId: deleteConsent.
func (s *ConsentsService) Delete(ctx context.Context, userID, consentID string) error {
	return doNoContent(ctx, s.client, opDeleteConsent, []id{{"userID", userID}, {"consentID", consentID}}, by2(s.client.raw.DeleteConsent, userID, consentID))
}
