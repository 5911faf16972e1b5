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

// exampleSecret is what client.Webhooks.Create returned: keep it where the program's other secrets are. Package basiq has
// the same NewSecret as package api.
var exampleSecret = api.NewSecret("whsec_MA4V6bD7rB0Hcm2aw8ghgDeQ5UAak24DwnX0rX6")

const exampleBody = `{
	"eventTypeId": "connection.invalidated",
	"eventId": "e1",
	"links": {
		"event": "https://au-api.basiq.io/events/e1",
		"eventEntity": "https://au-api.basiq.io/users/u1/connections/c1"
	}
}`

// exampleDelivery plays Basiq.
func exampleDelivery(verifier *webhook.Verifier) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader(exampleBody))
	req.Header = verifier.Sign("d1", time.Now(), []byte(exampleBody))
	return req
}

// Receive deliveries, each once. Keep the ids in the database, in the transaction that stores the work.
func Example() {
	verifier, err := webhook.New(exampleSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	handled := map[string]bool{} // in a program, a table
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
		default: // There is nothing to do, and nothing that trying again would mend.
		}
		handled[event.DeliveryID] = true
		return nil
	}))

	for range 2 { // Basiq sends it again, as when it did not see the answer.
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, exampleDelivery(verifier))
		fmt.Println(answer.Code)
	}
	// Output:
	// ask u1 to connect again: c1
	// 204
	// 204
}

// Test a handler: Sign plays Basiq.
func ExampleVerifier_Sign() {
	verifier, err := webhook.New(exampleSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := verifier.Handler(func(context.Context, *webhook.Event) error {
		return errors.New("the database is away")
	})

	req := httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader(exampleBody))
	req.Header = verifier.Sign("d1", time.Now(), []byte(exampleBody))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, req)
	fmt.Println(answer.Code) // Basiq will try again.

	req = httptest.NewRequest(http.MethodPost, "/basiq", strings.NewReader("{}"))
	req.Header = verifier.Sign("d1", time.Now(), []byte(exampleBody)) // another body's
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, req)
	fmt.Println(answer.Code)
	// Output:
	// 500
	// 401
}

// Read a delivery in a handler of one's own.
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

// Verify a delivery that came by another way than net/http. Header.Set makes the names what Verify expects.
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
	fmt.Println(errors.Is(err, webhook.ErrTimestamp)) // It is of the year 2000.
	// Output: true
}

// Accept the old secret and the new one while one replaces the other.
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

// Find out what an event is about.
func ExampleEvent_Entity() {
	event := &webhook.Event{Links: webhook.Links{EventEntity: "https://au-api.basiq.io/users/u1/connections/c1"}}
	entity := event.Entity()
	fmt.Println(entity.Kind, entity.ID, entity.UserID)
	// Output: connection c1 u1
}
