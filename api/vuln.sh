#!/usr/bin/env bash
# Looks with govulncheck for known vulnerabilities in this module, in api/conformance, both with their tests, and in the
# generator; or in the modules of the directories that are given. Exits with 1 when there is one that the code can reach,
# and when the search itself fails.
#
# A database that is out of reach is no failure, so that the gate passes on a machine without that way out; it is said.
# VULNDB_REQUIRED=1 makes it one. VULNDB takes the URL of another database than the Go project's.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The program itself: go run and go tool make 1 of every exit status, and govulncheck's is 3 when it has found something.
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
		# How net/http reports that there is no answer. An answer that is not the database's is a failure like all others.
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
	scan 'api/conformance' -C api/conformance -test ./...
	go build -modfile=tools.mod -o "$scratch/" github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
	scan 'the generator' -mode=binary "$scratch/oapi-codegen"
fi

if [ "$failed" != 0 ]; then
	exit 1
elif [ "$unreached" = 0 ]; then
	echo "--- No known vulnerability in reach; looked through $scanned"
elif [ -n "${VULNDB_REQUIRED:-}" ]; then
	echo '--- FAILED: the vulnerability database is out of reach'
	exit 1
else
	echo '--- SKIPPED: the vulnerability database is out of reach from here, so nothing is known about vulnerabilities'
fi
