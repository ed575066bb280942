# `make demo` and `make test` do all their own set-up; see README.md.
#
#   make demo    export the demo network to ONNX and MNN, prove parity, verify the bundle, detect on the samples
#   make test    linters, type checks and every test
#   make fast    the same without the tests marked slow
#   make clean   remove build products; `make distclean` removes the environment too
#
# On Linux, PyPI's torch is a CUDA build of several gigabytes. A smaller index can be named:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := build/demo

.PHONY: demo test fast lint clean distclean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/deepmark export models/demo/mdla34_synthetic_fp16.pth --to onnx --to mnn --size 128 --name demo -o $(DEMO)
	$(BIN)/deepmark verify $(DEMO)/demo.deepmark
	$(BIN)/deepmark detect $(DEMO)/demo.deepmark models/demo/samples -o $(DEMO)/pictures \
		--threshold 0.25 --contact-sheet $(DEMO)/contact-sheet.png
	@echo "The bundle:             $(DEMO)/demo.deepmark"
	@echo "The annotated pictures: $(DEMO)/pictures"
	@echo "All of them at once:    $(DEMO)/contact-sheet.png"

test: lint
	$(BIN)/pytest

fast: lint
	$(BIN)/pytest -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One stamp file: set-up runs again only when what it installs has changed.
$(READY): constraints.txt pyproject.toml tools/setup.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH_INDEX="$(TORCH_INDEX)" sh tools/setup.sh
	@touch $@

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

distclean: clean
	rm -rf $(VENV)
