# `make` shows what there is. Each step leaves a stamp in .data/stamps, so that a second run is quick.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
DATA := $(or $(DIALER_DATA_DIR),.data)
STAMPS := $(DATA)/stamps
BIN := .venv/bin
UV_VERSION := 0.13.9

.PHONY: help
help: ## show this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMPS)/packages $(STAMPS)/python $(STAMPS)/locale $(STAMPS)/asterisk ## everything the demo and the tests need

$(STAMPS)/packages: lab/packages.sh
	@mkdir -p $(STAMPS)
	lab/packages.sh "$(PYTHON)"
	touch $@

$(BIN)/uv: | $(STAMPS)/packages
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"

$(STAMPS)/python: pyproject.toml uv.lock $(BIN)/uv | $(STAMPS)/packages
	@mkdir -p $(STAMPS)
	$(BIN)/uv sync --frozen --inexact --quiet
	touch $@

PO := $(wildcard locale/*/LC_MESSAGES/*.po)
$(STAMPS)/locale: $(PO) $(STAMPS)/python
	@if [ -n "$(PO)" ]; then $(BIN)/pybabel --quiet compile --directory locale; fi
	touch $@

$(STAMPS)/asterisk: $(STAMPS)/python
	@$(BIN)/python -m lab.install
	touch $@

.PHONY: demo
demo: install ## calls, robot agents and live figures on this machine, in one command
	@$(BIN)/python -m lab.demo

.PHONY: verify-demo
verify-demo: $(STAMPS)/python ## compare the last demo with what both switches logged (imports nothing of the product)
	@$(BIN)/python witness/verify.py

.PHONY: test
test: install check ## everything: static checks and all tests, with a real Asterisk and PostgreSQL
	@$(BIN)/pytest

.PHONY: check
check: $(STAMPS)/python ## static checks only
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test-fast
test-fast: $(STAMPS)/python ## tests that need no server
	@$(BIN)/pytest -m "unit or property"

.PHONY: bench-bridge
bench-bridge: install ## how long from the customer's answer to the agent's voice
	@$(BIN)/python -m benchmarks.bridge

.PHONY: clean
clean: ## remove caches and stamps; data and the unpacked Asterisk stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist $(STAMPS)
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
