# Everything that is done to this project by hand, from a machine with Python 3.11+ and make.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
# Stamps: what is installed in the virtual environment. A lock or pyproject.toml that changes makes them stale.
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

# The lock also constrains (-c): older pips forget it for what is asked for with an extra, as sqlalchemy[asyncio].
PIP_INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check
COMPILE := pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo server test screenshots lint bench bench-plan bench-overhead crash-matrix fault-matrix chaos fuzz lock clean

help: ## Show this list
	@awk -F ' *## *' '/^[a-z-]+:.*##/ { split($$1, target, ":"); printf "make %-14s %s\n", target[1], $$2 }' Makefile

demo: $(RUNTIME) ## Patch a simulated pool of three hosts and watch it
	@$(PYTHON) -m xenpatch.demo

server: $(RUNTIME) ## Start Prefect with a simulated pool to patch from its UI
	@$(PYTHON) -m deployments.serve

test: $(DEVELOPMENT) ## Run all tests
	$(PYTHON) -m pytest -n 2 --dist loadfile

screenshots: $(DEVELOPMENT) ## Take the pictures of the Prefect UI in docs/images anew; needs chromium
	@XENPATCH_SCREENSHOTS=docs/images $(PYTHON) -m pytest -q tests/server -k browser

lint: $(DEVELOPMENT) ## Check style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

bench: $(DEVELOPMENT) ## Measure whole runs on simulated pools; about 25 minutes
	@$(PYTHON) -m benchmarks.runs

bench-plan: $(DEVELOPMENT) ## Measure the planner on made pools; about four minutes
	@$(PYTHON) -m benchmarks.plan

bench-overhead: $(DEVELOPMENT) ## Measure what Prefect and our own code add to a run; about 15 minutes
	@$(PYTHON) -m benchmarks.overhead

crash-matrix: $(DEVELOPMENT) ## Kill runs at every changing call and continue them; about 15 minutes
	@$(PYTHON) -m tests.crash.matrix

fault-matrix: $(DEVELOPMENT) ## Have runs meet every fault at every changing call; about 25 minutes
	@$(PYTHON) -m tests.faults.matrix

chaos: $(DEVELOPMENT) ## Runs on any pool, with any faults and deaths, and somebody else at work; about 16 minutes
	@$(PYTHON) -m tests.faults.chaos

fuzz: $(DEVELOPMENT) ## Give 33,000 hostile files and answers to all that reads them; about 4 minutes
	@$(PYTHON) -m tests.fuzz.campaign

lock: $(PYTHON) ## Write the locked dependencies anew (UPGRADE=--upgrade takes newer versions)
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PYTHON) -m venv "$$tools" && "$$tools/bin/pip" install --quiet --disable-pip-version-check uv && \
	export UV_CUSTOM_COMPILE_COMMAND="make lock" && \
	"$$tools/bin/uv" $(COMPILE) $(UPGRADE) --quiet -o requirements.lock && \
	"$$tools/bin/uv" $(COMPILE) $(UPGRADE) --quiet --group dev -o requirements-dev.lock

clean: ## Remove the virtual environment and everything that was built
	rm -rf $(VENV) .demo .server .strangers build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON):
	@found=; for name in python3.13 python3.12 python3.11 python3 python; do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$name; $$name -c 'import ensurepip, venv' 2>/dev/null && break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11 or later is needed, and none was found. Nothing was installed." >&2; exit 2; \
	elif ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)"; rm -rf $(VENV); $$found -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(PYTHON)
	@echo "Installing what the pipeline needs; about a minute, this once"
	@$(PIP_INSTALL) --require-hashes -r $< -c $<
	@$(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml | $(PYTHON)
	@echo "Installing what the tests need; about a minute, this once"
	@$(PIP_INSTALL) --require-hashes -r $< -c $<
	@$(PIP_INSTALL) --no-deps --editable .
	@touch $@
