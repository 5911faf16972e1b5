package basiq

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter limits the delay of a Retry-After header. Longer delays could overflow a Duration.
const maxRetryAfter = 365 * 24 * time.Hour

// RetryAfter returns the delay that a response requests, or 0 if the Retry-After header is missing or invalid. The
// header holds seconds, which some servers send with fractions, or a date. A date is compared with the Date of the
// response if there is one. The client waits automatically. The function is for [Middleware] that shares throttling
// between processes.
func RetryAfter(header http.Header) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789.") == "" {
		seconds, _ := strconv.ParseFloat(value, 64) // 0 for an invalid number, infinity for too many digits
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
