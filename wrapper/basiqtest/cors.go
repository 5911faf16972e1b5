package basiqtest

import (
	"net/http"
	"slices"
)

// allowOrigin tells a browser that the page which it calls for may have the answer, when [AllowOrigin] says so. It reports
// whether the request only asks for that. The consent page is not for other pages to read, so it does not come here.
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
		header.Set("Access-Control-Allow-Headers", wanted) // a library may send its own
	}
	header.Set("Access-Control-Max-Age", "600")
	return true
}
