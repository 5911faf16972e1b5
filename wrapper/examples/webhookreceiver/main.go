// Command webhookreceiver receives Basiq's webhooks and prints the events.
//
//	BASIQ_API_KEY=... BASIQ_WEBHOOK_SECRET=whsec_... go run ./wrapper/examples/webhookreceiver
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

func main() {
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	verifier, invalid := webhook.New(basiq.NewSecret(os.Getenv("BASIQ_WEBHOOK_SECRET"))) // from client.Webhooks.Ensure
	if err = errors.Join(err, invalid); err != nil {
		log.Fatal(err)
	}
	events := make(chan *webhook.Event, 1000)
	go work(context.Background(), client, events, log.Printf)
	server := http.Server{Addr: ":8080", Handler: handler(verifier, events), ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// handler queues each delivery once and responds immediately. A production receiver stores the events and the delivery IDs in
// its database, so that a restart loses neither.
func handler(verifier *webhook.Verifier, events chan<- *webhook.Event) http.Handler {
	var seen sync.Map
	return verifier.Handler(func(_ context.Context, event *webhook.Event) error {
		if _, duplicate := seen.LoadOrStore(event.DeliveryID, true); duplicate {
			return nil
		}
		select {
		case events <- event:
			return nil
		default:
			seen.Delete(event.DeliveryID)
			return errors.New("queue is full") // Basiq retries the delivery
		}
	})
}

// work reads the data of each event, which the delivery does not contain.
func work(ctx context.Context, client *basiq.Client, events <-chan *webhook.Event, printf func(format string, args ...any)) {
	for delivery := range events {
		event, err := client.Events.Get(ctx, delivery.EventID)
		if err != nil {
			printf("%s: %v; advice: %v", delivery.EventTypeID, err, basiq.AdviseOn(err))
			continue
		}
		printf("%s of user %s at %s", delivery.EventTypeID, delivery.UserID(), event.CreatedDate)
	}
}
