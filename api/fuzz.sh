#!/usr/bin/env bash
# Runs every fuzz target in turn and prints a table of the results. FUZZ_TIME is the duration of each run, either a time such
# as 60s or a number of inputs such as 2000x. FUZZ_TARGETS is a regular expression that selects targets. Exits with 1 if an
# input fails. go test stores failing inputs in testdata/fuzz, so the unit tests fail until the bug is fixed.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${FUZZ_TIME:-60s} cache=$(go env GOCACHE)/fuzz
wanted=${FUZZ_TARGETS:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# flaked reports whether the only failure in a log is a bug of Go: when the time is up, go test may report its own "context
# deadline exceeded" as a failure. See golang/go#75804, fixed in Go 1.27. Runs with a number of inputs are not affected.
flaked() {
	[[ $time != *x ]] && ! grep -qv -e '^fuzz: ' -e '^PASS$' -e '^FAIL$' -e '^exit status ' \
		-e '^--- FAIL: Fuzz[A-Za-z0-9_]* ([0-9.]*s)$' -e '^ *context deadline exceeded$' "$1"
}

# figure prints the last number that follows a word in a log.
figure() { sed -n "s/.*$1: \([0-9]*\).*/\1/p" "$2" | tail -n 1; }

failed=0 targets=0
row() { printf '%-34s %-24s %12s %12s %8s %5s  %s\n' "$@"; }
row package target executions interesting corpus s result

for module in . api/conformance; do
	while read -r file; do
		package=$(dirname "$file")
		names=$(cd "$package" && sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(f \*testing\.F).*/\1/p' ./*_test.go | grep -E "$wanted" || true)
		[ -n "$names" ] || continue
				# Build once per package: building takes longer than a short run.
		path=$(cd "$package" && go list .)
		(cd "$package" && go test -c -fuzz=. -o "$scratch/fuzz.test" .)
		for name in $names; do
			start=$SECONDS result=passed log=$scratch/log
			limit=$time
			if [[ $time == *x ]]; then
								# go test also counts its seed inputs. An empty cache keeps their number independent of earlier runs.
				cache=$scratch/cache
				seeds=$(cd "$package" && "$scratch/fuzz.test" -test.run="^$name\$" -test.v | grep -c "^=== RUN   $name/" || true)
				limit=$((${time%x} + seeds))x
			fi
						# Limit minimization: by default, minimizing each new input may take a minute, which would leave no time for fuzzing.
			if ! (cd "$package" && "$scratch/fuzz.test" -test.run='^$' -test.fuzz="^$name\$" -test.fuzztime="$limit" \
				-test.fuzzminimizetime=100x -test.fuzzcachedir="$cache/$path" -test.timeout=0) >"$log" 2>&1; then
				result='passed, but for golang/go#75804'
				if ! flaked "$log"; then result=FAILED failed=1; fi
			fi
			executions=$(figure execs "$log")
			if [ "${executions:-0}" = 0 ] && [ "$result" != FAILED ]; then
				result='FAILED: nothing was executed' failed=1
			fi
			row "${package#./}" "$name" "${executions:-0}" "$(figure 'new interesting' "$log")" "$(figure total "$log")" $((SECONDS - start)) "$result"
			case $result in FAILED*) grep -v '^fuzz: ' "$log" | head -n 60 ;; esac
			targets=$((targets + 1))
		done
	done < <(find "$module" -path ./api/conformance -prune -o -name '*_test.go' -exec grep -l '^func Fuzz' {} + | sort | awk -F/ '{d = $0; sub("/[^/]*$", "", d)} !seen[d]++')
done

[ "$targets" -gt 0 ] || { echo "no fuzz target matches $wanted"; exit 1; }
echo "$targets targets in $SECONDS s"
exit "$failed"
