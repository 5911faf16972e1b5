package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

// Identity holds the personal details of a user, or the details of an organization, at an institution.
type Identity = gen.Identity

// IdentitiesService reads the personal details of users at their institutions.
type IdentitiesService struct{ client *Client }

// List returns the user's identities. Errors: [ErrForbidden]. operationId: getUserIdentities.
func (s *IdentitiesService) List(ctx context.Context, userID string) iter.Seq2[*Identity, error] {
	return list(ctx, s.client, opGetUserIdentities, []pathParam{{"userID", userID}}, identityResource, bindID(s.client.raw.GetUserIdentities, userID), listOptions[Identity]{})
}

// Get returns an identity. operationId: getUserIdentity.
func (s *IdentitiesService) Get(ctx context.Context, userID, identityID string) (*Identity, error) {
	return get(ctx, s.client, opGetUserIdentity, []pathParam{{"userID", userID}, {"identityID", identityID}}, identityResource, bindIDs(s.client.raw.GetUserIdentity, userID, identityID))
}

var identityResource = resource[Identity]{"identity", func(i *Identity) (string, string) { return i.Type, i.ID }}
