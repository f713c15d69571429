# podnet. `make` lists the targets; `make demo` shows everything at work, `make test` proves it.
SHELL := /bin/sh
BIN := .venv/bin
PACKAGES := kproxy cni dns kube linux nodeagent netns_fixtures
PYTEST := $(BIN)/pytest -q

.PHONY: help setup demo bench fmt lint types layering layout unit check lab guest pythons test lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## everything the commands need, into .venv/bin (idempotent)
	@tools/setup.sh

setup-test: ## setup, and the Debian packages that only tests use
	@tools/setup.sh test

demo: setup ## a three-node cluster, shown and checked step by step (KEEP=1 leaves it up)
	@$(BIN)/klab demo --node-grace 8 $(if $(KEEP),--keep)

bench: setup ## the figures, as JSON
	@$(BIN)/python -m tests.bench

fmt: setup ## format the code
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix-only .

lint: setup
	@$(BIN)/ruff format -q --check . || { echo "run 'make fmt'" >&2; exit 1; }
	@$(BIN)/ruff check -q .

types: setup
	@$(BIN)/mypy $(PACKAGES) tools

layering: setup
	@$(BIN)/lint-imports >.import-linter.log 2>&1 || { cat .import-linter.log; exit 1; }

layout: setup
	@$(BIN)/python tools/check_layout.py

unit: setup
	@$(PYTEST) -n 2 -m "not lab" tests/unit tests/flows tests/properties

check: lint types layering layout unit ## format, lint, types, layering, unit and flow tests (no root)

lab: setup-test ## tests in real namespaces (root)
	@$(PYTEST) --durations=10 -m lab tests
	@PODNET_TEST_SHIM=python $(PYTEST) tests/lab/cni/test_cni_daemon.py

guest: setup ## tests that need a kernel with IPVS, in a guest kernel
	@tools/guest_tests.sh

pythons: setup ## the unit tests on the other Pythons found here
	@tools/other_pythons.sh

test: setup-test check pythons lab ## everything

lock: ## requirements.lock anew from pyproject.toml
	@.venv-uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## remove what the targets made
	@rm -rf .venv .venv-uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .import-linter.log
