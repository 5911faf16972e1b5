package basiq

import (
	"context"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// WaitOption configures [JobsService.Watch], [JobsService.Wait], [JobsService.WaitAll], [JobsService.WaitEach] and the
// methods whose names end in AndWait. If an option is given more than once, the last one takes effect.
type WaitOption func(*waitConfig)

type waitConfig struct {
	shortest, longest time.Duration
	maxWait           time.Duration
	// pollRate and concurrency limit the polls of waits for many jobs.
	pollRate    float64
	concurrency int
	limits      *pollLimits // nil for a single job
	// keepLast keeps the job between two polls.
	keepLast bool
	// changed is called for the first state of the job and for each further one. The wait is over if it returns false.
	changed func(*Job) bool
	answer  func(context.Context, MFAChallenge) ([]Secret, error)
	// nilAnswer is set if the function given to WithMFA is nil.
	nilAnswer bool
	// answered is the challenge that was answered last. The job may still show it.
	answered *MFAChallenge
	// userID is the user that the job must belong to. It is empty if any user will do.
	userID string
	// wrongUser is set if the ID given to WithUser is invalid.
	wrongUser bool
}

// newWaitConfig checks the arguments of the method operation and applies its options.
func newWaitConfig(ctx context.Context, operation string, options []WaitOption, ids ...pathParam) (waitConfig, error) {
	// A job usually takes 3 to 30 seconds. Basiq publishes neither an interval nor a limit for polling. With these
	// values each of 250 jobs is polled every 5 s, as often as a single one, and each of 5,000 jobs every 100 s.
	config := waitConfig{
		shortest: time.Second, longest: 5 * time.Second, maxWait: 15 * time.Minute, pollRate: 50, concurrency: 16, keepLast: true,
	}
	if ctx == nil {
		return config, invalidInput(operation, "ctx", "nil context")
	}
	for _, option := range options {
		if option == nil {
			return config, invalidInput(operation, "options", "nil option")
		}
		option(&config)
	}
	var problem string
	switch {
	case config.nilAnswer:
		problem = "WithMFA: function must not be nil"
	case config.wrongUser:
		problem = "WithUser: invalid userID"
	case config.shortest < 100*time.Millisecond || config.longest < config.shortest:
		problem = "WithPollInterval: shortest must be at least 100 ms and longest at least shortest"
	case !(config.pollRate > 0) || config.concurrency < 1: // also true for NaN
		problem = "WithPollRate: rate must be positive and concurrency at least 1"
	case config.maxWait <= 0:
		problem = "WithMaxWait: limit must be positive"
	default:
		return config, checkIDs(&Operation{Name: operation}, ids...)
	}
	return config, invalidInput(operation, "options", problem)
}

// WithMFA sets the function that answers a challenge of the bank. It returns one answer for each question. A different
// number of answers ends the wait with [ErrMFARequired], and an error of the function ends the wait with that error.
//
// The function is called once for each challenge, and its context ends when the challenge does. If the answers
// certainly did not reach Basiq, the wait delivers them again after the next poll.
func WithMFA(answer func(ctx context.Context, challenge MFAChallenge) ([]Secret, error)) WaitOption {
	return func(c *waitConfig) { c.answer, c.nilAnswer = answer, answer == nil }
}

// WithPollInterval sets the time between two polls of a job. It is shortest after a change. After each poll without a
// change or with a failure it grows by half, up to longest. The default is 1 s and 5 s. shortest must be at least 100
// ms, and longest at least shortest.
func WithPollInterval(shortest, longest time.Duration) WaitOption {
	return func(c *waitConfig) { c.shortest, c.longest = shortest, longest }
}

// WithPollRate sets how many polls [JobsService.WaitEach] and [JobsService.WaitAll] start per second for all their
// jobs, and how many may be in flight. The default is 50 and 16. rate must be positive, and concurrency at least 1. The
// first concurrency polls start immediately. With many jobs each job is polled less often than [WithPollInterval]
// specifies.
func WithPollRate(rate float64, concurrency int) WaitOption {
	return func(c *waitConfig) { c.pollRate, c.concurrency = rate, concurrency }
}

// WithMaxWait sets how long the wait for a job may take. The default is 15 minutes. limit must be positive. A wait that
// reaches the limit ends with [ErrWaitTimeout].
func WithMaxWait(limit time.Duration) WaitOption {
	return func(c *waitConfig) { c.maxWait = limit }
}

// WithAnsweredMFA marks challenge as answered with [JobsService.AnswerMFA]. A job may show a challenge for a while
// after it was answered. Without this option a second wait would end with [ErrMFARequired] again, or answer the
// challenge twice.
func WithAnsweredMFA(challenge MFAChallenge) WaitOption {
	return func(c *waitConfig) { c.answered = &challenge }
}

// WithUser sets the user that the job must belong to. A job that names another user ends the wait with
// [ErrUserMismatch]. Set this option if the job's ID comes from a browser. MFA answers are sent with a token of this
// user. Methods such as [ConnectionsService.CreateAndWait] set this option. The default is the user that the job names. An
// empty or otherwise invalid ID is an [ErrInvalidInput].
func WithUser(userID string) WaitOption {
	wrong := api.ID(userID).Validate() != nil
	return func(c *waitConfig) { c.userID, c.wrongUser = userID, wrong }
}
