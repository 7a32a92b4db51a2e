# Everything a person or CI does with this repository. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Two BLAS threads on a small machine are slower than one, and the trainer brings its own threads.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
LOCK_VENV := .cache/lock-venv
PORTS := esp32 rp2
# Many tests wait for processes rather than for the processor: one more at a time than a small machine has cores.
JOBS ?= 3
# These publish no wheels.
SOURCE_ONLY := esptool,http-ece

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: setup micropython ## run the whole product here: ONCE=1 ends by itself, FAULTS=1 breaks things, DEMO_ARGS="--..." for more
	@$(BIN)/aircue-hil demo $(if $(ONCE),--once) $(if $(FAULTS),--faults) $(DEMO_ARGS)

.PHONY: flash
flash: setup ## put MicroPython and the firmware on a board: BOARD=pico_w, PORT=, SETTINGS=, FIRMWARE=, DRIVE= (without BOARD: what is plugged in)
	@$(BIN)/aircue-flash $(if $(BOARD),--board '$(BOARD)',--list) $(if $(PORT),--port '$(PORT)') \
	  $(if $(FIRMWARE),--firmware '$(FIRMWARE)') $(if $(SETTINGS),--settings '$(SETTINGS)') \
	  $(if $(DRIVE),--drive '$(DRIVE)') $(FLASH_ARGS)

.PHONY: test
test: setup system-packages oracle spark axe micropython ## run every test, JOBS=3 at a time (PYTEST_ARGS="-k name" for some)
	@$(BIN)/pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

.PHONY: unit
unit: setup oracle ## run the fast tests: no MicroPython, no browser, no processes
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not system and not hil and not browser" $(PYTEST_ARGS)

.PHONY: hil
hil: setup oracle micropython ## run the firmware on the bench: BACKEND=unix (default), pico_w (HIL_UF2=file) or board (PORT=/dev/ttyACM0)
	@$(if $(PORT),HIL_PORT=$(PORT)) $(BIN)/pytest -v -m hil --backend $(or $(BACKEND),unix) tests/hil $(PYTEST_ARGS)

.PHONY: bench-firmware
bench-firmware: setup oracle micropython ## measure the firmware's figures (about 12 minutes); the last line is one JSON object
	@$(BIN)/python -m tests.bench.firmware

.PHONY: bench-gateway
bench-gateway: setup system-packages ## measure the gateway's figures (about 25 minutes); AIRCUE_DATA names the data sets
	@$(BIN)/python -m tests.bench.gateway

.PHONY: bench-gateway-peers
bench-gateway-peers: setup system-packages ## the gateway beside Node-RED, ThingsBoard's gateway and Telegraf, with one load
	@$(BIN)/python -m tests.bench.gateway_peers

.PHONY: bench-cloud
bench-cloud: setup system-packages ## measure the cloud's figures: ingest on both databases, the lake, queries
	@$(BIN)/python -m tests.bench.cloud

.PHONY: bench-recommender
bench-recommender: setup ## measure the recommender's figures; AIRCUE_DATA names the data sets
	@$(BIN)/python -m tests.bench.recommender

.PHONY: bench-push
bench-push: setup system-packages ## measure the figures of pushes, from decision to effect; AIRCUE_DATA names the data sets
	@$(BIN)/python -m tests.bench.push

.PHONY: bench-shop
bench-shop: setup system-packages ## measure the shop's figures: payment, support, feeds, bundles; AIRCUE_DATA names the data sets
	@$(BIN)/python -m tests.bench.shop

.PHONY: bench-web
bench-web: setup system-packages axe ## measure what people see: weight, speed and accessibility of every page
	@$(BIN)/python -m tests.bench.web

.PHONY: soak
soak: setup system-packages ## run the gateway's fault tests in their long form: HOURS=8
	@AIRCUE_LONG=1 $(BIN)/pytest tests/gateway/test_power_cut.py tests/system -k "gateway or uplink or power_cut" $(PYTEST_ARGS)
	@$(BIN)/python -m tests.bench.gateway_soak --hours $(or $(HOURS),8)

.PHONY: mutants
mutants: setup oracle ## show that the tests of every sensor's codec see at least 90 of 100 defects put into it
	@$(BIN)/python tests/mutants.py

.PHONY: lint
lint: setup ## check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: format
format: setup ## put imports and format right
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

.PHONY: types
types: types-cpython $(PORTS:%=types-%) ## check the types: the four packages on CPython, the firmware on each board's port

.PHONY: types-cpython
types-cpython: setup
	@$(BIN)/mypy

types-%: .cache/stubs-%/.set-up
	@MYPYPATH=firmware:$(<D) $(BIN)/mypy --config-file .ci/mypy-board.ini --custom-typeshed-dir $(<D) \
	  --cache-dir .mypy_cache/$* firmware

.PRECIOUS: .cache/stubs-%/.set-up
.cache/stubs-%/.set-up: .ci/stubs-%.lock | $(STAMP)
	@rm -rf $(@D)
	@$(BIN)/python -m pip install --quiet --require-hashes --target $(@D) -r $<
	@touch $@

.PHONY: setup
setup: $(STAMP) ## make .venv with everything in requirements.lock (anew only when that or pyproject.toml changes)
	@:

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
	  "setup: Python 3.11, 3.12 or 3.13 is needed; name it like this: make PYTHON=python3.12 setup")'
	@PYTHON=$(PYTHON) .ci/system-packages run
	@test -x $(BIN)/pip || { echo "setup: making $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "setup: installing the locked dependencies (about half a minute, once)"
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: --no-binary $(SOURCE_ONLY) -r requirements.lock
	@echo "setup: installing aircue itself"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: done"

.PHONY: oracle
oracle: setup ## compile Sensirion's VOC index for the tests; without a C compiler what needs it is left out
	@test -e $(VENV)/.oracle || { $(BIN)/python -m pip install --quiet --require-hashes -r .ci/oracle.lock 2>$(VENV)/oracle.log \
	  && touch $(VENV)/.oracle; } || echo "oracle: not built, see $(VENV)/oracle.log: a C compiler and Python's headers are needed"

.PHONY: spark
spark: setup ## install Spark for the tests of that engine (half a gigabyte, once); they need Java as well
	@test -e $(VENV)/.spark || { $(BIN)/python -m pip install --quiet --require-hashes -r .ci/spark.lock && touch $(VENV)/.spark; }

.PHONY: axe
axe: setup ## fetch axe-core, which finds what people cannot use on a page (its script alone, out of a Python package)
	@test -e $(VENV)/.axe || { $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r .ci/axe.lock && touch $(VENV)/.axe; }

.PHONY: system-packages
system-packages: ## install what the tests need from the system: Mosquitto, Chromium, PostgreSQL (as root; otherwise says what to type)
	@.ci/system-packages test

.PHONY: micropython
micropython: ## find MicroPython's unix port, or fetch it once (no root needed)
	@PYTHONPATH=hil $(PYTHON) -m aircue_hil.micropython >/dev/null

.PHONY: lock
lock: requirements.lock-new .ci/oracle.lock-new .ci/spark.lock-new .ci/axe.lock-new $(PORTS:%=.ci/stubs-%.lock-new) ## write the lock files anew from pyproject.toml
	@for new in $^; do mv "$$new" "$${new%-new}"; done

requirements.lock-new: LOCKED := --all-extras pyproject.toml
.ci/oracle.lock-new: LOCKED := --group pyproject.toml:oracle
.ci/spark.lock-new: LOCKED := --group pyproject.toml:spark
.ci/axe.lock-new: LOCKED := --no-deps --group pyproject.toml:axe
.ci/stubs-%.lock-new: LOCKED = --group pyproject.toml:$(patsubst stubs-%,%,$(notdir $*))
%.lock-new: FORCE
	@test -x $(LOCK_VENV)/bin/uv || { $(PYTHON) -m venv $(LOCK_VENV) && $(LOCK_VENV)/bin/pip install --quiet uv; }
	@echo "# For Python 3.11 to 3.13. Written from pyproject.toml by: make lock" > $@
	@$(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(LOCKED) >> $@

.PHONY: FORCE
FORCE:

.PHONY: clean
clean: ## remove what the targets above made in this folder
	@rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist ./*.egg-info
	@find firmware gateway cloud hil tests -name __pycache__ -type d -prune -exec rm -rf {} +
