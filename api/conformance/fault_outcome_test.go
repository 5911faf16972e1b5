package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

type ending struct {
	attempts, arrived int
	value             any
	err               error
	// next is the result of the same call after a fault that leaves bytes on the connection.
	next any
}

// cell returns the outcome as shown in the table. All success statuses are shown as "ok".
func (e ending) cell(want expectation) string {
	var text strings.Builder
	if e.attempts > 1 {
		fmt.Fprintf(&text, "%d× ", e.attempts)
	}
	if response, ok := errors.AsType[*basiq.Error](e.err); e.err == nil {
		text.WriteString("ok")
	} else if lost, isLost := errors.AsType[*basiq.TransportError](e.err); isLost {
		text.WriteString("TransportError")
		if _, noToken := errors.AsType[*basiq.Error](lost.Err); noToken {
			text.WriteString(" (Error)")
		}
	} else if ok && response.StatusCode < 300 {
		text.WriteString("Error 2xx")
	} else if ok {
		fmt.Fprintf(&text, "Error %d", response.StatusCode)
	}
	if basiq.MayHaveSucceeded(e.err) {
		text.WriteString("?")
	}
	if want.cutOff {
		text.WriteString(", cut off")
	}
	if e.arrived > e.attempts {
		fmt.Fprintf(&text, ", %d requests", e.arrived)
	}
	if took := interval(want.least, want.most); took != "" {
		text.WriteString(", " + took)
	}
	return text.String()
}

// interval returns the duration of a call, or "" if it only waits between attempts.
func interval(least, most time.Duration) string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%g", d.Seconds()) }
	if least == 0 {
		return ""
	}
	if least == most {
		return seconds(most) + " s"
	}
	return seconds(least) + "–" + seconds(most) + " s"
}

func check(t *testing.T, s subject, f fault, want expectation, end ending, healthy any) {
	t.Helper()
	assert.Equal(t, want.attempts, end.attempts, "attempts")
	assert.Equal(t, want.arrived, end.arrived, "complete requests received")
	if end.next != nil {
		assert.Equal(t, healthy, end.next, "leftover bytes on the connection must not become a response")
	}
	if want.err == noFailure {
		require.NoError(t, end.err)
		switch {
		case want.cutOff:
			assert.Equal(t, s.good.body[:len(s.good.body)/2], string(end.value.([]byte)))
		case f.number != "" && !assert.ObjectsAreEqual(healthy, end.value):
			assert.Equal(t, withoutNumbers(t, healthy), withoutNumbers(t, end.value), "all fields except numbers")
			if !slices.Contains(wholeNumbers, s.name) {
				assert.Contains(t, marshal(t, end.value), f.number, "amounts keep every digit")
			}
		default:
			assert.Equal(t, healthy, end.value, "the value of a healthy server")
		}
		return
	}
	require.Error(t, end.err)
	assert.Nil(t, end.value, "the value must be nil if there is an error")
	assert.Equal(t, want.maybe, basiq.MayHaveSucceeded(end.err), "MayHaveSucceeded")
	assert.True(t, f.cause(end.err), "unexpected cause: %v", end.err)

	name := operationOf(s.operation).Name
	err := end.err
	if s.kind.forToken {
		var outer *basiq.TransportError
		require.ErrorAs(t, err, &outer)
		assert.Equal(t, name, outer.Operation)
		assert.Equal(t, 1, outer.Attempts)
		assert.Contains(t, err.Error(), "basiq: "+name+": no access token: ")
		err, name = outer.Err, operationOf("postToken").Name
	}
	var lost *basiq.TransportError
	var response *basiq.Error
	switch want.err {
	case transportFailure:
		require.ErrorAs(t, err, &lost)
		assert.Equal(t, name, lost.Operation)
		assert.Equal(t, want.attempts, lost.Attempts)
		assert.NotErrorAs(t, err, &response, "unexpected response error")
	default:
		require.ErrorAs(t, err, &response)
		assert.Equal(t, name, response.Operation)
		assert.Equal(t, want.status, response.StatusCode)
		assert.NotErrorAs(t, err, &lost, "unexpected transport error")
		wait := f.retryAfter
		if f.roughly {
			assert.InDelta(t, wait, response.RetryAfter, float64(time.Second))
		} else {
			assert.Equal(t, wait, response.RetryAfter)
		}
		for _, s := range sentinels {
			assert.Equal(t, slices.Contains(s.statuses, want.status), errors.Is(end.err, s.err), "%v", s.err)
		}
	}
	assert.Contains(t, err.Error(), "basiq: "+name+": ")
	checkText(t, end.err)
}

var sentinels = []struct {
	err      error
	statuses []int
}{
	{basiq.ErrBadRequest, []int{400}},
	{basiq.ErrUnauthorized, []int{401}},
	{basiq.ErrForbidden, []int{403}},
	{basiq.ErrNotFound, nil},
	{basiq.ErrTooManyRequests, []int{429}},
	{basiq.ErrUnavailable, []int{502, 503, 504, 522}},
}

func checkText(t *testing.T, err error) {
	t.Helper()
	texts := []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)}
	for _, inner := range tree(err) {
		texts = append(texts, inner.Error())
	}
	for _, text := range texts {
		assert.NotContains(t, text, marker)
	}
	text := err.Error()
	assert.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	assert.True(t, utf8.ValidString(text), "%q", text)
	assert.Less(t, len(text), 4<<10)
}

// tree returns an error and all errors that it wraps.
func tree(err error) []error {
	all := []error{err}
	switch err := err.(type) { //nolint:errorlint // the wrapping itself is examined
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner != nil {
			all = append(all, tree(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			all = append(all, tree(inner)...)
		}
	}
	return all
}

func operationOf(id string) basiq.Operation {
	for _, op := range basiq.Operations() {
		if op.ID == id {
			return op
		}
	}
	return basiq.Operation{}
}
