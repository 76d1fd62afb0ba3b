# make demo runs the main experiment; make test passes the tests. Both set everything up first and say what goes where.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.assay-installed
# Point pip at torch's own CPU index where the default one has no CPU build, e.g. TORCH_INDEX="--extra-index-url URL".
TORCH_INDEX ?=
SCALE ?= 1
# Where the tests of Inspect's logs find inspect-ai; it is never a dependency of assay.
INSPECT ?= $(HOME)/.cache/assay-bench/inspect

.PHONY: help setup sandbox demo test test-all check screenshots clean

help:
	@echo "make demo      set up, then teach two twins to fix bugs and draw their curves (SCALE=4 for the long one)"
	@echo "make test      set up, then run the tests"
	@echo "make test-all  the same with the slow tests"
	@echo "make peers-inspect  install inspect-ai apart, for the tests of its logs (make test-all does it too)"
	@echo "make check     lint and types"
	@echo "make screenshots  the pictures of docs/view.md, from runs/twins (needs chromium)"

setup: sandbox $(STAMP)

sandbox:
	@tools/install-sandbox

$(STAMP): pyproject.toml constraints.txt
	@tools/check-python "$(PYTHON)"
	@echo "installing assay and its dependencies (torch for the CPU among them, about 1 GB) into $(VENV)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt $(TORCH_INDEX) -e ".[train,dev,swe]"
	@touch $@

demo: setup
	@$(BIN)/assay run experiments/twins.toml --scale $(SCALE)

test: setup
	@$(BIN)/python -m pytest -n 2 -m "not slow"

test-all: setup peers-inspect
	@ASSAY_INSPECT="$(INSPECT)" $(BIN)/python -m pytest -n 2

peers-inspect: setup
	@test -x "$(INSPECT)/bin/inspect" || { \
	  echo "installing inspect-ai into $(INSPECT), for the tests of its logs" && \
	  $(BIN)/uv venv -q --python $(BIN)/python "$(INSPECT)" && \
	  $(BIN)/uv pip install -q --python "$(INSPECT)/bin/python" inspect-ai==0.3.285; \
	} || echo "inspect-ai could not be installed: the tests that need it are skipped"

check: setup
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy

screenshots: setup
	@$(BIN)/python docs/images/make.py runs/twins $(CHEATS)

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
