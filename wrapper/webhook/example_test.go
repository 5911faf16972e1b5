package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// exampleSecret is the secret that client.Webhooks.Create returned. Store it like the program's other secrets. NewSecret is
// also available in package basiq.
var exampleSecret = api.NewSecret("whsec_MA4V6bD7rB0Hcm2aw8ghgDeQ5UAak24DwnX0rX6")

const exampleBody = `{
	"eventTypeId": "connection.invalidated",
	"eventId": "e1",
	"links": {
		"event": "https://au-api.basiq.io/events/e1",
		"eventEntity": "https://au-api.basiq.io/users/u1/connections/c1"
	}
}`

// exampleDelivery returns a request as Basiq sends it.
func exampleDelivery(verifier *webhook.Verifier) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader(exampleBody))
	req.Header = verifier.Sign("d1", time.Now(), []byte(exampleBody))
	return req
}

// This example handles each delivery once. In production, store the IDs in the database, in the same transaction as the work.
func Example() {
	verifier, err := webhook.New(exampleSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	handled := map[string]bool{} // in production, a database table
	mux := http.NewServeMux()
	mux.Handle("/basiq", verifier.Handler(func(_ context.Context, event *webhook.Event) error {
		if handled[event.DeliveryID] {
			return nil
		}
		switch event.EventTypeID {
		case webhook.EventConnectionInvalidated:
			connection := event.Entity()
			fmt.Println("ask", connection.UserID, "to connect again:", connection.ID)
		case webhook.EventTransactionsUpdated:
			fmt.Println("fetch the transactions of", event.UserID())
		default: // Ignore other types: an error would make Basiq retry.
		}
		handled[event.DeliveryID] = true
		return nil
	}))

	for range 2 { // Basiq retries, as if it had not received the response.
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, exampleDelivery(verifier))
		fmt.Println(response.Code)
	}
	// Output:
	// ask u1 to connect again: c1
	// 204
	// 204
}

// This example tests a handler. Sign creates the headers that Basiq would send.
func ExampleVerifier_Sign() {
	verifier, err := webhook.New(exampleSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := verifier.Handler(func(context.Context, *webhook.Event) error {
		return errors.New("database unavailable")
	})

	req := httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader(exampleBody))
	req.Header = verifier.Sign("d1", time.Now(), []byte(exampleBody))
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, req)
	fmt.Println(response.Code) // Basiq will retry.

	req = httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader("{}"))
	req.Header = verifier.Sign("d1", time.Now(), []byte(exampleBody)) // signature of a different body
	response = httptest.NewRecorder()
	handler.ServeHTTP(response, req)
	fmt.Println(response.Code)
	// Output:
	// 500
	// 401
}

// This example parses a delivery in a custom handler.
func ExampleVerifier_Parse() {
	verifier, err := webhook.New(exampleSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := verifier.Parse(exampleDelivery(verifier))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.EventTypeID, event.EventID) // now client.Events.Get(ctx, event.EventID)
	// Output: connection.invalidated e1
}

// This example verifies a delivery that did not arrive through net/http. Header.Set converts the names to the canonical form.
func ExampleVerifier_Verify() {
	verifier, err := webhook.New(exampleSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	header := http.Header{}
	header.Set("webhook-id", "d1")
	header.Set("webhook-timestamp", "946684800")
	header.Set("webhook-signature", "v1,YSBzaWduYXR1cmUgdGhhdCB3YXMgZ29vZCBvbmNlIGE=")
	err = verifier.Verify(header, []byte(exampleBody))
	fmt.Println(errors.Is(err, webhook.ErrTimestamp)) // The timestamp is from 2000.
	// Output: true
}

// This example accepts the old and the new secret during rotation.
func ExampleWithSecret() {
	old := exampleSecret
	fresh := api.NewSecret("whsec_UExBTlRFRC1zZWNyZXQtb2YtYW5vdGhlci13ZWJob29r")
	verifier, err := webhook.New(fresh, webhook.WithSecret(old))
	if err != nil {
		fmt.Println(err)
		return
	}
	before, err := webhook.New(old)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Parse(exampleDelivery(before))
	fmt.Println(err)
	// Output: <nil>
}

// This example identifies the resource that an event concerns.
func ExampleEvent_Entity() {
	event := &webhook.Event{Links: webhook.Links{EventEntity: "https://au-api.basiq.io/users/u1/connections/c1"}}
	entity := event.Entity()
	fmt.Println(entity.Kind, entity.ID, entity.UserID)
	// Output: connection c1 u1
}
