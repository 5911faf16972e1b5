package webhook_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const (
	// The secret in Basiq's webhook guide. Its 39 characters lack the padding.
	sampleSecret = "whsec_MA4V6bD7rB0Hcm2aw8ghgDeQ5UAak24DwnX0rX6"
	// The key of another webhook.
	otherSecret = "whsec_UExBTlRFRC1zZWNyZXQtb2YtYW5vdGhlci13ZWJob29r"

	deliveryID = "11a85f64-5717-4562-b3fc-2c963f66af11"
	eventID    = "55a85f64-5717-4562-b3fc-2c963f66af55"
	userID     = "12a85f64-5717-4562-b3fc-2c963f66af12"
	payload    = `{"eventTypeId":"user.created","eventId":"` + eventID + `","links":{` +
		`"event":"https://au-api.basiq.io/events/` + eventID + `",` +
		`"eventEntity":"https://au-api.basiq.io/users/` + userID + `"}}`

	// The start time of a synctest bubble, and the signature of payload at that time with the sample secret. It was computed
	// with Python's hmac module, so that the test does not compare this package with itself.
	bubbleStart     = "946684800"
	sampleSignature = "v1,imreHJNg5J2zoC1jfZrM2LaJaVUQEofZfEWk9X0aPAw="
)

func newVerifier(t testing.TB, options ...webhook.Option) *webhook.Verifier {
	t.Helper()
	verifier, err := webhook.New(api.NewSecret(sampleSecret), options...)
	require.NoError(t, err)
	return verifier
}

func headers(id, timestamp, signature string) http.Header {
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", timestamp)
	header.Set("webhook-signature", signature)
	return header
}

// delivery returns a request as Basiq sends it at the current time.
func delivery(verifier *webhook.Verifier, body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/basiq", bytes.NewReader([]byte(body)))
	req.Header = verifier.Sign(deliveryID, time.Now(), []byte(body))
	return req
}

// post returns the handler's response to a request.
func post(handler http.Handler, req *http.Request) (*http.Response, string) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	response := recorder.Result()
	body, _ := io.ReadAll(response.Body)
	return response, string(body)
}
