# One word each: `make help` lists them. Needs python3 (3.11 or newer), make and, at first, a network.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
# One more than there are cores (tests/conftest.py); each test process has servers of its own.
WORKERS ?= auto

.PHONY: help
help: ## list these words
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

.PHONY: install
install: $(STAMP) ## make the environment in .venv (the others do it when they need it)
	@:

.PHONY: run
run: $(STAMP) ## start everything: servers, API, worker and a live demo auction; Ctrl-C stops it
	@$(BIN)/marketplace dev

.PHONY: demo
demo: $(STAMP) ## walk the whole road once over HTTP, from the invitation to the invoice
	@$(BIN)/marketplace demo

.PHONY: long
long: $(STAMP) ## tests in their long forms: all recorded orders, many examples of every property
	@failed=0; \
	ADVENTUREWORKS_ORDERS=4012 HOSTILE_VALUES=all HYPOTHESIS_PROFILE=long $(BIN)/pytest -q -n 2 \
	    tests/adventureworks tests/journeys/test_bad_input.py \
	    tests/kernel tests/auctions/engine tests/catalog/pricing tests/rfq/rules $(ARGS) || failed=1; \
	: by itself, since it leaves little of the road that it attacks; \
	SCHEMATHESIS_EXAMPLES=50 $(BIN)/pytest -q tests/journeys/test_contract.py $(ARGS) || failed=1; \
	exit $$failed

.PHONY: test
test: $(STAMP) ## run all tests (ARGS="tests/orders -k late" narrows them)
	@$(BIN)/pytest -q -n $(WORKERS) $(ARGS)

.PHONY: faults
faults: $(STAMP) ## kill servers under load, ten rounds (FAULT_ROUNDS=20 FAULT_SEED=7 change that)
	@FAULT_ROUNDS=$${FAULT_ROUNDS:-10} $(BIN)/pytest -q -s -n 0 tests/faults $(ARGS)

.PHONY: check
check: $(STAMP) ## lint, format, types, import law, migrations and API documents in step
	@failed=0; $(STEP); \
	step lint $(BIN)/ruff check --quiet .; \
	step format $(BIN)/ruff format --check --quiet .; \
	step types $(BIN)/mypy --no-error-summary; \
	step imports $(BIN)/lint-imports --no-logo; \
	step migrations $(BIN)/marketplace migrate --check; \
	step squawk $(BIN)/python -m migrations.lint; \
	step openapi $(BIN)/marketplace openapi --check docs/openapi.json; \
	step asyncapi $(BIN)/marketplace asyncapi --check docs/asyncapi.json; \
	step architecture $(BIN)/pytest -q tests/architecture; \
	exit $$failed

.PHONY: format
format: $(STAMP) ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: bench
bench: $(STAMP) ## measure: ratios within one run, so that they mean something on any machine
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: openapi
openapi: $(STAMP) ## write docs/openapi.json and docs/asyncapi.json anew
	@$(BIN)/marketplace openapi docs/openapi.json && $(BIN)/marketplace asyncapi docs/asyncapi.json

.PHONY: examples
examples: $(STAMP) ## play the road and write the examples of the documentation anew
	@$(BIN)/python -m tests.journeys.write_examples

.PHONY: lock
lock: $(STAMP) ## choose versions anew for both lock files (ARGS=--upgrade takes the newest)
	@$(call lock,requirements) && $(call lock,requirements-dev)

.PHONY: clean
clean: ## remove caches and the environment; the data in .marketplace stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-data
clean-data: $(STAMP) ## delete all development data in .marketplace
	@$(BIN)/marketplace erase

# A check: its name and time when it passes, all it said when it does not; the others run anyway.
STEP := step() { \
  local name=$$1 began=$$(date +%s%N) output; shift; \
  printf '  %-14s' "$$name"; \
  if output=$$("$$@" 2>&1); then echo "ok  $$(( ($$(date +%s%N) - began) / 1000000 )) ms"; \
  else echo FAILED; printf '%s\n' "$$output"; failed=1; fi; }

# Resolve for every platform. No address of a registry is written, so any mirror can serve the lock.
define lock
$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate $(ARGS) \
  $(1).in -o $(1).lock
endef

# The environment: exactly the locked wheels, checked by their hashes; nothing is built. uv comes
# from the lock as well and installs in seconds; where it cannot reach what pip is set up for
# (a mirror, a local folder, a certificate), pip does it.
HASHED := --require-hashes --only-binary :all:
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

$(STAMP): requirements-dev.lock requirements.in pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed. Name one: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@echo "Making the environment in .venv (once; about half a minute)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements-dev.lock > .venv/uv.lock
	@$(PIP) install $(HASHED) -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(HASHED) -r requirements-dev.lock \
	  2>.venv/uv.log || { echo "uv could not (.venv/uv.log); pip takes about a minute"; \
	  $(PIP) install $(HASHED) -r requirements-dev.lock; }
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $(STAMP)
