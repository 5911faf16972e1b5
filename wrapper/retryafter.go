package basiq

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what Retry-After can say. More would overflow a Duration at some point.
const maxRetryAfter = 365 * 24 * time.Hour

// retryAfter returns how long a response asks to wait: 0 if it has no Retry-After header that can be read. The header
// holds seconds, of which some servers send fractions, or a date, which is compared with the server's own clock where the
// response has a Date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789.") == "" {
		seconds, _ := strconv.ParseFloat(value, 64) // 0 if it is not a number, infinite if it has too many digits
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(header.Get("Date")); err == nil {
		now = sent
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
