# Every target works on a bare machine with Python >= 3.11 and git: the environment is made in .venv first.
# uv is used when it is there; else it is put into a private environment in .uv. Nothing is installed globally.

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin
SOURCES := cryptoflow cryptoflow_tests sql bench soak
SCRATCH := .venv/scratch
# More than two get in each other's way: a whole platform is twelve processes.
WORKERS ?= 2
# Dagster's own tools would otherwise read ./dagster.yaml, which wants a running platform.
export DAGSTER_HOME := $(CURDIR)/.venv/dagster

.PHONY: env demo up test check bench soak nightly docs clean help

help: ## Show this.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort

env: .venv/.ready ## Make the environment in .venv from the lock.

.venv/.ready: pyproject.toml uv.lock | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cryptoflow needs Python 3.11 or newer; say which one: make PYTHON=python3.12 env")'
	$(UV) sync --frozen --python $(PYTHON)
	@touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

# The peers of the benches come beside the environment, so that starting the platform does not wait for them.
.venv/.bench: .venv/.ready
	$(UV) sync --frozen --python $(PYTHON) --group bench
	@touch $@

demo: env ## Start everything here, on simulated markets.
	$(RUN)/cryptoflow up --demo

up: env ## Start everything here, on the live providers.
	$(RUN)/cryptoflow up

test: .venv/.bench ## Run the tests on real parts, shared among WORKERS processes.
	$(RUN)/pytest --numprocesses $(WORKERS) $(ARGS)

check: .venv/.bench ## Run the linters, and prove that definitions load and migrations equal contracts.
	$(RUN)/ruff check $(SOURCES)
	$(RUN)/ruff format --check $(SOURCES)
	$(RUN)/mypy
	$(RUN)/sqlfluff lint --processes 2 --disable-progress-bar sql
	$(RUN)/cryptoflow render --check
	@mkdir -p $(DAGSTER_HOME) && touch $(DAGSTER_HOME)/dagster.yaml
	$(RUN)/dg check defs
	$(RUN)/dagster definitions validate --module-name cryptoflow.definitions
	CRYPTOFLOW_HOME=$(SCRATCH) $(RUN)/cryptoflow migrate check
	$(RUN)/pytest --quiet cryptoflow_tests/definitions/test_import_ring.py

bench: .venv/.bench ## Measure, with the peers beside us in the same run; ONLY=tick measures one bench.
	$(RUN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

soak: .venv/.bench ## Run the whole platform under random faults, then prove that all still holds; ARGS='--minutes 1 --seed 7'.
	$(RUN)/python -m soak $(ARGS)

nightly: .venv/.bench ## What takes too long for every change: ten minutes of soak, and the benches.
	$(MAKE) soak ARGS='--minutes 10'
	$(MAKE) bench

docs: .venv/.bench ## Render what follows from the code and the kept results: pages, plots, the snapshot of definitions.
	$(RUN)/cryptoflow render
	$(RUN)/python -m bench.performance
	$(RUN)/python -m cryptoflow_tests.definitions.surface

clean: ## Remove what the targets made here. Homes with data are left alone.
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
