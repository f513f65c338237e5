# ChromaEdge. `make demo` and `make test` set up what they need by themselves.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
DEMO ?= runs/demo
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help setup demo test lint types clean

help:
	@echo "make demo   set up, then fit, evaluate, export and benchmark on built-in photographs"
	@echo "make test   set up, then style, types and every test"
	@echo "make clean  remove the demo's run (the virtual environment stays)"

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt edge_demo/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

demo: setup
	$(RUN) -m training demo --out $(DEMO)

lint: setup
	$(RUN) -m ruff check --output-format=concise .
	$(RUN) -m ruff format --check --quiet .

types: setup
	$(RUN) -m mypy

test: lint types
	$(RUN) -m pytest

clean:
	rm -rf $(DEMO)
