#!/usr/bin/env bash
# Compares with the last tag what users depend on, and exits with 1 when something would break them: the contract, with
# oasdiff, and the exported Go names of all packages, with apidiff. Each misses what the other sees: a value that is
# gone from a response's enum breaks Go code only, a new required field of a request breaks callers only.
#
# A break that is meant: raise the version accordingly, and run with ALLOW_BREAKING=1, which prints the same reports.
set -euo pipefail
cd "$(dirname "$0")/.."

oasdiff=github.com/oasdiff/oasdiff@v1.35.0
apidiff=golang.org/x/exp/cmd/apidiff@v0.0.0-20261014143641-f0251eb4aa3e
module=$(go list -m)

if ! tag=$(git describe --tags --abbrev=0 2>/dev/null); then
	echo 'There is no tag yet, so there are no users to break.'
	exit 0
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/old"
git archive "$tag" | tar -x -C "$scratch/old"
rm -rf "$scratch/old/wrapper/examples" # Nobody imports these, so they may go.

broken=0
echo "--- The contract, compared with $tag"
go run "$oasdiff" breaking "$scratch/old/openapi.yaml" openapi.yaml --fail-on ERR || broken=1

echo "--- The Go API, compared with $tag"
(cd "$scratch/old" && go run "$apidiff" -m -w "$scratch/old.export" "$module")
# It exits with 0 whatever it finds, so its output tells.
report=$(go run "$apidiff" -m -incompatible "$scratch/old.export" "$module")
if [ -n "$report" ]; then
	echo "$report"
	broken=1
else
	echo 'No incompatible changes'
fi

if [ "$broken" = 0 ]; then
	echo "--- Nothing breaks users of $tag"
elif [ -n "${ALLOW_BREAKING:-}" ]; then
	echo "--- This breaks users of $tag, which ALLOW_BREAKING allows"
else
	echo "--- This breaks users of $tag"
	exit 1
fi
