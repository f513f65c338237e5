# ChromaEdge. `make demo` and `make test` set up what they need by themselves.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
DEMO ?= runs/demo
DEMO_STEPS ?= 2500
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

# The same commands that README shows, on photographs that come with a dependency.
demo: setup clean
	$(RUN) -m datasets prepare sample --out $(DEMO)/photographs
	$(RUN) -m training fit chroma_residual --data sample --out $(DEMO)/run \
		--set steps=$(DEMO_STEPS) --set epoch_steps=250 --set picture_every=4 --set ema=0.99
	$(RUN) -m training evaluate $(DEMO)/run --data sample --html $(DEMO)/evaluation.html
	$(RUN) -m export tflite $(DEMO)/run --calibrate sample --out $(DEMO)/tflite
	$(RUN) -m export check $(DEMO)/tflite/*.tflite
	$(RUN) -m edge_demo benchmark $(DEMO)/tflite/*.tflite --images $(DEMO)/photographs \
		--seconds 8 --json $(DEMO)/report.json --html $(DEMO)/report.html \
		--attach $(DEMO)/run/curve.png

lint: setup
	$(RUN) -m ruff check --output-format=concise .
	$(RUN) -m ruff format --check --quiet .

types: setup
	$(RUN) -m mypy

test: lint types
	$(RUN) -m pytest

clean:
	rm -rf $(DEMO)
