# `make demo` and `make test` do all their own set-up; see README.md.
#
#   make demo    export the demo network to ONNX and MNN, prove parity, verify the bundle, detect on the samples
#   make test    linters, type checks and every test
#   make fast    the same without the tests marked slow
#   make bench   ratios of speed on this machine against the committed ones (minutes; wants a quiet machine)
#   make clean   remove build products; `make distclean` removes the environment too
#   make pictures  draw the pictures of README and docs/architecture.md again
#
# Without an NVIDIA GPU, set-up takes torch's CPU build where its index answers; TORCH_INDEX names another index, or
# `pypi`: make demo TORCH_INDEX=pypi

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := build/demo
# As many tests side by side as there are cores; those of one file stay together, for what they share.
SIDE_BY_SIDE := -n logical --dist loadfile --no-loadscope-reorder

.PHONY: demo pictures test fast lint lint-python lint-native lint-java bench bench-baseline clean distclean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/deepmark export models/demo/mdla34_synthetic_fp16.pth --to onnx --to mnn --size 256 --name demo -o $(DEMO)
	$(BIN)/deepmark verify $(DEMO)/demo.deepmark
	$(BIN)/deepmark detect $(DEMO)/demo.deepmark models/demo/samples -o $(DEMO)/pictures \
		--threshold 0.2 --contact-sheet $(DEMO)/contact-sheet.png
	@echo "The bundle:             $(DEMO)/demo.deepmark"
	@echo "The annotated pictures: $(DEMO)/pictures"
	@echo "All of them at once:    $(DEMO)/contact-sheet.png"

README_PICTURE := docs/images/demo.jpg
pictures: demo
	$(BIN)/python -c 'import cv2; sheet = cv2.imread("$(DEMO)/contact-sheet.png"); \
		cv2.imwrite("$(README_PICTURE)", cv2.resize(sheet, None, fx=0.72, fy=0.72, interpolation=cv2.INTER_AREA), \
		[cv2.IMWRITE_JPEG_QUALITY, 88])'
	$(BIN)/python tools/architecture_picture.py

test: lint
	$(BIN)/pytest $(SIDE_BY_SIDE)

fast: lint
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow"

lint: $(READY)
	$(MAKE) --jobs 2 lint-python lint-native lint-java

lint-python: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-native:
	sh tools/lint_native.sh

lint-java:
	sh tools/lint_java.sh

# Ratios of what takes turns: sparse to dense heads, decoding to network, one engine to the other, ours to a rival.
CHECKPOINT := models/demo/mdla34_synthetic_fp16.pth
BASELINE := benchmarks/baseline.json
bench: build/bench/result.json
	$(BIN)/python -m deepmark.benchmarks.speed.guard $(BASELINE) $<

bench-baseline: build/bench/result.json
	$(BIN)/python -m deepmark.benchmarks.speed.guard $(BASELINE) $< --write

.PHONY: build/bench/result.json
build/bench/result.json: $(READY)
	for heads in dense sparse; do $(BIN)/deepmark export $(CHECKPOINT) --to onnx --to mnn --size 256 --heads $$heads \
		--name $$heads -o build/bench --quiet || exit; done
	$(BIN)/deepmark bench build/bench/dense.deepmark build/bench/sparse.deepmark --backend all --against mnn,onnxruntime \
		--images models/demo/samples -o $@ || [ $$? -eq 5 ]

# One stamp file: set-up runs again only when what it installs has changed.
$(READY): constraints.txt pyproject.toml tools/setup.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH_INDEX="$(TORCH_INDEX)" sh tools/setup.sh
	@touch $@

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

distclean: clean
	rm -rf $(VENV)
