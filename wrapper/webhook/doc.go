// Package webhook receives what Basiq posts when something happens: it verifies that a delivery comes from Basiq, reads
// it into an [Event], and answers as Basiq's schedule of retries expects.
//
//	verifier, err := webhook.New(basiq.NewSecret(os.Getenv("BASIQ_WEBHOOK_SECRET")))
//	...
//	http.Handle("/basiq", verifier.Handler(func(ctx context.Context, event *webhook.Event) error {
//		switch event.EventTypeID {
//		case webhook.EventConnectionInvalidated:
//			return queue.Put(ctx, event.DeliveryID, event) // a duplicate is no error
//		}
//		return nil
//	}))
//
// [Verifier.Parse] does the same without answering, for handlers of one's own, and [Verifier.Verify] checks headers and
// a body that came some other way, from a queue or a function's event.
//
// # The secret
//
// Basiq makes the secret when a webhook is created, and shows it in the answer to that call, client.Webhooks.Create,
// and to those that update it, but never again: keep it. It is "whsec_" and the key in base64, whose padding
// may be missing. Each webhook has its own. While one secret replaces another, give both: the second with [WithSecret].
//
// # What a delivery says
//
// The payload is thin: which kind of event, the event's id, and a link to what it is about. The data is fetched:
//
//	event, err := client.Events.Get(ctx, delivery.EventID)
//
// There may be nothing to fetch: a test message may have no EventID, and an event of long ago is not found. That is no
// reason to return an error, which would have the delivery come again and again.
//
// Basiq keeps events for seven days. [Event.Entity] reads from the link whose connection, account or consent it is.
//
// # What Basiq expects
//
// An answer outside 2xx is a failure, and Basiq sends the same delivery again: at once, then after 5 s, 5 min, 30 min,
// 2 h, 5 h, 10 h and 10 h. After that it disables the endpoint, and no event of any kind arrives any more. So:
//
//   - Answer quickly: store the event, answer, and do the work afterwards. How long Basiq waits is not documented.
//   - Keep each DeliveryID that was handled and skip those that come again. Basiq sends a delivery again, under the
//     same id, when it did not see the answer; within the tolerance a third party can too.
//   - Do not rely on the order. A retry arrives hours after what happened later. What the API says now is what counts.
//   - Return an error only when trying again may help. Kinds of events that the program does not know are no error.
//
// A new subscription may take fifteen minutes to begin.
//
// Basiq documents the addresses that it sends from, 13.238.192.210, 3.24.252.173 and 3.104.17.39. A firewall may let in
// only those, but they do not replace the signature: an address says nothing of a proxy's other clients, and the list
// may change.
//
// # Why not the sample in Basiq's documents
//
// Deliveries are signed as Standard Webhooks describes. Basiq's guide has a sample in JavaScript whose text around it
// says most of what follows, but which does little of it. Against the sample, this package
//
//   - takes the header webhook-signature for what it is, a list of "v1,SIGNATURE" with spaces between. The sample
//     compares the bare signature with the whole header, prefix included, so that it refuses every delivery; and who
//     mends that by cutting off the prefix refuses them again once there are two signatures in the list.
//   - compares in constant time. The sample compares with !==, which may take longer the more is right, and so tell an
//     attacker who measures well enough what the right signature is.
//   - refuses a timestamp more than five minutes from now, before or after. The sample signs the timestamp and never
//     looks at it, so that a delivery which was recorded once can be replayed for ever.
//   - reads the bytes of the body itself, and bounds them. The sample has a variable named payload; where that is
//     parsed JSON turned into text again, as web frameworks hand it out, no signature matches, and nothing bounds it.
//   - decodes the secret with and without padding and with and without "whsec_". Basiq's sample secret has 39
//     characters without padding, which strict decoders refuse; a secret in the reference of the API has no prefix, and
//     the sample, which splits at the underscore, breaks on it. The text says to use the part after the prefix as the
//     key, and means what it decodes to.
//   - has no secret in the source. The sample has it in a constant.
//   - refuses what is missing, comes twice, is too long or is no number, where JavaScript goes on with "undefined".
//
// # Tests
//
// [Verifier.Sign] makes the headers of a delivery, so that a program can test its handler.
package webhook
