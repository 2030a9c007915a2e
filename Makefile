# Every task of the project. Each target sets up what it needs in .venv first, so any
# of them may be the first command in a fresh clone; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.installed
# The interpreter that .venv is made of: the first of these that runs and is supported.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && echo $$python && break; done)
# Which lock `install` installs: platform, or postgres, snowflake, bigquery, redshift.
LOCK ?= platform
WORKERS ?= 2
# What the complete test suite starts: a real database server, a real browser.
JAVA_PACKAGES := openjdk-17-jre-headless maven
TEST_PACKAGES := git postgresql chromium redis-server $(JAVA_PACKAGES)
UV := $(BIN)/uv
UVX := $(BIN)/uvx --quiet
SYNC = $(UV) pip sync --quiet --python $(BIN)/python --require-hashes
PROJECT = $(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
BUILD_PINS := --build-constraints locks/build.txt
PEERS := $(foreach peer,pathway quixstreams bytewax,build/peers/$(peer)/.installed)

# No tool of ours, nor any that it starts, reports its use to its makers.
export DAGSTER_DISABLE_TELEMETRY := yes
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_ALLOW_PICKLE_DESERIALIZATION := false
export GX_ANALYTICS_ENABLED := false
export RUNTIME__DLTHUB_TELEMETRY := false
export UV_PYTHON_DOWNLOADS := never

##@ Run
.PHONY: install up down materialize kafka kafka-assemble bench-batch bench-windows bench-checkpoints bench-push bench-stream bench-stream-peers soak bench-live-model
install: $(STAMPS)/$(LOCK) .env ## Install the platform (LOCK=postgres for a server warehouse)

up: install ## Start the platform: load, train, replay, Dagster's web interface
	$(BIN)/analytics up $(ARGS)

down: install ## Stop what `make up` started
	$(BIN)/analytics down $(ARGS)

materialize: install ## Build assets: FROM=2013-01 TO=2013-12 SELECT=...
	$(BIN)/analytics materialize $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) \
		$(if $(SELECT),--select '$(SELECT)') $(ARGS)

kafka: install kafka-assemble ## Run a real Kafka broker, in the foreground
	$(BIN)/analytics broker run

kafka-assemble: ## Get Kafka's jars by Maven, once, into .kafka/
	.ci/system-packages $(JAVA_PACKAGES)
	deployment/kafka/assemble .kafka

bench-batch: install ## Time a year through the platform against bare libraries
	$(BIN)/python -m tests.benchmarks.batch $(ARGS)

bench-windows: dev-install ## Time the window engine alone, ns an event
	$(BIN)/python -m tests.benchmarks.windows $(ARGS)

bench-checkpoints: dev-install ## Time the stream's state commits against bare ones
	$(BIN)/python -m tests.benchmarks.checkpoints $(ARGS)

bench-stream: dev-install kafka-assemble ## Time the sidecar on a real broker: events a second, latency
	$(BIN)/python -m tests.benchmarks.stream $(ARGS)

bench-live-model: dev-install ## Time predictions in process and swaps of the snapshot
	$(BIN)/python -m tests.benchmarks.live_model $(ARGS)

bench-stream-peers: dev-install kafka-assemble $(PEERS) ## Time the same job in Pathway, Quix Streams, bytewax
	$(BIN)/python -m tests.benchmarks.stream.peers $(ARGS)

soak: dev-install kafka-assemble ## Let the sidecar work for MINUTES=60, look at its memory
	$(BIN)/python -m tests.benchmarks.stream.soak --minutes $(or $(MINUTES),60) $(ARGS)

bench-push: dev-install ## Time pushing to 1,000 WebSocket clients, one stalled
	$(BIN)/python -m tests.benchmarks.push $(ARGS)

##@ Change
.PHONY: dev-install lint format format-check type-check import-check docs
dev-install: $(STAMPS)/dev .env ## Install everything that the tests and checks need

lint: dev-install ## Report style errors and likely bugs
	$(BIN)/ruff check .

format: dev-install ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

format-check: dev-install ## Fail if a file is not formatted
	$(BIN)/ruff format --check .

type-check: dev-install ## Check types, strictly
	$(BIN)/mypy

import-check: dev-install ## Check which package may import which
	$(BIN)/lint-imports --no-logo

docs: dev-install ## Write the reference pages of docs/ from the code
	$(BIN)/python -m docs.reference

##@ Test
.PHONY: test test-unit test-system faults installable ci
test: test-unit test-system ## Run the complete suite

test-unit: dev-install ## Run the tests that need no server; 80 % branch coverage
	.ci/system-packages git
	$(BIN)/python -m pytest -m "not system" -n $(WORKERS) --dist loadfile \
		--cov --cov-report=term --durations=10 $(ARGS)

faults: dev-install kafka-assemble ## Let faults happen to sidecars, SEEDS=20 plans, and compare
	$(BIN)/python -m tests.benchmarks.faults --seeds $(or $(SEEDS),20) $(ARGS)

test-system: dev-install ## Run the tests with real servers, faults and whole runs
	.ci/system-packages $(TEST_PACKAGES)
	deployment/kafka/assemble .kafka
	$(BIN)/python -m pytest -m system --durations=10 $(ARGS)

installable: $(UV) ## Install each process alone from its lock and import what it uses
	.ci/installable $(UV) $(BIN)/python

ci: lint format-check type-check import-check installable test ## Run every check

##@ Security and images (these need the network, and an image builder)
.PHONY: scan-dependencies scan-secrets scan-workflows image
scan-dependencies: $(UV) ## Look the locks up in the databases of known vulnerabilities
	for lock in locks/*.txt; do \
		$(UVX) pip-audit@2.10.1 --disable-pip --require-hashes -r $$lock; \
	done

scan-secrets: $(UV) ## Look for secrets in the files
	git ls-files -z -- ':!locks' ':!deployment/kafka/jars.sha256' | xargs -0 $(UVX) --from detect-secrets@1.5.0 \
		detect-secrets-hook --exclude-files '^tests/'

scan-workflows: $(UV) ## Look for mistakes in the workflows
	$(UVX) zizmor@1.32.0 --offline --config .ci/zizmor.yml .github

image: ## Build the batch platform's container image
	docker build --file deployment/batch.Dockerfile --tag analytics-platform-batch .

##@ Dependencies and migrations
.PHONY: lock add remove migrate-create migrate-upgrade migrate-downgrade
lock: $(UV) ## Write locks/ from pyproject.toml (UPGRADE=1 takes newer versions)
	.ci/lock $(UV) $(if $(UPGRADE),--upgrade)

add: $(UV) ## Add a dependency: PKG='httpx>=0.28' [EXTRA=batch]
	$(if $(PKG),,$(error Say which: make add PKG='httpx>=0.28' EXTRA=batch))
	$(UV) add --quiet --frozen $(if $(EXTRA),--optional $(EXTRA)) '$(PKG)'
	$(MAKE) lock

remove: $(UV) ## Remove a dependency: PKG=httpx [EXTRA=batch]
	$(if $(PKG),,$(error Say which: make remove PKG=httpx EXTRA=batch))
	$(UV) remove --quiet --frozen $(if $(EXTRA),--optional $(EXTRA)) '$(PKG)'
	$(MAKE) lock

migrate-create: install ## Write a new migration of the control store: MESSAGE='...'
	$(if $(MESSAGE),,$(error Say what it does: make migrate-create MESSAGE='...'))
	$(BIN)/analytics migrate create '$(MESSAGE)'

migrate-upgrade: install ## Bring the control store's tables up to date
	$(BIN)/analytics migrate upgrade $(REVISION)

migrate-downgrade: install ## Take the control store back: [REVISION=-1]
	$(BIN)/analytics migrate downgrade -- $(or $(REVISION),-1)

##@ Housekeeping
.PHONY: clean help
clean: ## Delete caches and build results (not var/, .venv or .env)
	rm -rf build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache dbt_project/target \
		dbt_project/logs
	find . -path ./$(VENV) -prune -o -path ./var -prune -o -name __pycache__ \
		-type d -exec rm -rf {} +

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

# What the targets above stand on -------------------------------------------------

$(BIN)/python:
	$(if $(PYTHON),,$(error Install Python 3.11, 3.12 or 3.13, or set PYTHON=))
	PYTHON=$(PYTHON) .ci/system-packages python-venv
	$(PYTHON) -m venv $(VENV)

$(UV): locks/bootstrap.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r locks/bootstrap.txt
	touch $@

# The dev lock holds what platform and postgres do: `make up` never takes tools away.
$(STAMPS)/%: locks/%.txt pyproject.toml | $(UV)
	.ci/system-packages libgomp1
	lock=$*; \
	case $* in platform | postgres) [ ! -e $(STAMPS)/dev ] || lock=dev;; esac; \
	rm -rf $(STAMPS); \
	echo "Installing locks/$$lock.txt into $(VENV) ..."; \
	$(SYNC) $(BUILD_PINS) locks/$$lock.txt; \
	$(PROJECT) $(BUILD_PINS); \
	mkdir -p $(STAMPS); touch $(STAMPS)/$$lock $@

# An environment for each engine that the sidecar is compared with.
build/peers/%/.installed: tests/benchmarks/peers/%.txt | $(UV)
	rm -rf $(@D)
	$(BIN)/python -m venv --without-pip $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	touch $@

.env:
	@printf '%s\n' \
		'# Written by make install when it was missing; yours to edit.' \
		'ANALYTICS_HOME="$(CURDIR)/var"' \
		'DAGSTER_HOME="$(CURDIR)"' \
		'DAGSTER_STORAGE="$${ANALYTICS_HOME}/dagster"' \
		'DAGSTER_DISABLE_TELEMETRY=$(DAGSTER_DISABLE_TELEMETRY)' \
		'DBT_SEND_ANONYMOUS_USAGE_STATS=$(DBT_SEND_ANONYMOUS_USAGE_STATS)' \
		'BENTOML_DO_NOT_TRACK=$(BENTOML_DO_NOT_TRACK)' \
		'MLFLOW_DISABLE_TELEMETRY=$(MLFLOW_DISABLE_TELEMETRY)' \
		'MLFLOW_ALLOW_PICKLE_DESERIALIZATION=$(MLFLOW_ALLOW_PICKLE_DESERIALIZATION)' \
		'GX_ANALYTICS_ENABLED=$(GX_ANALYTICS_ENABLED)' \
		'RUNTIME__DLTHUB_TELEMETRY=$(RUNTIME__DLTHUB_TELEMETRY)' > $@
