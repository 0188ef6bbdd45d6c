# Two commands are enough: `make demo` shows it working, `make test` proves it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Material's warning that MkDocs 2 will be another program; the lock has 1.6.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs
PYTHON ?= $(shell for p in python3 python3.12 python3.13 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)

# Where this is set, each of the hundreds of processes that Airflow starts would compile the project for itself.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup test soak check texts docs demo up env compose-test bench bench-lock lock release clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## virtual environment in .venv with the locked packages

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No python3 of version 3.11, 3.12 or 3.13 on the PATH: install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { echo "$(PYTHON) is not a python of version 3.11, 3.12 or 3.13."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv)."; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): a few minutes the first time."
	@rm -f $(READY) && $(PYTHON) -m venv --clear $(VENV)
	@# The lock is complete, so the resolver is left out: --no-deps, then pip check proves the set.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/pip check --disable-pip-version-check
	@touch $(READY)

# Thousands of ledgers are written commit by commit: one took 1.43 ms on disk and 0.05 ms in memory for files, where the
# tests took 13 % less CPU.
test soak: export TMPDIR := $(shell [ -w /dev/shm ] && [ "$$(df -k --output=avail /dev/shm | tail -1)" -gt 3000000 ] \
	&& echo /dev/shm || echo "$${TMPDIR:-/tmp}")

# Three processes on two cores: the end-to-end tests wait for Airflow's own clocks for a good third of their time.
test: $(READY) ## the whole test suite
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak"

soak: $(READY) ## what takes longer: a load killed while it pauses, and mistakes that the model test must catch
	@$(BIN)/pytest -n 2 --dist loadfile -m soak

check: $(READY) ## ruff, mypy strict, import contracts, dead code, the documentation's site
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(MKDOCS) build --strict --quiet

docs: $(READY) ## the documentation as a site on 127.0.0.1:8000, until Ctrl-C
	@$(MKDOCS) serve --dev-addr 127.0.0.1:8000

texts: $(READY) ## the console's translations brought up to its code: what is new stands in the .po without a text
	@PYTHONPATH=tests/servers $(BIN)/python -m console_texts

demo: $(READY) ## sandbox and real Airflow, two syncs, compared record by record
	@$(BIN)/exact-personio demo

up: $(READY) ## Airflow UI on 127.0.0.1:8080 with the sandbox behind it, until Ctrl-C
	@$(BIN)/exact-personio up

env: ## .env with fresh keys and passwords, for docker compose; never overwrites one
	@$(PYTHON) docker/make_env.py

compose-test: $(READY) ## the compose stack with two workers: 5,000 records, parts killed, both sides compared
	@PYTHONPATH=tests/compose:tests/servers $(BIN)/python tests/compose/run.py

SCALE ?= full
BENCH := build/bench-venv
BENCH_READY := $(BENCH)/.ready

# The peers live in an environment of their own: dlt and Airflow want other versions of the same packages.
$(BENCH_READY): benchmarks/requirements.txt | $(READY)
	@rm -rf $(BENCH) && $(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r benchmarks/requirements.txt
	@$(BENCH)/bin/pip check --disable-pip-version-check
	@touch $(BENCH_READY)

bench: $(READY) $(BENCH_READY) ## every benchmark beside its peers, into docs/performance.md; SCALE=small takes minutes
	@$(BIN)/python -m benchmarks.bench --scale $(SCALE)

bench-lock: $(READY) ## make the benchmarks' requirements.txt anew
	@$(BIN)/uv pip compile benchmarks/requirements.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file benchmarks/requirements.txt

# Not `lock: $(READY)`: a package that was just added is in no lock yet, so that nothing could be set up from it.
lock: ## make requirements.lock and the image's anew from pyproject.toml
	@test -x $(BIN)/uv || $(MAKE) setup
	@$(BIN)/uv pip compile pyproject.toml --group dev --group docs --extra metrics --extra parquet --extra postgres --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock
	@# python-dateutil is the one package that cannot be the same in both: FAB needs an older one than pandas takes.
	@$(BIN)/uv pip compile pyproject.toml --group image --extra celery --extra metrics --extra parquet --extra postgres \
		--constraints <(grep -E '^[a-z0-9][^ ]*==' requirements.lock | sed 's/ *\\$$//' | grep -v '^python-dateutil==') \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements-image.lock

release: $(READY) ## VERSION=x.y.z: check, test, set the version, commit, tag, build the wheel
	@$(BIN)/python -m reference.release $(VERSION)

clean: ## remove everything that was made here
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
