# make run    the default study, from nothing to results/default/report.zip
# make check  the tests that need no simulator: a minute or two
# make test   those and the most telling of the rest
# make test-all       all but those marked slow, cluster or faults (pyproject.toml)
# make cluster-test   a study in a real Slurm of one node (root and apt, or Slurm installed)
# make fault-test     a study killed 30 times, full disks, damaged files
# make lint   formatting, lints, types
# make docs   the site of the documentation, in build/site
# make locks  renew the locked environments (needs uv)

PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run check test test-all cluster-test fault-test lint docs locks environment

run: .venv/complete
	snakemake --cores all all report
	@echo "The report is in results/default/report.zip"

# Each worker and each interpreter that a test starts would compile all sources anew without bytecode.
TESTS := PYTHONDONTWRITEBYTECODE= python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

check: .venv/complete-dev
	$(TESTS) tests/quick

test: .venv/complete-dev
	$(TESTS) -m "not thorough and not slow and not cluster and not faults"

test-all: .venv/complete-dev build/validator/complete
	$(TESTS) -m "not slow and not cluster and not faults"

# -rs: where Slurm cannot be had, the reason is printed.
cluster-test: .venv/complete-dev
	python -m pytest -m cluster -rs tests/cluster

fault-test: .venv/complete-dev
	python -m pytest -n 2 --dist loadfile -m faults -rs tests/faults

lint: .venv/complete-dev
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check workflow
	snakemake --lint

# A warning is an error; nothing is downloaded.
docs: .venv/complete-dev
	python -m sphinx -q -W --keep-going -n -c docs -d build/doctrees . build/site

environment: .venv/complete

.venv/complete: envs/cpu.txt pyproject.toml
	@$(PYTHON) -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' || { \
	  echo 'error: Python 3.11 with venv is needed (Debian and Ubuntu: apt install python3-venv)'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --progress-bar off --require-hashes -r envs/cpu.txt
	$(BIN)/pip install --no-deps --no-build-isolation --editable .
	touch $@

.venv/complete-dev: .venv/complete envs/dev.txt
	$(BIN)/pip install --progress-bar off --require-hashes -r envs/dev.txt
	touch $@

# A public validator of RO-Crates, apart: it needs other versions of what Snakemake needs.
build/validator/complete: envs/validator.txt
	$(PYTHON) -m venv build/validator
	build/validator/bin/pip install --progress-bar off --require-hashes -r envs/validator.txt
	touch $@

locks:
	for env in cpu cuda dev robots validator; do uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  $$(case $$env in cpu|validator) ;; *) echo --constraints envs/cpu.txt ;; esac) \
	  envs/$$env.in --output-file envs/$$env.txt; done
