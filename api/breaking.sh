#!/usr/bin/env bash
# Compares the interfaces that users depend on with the last tag, and exits with 1 if they are incompatible: the contract
# with oasdiff, and the exported Go names of all packages with apidiff. Each finds changes that the other misses. A value
# removed from a response's enum breaks only Go code; a new required field of a request breaks only callers.
#
# For an intended break, raise the version accordingly and set ALLOW_BREAKING=1, which prints the same reports and exits
# with 0.
set -euo pipefail
cd "$(dirname "$0")/.."

oasdiff=github.com/oasdiff/oasdiff@v1.35.0
apidiff=golang.org/x/exp/cmd/apidiff@v0.0.0-20261014143641-f0251eb4aa3e
module=$(go list -m)

# Tags of nested modules begin with their path.
if ! tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
	echo 'No tag yet: nothing to compare with.'
	exit 0
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/old"
git archive "$tag" | tar -x -C "$scratch/old"
rm -rf "$scratch/old/wrapper/examples" # Programs cannot be imported, so changes in them break nothing.

broken=0
echo "--- The contract, compared with $tag"
go run "$oasdiff" breaking "$scratch/old/openapi.yaml" openapi.yaml --fail-on ERR || broken=1

echo "--- The Go API, compared with $tag"
(cd "$scratch/old" && go run "$apidiff" -m -w "$scratch/old.export" "$module")
# apidiff always exits with 0, so check its output.
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
