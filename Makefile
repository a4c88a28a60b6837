# From a clean checkout to results: `make pipeline`. Every target makes what it needs; a second run costs nothing.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ALL_INSTALLED := $(VENV)/.all-installed
TEST_INSTALLED := $(VENV)/.test-installed
DOCS_INSTALLED := $(VENV)/.docs-installed
PINS := pyproject.toml constraints.txt
# One dvc repro runs its stages one after another; several may work in one repository, where each waits for the lock.
NETWORKS = $(BIN)/python -c 'import yaml; print(*yaml.safe_load(open("params.yaml"))["variants"], sep="\n")'
# Not compiled: a process compiles the modules it imports and keeps them, which are few of those that are installed.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt
PLANNING := $(addprefix planning-,polska polska-layers nobel-germany nobel-germany-layers pioro40)

# The first of these that works and can make a virtual environment is taken (the pins were tested with 3.11);
# PYTHON=... replaces the list.
PYTHON ?= python3.11 python3.12 python3.13 python3
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.PHONY: help
help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo "  PYTHON=/path/to/python chooses the interpreter of a new $(VENV)."

.PHONY: pipeline
pipeline: $(INSTALLED)  ## Set up, then run every stage that is not up to date (dvc repro), two networks side by side.
	@git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/python -m dvc config --quiet --local core.no_scm true
	@$(NETWORKS) | PATH="$(CURDIR)/$(BIN):$$PATH" xargs -P 2 -I NETWORK sh -c \
	    '$(BIN)/python -m dvc --wait-for-lock repro sample@NETWORK evaluate@NETWORK || exit 1'
	@$(BIN)/python pipeline/git_results.py

.PHONY: all-scenarios
all-scenarios: $(ALL_INSTALLED)  ## Set up, then run every stage of every network in params.yaml.
	@git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/python -m dvc config --quiet --local core.no_scm true
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m dvc repro dvc.yaml pipeline/dvc.yaml
	@$(BIN)/python pipeline/git_results.py

.PHONY: planning
planning: $(INSTALLED)  ## Set up, then run the planning networks of params.yaml: one layer, two layers, forty nodes.
	@git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/python -m dvc config --quiet --local core.no_scm true
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m dvc repro $(PLANNING:%=pipeline/dvc.yaml:evaluate@%)
	@$(BIN)/python pipeline/git_results.py

.PHONY: show-results
show-results: $(INSTALLED)  ## Let git show results that differ from the published ones by processor only.
	@$(BIN)/python pipeline/git_results.py --show

.PHONY: tables
tables: $(ALL_INSTALLED)  ## Set up, then rebuild the paper's tables with certificates; hours, a stopped run resumes.
	@git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/python -m dvc config --quiet --local core.no_scm true
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m dvc repro pipeline/studies/dvc.yaml

.PHONY: test
test: $(TEST_INSTALLED)  ## Set up, then run the tests, a process on each core.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

.PHONY: browser
browser:  ## Install Chromium for the tests of the console's page, where it is missing (Debian, as root).
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
	            --no-install-recommends chromium >/dev/null; \
	    fi || true; \
	    command -v chromium >/dev/null || echo "No Chromium: the tests of the console's page will be skipped."; }

.PHONY: lint
lint: $(TEST_INSTALLED)  ## Set up, then check style and types.
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy

.PHONY: docs
docs: $(DOCS_INSTALLED)  ## Set up, then build the documentation into .site; a dead link or missing page is an error.
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -E pipeline/docs .site
	@echo ".site/README.html"

.PHONY: setup
setup: $(INSTALLED)  ## Only make .venv and install the pinned dependencies.

.PHONY: clean
clean:  ## Remove the environment, caches and half-finished work; results stay.
	rm -rf $(VENV) .site pipeline/docs/generated .scratch .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(INSTALLED): $(PINS) | $(BIN)/pip
	$(PIP_INSTALL) -e .
	@touch $@

$(ALL_INSTALLED): $(PINS) | $(BIN)/pip
	$(PIP_INSTALL) -e '.[environments,studies]'
	@touch $(INSTALLED) $@

$(TEST_INSTALLED): $(PINS) | $(BIN)/pip
	$(PIP_INSTALL) -e '.[test]'
	@touch $(INSTALLED) $@

$(DOCS_INSTALLED): $(PINS) | $(BIN)/pip
	$(PIP_INSTALL) -e '.[docs]'
	@touch $(INSTALLED) $@

# Made with --clear: without pip inside, the folder is what an interrupted attempt left.
$(BIN)/pip:
	@for python in $(PYTHON); do \
	    if "$$python" -c '$(SUPPORTED)' 2>/dev/null && "$$python" -m venv --clear $(VENV); then \
	        echo "$(VENV): $$($(BIN)/python --version), made by $$python"; exit 0; \
	    fi; \
	done; \
	echo "No Python 3.11 to 3.13 that can make a virtual environment was found (tried: $(PYTHON))." >&2; \
	echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name one: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; \
	exit 1
