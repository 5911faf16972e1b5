# `make` lists the targets. What they need beyond Go, npm, git and a C compiler (for -race) is fetched at the versions here,
# in tools.mod and in api/conformance/go.mod.

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
REDOCLY       := @redocly/cli@2.77.0
AXE_CORE      := axe-core@4.14.1
COVER_FLOOR   := 90
FUZZ_TIME     ?= 60s

CONFORMANCE := api/conformance
OFFICIAL    ?= ../shared/reference/official
# What the coverage is of: the handwritten code that users import.
COVERED  = $(shell go list ./wrapper/... | grep -v /examples/)
COVERPKG = $(shell go list ./wrapper/... | grep -v /examples/ | paste -sd , -)

.PHONY: help generate drift validate vet lint fmt test cycles soak browser cover bench bench-once decoders fuzz examples official \
	reliability breaking mutants vuln licenses workflows ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

generate: ## Regenerate gen/ from openapi.yaml
	go generate ./...

# In a copy, so that a check changes nothing here, and a file that nobody generates shows up too. tools.mod is tidied
# away from the packages here, whose dependencies are none of its business.
drift: ## Fail when gen/ or a go.mod is not what the tools would make
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
		tar -c --exclude=./.git --exclude=./bin . | tar -x -C "$$copy" && \
		rm -rf "$$copy"/gen/* && (cd "$$copy" && go generate ./...) && \
		{ diff -r "$$copy/gen" gen || { echo 'gen/ is not what openapi.yaml makes: run make generate'; exit 1; }; } && \
		mkdir "$$copy/tools" && cp tools.mod "$$copy/tools/go.mod" && cp tools.sum "$$copy/tools/go.sum" && \
		(cd "$$copy/tools" && go mod tidy) && \
		{ diff "$$copy/tools/go.mod" tools.mod || { echo 'tools.mod is not tidy'; exit 1; }; }
	go mod tidy -diff
	cd $(CONFORMANCE) && go mod tidy -diff

# Two of Basiq's own paths overlap (no-ambiguous-paths); TestIDsCannotBeWordsOfThePaths keeps them apart.
validate: ## Check openapi.yaml: with kin-openapi, examples included, and with Redocly
	cd $(CONFORMANCE) && go test -count=1 -run 'Contract|Payload' ./...
	@if command -v npx >/dev/null; then \
		REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --yes $(REDOCLY) lint --extends=recommended \
			--skip-rule=no-ambiguous-paths openapi.yaml; \
	else echo 'SKIPPED: Redocly needs npm, which is not here'; fi

vet: ## Run go vet
	go vet ./...
	cd $(CONFORMANCE) && go vet ./...

lint: ## Run golangci-lint with the rules in .golangci.yml
	go run $(GOLANGCI_LINT) run ./...
	cd $(CONFORMANCE) && go run $(GOLANGCI_LINT) run ./...

fmt: ## Format all Go code
	go run $(GOLANGCI_LINT) fmt ./...
	cd $(CONFORMANCE) && go run $(GOLANGCI_LINT) fmt ./...

# Shuffling also keeps results from being cached: api/conformance looks at files that the cache does not watch. What needs
# a browser is in `make browser`, and what runs govulncheck in `make vuln`.
test: ## Run all tests with the race detector
	go test -race -shuffle=on ./...
	cd $(CONFORMANCE) && go test -race -shuffle=on -skip '^(TestBrowser|TestVulnScript)$$' ./...

# Without the race detector the cycles take half a minute, with it ten: RACE= leaves it out, of the soak too.
RACE ?= -race
cycles: ## Make 1,000 full cycles of users in the sandbox, 50 at once, with the race detector
	go test $(RACE) -count=1 -timeout 30m -v -run '^TestFullCycles$$' ./wrapper/basiqtest -args -cycles 1000

# 0 draws a seed, which is printed; another makes a run like the one that had it.
SEEDS ?= 0 0 0
soak: ## Make 10,000 calls, 64 at once, one request in five struck by a fault, in virtual and in real time, from three seeds
	@set -e; for seed in $(SEEDS); do \
		go test $(RACE) -count=1 -timeout 30m -v -run '^TestSoak$$' ./wrapper/basiqtest -args -soak 10000 -seed $$seed; \
	done

# axe-core, which looks for what keeps people out, comes from npm; without npm the walk goes on without it.
browser: ## Walk through the consent page in Chromium, with the keyboard alone
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	if command -v npm >/dev/null; then \
		npm pack --silent --pack-destination "$$tmp" $(AXE_CORE) >/dev/null && tar -xzf "$$tmp"/axe-core-*.tgz -C "$$tmp"; \
		export AXE="$$tmp/package/axe.min.js"; \
	else echo 'SKIPPED: axe-core needs npm, which is not here'; fi; \
	cd $(CONFORMANCE) && go test -count=1 -v -run '^TestBrowser' .

cover: ## Print the statement coverage of wrapper/; fail below the floor
	go test -coverprofile=coverage.txt -coverpkg=$(COVERPKG) $(COVERED)
	@go tool cover -func=coverage.txt | awk '/^total:/ {covered = $$3 + 0} \
		END {printf "coverage of wrapper/: %.1f %%, floor $(COVER_FLOOR) %%\n", covered; exit covered < $(COVER_FLOOR)}'

# A quarter of an hour, on a machine that has nothing else to do. Each run measures everything once, by hand and by the client,
# so that what the machine does meanwhile strikes both. BENCH=Work and BENCH_RUNS=3 measure less; what they leave out is no pass.
BENCH      ?= .
BENCH_RUNS ?= 10
bench: ## Compare the client with what a team writes by hand, and say which targets are met
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && cd $(CONFORMANCE) && go test -c -o "$$tmp/bench.test" ./bench && \
		for run in $$(seq $(BENCH_RUNS)); do \
			echo "run $$run of $(BENCH_RUNS)" && "$$tmp/bench.test" -test.run '^$$' -test.bench '$(BENCH)' -test.timeout 1h || exit 1; \
		done | tee "$$tmp/results" && \
		go tool benchstat -col /by "$$tmp/results" && go run ./bench <"$$tmp/results"

bench-once: ## Prove that the benchmarks still work; this measures nothing
	cd $(CONFORMANCE) && go test -run '^$$' -bench . -benchtime 1x ./bench -throughput 100ms -transactions 4000 -pages 2

# A number of inputs such as 300x is done in seconds, the same on every machine.
fuzz: ## Run each fuzz target (FUZZ_TIME=60s, or 300x; FUZZ_TARGETS=regular expression)
	@FUZZ_TIME=$(FUZZ_TIME) ./api/fuzz.sh

# Those of others are compiled with a tag only, which takes as long as half of all that the gate compiles.
decoders: ## Compare decoders of JSON: what they cost, and what they take and refuse
	cd $(CONFORMANCE) && go vet -tags rivals ./decoders/... && go test -count=1 -tags rivals ./decoders && \
		go test -tags rivals -run '^$$' -bench . ./decoders

# Without a key, so that quickstart plays against the sandbox.
examples: ## Build and vet the examples; run the quickstart in the sandbox
	go build -o /dev/null ./wrapper/examples/...
	go vet ./wrapper/examples/...
	env -u BASIQ_API_KEY go run ./wrapper/examples/quickstart

# Basiq's own descriptions are not part of this repository; UPDATE=-update writes testdata/official again from them.
official: ## Hold the contract to Basiq's own descriptions, and print both (OFFICIAL=their directory)
	cd $(CONFORMANCE) && export BASIQ_OFFICIAL=$(abspath $(OFFICIAL)) && go test -count=1 -v ./official $(UPDATE) && \
		go test -count=1 -v -run 'Official|GeneratedClientsRead' .

# `make test` fails when the tables are not what was measured.
reliability: ## Measure what faults do to calls, and write the tables in wrapper/RELIABILITY.md again
	cd $(CONFORMANCE) && go test -count=1 -run '^TestFaultMatrix$$' . -update

breaking: ## Fail when something breaks users of the last tagged version
	@./api/breaking.sh

# A quarter of an hour on two processors. MUTANTS=-file=^retry.go$ or =-v, and more in api/conformance/mutants.
mutants: ## Change the code in one place after another, and fail when the tests notice too few of the changes
	cd $(CONFORMANCE) && go run ./mutants -accepted mutants/accepted/webhook.txt $(MUTANTS) ../../wrapper/webhook
	cd $(CONFORMANCE) && go run ./mutants -accepted mutants/accepted/basiq.txt $(MUTANTS) ../../wrapper

# First the proof that the script finds what there is to find, with a database made up for it.
vuln: ## Look for known vulnerabilities with govulncheck
	cd $(CONFORMANCE) && go test -count=1 -run '^TestVulnScript$$' .
	@./api/vuln.sh

# go-licenses counts a license that it cannot tell, or that is missing, as one that is not allowed.
LICENSES := Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT
licenses: ## Fail when what users link or our tests use has a license that is not on the list
	"$$(cd $(CONFORMANCE) && go tool -n go-licenses)" check --include_tests --allowed_licenses=$(LICENSES) ./...

# Without the programs that actionlint takes along where it finds them: what it says must not depend on the machine.
workflows: ## Check the CI workflows: with actionlint, and for pinned actions and least permissions
	cd $(CONFORMANCE) && go tool actionlint -shellcheck= -pyflakes= $(abspath $(wildcard .github/workflows/*.y*ml))
	cd $(CONFORMANCE) && go test -count=1 -run '^TestWorkflow|^TestDependabot' .

ci: ## Run everything that must pass before a change is merged
	@.ci/run
