package basiqtest

import (
	"net/http"
	"slices"
)

// allowOrigin sets the CORS response headers if [WithAllowedOrigin] allows the request's origin. It reports whether the
// request is a preflight request. The consent page does not allow other origins.
func (s *Sandbox) allowOrigin(header http.Header, r *http.Request) (asks bool) {
	if s.config.origins == nil {
		return false
	}
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(s.config.origins, origin) && !slices.Contains(s.config.origins, "*") {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "DELETE, GET, POST")
	header.Set("Access-Control-Allow-Headers", "Authorization, Basiq-Version, Content-Type")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		header.Set("Access-Control-Allow-Headers", wanted) // libraries may send their own headers
	}
	header.Set("Access-Control-Max-Age", "600")
	return true
}
