# What a person does with this project. `make` alone lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.9

# All relative: the checkout may stand in a folder with spaces in its name.
VENV_PYTHON := .venv/bin/python
RUN := PYTHONPATH=include $(VENV_PYTHON)
# .venv holds what runs; a target that tests, checks or takes pictures adds the tools, which then stay.
INSTALLED := .venv/.installed
RUNNING_LOCKS := requirements.txt requirements-local.txt
DEV_INSTALLED := .venv/.installed-dev
DEV_LOCKS := $(RUNNING_LOCKS) requirements-lake.txt requirements-spark.txt requirements-dev.txt
UV := .venv/uv/bin/uv
PEERS := .venv/bench
AUDITOR := .venv/audit
SPARK_SERVER := .venv/spark-server
INSTALL_UV := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --target .venv/uv uv==$(UV_VERSION)
COMPILE := pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate \
    --custom-compile-command "make lock"
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# Airflow's processes start seconds sooner when their bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE
# The environment is this checkout's own: nothing from a caller's Python may leak into it.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

PREBID := tests/exports/prebid/node_modules

.PHONY: help setup setup-dev demo up down status test test-long prebid bench docs screenshots lint audit format lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Create .venv from the pinned requirements.txt and requirements-local.txt

setup-dev: $(DEV_INSTALLED) ## Add the tools of requirements-dev.txt to .venv

demo: setup ## Start everything, run the main job on seeded logs, show what came out, stop
	@$(RUN) -m rtb_optimizer.demo $(ARGS)

up: setup ## Start PostgreSQL, the S3 store and Airflow, with a migrated and seeded catalog; leave them running
	@$(RUN) -m rtb_optimizer.local up $(ARGS)
	@. "$${RTB_LOCAL_DIR:-./.local}/env" && for step in migrate seed manifest; do \
	    $(VENV_PYTHON) -m rtb_optimizer $$step >/dev/null || exit 1; done

down: ## End what `make up` started
	@if [ -x $(VENV_PYTHON) ]; then $(RUN) -m rtb_optimizer.local down; else echo "Nothing runs: there is no .venv"; fi

status: setup ## Show which parts of the local stack run
	@$(RUN) -m rtb_optimizer.local status $(ARGS)

test: setup-dev ## Run all tests (ARGS="-k name" for some)
	@$(VENV_PYTHON) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: setup-dev $(SPARK_SERVER)/.installed ## Run the tests that have larger numbers with them: every fault, 200 nights with faults (minutes)
	@$(VENV_PYTHON) -m pytest --long -m long $(ARGS)

prebid: $(PREBID)/.installed ## Install the pinned Prebid.js that a test lets read our price floors (needs node and npm)

bench: setup $(PEERS)/.installed ## Measure speed, memory and quality on synthetic logs (ARGS="--rows 1e7" for more rows)
	@PYTHONPATH=include:tests/support:$(PEERS) $(VENV_PYTHON) benchmarks/bench.py $(ARGS)

docs: setup ## Generate docs/reference from the code
	@$(RUN) docs/generate.py

screenshots: setup-dev ## Take the pictures of docs/images from the demonstration, in Chromium
	@PYTHONPATH=include:tests/support $(VENV_PYTHON) docs/screenshots.py

lint: setup-dev ## Check style, format and types
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy

audit: setup $(AUDITOR)/.installed ## Look every package up among the known vulnerabilities; says so where it cannot
	@$(VENV_PYTHON) .ci/audit/audit.py --auditor $(AUDITOR) $(ARGS)

format: setup-dev ## Put the sources into the standard format
	@$(VENV_PYTHON) -m ruff format .

lock: .venv/.bootstrap ## Make each requirements*.txt from its requirements*.in
	@test -x $(UV) || $(INSTALL_UV) || { echo "error: make lock needs uv $(UV_VERSION), which could not be installed" >&2; exit 1; }
	@$(UV) $(COMPILE) --no-strip-extras requirements.in --output-file requirements.txt $(ARGS)
	@$(UV) $(COMPILE) --no-strip-extras --constraints requirements.txt requirements-local.in \
	    --output-file requirements-local.txt $(ARGS)
	@$(UV) $(COMPILE) --no-strip-extras --constraints requirements.txt --constraints requirements-local.txt \
	    requirements-lake.in --output-file requirements-lake.txt $(ARGS)
	@$(UV) $(COMPILE) --no-strip-extras --constraints requirements.txt --constraints requirements-local.txt \
	    --constraints requirements-lake.txt requirements-spark.in --output-file requirements-spark.txt $(ARGS)
	@$(UV) $(COMPILE) --no-strip-extras --constraints requirements.txt --constraints requirements-local.txt \
	    --constraints requirements-lake.txt --constraints requirements-spark.txt requirements-dev.in \
	    --output-file requirements-dev.txt $(ARGS)
	@$(UV) $(COMPILE) --no-strip-extras $(addprefix --constraints ,$(DEV_LOCKS)) \
	    requirements-kubernetes.in --output-file requirements-kubernetes.txt $(ARGS)
	@$(UV) $(COMPILE) --no-strip-extras requirements-spark-server.in --output-file requirements-spark-server.txt $(ARGS)
	@# pip 23.2 finds a hash only under the name that was asked for: a pin with extras stands without them too.
	@for lock in $(DEV_LOCKS) requirements-kubernetes.txt; do \
	    awk 'function flush() { printf "%s", block; if (sub(/\[[^]]*\]==/, "==", block)) printf "%s", block; block = "" } \
	        /^[^ ]/ { flush() } { block = block $$0 "\n" } END { flush() }' $$lock > requirements.tmp \
	    && mv requirements.tmp $$lock || exit 1; done
	@cd .ci/audit && ../../$(UV) $(COMPILE) requirements.in --output-file requirements.txt $(ARGS)

clean: down ## Remove .venv, the local stack's data and all caches
	@rm -rf .venv .local $(PREBID) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(1): the locks whose packages .venv has to hold, and no others.
define install
	@echo "Installing the packages of $(1) into .venv"
	@if [ -x $(UV) ]; then \
	    $(UV) pip sync --quiet --python $(VENV_PYTHON) --require-hashes $(1); \
	else \
	    $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	        $(addprefix -r ,$(1)); \
	fi || { echo "error: the packages of $(1) could not be installed (see above):" \
	    "check network, free disk and package index, then run make $(2) again" >&2; exit 1; }
	@touch $@
endef

# A stamp is older than its lock only after that file changed: then the environment follows it. A change of what runs
# removes the tools, and their stamp, which is the older then, brings them back when they are needed.
$(INSTALLED): $(RUNNING_LOCKS) .venv/.bootstrap
	$(call install,$(RUNNING_LOCKS),setup)

$(DEV_INSTALLED): requirements-lake.txt requirements-spark.txt requirements-dev.txt $(INSTALLED)
	$(call install,$(DEV_LOCKS),setup-dev)

# Without dependencies, and in a folder that only `make bench` looks into: what the optimizer itself runs on stays.
$(PEERS)/.installed: benchmarks/peers.txt | $(INSTALLED)
	@echo "Installing the packages of benchmarks/peers.txt into $(PEERS)"
	@rm -rf $(PEERS)
	@if [ -x $(UV) ]; then \
	    $(UV) pip install --quiet --python $(VENV_PYTHON) --no-deps --target $(PEERS) -r benchmarks/peers.txt; \
	else \
	    $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $(PEERS) -r benchmarks/peers.txt; \
	fi || { echo "error: the packages of benchmarks/peers.txt could not be installed (see above):" \
	    "check network, free disk and package index, then run make bench again" >&2; exit 1; }
	@touch $@

# The server of real Spark, which the long tests run: with its JARs half a gigabyte. Without it they are skipped by name.
$(SPARK_SERVER)/.installed: requirements-spark-server.txt | $(INSTALLED)
	@echo "Installing the packages of requirements-spark-server.txt into $(SPARK_SERVER)"
	@rm -rf $(SPARK_SERVER) && mkdir -p $(SPARK_SERVER)
	@if [ -x $(UV) ]; then \
	    $(UV) pip install --quiet --python $(VENV_PYTHON) --no-deps --target $(SPARK_SERVER) --require-hashes -r $<; \
	else \
	    $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $(SPARK_SERVER) \
	        --require-hashes -r $<; \
	fi && touch $@ || { echo "the Spark server could not be installed (see above): its tests are skipped" >&2; }

# No scripts of packages are run: Prebid.js ships built.
$(PREBID)/.installed: tests/exports/prebid/package-lock.json
	@cd $(@D)/.. && npm ci --silent --ignore-scripts --no-audit --no-fund || { \
	    echo "error: Prebid.js could not be installed (see above): install node 20 or later with npm," \
	    "check the network, then run make prebid again" >&2; exit 1; }
	@touch $@

# In a folder that only `make audit` looks into, dependencies and all. Where it cannot be had the audit says so itself.
$(AUDITOR)/.installed: .ci/audit/requirements.txt | $(INSTALLED)
	@echo "Installing the packages of .ci/audit/requirements.txt into $(AUDITOR)"
	@rm -rf $(AUDITOR) && mkdir -p $(AUDITOR)
	@if [ -x $(UV) ]; then \
	    $(UV) pip install --quiet --python $(VENV_PYTHON) --target $(AUDITOR) --require-hashes -r $<; \
	else \
	    $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --target $(AUDITOR) --require-hashes -r $<; \
	fi && touch $@ || { echo "pip-audit could not be installed (see above)" >&2; rm -rf $(AUDITOR); }

# uv stands in a folder of its own: `uv pip sync` removes from .venv what the locks do not name.
.venv/.bootstrap: Makefile
	@$(PYTHON) --version >/dev/null 2>&1 || { \
	    echo "error: $(PYTHON) is not installed or does not start: install Python 3.11, 3.12 or 3.13, or name it: make setup PYTHON=python3.12" >&2; \
	    exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { \
	    echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1), but 3.11, 3.12 or 3.13 is needed:" \
	    "name one, as in make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "error: $(PYTHON) cannot make virtual environments: install its venv package (Debian: apt install python3-venv)" >&2; \
	    exit 1; }
	@$(VENV_PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
	    echo "Creating .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear .venv; } || { \
	    echo "error: .venv could not be created (see above): check free disk and the folder's permissions" >&2; exit 1; }
	@$(VENV_PYTHON) -m pip --version >/dev/null 2>&1 || $(VENV_PYTHON) -m ensurepip >/dev/null
	@test -x $(UV) || $(INSTALL_UV) || echo "uv $(UV_VERSION) could not be installed: going on with pip, which takes some minutes"
	@touch $@
