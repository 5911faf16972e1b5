package basiq

import "sync"

// retryBudget keeps retries from making an outage worse. A retry that helps its call costs nothing, so that a server that
// fails now and then is retried for as long as it does. The others are paid for by calls that succeed.
type retryBudget struct {
	mu sync.Mutex
	// spent is in tenths of a retry: a call that gets a response earns one.
	spent int
}

// budgetSize is how many retries can be spent before any are earned: enough for the calls in flight when a connection
// breaks that they share.
const budgetSize = 100

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

// earn records a call that got a response. If it was retried, it gets its retry back.
func (b *retryBudget) earn(retried bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if retried {
		b.spent -= 10
	}
	b.spent = max(b.spent-1, 0)
}
