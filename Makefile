# `make` lists the targets. They require Go, npm, git and a C compiler (for -race). Other tools are downloaded at the versions
# pinned here, in tools.mod and in api/conformance/go.mod.

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
REDOCLY       := @redocly/cli@2.77.0
AXE_CORE      := axe-core@4.14.1
COVER_FLOOR   := 90
FUZZ_TIME     ?= 60s

CONFORMANCE := api/conformance
MIRRORTEST  := wrapper/mirror/mirrortest
FLEET       := wrapper/fleet
OTEL        := wrapper/basiqotel
# The nested modules besides CONFORMANCE. A test compares the list with the go.mod files.
NESTED      := wrapper/mirror/mirrortest wrapper/basiqotel wrapper/basiqotel/examples wrapper/fleet
OFFICIAL    ?= ../shared/reference/official
# Coverage is measured for the handwritten code that users import, except for the mirror, whose SQL store has its tests in another
# module, and the server of those tests.
COVERED  = $(shell go list ./wrapper/... | grep -v -e /examples/ -e /mirror -e /postgrestest)
COVERPKG = $(shell go list ./wrapper/... | grep -v -e /examples/ -e /mirror -e /postgrestest | paste -sd , -)

.PHONY: help generate drift validate vet platforms lint fmt test test-main test-conformance norace race mirror mirror-chaos fleet fleet-processes \
	fleet-scale otel cycles soak browser cover bench bench-once \
	fuzz examples official upstream matrix reliability missing tables breaking mutants vuln licenses workflows ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

generate: ## Regenerate gen/ from openapi.yaml
	go generate ./...

# This works on a copy, so that it does not modify the checkout and detects stale files. tools.mod is tidied in a directory
# without packages, because it must not list their dependencies.
drift: ## Fail if gen/ or a go.mod is out of date
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
		tar -c --exclude=./.git --exclude=./bin . | tar -x -C "$$copy" && \
		rm -rf "$$copy"/gen/* && (cd "$$copy" && go generate ./...) && \
		{ diff -r "$$copy/gen" gen || { echo 'gen/ is out of date: run make generate'; exit 1; }; } && \
		mkdir "$$copy/tools" && cp tools.mod "$$copy/tools/go.mod" && cp tools.sum "$$copy/tools/go.sum" && \
		(cd "$$copy/tools" && go mod tidy) && \
		{ diff "$$copy/tools/go.mod" tools.mod || { echo 'tools.mod is not tidy'; exit 1; }; }
	@set -e; for module in . $(CONFORMANCE) $(NESTED); do (set -x; cd $$module && go mod tidy -diff); done

# no-ambiguous-paths is skipped: some of Basiq's own paths overlap. TestIDsCannotBeWordsOfThePaths covers them.
validate: ## Check openapi.yaml and its examples with kin-openapi and Redocly
	cd $(CONFORMANCE) && go test -count=1 -run 'Contract|Payload' ./...
	@if command -v npx >/dev/null; then \
		REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --yes $(REDOCLY) lint --extends=recommended \
			--skip-rule=no-ambiguous-paths openapi.yaml; \
	else echo 'SKIPPED: Redocly requires npm, which is not installed'; fi

# In the nested modules, `make lint` runs the checks of go vet.
vet: ## Run go vet
	go vet ./...

# These platforms have a 32-bit int, or lack sockets and signals. Compiling the standard library for them takes long.
platforms: ## Run go vet for 32-bit and js/wasm
	GOARCH=386 go vet ./...
	GOOS=js GOARCH=wasm go vet ./...

# One process checks all modules, because analyzing their common dependencies takes most of the time. This requires a workspace, which
# would affect other commands in the checkout. `go work sync` in such a workspace gives the modules the same versions of dependencies.
lint: ## Run golangci-lint with the rules in .golangci.yml
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && export GOWORK="$$tmp/go.work" && go work init . $(CONFORMANCE) $(NESTED) && \
		(set -x; go run $(GOLANGCI_LINT) run ./... $(patsubst %,./%/...,$(CONFORMANCE) $(NESTED)))

fmt: ## Format all Go code
	@set -e; for module in . $(CONFORMANCE) $(NESTED); do (set -x; cd $$module && go run $(GOLANGCI_LINT) fmt ./...); done

# The conformance tests spend most of their time waiting for timeouts, so both modules run concurrently. `make race` repeats
# the conformance tests with the race detector. -shuffle=on also disables the test cache, which does not detect changes to the
# files that the conformance tests read. A loaded machine may need longer than the default timeout. The browser tests run in
# `make browser`, and TestVulnScript in `make vuln`.
CONFORMANCE_SKIP := ^(TestBrowser|TestVulnScript)$$
test: ## Run all tests, including the race detector for the main module
	@$(MAKE) --no-print-directory -j2 test-main test-conformance

# `make mirror` runs the tests of package mirror, which read many transactions, with the race detector.
test-main: ## Run the tests of the main module, with the race detector except for package mirror
	go test -race -shuffle=on -timeout 30m $$(go list ./... | grep -v /wrapper/mirror$$)
	go test -shuffle=on ./wrapper/mirror

test-conformance: ## Run the tests of api/conformance without the race detector
	cd $(CONFORMANCE) && go test -shuffle=on -timeout 30m -skip '$(CONFORMANCE_SKIP)' ./...

# The race detector makes these tests too slow, so that `make test` skips them, or parts of them.
NORACE := ^Test(Secrets_(Sandbox|Types)|.*_PathTraversal|TokenCache_Eviction|Waits_OutageOfManyJobs|Observer_Allocations|.*_Memory|.*_(Hostile|Large)Bodies)$$
norace: ## Run the tests of package basiq that the race detector makes too slow
	go test -count=1 -run '$(NORACE)' ./wrapper

race: ## Run the tests of api/conformance with the race detector
	cd $(CONFORMANCE) && go test -race -shuffle=on -timeout 30m -skip '$(CONFORMANCE_SKIP)' ./...

# The tests start PostgreSQL if it is installed. POSTGRES_TESTS=required makes them fail without it. They include a short form of
# the chaos test and the program of the README.
mirror: ## Test package mirror on SQLite and PostgreSQL with several processes
	go test -race -shuffle=on ./wrapper/mirror
	cd $(MIRRORTEST) && go test -count=1 .

# The package documentation of the module describes the flags. The default is the long form, which takes more than an hour.
CHAOS ?= -timeout 12h -seeds 8 -days 30 -users 5
mirror-chaos: ## Run the long form of the chaos test of package mirror (CHAOS=flags)
	cd $(MIRRORTEST) && go test -count=1 -run '^TestChaos$$' . $(CHAOS)

# The tests start PostgreSQL if it is installed, like the tests of the mirror.
fleet: ## Test the workers, the shared state and the command of wrapper/fleet on SQLite and PostgreSQL
	cd $(FLEET) && go test -count=1 ./...

# The processes are killed with SIGKILL and lose their database. PROCESSES='-users 100 -kills' takes ten minutes.
PROCESSES ?= -users 2000 -rounds 4 -kills
fleet-processes: ## Test four processes on one PostgreSQL and one sandbox (PROCESSES=flags)
	cd $(FLEET) && go test -count=1 -timeout 6h -v ./fleettest $(PROCESSES)

# 10,000 users take about two minutes on PostgreSQL. wrapper/fleet/SCALE.md has the figures of longer runs.
SCALE ?= -users 10000 -database postgresql
fleet-scale: ## Measure the requests, queue operations and database size of many users (SCALE=flags)
	cd $(FLEET) && go test -count=1 -timeout 6h -v -run '^TestScale$$' . -args $(SCALE)

otel: ## Test package basiqotel and its examples
	cd $(OTEL) && go test -race -shuffle=on ./...
	cd $(OTEL)/examples && go test -shuffle=on ./...

# The cycles take ten minutes with the race detector, and half a minute without it. RACE= disables it, also for the soak test.
RACE ?= -race
cycles: ## Run 1,000 full user life cycles in the sandbox, 50 concurrently (RACE= without the race detector)
	go test $(RACE) -count=1 -timeout 30m -v -run '^TestFullCycles$$' ./wrapper/basiqtest -args -cycles 1000

# A seed of 0 selects a random seed and prints it. Any other seed repeats the run that printed it.
SEEDS ?= 0 0 0
soak: ## Make 10,000 calls, 64 concurrently, with a fault in one of five requests, for three seeds (SEEDS="1 2 3")
	@set -e; for seed in $(SEEDS); do \
		go test $(RACE) -count=1 -timeout 30m -v -run '^TestSoak$$' ./wrapper/basiqtest -args -soak 10000 -seed $$seed; \
	done

# axe-core, an accessibility checker, comes from npm. Without npm the tests run without it.
browser: ## Test the consent page in Chromium, using only the keyboard
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	if command -v npm >/dev/null; then \
		npm pack --silent --pack-destination "$$tmp" $(AXE_CORE) >/dev/null && tar -xzf "$$tmp"/axe-core-*.tgz -C "$$tmp"; \
		export AXE="$$tmp/package/axe.min.js"; \
	else echo 'SKIPPED: axe-core requires npm, which is not installed'; fi; \
	cd $(CONFORMANCE) && go test -count=1 -v -run '^TestBrowser' .

cover: ## Print the statement coverage of wrapper/; fail if it is below the floor
	go test -coverprofile=coverage.txt -coverpkg=$(COVERPKG) $(COVERED)
	@go tool cover -func=coverage.txt | awk '/^total:/ {covered = $$3 + 0} \
		END {printf "coverage of wrapper/: %.1f %%, floor $(COVER_FLOOR) %%\n", covered; exit covered < $(COVER_FLOOR)}'

# This takes half an hour on an idle machine, and 10 GB of disk for the large databases of the mirror. Each run measures the
# handwritten code and the client, so that noise affects both. BENCH=Work and BENCH_RUNS=3 measure less. A target that was not measured
# counts as missed.
BENCH      ?= .
BENCH_RUNS ?= 10
# GOTOOLCHAIN=go1.27.3 make bench BENCH=Work measures with the JSON engine of Go 1.27 on both sides.
bench: ## Compare the client and the mirror with handwritten code, and report which targets of the client are met
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && cd $(CONFORMANCE) && go test -c -o "$$tmp/bench.test" ./bench && \
		for run in $$(seq $(BENCH_RUNS)); do \
			echo "run $$run of $(BENCH_RUNS)" && "$$tmp/bench.test" -test.run '^$$' -test.bench '$(BENCH)' -test.timeout 1h || exit 1; \
		done | tee "$$tmp/results" && \
		go tool benchstat -col /by "$$tmp/results" && go run ./bench <"$$tmp/results"
	cd $(MIRRORTEST) && go test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 3h . -load-users 1000 -feed-rows 10000000

bench-once: ## Run each benchmark once, to check that it works, and check the memory of connected users
	cd $(CONFORMANCE) && go test -run '^$$' -bench . -benchtime 1x ./bench -throughput 100ms -transactions 4000 -pages 2
	go test -run '^$$' -bench ConnectedUsers -benchtime 1x ./wrapper/basiqtest
	cd $(MIRRORTEST) && go test -run '^$$' -bench . -benchtime 1x . -load-users 2 -feed-rows 1000

# A number of inputs, such as 300x, takes seconds and does the same work on every machine.
fuzz: ## Run each fuzz target (FUZZ_TIME=60s or 300x, FUZZ_TARGETS=regexp)
	@FUZZ_TIME=$(FUZZ_TIME) ./api/fuzz.sh

# Without a key, quickstart uses the sandbox.
examples: ## Build and vet the examples; run the quickstart in the sandbox
	go build -o /dev/null ./wrapper/examples/...
	go vet ./wrapper/examples/...
	env -u BASIQ_API_KEY go run ./wrapper/examples/quickstart

# Basiq's own API descriptions are not part of this repository. UPDATE=-update regenerates testdata/official from them.
official: ## Compare the contract with Basiq's own API descriptions (OFFICIAL=directory)
	cd $(CONFORMANCE) && export BASIQ_OFFICIAL=$(abspath $(OFFICIAL)) && go test -count=1 -v ./official $(UPDATE) && \
		go test -count=1 -v -run 'Official|Payload|GeneratedClients' .

# Without a network this prints a message and succeeds. The weekly workflow sets UPSTREAM=-issue, which opens or updates an issue.
upstream: ## Compare the contract with the descriptions that Basiq currently publishes
	cd $(CONFORMANCE) && go run ./upstream $(UPSTREAM)

# `make test` tests a sample: one call of each kind with every fault, over both protocols.
matrix: ## Test every call with every fault, and compare the tables in wrapper/RELIABILITY.md
	cd $(CONFORMANCE) && go test -count=1 -run '^Test(FaultMatrix|AdviceTables)$$' . -full

reliability: ## Test every call with every fault, and write the tables in wrapper/RELIABILITY.md
	cd $(CONFORMANCE) && go test -count=1 -run '^Test(FaultMatrix|AdviceTables)$$' . -update

# The second command runs even if the first fails, so that everything that is missing is listed.
MISSING := ^Test(Operations_NothingMissing|Faults_EveryOperation|Sandbox_SuccessResponses)$$
missing: ## List the parts that operations of openapi.yaml lack
	@failed=; \
	(cd $(CONFORMANCE) && go test -count=1 -run '$(MISSING)' .) || failed=1; \
	go test -count=1 -run '^Test(IDs_EveryPathParameter|Resources_EveryMethod|Operations_(EveryOperationTested|Success)|Fuzz_EveryOperation|Calls_EveryMethod)$$' ./wrapper || failed=1; \
	test -z "$$failed"

tables: ## Write the tables of operations in wrapper/OPERATIONS.md and wrapper/RELIABILITY.md
	cd $(CONFORMANCE) && go test -count=1 -run '^(TestOperationsPage|TestReliability_Calls)$$' . -update

breaking: ## Fail if a change is incompatible with the last tagged version
	@./api/breaking.sh

# This takes about an hour on two processors. api/conformance/mutants documents flags such as MUTANTS=-file=^retry.go$.
mutants: ## Run the mutation tests of wrapper and webhook; fail if the tests miss too many mutants (MUTANTS=flags)
	cd $(CONFORMANCE) && go run ./mutants -accepted mutants/accepted/webhook.txt $(MUTANTS) ../../wrapper/webhook
	cd $(CONFORMANCE) && go run ./mutants -accepted mutants/accepted/basiq.txt $(MUTANTS) ../../wrapper

# The test first checks with a fake database that the script finds vulnerabilities.
vuln: ## Search for known vulnerabilities with govulncheck
	cd $(CONFORMANCE) && go test -count=1 -run '^TestVulnScript$$' .
	@./api/vuln.sh

# go-licenses treats an unknown or missing license as not allowed.
LICENSES := Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT
# wrapper/fleet has dependencies with more licenses. River, its queue, and River's web UI are under the MPL-2.0, whose conditions apply
# to changed copies of River's files, and not to this repository or to programs that link River. River's driver links pgerrcode, whose
# PostgreSQL license is like MIT. Only tests link miniredis, which contains parts under BSL-1.0 and the Unlicense. No other module links
# any of them.
FLEET_LICENSES := $(LICENSES),MPL-2.0,PostgreSQL,BSL-1.0,Unlicense
licenses: ## Fail if a dependency, including test dependencies, has a license that is not allowed
	"$$(cd $(CONFORMANCE) && go tool -n go-licenses)" check --include_tests --allowed_licenses=$(LICENSES) ./...
	@set -e; licenses=$$(cd $(CONFORMANCE) && go tool -n go-licenses); for module in $(NESTED); do \
		allowed=$(LICENSES); if [ $$module = $(FLEET) ]; then allowed=$(FLEET_LICENSES); fi; \
		(set -x; cd $$module && "$$licenses" check --include_tests --ignore github.com/basiq-go/basiq-go --allowed_licenses=$$allowed ./...); \
	done

# shellcheck and pyflakes are disabled, because actionlint would use them only on machines where they are installed.
workflows: ## Check the CI workflows with actionlint, and check pinned actions and minimal permissions
	cd $(CONFORMANCE) && go tool actionlint -shellcheck= -pyflakes= $(abspath $(wildcard .github/workflows/*.y*ml))
	cd $(CONFORMANCE) && go test -count=1 -run '^TestWorkflow|^TestDependabot' .

ci: ## Run everything that must pass before a change is merged
	@.ci/run
