// Command bench reads the results of the benchmarks in this directory and reports which targets are met:
//
//	go test -run '^$' -bench . -count 10 ./bench | go run ./bench
//
// `make bench` runs both.
package main

import (
	"fmt"
	"go/build"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchfmt"
)

// target is a limit that a benchmark must meet.
type target struct {
	what string
	// of is the name of the benchmark, and unit the unit of the measured value, as in benchstat.
	of, unit string
	// to is the benchmark by which the value is divided. It is empty for an absolute value.
	to string
	// limit is the maximum value, or the minimum if least is set.
	limit float64
	least bool
}

const (
	seconds     = "sec/op"
	allocations = "allocs/op"
	size        = "B/op"
)

// targets are the limits for typical work of the client.
var targets = slices.Concat(
	ratios("Connections.Get", "Connections.Get", 0.6, 0.8),
	ratios("Connections.List of 100", "Connections.List", 0.45, 0.6),
	ratios("500 transactions, full model", "Transactions.Page", pageTime(), 0.4),
	ratios("an error, 404", "NotFound", 1, 1),
	[]target{
		{what: "500 transactions, full model: allocations", of: "Work/work=Transactions.Page/over=stub/by=client", unit: allocations, limit: 40 * 500},
		{what: "memory kept by a retained transaction, KiB", of: "Retained/by=client", unit: "KiB/transaction", limit: 4},
		{what: "token cache hit: time", of: "Token/by=client", unit: seconds, to: "Token/by=hand", limit: 1.1},
		{what: "token cache hit, allocations", of: "Token/by=client", unit: allocations},
		{what: "token cache hit, bytes", of: "Token/by=client", unit: size},
		{what: "token requests of 10,000 cold callers", of: "ColdStart/by=client", unit: "tokens/op", limit: 1},
		{what: "512 callers, 20 ms: throughput relative to the bare transport", of: "Throughput/callers=512/by=client", unit: "calls/s", to: "Throughput/callers=512/by=transport", limit: 0.9, least: true},
		{what: "512 callers, 20 ms: connections opened", of: "Throughput/callers=512/by=client", unit: "connections", limit: 512},
		{what: "1,000,000 transactions: time per transaction, relative to 250,000", of: "Transactions/count=1000000", unit: "sec/transaction", to: "Transactions/count=250000", limit: 1.15},
		{what: "1,000,000 transactions: growth of the heap, MiB", of: "Transactions/count=1000000", unit: "peak-MiB", limit: 16},
	},
)

// pageTime returns the limit for a page. From Go 1.27 on, encoding/json uses the client's JSON engine.
func pageTime() float64 {
	if slices.Contains(build.Default.ReleaseTags, "go1.27") {
		return 0.8
	}
	return 0.5
}

// ratios returns the targets of a work in memory, relative to handwritten code.
func ratios(what, work string, time, bytes float64) []target {
	name := "Work/work=" + work + "/over=stub/by="
	all := make([]target, 0, 2)
	for _, of := range []struct {
		name, unit string
		limit      float64
	}{{"time", seconds, time}, {"bytes", size, bytes}} {
		all = append(all, target{what: what + ": " + of.name, of: name + "client", unit: of.unit, to: name + "hand", limit: of.limit})
	}
	return all
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // main function
	}
}

// run prints a table of the targets. It returns an error if a target is missed or was not measured.
func run(in io.Reader, out io.Writer) error {
	measured, err := read(in)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "target\tmeasured\tlimit\t\truns")
	missed := 0
	for _, target := range targets {
		value, runs := target.value(measured)
		verdict := "pass"
		switch {
		case runs == 0:
			verdict = "NOT MEASURED"
			missed++
		case target.least && value < target.limit, !target.least && value > target.limit:
			verdict = "MISS"
			missed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", target.what, target.form(value), target.form(target.limit), verdict, runs)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("missed %d of %d targets", missed, len(targets))
	}
	return nil
}

// value returns the median of the measured values and their number.
func (t target) value(measured map[string][]float64) (value float64, runs int) {
	of := measured[t.of+" "+t.unit]
	if t.to == "" {
		return median(of), len(of)
	}
	to := measured[t.to+" "+t.unit]
	return median(of) / median(to), min(len(of), len(to))
}

func (t target) form(value float64) string {
	switch {
	case t.to != "":
		return fmt.Sprintf("%.3f ×", value)
	case t.unit == seconds:
		return fmt.Sprintf("%.1f", value*1e9)
	}
	return fmt.Sprintf("%.4g", value)
}

// read returns the measured values of each benchmark by name and unit.
func read(in io.Reader) (map[string][]float64, error) {
	measured := map[string][]float64{}
	results := benchfmt.NewReader(in, "the benchmarks")
	for results.Scan() {
		switch result := results.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, result
		case *benchfmt.Result:
			name := result.Name.String()
			if i := strings.LastIndexByte(name, '-'); i > 0 {
				name = name[:i] // remove the number of processors
			}
			for _, value := range result.Values {
				key := name + " " + value.Unit
				measured[key] = append(measured[key], value.Value)
			}
		}
	}
	return measured, results.Err()
}

// median returns the middle value, the lower of two middle values, or 0 if values is empty.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
