package basiq

import "sync"

// retryBudget prevents retries from making an outage worse. A retry after which its call gets a response below 500
// costs nothing, so occasional failures are always retried. Other retries are limited to a tenth of the calls that get
// such a response.
type retryBudget struct {
	mu sync.Mutex
	// spent is in tenths of a retry. A call that gets a response below 500 earns a tenth.
	spent int
}

// budgetSize is how many retries can be spent before any are earned. It allows for the calls in flight on a shared
// connection that breaks.
const budgetSize = 100

// left reports whether a retry can be spent.
func (b *retryBudget) left() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent+10 <= 10*budgetSize
}

// spend spends a retry. It reports false if no retry is left.
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
