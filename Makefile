# Every target makes what it needs: a virtual environment in .venv, and real parts in a cache.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The clock of a kill: a test that hangs fails with its traceback long before CI's own limit.
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-kubernetes demo-gate test check lint types imports unit integration schemas fix parts bench backtest clean

help:  ## Show what can be done
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(STAMP): pyproject.toml constraints.txt
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit("suture needs Python 3.11 or later, this is %d.%d: try make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[kubernetes,ansible,gitops,people,llm,demo,plots,delta,iceberg,dev]'
	@touch $(STAMP)

setup: $(STAMP)  ## Make the environment

demo: $(STAMP)  ## Run the main job: a good release promoted, a bad one rolled back, and why
	@$(BIN)/suture demo

demo-kubernetes: $(STAMP)  ## The same on a real Kubernetes with real pods (first run builds it: minutes)
	@$(BIN)/suture demo --kubernetes

demo-gate: $(STAMP)  ## Show the pre-deploy gate: a build that passes, one that warns, one that fails
	@$(BIN)/python -m infra.gate_demo

test: check integration  ## Everything that CI runs

check: lint types imports schemas unit  ## The quick part: no broker, no cluster

lint: $(STAMP)
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: $(STAMP)
	@echo "==> mypy --strict"
	@$(BIN)/mypy schemas detectors actions feature_store streams infra bench tests

imports: $(STAMP)
	@echo "==> import contracts"
	@$(BIN)/lint-imports --no-cache

schemas: $(STAMP)
	@echo "==> generated schemas"
	@$(BIN)/python -m schemas.documents --check

unit: $(STAMP)
	@test -z "$$CI" || $(BIN)/python -m infra.dev s3 fetch
	@echo "==> unit tests"
	@$(PYTEST) -q -n 2 --ignore=tests/integration

integration: $(STAMP) parts
	@echo "==> integration tests on the real parts"
	@$(PYTEST) -v -p no:randomly --timeout=900 --durations=15 tests/integration

parts: $(STAMP)  ## Fetch and build the real parts into the cache
	@echo "==> real parts (the first time takes about 20 minutes, later ones none)"
	@$(BIN)/python -m infra.dev fetch || { test -z "$$CI" && echo "==> tests of what is missing are skipped"; }

fix: $(STAMP)  ## Format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

LOG ?= ../shared/bench/changerca/replay.jsonl.gz
LABELS ?= ../shared/bench/changerca/labels.csv
backtest: $(STAMP)  ## Judge a log again by CANDIDATE=policy.yaml; fails when that is worse, or nobody can tell
	@test -n "$(CANDIDATE)" || { echo "CANDIDATE is not set, expected a policy file"; exit 2; }
	@$(BIN)/suture backtest "$(LOG)" --candidate "$(CANDIDATE)" --labels "$(LABELS)" --check

bench: $(STAMP)  ## Measure the judge on the sets under ../shared/bench
	@for set in changerca kontrast nab loghub; do $(BIN)/python -m bench.$$set --data ../shared/bench/$$set || exit 1; done
	@$(BIN)/python -m bench.kayenta --data ../shared/bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
