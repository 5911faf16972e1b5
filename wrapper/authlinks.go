package basiq

import (
	"context"
	"errors"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// AuthLink is a URL that takes a user to Basiq's consent page. Reveal its Links.Public only to the user. It is
	// valid until ExpiresAt, which is 30 days with API 3.0.
	AuthLink = gen.AuthLink
	// CreateAuthLink specifies how an auth link is protected.
	CreateAuthLink = gen.CreateAuthLink
)

// AuthLinksService creates links that users open to connect their banks. A user has one link at a time.
type AuthLinksService struct{ client *Client }

// Create creates an auth link for a user. It is protected by a code that is sent to the user's mobile. Mobile is
// required unless it is the mobile of the user. Errors: [ErrBadRequest] for a malformed mobile.
// operationId: postAuthLink.
func (s *AuthLinksService) Create(ctx context.Context, userID string, link CreateAuthLink) (*AuthLink, error) {
	return authLinkIn(s.client.do(ctx, opPostAuthLink, []pathParam{{"userID", userID}}, bindIDInput(s.client.raw.PostAuthLink, userID, link)))
}

// Get returns the user's auth link. Errors: [ErrGone] if it has expired. operationId: getAuthLink.
func (s *AuthLinksService) Get(ctx context.Context, userID string) (*AuthLink, error) {
	return authLinkIn(s.client.do(ctx, opGetAuthLink, []pathParam{{"userID", userID}}, bindID(s.client.raw.GetAuthLink, userID)))
}

// Delete deletes the user's auth link. It is not safe to retry, because it could delete a newer link. Errors: [ErrGone]
// if the link has expired. operationId: deleteAuthLink.
func (s *AuthLinksService) Delete(ctx context.Context, userID string) error {
	return doNoContent(ctx, s.client, opDeleteAuthLink, []pathParam{{"userID", userID}}, bindID(s.client.raw.DeleteAuthLink, userID))
}

// authLinkIn decodes an auth link. It may have no ID, but it must have a URL.
func authLinkIn(resp response, err error) (*AuthLink, error) {
	if err != nil {
		return nil, err
	}
	return read(resp, func(link *AuthLink) error {
		if link.Links.Public == "" {
			return errors.New("missing public link")
		}
		return nil
	})
}
