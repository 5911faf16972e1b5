package basiq

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A call of a client without observers allocates nothing for observers.
func TestObservation_Unused(t *testing.T) { //nolint:paralleltest // allocations of parallel tests would count too
	config := &config{baseURL: &url.URL{Host: "h"}}
	call := newCall(t.Context(), opGetUser)
	record := &attempt{Context: call, call: call}
	last := outcome{resp: &http.Response{StatusCode: http.StatusServiceUnavailable, Body: &bufferedBody{}}}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		call.start(config)
		began := call.beginWait()
		call.endWait(WaitBackoff, began)
		call.startAttempt(record)
		record.addWait(WaitToken, began)
		call.endAttempt(last)
		call.end(1, nil)
		call.endRaw(last.resp, nil)
		config.observers.endJobWait(config.observers.startJobWait(call.Context), JobWaitResult{})
	}))
	assert.Nil(t, call.observation)
}
