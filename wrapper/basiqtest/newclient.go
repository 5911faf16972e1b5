package basiqtest

import (
	"slices"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// NewClient returns a client that talks to the sandbox. Options are those of [basiq.New] and can change anything, for
// example the API version with [basiq.WithAPIVersion], or, with [basiq.WithHTTPClient], what stands between the two. The
// error is that of an option.
func (s *Sandbox) NewClient(options ...basiq.Option) (*basiq.Client, error) {
	own := []basiq.Option{
		basiq.WithBaseURL(s.URL()), basiq.WithConsentURL(s.URL() + "/home"), basiq.WithHTTPClient(s.HTTPClient()),
	}
	return basiq.New(s.APIKey(), slices.Concat(own, options)...)
}
