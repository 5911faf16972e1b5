package basiq

import (
	"context"
	"errors"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// AuthLink is a short-lived URL that takes a user to Basiq's consent page. Its Links.Public is for the user alone.
	AuthLink = gen.AuthLink
	// CreateAuthLink is how to protect an auth link.
	CreateAuthLink = gen.CreateAuthLink
)

// AuthLinksService makes URLs that can be sent to users, who connect their banks with them. A user has one at a time.
type AuthLinksService struct{ client *Client }

// Create makes an auth link for a user. A code that is sent to the user's mobile protects it; give a Mobile where the
// user has another, or none.
//
// Errors: [ErrBadRequest] for a mobile in bad format. operationId: postAuthLink.
func (s *AuthLinksService) Create(ctx context.Context, userID string, link CreateAuthLink) (*AuthLink, error) {
	return authLinkIn(s.client.do(ctx, opPostAuthLink, []id{{"userID", userID}}, sendTo(s.client.raw.PostAuthLink, userID, link)))
}

// Get returns the user's auth link.
//
// Errors: [ErrGone] for one that has expired. operationId: getAuthLink.
func (s *AuthLinksService) Get(ctx context.Context, userID string) (*AuthLink, error) {
	return authLinkIn(s.client.do(ctx, opGetAuthLink, []id{{"userID", userID}}, by1(s.client.raw.GetAuthLink, userID)))
}

// Delete deletes the user's auth link, which works no more then. One that is not there is an error.
//
// It is sent again only when it certainly did not arrive, because it names no link: a second time it might delete one
// that was made in between. Errors: [ErrGone] for one that has expired. operationId: deleteAuthLink.
func (s *AuthLinksService) Delete(ctx context.Context, userID string) error {
	return doNoContent(ctx, s.client, opDeleteAuthLink, []id{{"userID", userID}}, by1(s.client.raw.DeleteAuthLink, userID))
}

// authLinkIn decodes an answer that is an auth link. It may have no id, but one without a URL is of no use.
func authLinkIn(answer answer, err error) (*AuthLink, error) {
	if err != nil {
		return nil, err
	}
	link, err := read[AuthLink](answer)
	if err == nil && link.Links.Public == "" {
		return nil, unreadable(answer.op, answer.status, nil, errors.New("there is no URL for the user in it"))
	}
	return link, err
}
