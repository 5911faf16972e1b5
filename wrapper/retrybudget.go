package basiq

import "sync"

// retryBudget keeps retries from making an outage worse. A retry that helps its call costs nothing, so that occasional
// failures are always retried. The others are limited to a tenth of the calls that get a response below 500.
type retryBudget struct {
	mu sync.Mutex
	// spent is in tenths of a retry. A call that gets a response below 500 earns a tenth.
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

// earn records a call that got a response below 500. If it was retried, its last retry is returned to the budget.
func (b *retryBudget) earn(retried bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if retried {
		b.spent -= 10
	}
	b.spent = max(b.spent-1, 0)
}
