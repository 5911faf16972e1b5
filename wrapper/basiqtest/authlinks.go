package basiqtest

import (
	"net/http"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// authLinkLifetime returns how long an auth link is valid: 30 days according to a changelog of 2026, three days
// according to a guide for version 2.1. [WithSpeed] does not change it, because it limits the user and not the sandbox.
func authLinkLifetime(version versions) time.Duration {
	if version.since(v30) {
		return 30 * 24 * time.Hour
	}
	return 3 * 24 * time.Hour
}

// An authLink is a link to the consent page that can be sent to a user. The page does not ask for an SMS code, because
// the sandbox cannot send messages.
type authLink struct {
	id      string
	mobile  string
	expires time.Time
}

func (link *authLink) expired(now time.Time) bool { return !now.Before(link.expires) }

// authLinkURL returns the value of the auth link among a user's links, or nil if there is none.
func (u *user) authLinkURL(v *view) any {
	if u.authLink == nil || u.authLink.expired(v.now) {
		return nil
	}
	return v.url(u.authLinkPath())
}

func (u *user) authLinkPath() string { return u.path() + "/auth_link" }

// findAuthLink returns the user named in the path and the user's auth link.
func (s *Sandbox) findAuthLink(c *call) (*user, *authLink, error) {
	u, err := s.user(c)
	switch {
	case err != nil:
		return nil, nil, err
	case u.authLink == nil:
		return nil, nil, resourceNotFound()
	case u.authLink.expired(c.now):
		return nil, nil, resourceGone()
	}
	return u, u.authLink, nil
}

func (s *Sandbox) getAuthLink(c *call) (response, error) {
	u, link, err := s.findAuthLink(c)
	if err != nil {
		return response{}, err
	}
	o := link.show(u, &c.view)
	o["id"] = link.id
	return response{http.StatusOK, o}, nil
}

// postAuthLink replaces any previous link. The mobile is required in 3.0 and optional in 2.1. The error for a missing
// mobile is not documented.
func (s *Sandbox) postAuthLink(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	var data gen.CreateAuthLink
	if len(c.body) > 0 {
		if err := c.decode(&data); err != nil {
			return response{}, err
		}
	}
	mobile := data.Mobile
	if mobile == "" {
		mobile = u.data.Mobile
	}
	switch {
	case mobile == "" && c.version.since(v30):
		return response{}, notSupplied("Mobile parameter is required.", fromPointer("mobile", "auth_link/mobile"))
	case mobile != "" && !mobileFormat.MatchString(mobile):
		return response{}, notValid("Provided mobile is in bad format.", fromPointer("mobile", "auth_link/mobile"))
	}
	u.authLink = &authLink{id: s.newID(), mobile: mobile, expires: c.now.Add(authLinkLifetime(c.version))}
	return response{http.StatusCreated, u.authLink.show(u, &c.view)}, nil
}

func (s *Sandbox) deleteAuthLink(c *call) (response, error) {
	u, _, err := s.findAuthLink(c)
	if err != nil {
		return response{}, err
	}
	u.authLink = nil
	return response{status: http.StatusNoContent}, nil
}

// show returns the link as the response to its creation has it, without an ID.
func (link *authLink) show(u *user, v *view) object {
	return object{
		"type": "auth_link", "userId": u.id, "mobile": link.mobile, "expiresAt": formatTime(link.expires),
		"links": object{"self": v.url(u.authLinkPath()), "public": v.url(linkPath + link.id)},
	}
}
