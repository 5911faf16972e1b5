package basiq

import (
	"context"
	"log/slog"
)

// logObserver returns the observer of [WithLogger]. Only the attributes below may be logged: no part of a request, and no
// ID of a person.
func logObserver(logger *slog.Logger) *Observer {
	return &Observer{
		AttemptEnded: func(ctx context.Context, call CallInfo, result AttemptResult) {
			if !logger.Enabled(ctx, slog.LevelDebug) {
				return
			}
			attributes := append(callAttributes(call), slog.Int("attempt", call.Attempt), slog.Duration("duration", result.Duration))
			attributes = append(attributes, resultAttributes(result.StatusCode, result.CorrelationID, result.Err)...)
			logger.LogAttrs(ctx, slog.LevelDebug, "basiq attempt", attributes...)
		},
		CallEnded: func(ctx context.Context, call CallInfo, result CallResult) {
			level := slog.LevelWarn
			switch {
			case result.Failure == FailureCanceled: // the program does not need the result
				level = slog.LevelDebug
			case result.Failure != "":
			case result.Attempts > 1:
				level = slog.LevelInfo
			default:
				return
			}
			if !logger.Enabled(ctx, level) {
				return
			}
			attributes := append(callAttributes(call),
				slog.Int("attempts", result.Attempts), slog.Duration("duration", result.Duration-result.Waited), slog.Duration("waited", result.Waited))
			if result.Failure != "" {
				attributes = append(attributes, slog.String("failure", string(result.Failure)))
			}
			attributes = append(attributes, resultAttributes(result.StatusCode, result.CorrelationID, result.Err)...)
			logger.LogAttrs(ctx, level, "basiq call", attributes...)
		},
	}
}

func callAttributes(call CallInfo) []slog.Attr {
	return []slog.Attr{
		slog.String("operation", call.Operation.Name),
		slog.String("method", call.Operation.Method),
		slog.String("path", call.Operation.Path),
	}
}

func resultAttributes(status int, correlationID string, err error) []slog.Attr {
	var attributes []slog.Attr
	if status != 0 {
		attributes = append(attributes, slog.Int("status", status))
	}
	if correlationID != "" {
		attributes = append(attributes, slog.String("correlation_id", correlationID))
	}
	if err != nil {
		attributes = append(attributes, slog.String("error", singleLine(truncate(err.Error()))))
	}
	return attributes
}
