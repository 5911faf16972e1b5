package basiq

import "sync"

// retryBudget keeps retries from making an outage worse. Retries that help their call cost nothing, so that a server that
// fails now and then is retried for as long as it does. The others are paid for by calls that succeed.
type retryBudget struct {
	mu sync.Mutex
	// spent is in tenths of a retry.
	spent int
}

const (
	// budgetSize is how many retries can be spent before any are earned: enough for the calls in flight when a
	// connection breaks that they share.
	budgetSize = 100
	// budgetTenths is what a call that gets a response earns: one retry for ten calls.
	budgetTenths = 1
)

// left reports whether a retry can be spent.
func (b *retryBudget) left() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent+10 <= 10*budgetSize
}

// spend spends a retry, and reports false if none is left.
func (b *retryBudget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+10 > 10*budgetSize {
		return false
	}
	b.spent += 10
	return true
}

// earn records a call that got a response: at the first attempt, or by a retry, which it gets back.
func (b *retryBudget) earn(retried bool) {
	earned := budgetTenths
	if retried {
		earned += 10
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(b.spent-earned, 0)
}
