package basiqtest

import (
	"slices"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// NewClient returns a client for the sandbox. It accepts all options of [basiq.New], which override the sandbox's own.
// For example, use [basiq.WithAPIVersion] for another API version or [basiq.WithHTTPClient] for another transport.
// NewClient returns an error if an option is invalid.
func (s *Sandbox) NewClient(options ...basiq.Option) (*basiq.Client, error) {
	own := []basiq.Option{
		basiq.WithBaseURL(s.URL()), basiq.WithConsentURL(s.URL() + "/home"), basiq.WithHTTPClient(s.HTTPClient()),
	}
	return basiq.New(s.APIKey(), slices.Concat(own, options)...)
}
