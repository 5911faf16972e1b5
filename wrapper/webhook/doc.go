// Package webhook receives Basiq's webhooks. It verifies that a delivery comes from Basiq, decodes it into an [Event], and
// responds with the status that Basiq's retry schedule expects.
//
//	verifier, err := webhook.New(basiq.NewSecret(os.Getenv("BASIQ_WEBHOOK_SECRET")))
//	...
//	http.Handle("/basiq", verifier.Handler(func(ctx context.Context, event *webhook.Event) error {
//		switch event.EventTypeID {
//		case webhook.EventConnectionInvalidated:
//			return queue.Put(ctx, event.DeliveryID, event) // a duplicate is not an error
//		}
//		return nil
//	}))
//
// [Verifier.Parse] does the same for custom handlers, without writing a response. [Verifier.Verify] checks headers and a body
// that did not arrive through net/http, for example from a queue or a cloud function's event.
//
// # Secret
//
// Basiq generates the secret when a webhook is created. It returns the secret only from the calls that create and update the
// webhook, such as client.Webhooks.Create, so store it. A secret is "whsec_" followed by the key in base64, whose padding
// may be missing. Each webhook has its own secret. To rotate a secret, pass the second one with [WithSecret].
//
// # Payload
//
// The payload contains only the event type, the event's ID, and a link to the resource concerned. Retrieve the data with
//
//	event, err := client.Events.Get(ctx, delivery.EventID)
//
// The event may not exist: a test message may have no EventID, and an old event is not found. Do not return an error in
// that case, because Basiq would retry the delivery.
//
// Basiq keeps events for seven days. [Event.Entity] parses the link into the connection, account or consent concerned.
//
// # Responses and retries
//
// Basiq treats any response outside 2xx as a failure and retries the delivery: immediately, then after 5 s, 5 min, 30 min,
// 2 h, 5 h, 10 h and 10 h. It then disables the endpoint and sends no more events of any type. Therefore:
//
//   - Respond quickly: store the event, respond, and do the work afterwards. Basiq does not document its timeout.
//   - Store each handled DeliveryID and skip duplicates. Basiq sends a delivery again, with the same ID, if it did not
//     receive the response. A third party can replay a delivery within the tolerance.
//   - Do not rely on the order. A retry can arrive hours after later events. Treat the API's current data as authoritative.
//   - Return an error only if a retry may help. Do not return an error for unknown event types.
//
// A new subscription may take up to fifteen minutes to take effect.
//
// Basiq documents the addresses that it sends from: 13.238.192.210, 3.24.252.173 and 3.104.17.39. A firewall may allow only
// those, but they do not replace the signature: a proxy's other clients share its address, and the list may change.
//
// # Differences from Basiq's sample
//
// Deliveries are signed according to the Standard Webhooks specification. Basiq's guide contains a JavaScript sample that
// omits most of the checks that the guide's text requires. Unlike the sample, this package
//
//   - parses the webhook-signature header as a space-separated list of "v1,SIGNATURE". The sample compares the bare
//     signature with the whole header, including the prefix, so it rejects every delivery. Removing the prefix is not
//     enough, because the header may contain two signatures.
//   - compares in constant time. The sample compares with !==, whose duration may reveal how much of a guessed signature
//     is correct.
//   - rejects a timestamp more than five minutes before or after the current time. The sample never checks the timestamp,
//     so a recorded delivery can be replayed forever.
//   - reads the raw bytes of the body, up to a limit. The sample does not limit the body, and it uses a variable named
//     payload. If that is re-encoded JSON, as web frameworks provide it, no signature matches.
//   - decodes the secret with or without padding and with or without "whsec_". Basiq's sample secret has 39 characters and
//     no padding, which strict decoders reject. A secret in the API reference has no prefix, and the sample fails on it
//     because it splits at the underscore. The guide says to use the part after the prefix as the key, but the key is the
//     decoded part.
//   - does not contain the secret in source code. The sample has it in a constant.
//   - rejects missing, duplicate, oversized and non-numeric headers, where JavaScript continues with "undefined".
//
// # Testing
//
// [Verifier.Sign] returns the headers of a delivery, so that a program can test its handler.
package webhook
