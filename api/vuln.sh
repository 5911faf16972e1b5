#!/usr/bin/env bash
# Runs govulncheck on this module and the nested ones (all including tests) and the generator, or on the modules in the given
# directories. Exits with 1 if the code can reach a known vulnerability or if the scan fails.
#
# An unreachable database is reported but is not a failure, so that CI passes on machines without network access. Set
# VULNDB_REQUIRED=1 to make it one. Set VULNDB to the URL of a database to use instead of the Go project's.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Run the binary directly: go run and go tool turn every exit status into 1, and govulncheck exits with 3 if it finds
# something.
govulncheck=$(go -C api/conformance tool -n govulncheck)

scanned=0 unreached=0 failed=0
scan() {
	local what=$1 status=0
	shift
	echo "--- $what"
	"$govulncheck" ${VULNDB:+-db="$VULNDB"} "$@" 2>"$scratch/stderr" || status=$?
	cat "$scratch/stderr" >&2
	case $status in
	0) scanned=$((scanned + 1)) ;;
	3)
		echo "Found in $what: see above"
		failed=1
		;;
	*)
				# This is how net/http reports a failed request. An invalid response of the database is a failure like any other.
		if [ "$status" = 1 ] && grep -q '^govulncheck: fetching vulnerabilities: Get "' "$scratch/stderr"; then
			unreached=$((unreached + 1))
		else
			echo "govulncheck failed with status $status"
			failed=1
		fi
		;;
	esac
}

if [ $# -gt 0 ]; then
	for directory; do scan "$directory" -C "$directory" -test ./...; done
else
	scan 'the module' -test ./...
	for directory in $(find api wrapper -name go.mod -not -path '*/testdata/*' -exec dirname {} \; | sort); do
		scan "$directory" -C "$directory" -test ./...
	done
	go build -modfile=tools.mod -o "$scratch/" github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
	scan 'the generator' -mode=binary "$scratch/oapi-codegen"
fi

if [ "$failed" != 0 ]; then
	exit 1
elif [ "$unreached" = 0 ]; then
	echo "--- No known vulnerabilities found in $scanned scanned modules or programs"
elif [ -n "${VULNDB_REQUIRED:-}" ]; then
	echo '--- FAILED: the vulnerability database is unreachable'
	exit 1
else
	echo '--- SKIPPED: the vulnerability database is unreachable, so vulnerabilities were not checked'
fi
