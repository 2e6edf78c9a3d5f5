.DEFAULT_GOAL := help
.PHONY: help setup up down check lint unit test integration fuzz safety chaos bench generate fmt new-service migration
SHELL := /bin/bash
BIN := .venv/bin
# Where it is set, every process of the tests compiles all it imports again.
unexport PYTHONDONTWRITEBYTECODE

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Make .venv from the lock file (quick when there is nothing to do)
	@tools/setup.sh

up: setup  ## Start everything and return when it is ready
	@$(BIN)/hummingbus up

down:  ## Stop everything in order
	@$(BIN)/hummingbus down

check: lint unit  ## All that must pass before a commit

lint: setup  ## Formatting, lint, types, import rules, house rules, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy libs/*/src services/*/src cli/src tools tests bench conftest.py
	$(BIN)/lint-imports
	$(BIN)/python -m tools.fitness
	$(BIN)/python -m tools.generate --check

unit: setup  ## Tests of the packages (TESTS="cli tools" for some)
	$(BIN)/pytest -q -n 3 --dist loadfile $(TESTS)

integration: setup  ## User journeys, conformance, 500 orders and a few executors under fire (SAFETY_SEED=N, CHAOS_SEED=N for others)
	$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder tests/integration tests/conformance tests/safety

fuzz: setup  ## Schemathesis with a new seed (SCHEMATHESIS_SEED=N repeats one), and 500 orders under fire with a new seed
	SCHEMATHESIS_SEED=$${SCHEMATHESIS_SEED:-$$RANDOM} SCHEMATHESIS_EXAMPLES=60 $(BIN)/pytest -q tests/conformance/test_schemathesis.py
	SAFETY_SEED=$${SAFETY_SEED:-$$RANDOM} $(BIN)/pytest -q tests/safety/test_short_round.py

safety: setup  ## 10,000 orders with every fault and kill; the report goes to .hummingbus-reports/ (ARGS="--seed N")
	$(BIN)/python -m tests.safety $(ARGS)

chaos: setup  ## Executors of every type under faults, kills and cuts; report as above (ARGS="--seed N --rounds N --replicas N")
	$(BIN)/python -m bench.chaos $(ARGS)

test: check integration  ## Everything CI runs

bench: setup  ## Figures of speed, cost and recovery, into bench/RESULTS.md (ONLY="gateway idle" for some)
	$(BIN)/python -m bench $(ONLY)

generate: setup  ## Write docs/generated and missing golden examples
	$(BIN)/python -m tools.generate

fmt: setup  ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

new-service: setup  ## NAME=price-alerts: write a new service that passes the checks
	$(BIN)/python -m tools.scaffold "$(NAME)"
	@tools/setup.sh --relock
	$(BIN)/python -m tools.generate

migration: setup  ## SERVICE=trading SAY="index orders by day": draft the next revision of a service's tables
	@$(BIN)/python -m tools.migration "$(SERVICE)" "$(SAY)"
