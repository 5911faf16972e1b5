package basiqtest

import (
	"slices"
	"time"
)

// maxRequests bounds the log of requests, so that a sandbox may run for days.
const maxRequests = 10_000

// Request is a request that the sandbox has answered. It holds nothing that could be a secret: no body, header or
// query.
type Request struct {
	Method string
	// Path is the path of the URL, ids included.
	Path string
	// Operation is the operationId, or "" when the API has no such operation.
	Operation string
	// Status is the HTTP status of the answer.
	Status int
	// Time is when the request was answered.
	Time time.Time
}

// requestLog keeps the last requests, in a ring once it is full.
type requestLog struct {
	entries []Request
	oldest  int
}

func (l *requestLog) add(r Request) {
	if len(l.entries) < maxRequests {
		l.entries = append(l.entries, r)
		return
	}
	l.entries[l.oldest] = r
	l.oldest = (l.oldest + 1) % maxRequests
}

func (l *requestLog) all() []Request {
	return slices.Concat(l.entries[l.oldest:], l.entries[:l.oldest])
}
