package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// good returns benchmark output that meets every target, modified by change.
func good(change func(name, unit string, value float64) float64) string {
	var lines strings.Builder
	for _, target := range targets {
		value := target.limit
		if target.to != "" {
			fmt.Fprintf(&lines, "Benchmark%s-2 10 100 %s\n", target.to, target.unit)
			value *= 100
		}
		for i := range 3 { // the median counts
			spread := float64(i-1) * value / 2
			fmt.Fprintf(&lines, "Benchmark%s-2 10 %g %s\n", target.of, change(target.of, target.unit, value)+spread, target.unit)
		}
	}
	return lines.String()
}

func TestRun_TargetsMet(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	require.NoError(t, run(strings.NewReader(good(func(_, _ string, value float64) float64 { return value })), &table))
	assert.Equal(t, len(targets), strings.Count(table.String(), "pass"))
}

func TestRun_TargetMissed(t *testing.T) {
	t.Parallel()
	for _, missed := range targets {
		var table bytes.Buffer
		err := run(strings.NewReader(good(func(name, unit string, value float64) float64 {
			switch {
			case name != missed.of || unit != missed.unit:
				return value
			case missed.least:
				return value * 0.98
			}
			return value*1.02 + 1e-12
		})), &table)
		require.EqualError(t, err, fmt.Sprintf("missed 1 of %d targets", len(targets)), missed.what)
		assert.Regexp(t, `(?m)^`+missed.what+` .* MISS `, table.String())
	}
}

func TestRun_NotMeasured(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	require.EqualError(t, run(strings.NewReader("PASS\n"), &table), fmt.Sprintf("missed %d of %d targets", len(targets), len(targets)))
	assert.Equal(t, len(targets), strings.Count(table.String(), "NOT MEASURED"))
	require.Error(t, run(strings.NewReader("BenchmarkToken-2 x 1 ns/op\n"), &table))
}
