package basiqtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// faultTexts lists the faults by name, with the placeholder of the argument after "=", if any.
var faultTexts = []struct {
	name, argument string
	make           func(argument string) (Fault, error)
}{
	{"502-html", "", noArgument(BadGateway)},
	{"429-after", "DURATION", durationArgument(TooManyRequests)},
	{"429-date", "DURATION", durationArgument(TooManyRequestsDate)},
	{"latency", "DURATION", durationArgument(Latency)},
	{"hang", "", noArgument(Hang)},
	{"reset-before", "", noArgument(ResetBefore)},
	{"reset-after", "", noArgument(ResetAfter)},
	{"truncate", "", noArgument(Truncate)},
	{"slow-body", "BYTES", intArgument(SlowBody)},
	{"garbage", "", noArgument(Garbage)},
	{"revoke-token", "", noArgument(RevokeToken)},
	{"revoke-all-tokens", "", noArgument(RevokeAllTokens)},
	{"expire-token", "", noArgument(ExpireToken)},
	{"expire-all-tokens", "", noArgument(ExpireAllTokens)},
	{"endless-job", "", noArgument(EndlessJob)},
}

func noArgument(fault func() Fault) func(string) (Fault, error) {
	return func(string) (Fault, error) { return fault(), nil }
}

func durationArgument(fault func(time.Duration) Fault) func(string) (Fault, error) {
	return func(argument string) (Fault, error) {
		d, err := time.ParseDuration(argument)
		if err != nil {
			return Fault{}, fmt.Errorf("invalid duration %q, want a value such as 500ms or 1m30s", argument)
		}
		return fault(d), nil
	}
}

func intArgument[T any](maker func(int) T) func(string) (T, error) {
	return func(argument string) (made T, err error) {
		n, err := strconv.Atoi(argument)
		if err != nil {
			return made, fmt.Errorf("invalid integer %q", argument)
		}
		return maker(n), nil
	}
}

// ParseFault parses a fault with its conditions and returns the corresponding option [WithFault]. The syntax is
//
//	FAULT [operations=OPERATION,OPERATION...] [skip=N] [every=K] [probability=P] [times=N]
//
// For example, "503 operations=getJobs times=2". The conditions are [Operations], [Skip], [Every], [Probability] and
// [Times]. A fault is one of
//
//	503, or any other status from 400      [Fail]; 503=CODE also sets the error code
//	429-after=30s, 429-date=30s            [TooManyRequests], [TooManyRequestsDate]
//	502-html                               [BadGateway]
//	latency=2s, hang                       [Latency], [Hang]
//	reset-before, reset-after              [ResetBefore], [ResetAfter]
//	truncate, slow-body=100, garbage       [Truncate], [SlowBody], [Garbage]
//	revoke-token, revoke-all-tokens        [RevokeToken], [RevokeAllTokens]
//	expire-token, expire-all-tokens        [ExpireToken], [ExpireAllTokens]
//	endless-job                            [EndlessJob]
func ParseFault(text string) (Option, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, errors.New("missing fault, such as \"503 operations=getJobs times=2\"")
	}
	fault, err := parseFault(words[0])
	if err != nil {
		return nil, err
	}
	var conditions []Condition
	for _, word := range words[1:] {
		condition, err := parseCondition(word)
		if err != nil {
			return nil, fmt.Errorf("fault %v: %w", fault, err)
		}
		conditions = append(conditions, condition)
	}
	option := WithFault(fault, conditions...)
	return option, option(&config{})
}

func parseFault(word string) (Fault, error) {
	name, argument, given := strings.Cut(word, "=")
	if status, err := strconv.Atoi(name); err == nil {
		if given {
			return Fail(status, argument), nil
		}
		return Fail(status), nil
	}
	names := []string{"503"}
	for _, known := range faultTexts {
		names = append(names, known.name)
		switch {
		case known.name != name:
			continue
		case known.argument == "" && given:
			return Fault{}, fmt.Errorf("fault %s: unexpected argument %q", name, "="+argument)
		case known.argument != "" && !given:
			return Fault{}, fmt.Errorf("fault %s: missing argument =%s", name, known.argument)
		}
		fault, err := known.make(argument)
		if err != nil {
			return Fault{}, fmt.Errorf("fault %s: %w", name, err)
		}
		return fault, nil
	}
	return Fault{}, fmt.Errorf("unknown fault %q%s", name,
		didYouMean(name, names, "; must be a status, such as 503, or one of "+strings.Join(names[1:], ", ")))
}

func parseCondition(word string) (Condition, error) {
	name, value, given := strings.Cut(word, "=")
	makers := map[string]func(string) (Condition, error){
		"operations":  func(value string) (Condition, error) { return Operations(strings.Split(value, ",")...), nil },
		"skip":        intArgument(Skip),
		"every":       intArgument(Every),
		"times":       intArgument(Times),
		"probability": parseProbability,
	}
	maker, known := makers[name]
	if !known || !given {
		return nil, fmt.Errorf("invalid condition %q: must be operations=OPERATION, skip=N, every=K, probability=P or times=N", word)
	}
	condition, err := maker(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return condition, nil
}

func parseProbability(value string) (Condition, error) {
	p, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return nil, fmt.Errorf("invalid number %q", value)
	}
	return Probability(p), nil
}
