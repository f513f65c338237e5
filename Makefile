# ChromaEdge. `make demo`, `make test` and `make test-all` set up what they need by themselves.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
# The device's code on the predecessor of its interpreter, which needs Python 3.11 and Linux.
VENV_TFLITE ?= .venv-tflite
RUN_TFLITE := $(VENV_TFLITE)/bin/python
HAS_TFLITE := import sys; sys.exit(sys.version_info[:2] != (3, 11) or sys.platform != "linux")
NO_TFLITE := left out: the edge tests on tflite-runtime, which has no wheel for this Python or \
	system; they need Linux and Python 3.11 (as python3.11, or make PYTHON=...)
# Tests at a time; each takes up to 3 GB of memory.
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist loadfile
DEMO ?= runs/demo
DEMO_STEPS ?= 2500
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help setup setup-onnx setup-tflite demo test test-all test-tflite pi-check lint types clean

help:
	@echo "make demo   set up, then fit, evaluate, export and benchmark on built-in photographs"
	@echo "make test   set up, then style, types and the tests that matter while working"
	@echo "make test-all  the same and every other test, on both interpreters"
	@echo "make pi-check  run the shipped models on an emulated Raspberry Pi, both interpreters"
	@echo "make clean  remove the demo's run (the virtual environment stays)"

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt edge_demo/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# What a test of a player's file needs and nothing else does.
setup-onnx: $(VENV)/.installed-onnx

$(VENV)/.installed-onnx: requirements-onnx.txt $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# One line, and no environment, where there is no wheel.
setup-tflite:
	@for python in $(PYTHON) python3.11; do \
		$$python -c '$(HAS_TFLITE)' 2>/dev/null \
		&& exec $(MAKE) --no-print-directory $(VENV_TFLITE)/.installed PYTHON=$$python; \
	done; echo "$(NO_TFLITE)"

$(VENV_TFLITE)/.installed: tests/requirements-tflite.txt
	$(PYTHON) -m venv $(VENV_TFLITE)
	$(RUN_TFLITE) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The same commands that README shows, on photographs that come with a dependency.
demo: setup clean
	$(RUN) -m datasets prepare sample --out $(DEMO)/photographs
	$(RUN) -m training fit chroma_residual --data sample --out $(DEMO)/run \
		--set steps=$(DEMO_STEPS) --set epoch_steps=250 --set picture_every=4 --set ema=0.99
	$(RUN) -m training evaluate $(DEMO)/run --data sample --html $(DEMO)/evaluation.html
	$(RUN) -m export tflite $(DEMO)/run --recipes float32,float16,dynamic,int8 \
		--calibrate sample --out $(DEMO)/tflite
	$(RUN) -m export check $(DEMO)/tflite/*.tflite
	$(RUN) -m edge_demo benchmark $(DEMO)/tflite/*.tflite --images $(DEMO)/photographs \
		--seconds 8 --json $(DEMO)/report.json --html $(DEMO)/report.html \
		--attach $(DEMO)/run/curve.png

lint: setup
	$(RUN) -m ruff check --output-format=concise .
	$(RUN) -m ruff format --check --quiet .

types: setup
	$(RUN) -m mypy

# Without what is slow by design: learning, several workers, every command of the pages, a browser.
test: lint types
	$(RUN) $(PYTEST) -m "not slow"

test-all: lint types setup-onnx
	$(RUN) $(PYTEST) --durations=30 --durations-min=5
	@$(MAKE) --no-print-directory test-tflite

# On model files that the tests with TensorFlow leave in build/tests.
test-tflite: setup-tflite
	@if [ -e $(VENV_TFLITE)/.installed ]; then \
		echo "$(RUN_TFLITE) -m pytest tests/edge_demo"; \
		$(RUN_TFLITE) -m pytest tests/edge_demo; \
	fi

# In qemu, from Debian's packages and the wheels that a device installs, unpacked into build/pi.
pi-check: setup
	$(RUN) tests/pi/check.py $(if $(MODELS),--models '$(MODELS)') $(if $(JSON),--json $(JSON))

clean:
	rm -rf $(DEMO)
