package basiq

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	// defaultUsersAtOnce is this package's own choice, for Basiq publishes no limit: a call takes some 0.2 s, so these make about
	// forty a second, and hold sixteen pages of transactions in memory at most, which are some 20 MiB.
	defaultUsersAtOnce = 8
	// wholeFailures is how many errors a ForEachError keeps as they are. Each can hold 16 KiB of an answer.
	wholeFailures = 256
)

// ForEachOption changes how [UsersService.ForEach] and [TransactionsService.ListEach] go about it.
type ForEachOption func(*forEachConfig) error

type forEachConfig struct{ atOnce int }

// UsersAtOnce sets for how many users work is done at the same time: 8 by default, 1 at least. How many calls that makes is up
// to what is done; [WithRateLimit] bounds them.
func UsersAtOnce(users int) ForEachOption {
	return func(c *forEachConfig) error {
		if users < 1 {
			return errors.New("UsersAtOnce: give at least 1")
		}
		c.atOnce = users
		return nil
	}
}

// ListEachOption is an option of a call that lists the Ts of many users: a [ListOption], which holds for each user's list, or
// a [ForEachOption].
type ListEachOption[T any] interface {
	applyEach(request *listEachRequest[T])
}

// listEachRequest is what the options of a call come to.
type listEachRequest[T any] struct {
	list []ListOption[T]
	each []ForEachOption
}

func (o ForEachOption) applyEach(request *listEachRequest[Transaction]) {
	request.each = append(request.each, o)
}

// ForEach calls do for each of many users, several at once, each in a goroutine of its own; see [UsersAtOnce]:
//
//	err := client.Users.ForEach(ctx, slices.Values(userIDs), func(ctx context.Context, userID string) error {
//		for account, err := range client.Accounts.List(ctx, userID) {
//			...
//		}
//		return nil
//	})
//
// userIDs is read as the work goes on, and no further than to those who are worked for; an id that is there twice has two
// turns. An error of do is that user's failure, and ends nobody else's turn. So is an id that cannot be one, for which do is
// not called. The error at the end is a [ForEachError], which has every failure with its user.
//
// What concerns all users ends it early: the end of ctx, and an error of do that is [ErrInvalidAPIKey]. The context that do
// gets ends then too, and ForEach returns when every do has. Errors before any user's turn: [ErrInvalidInput].
func (s *UsersService) ForEach(ctx context.Context, userIDs iter.Seq[string], do func(ctx context.Context, userID string) error, options ...ForEachOption) error {
	const name = "Users.ForEach"
	if do == nil {
		return invalidInput(name, "do", "it is nil")
	}
	return forEach(ctx, name, userIDs, do, options)
}

// ListEach lists the transactions of each of many users: it calls do with what [TransactionsService.List] returns for the
// user, for several users at once, each in a goroutine of its own. Options are those of List, which hold for each user, and
// [UsersAtOnce]:
//
//	err := client.Transactions.ListEach(ctx, slices.Values(userIDs), store,
//		basiq.TransactionFields.PostDate.Gteq("2024-01-01"), basiq.Prefetch[basiq.Transaction](), basiq.UsersAtOnce(16))
//
// For each user who has a turn there are one page in memory, or two with [Prefetch]. Leaving the range early is no failure;
// an error that the range yields is the user's failure when do returns it. What else holds for failures, for what ends it
// early, and for userIDs, [UsersService.ForEach] says.
//
// Errors: a [ForEachError]; [ErrInvalidInput], with nothing sent, for options that cannot be right. operationId:
// getTransactions, once for each page.
func (s *TransactionsService) ListEach(ctx context.Context, userIDs iter.Seq[string],
	do func(ctx context.Context, userID string, transactions iter.Seq2[*Transaction, error]) error, options ...ListEachOption[Transaction],
) error {
	const name = "Transactions.ListEach"
	if do == nil {
		return invalidInput(name, "do", "it is nil")
	}
	var request listEachRequest[Transaction]
	for _, option := range options {
		if option == nil {
			return invalidInput(name, "options", "one of them is nil")
		}
		option.applyEach(&request)
	}
	if _, err := (collection[Transaction]{op: &Operation{Name: name}, options: request.list}).firstQuery(); err != nil {
		return err
	}
	return forEach(ctx, name, userIDs, func(ctx context.Context, userID string) error {
		return do(ctx, userID, s.List(ctx, userID, request.list...))
	}, request.each)
}

// userLoop is one ForEach.
type userLoop struct {
	operation string
	do        func(ctx context.Context, userID string) error

	mu       sync.Mutex
	users    int
	failures []*UserError
	// panicked is what do has panicked with.
	panicked any
}

func forEach(ctx context.Context, operation string, userIDs iter.Seq[string], do func(context.Context, string) error, options []ForEachOption) error {
	config := forEachConfig{atOnce: defaultUsersAtOnce}
	for _, option := range options {
		if option == nil {
			return invalidInput(operation, "options", "one of them is nil")
		}
		if err := option(&config); err != nil {
			return invalidInput(operation, "options", err.Error())
		}
	}
	if userIDs == nil {
		return invalidInput(operation, "userIDs", "it is nil")
	}
	loop := &userLoop{operation: operation, do: do}
	early := loop.run(ctx, userIDs, config.atOnce)
	switch {
	case loop.panicked != nil:
		panic(loop.panicked)
	case early == nil && len(loop.failures) == 0:
		return nil
	}
	return &ForEachError{Operation: operation, Users: loop.users, Failures: loop.failures, Err: early}
}

// run gives all users their turns, and returns why it has not when something has kept it from that.
func (l *userLoop) run(ctx context.Context, userIDs iter.Seq[string], atOnce int) error {
	ctx, cancel := context.WithCancel(ctx)
	group, turns := errgroup.WithContext(ctx)
	defer func() { // for a sequence that panics
		cancel()
		_ = group.Wait()
	}()
	// There is room for a user before the sequence is asked for one, so that it is read no further.
	room := semaphore.NewWeighted(int64(atOnce))
	err := room.Acquire(turns, 1)
	if err == nil {
		for userID := range userIDs {
			group.Go(func() error {
				defer room.Release(1)
				return l.turn(turns, userID)
			})
			if err = room.Acquire(turns, 1); err != nil {
				break
			}
		}
	}
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

var (
	// errPanicked ends the turns of the others.
	errPanicked = errors.New("do has panicked")
	// errUnfinished is what a runtime.Goexit in a function of the caller's leaves.
	errUnfinished = errors.New("basiq: a function of the caller's has ended its goroutine")
)

// turn does the work for one user. It returns only what concerns all.
func (l *userLoop) turn(ctx context.Context, userID string) (concernsAll error) {
	err := errUnfinished
	defer func() {
		p := recover() // or it would end the program, out of reach of who called
		l.mu.Lock()
		defer l.mu.Unlock()
		switch l.users++; {
		case p != nil:
			l.panicked, concernsAll = p, errPanicked
		case err != nil:
			l.fail(userID, err)
		}
	}()
	if bad := checkIDs(&Operation{Name: l.operation}, id{"userIDs", userID}); bad != nil {
		err = bad
	} else {
		err = l.do(ctx, userID)
	}
	if errors.Is(err, ErrInvalidAPIKey) {
		return err
	}
	return nil
}

// fail keeps a failure. l is locked.
func (l *userLoop) fail(userID string, err error) {
	if len(l.failures) >= wholeFailures {
		err = errors.New(cut(err.Error()))
	}
	l.failures = append(l.failures, &UserError{UserID: userID, Err: err})
}

// UserError is the failure of what was done for one user.
type UserError struct {
	// UserID is the user's id.
	UserID string
	// Err is what has failed.
	Err error
}

// Error says what has failed, and not for whom: errors go into logs, and the ids of people do not.
func (e *UserError) Error() string { return oneLine(e.Err.Error()) }

// Unwrap returns Err.
func (e *UserError) Unwrap() error { return e.Err }

// ForEachError says for which users of a [UsersService.ForEach] or a [TransactionsService.ListEach] the work has failed. It is
// all that they have failed with, for errors.Is and errors.As.
type ForEachError struct {
	// Operation is the method that was called, for example "Users.ForEach".
	Operation string
	// Users is how many users had their turn.
	Users int
	// Failures has every user whose turn has failed, in the order in which they did. Of the first 256 it keeps the errors, of
	// the others the text, 1 KiB of it at most: whoever needs more of each has it in do.
	Failures []*UserError
	// Err is what ended it early: the context's error, or one that is [ErrInvalidAPIKey]. It is nil when all users had their
	// turn. Otherwise those who were in the midst of theirs are among the Failures where do says so.
	Err error
}

// Error counts the users and says what the first has failed with.
func (e *ForEachError) Error() string {
	var b strings.Builder
	b.WriteString("basiq: " + e.Operation + ": ")
	if e.Err != nil {
		fmt.Fprintf(&b, "ended early: %s: ", strings.TrimPrefix(cut(e.Err.Error()), "basiq: "))
	}
	fmt.Fprintf(&b, "%d of %d users failed", len(e.Failures), e.Users)
	if len(e.Failures) > 0 {
		b.WriteString(", the first with: " + strings.TrimPrefix(cut(e.Failures[0].Error()), "basiq: "))
	}
	return oneLine(b.String())
}

// Unwrap returns Err, if there is one, and the failures.
func (e *ForEachError) Unwrap() []error {
	all := make([]error, 0, len(e.Failures)+1)
	if e.Err != nil {
		all = append(all, e.Err)
	}
	for _, failure := range e.Failures {
		all = append(all, failure)
	}
	return all
}
