# Everything a person or CI does with this repository. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

# Two BLAS threads on a small machine are slower than one, and the trainer brings its own threads.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
LOCK_VENV := .cache/lock-venv
SAY := @printf '%s\n'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(STAMP) ## make .venv with everything in requirements.lock (again only when the lock or pyproject.toml changes)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	test -x $(BIN)/python || { echo "setup: making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	echo "setup: installing the locked dependencies (a minute or so the first time)"
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	echo "setup: installing aircue itself"
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@
	echo "setup: done"

.PHONY: lock
lock: ## write requirements.lock anew from pyproject.toml
	@test -x $(LOCK_VENV)/bin/uv || { $(PYTHON) -m venv $(LOCK_VENV); $(LOCK_VENV)/bin/pip install --quiet uv; }
	{
	  echo "# Every dependency of every extra, for Python 3.11 to 3.13. Written by: make lock"
	  $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --all-extras pyproject.toml
	} > requirements.lock.new
	mv requirements.lock.new requirements.lock
