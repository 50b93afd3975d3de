# Two commands are enough: `make book` and `make test`. `make` alone prints what there is.

PYTHON ?= python3
BIN    := .venv/bin
BUILD  := _build

NOTEBOOKS := $(notdir $(basename $(wildcard notebooks/*.ipynb)))
EXECUTED  := $(NOTEBOOKS:%=$(BUILD)/executed/%.ipynb)
CODE      := -name '*.py' -o -name '*.yaml' -o -name '*.json' -o -name '*.csv' -o -name '*.parquet'
SOURCES   := $(shell find medsam $(CODE) -o -name '*.js' -o -name '*.css')
# What the rows depend on: the list of medsam/results/store.py.
ROWS      := errors.py files.py metrics.py prompts.py protocol.py regions.py datasets models results study
STUDY     := $(shell find $(ROWS:%=medsam/%) $(CODE))
PAGES     := $(shell find book -type f -not -path '*/__pycache__/*') _config.yml _toc.yml
# Processes at a time, each on one core. (nproc counts what OMP_NUM_THREADS says.)
CORES     := $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu)
# Times a stage, and says how far the build is; `benchmarks/book.py` prints the times.
STAGE     := $(PYTHON) book/stage.py

# A part of the sample where it is enough for the page: all slices of the patients and one of every three of the
# brain template; of the template LiteMedSAM takes one of every twelve, and variants of the protocol and noise one of
# every four slices of the patients and one of every eleven of the template; one grid of points. FULL=1 takes all of them.
THIN      := $(if $(FULL),1,3)
OTHERS    := $(if $(FULL),1,4)
EVERY     := $(if $(FULL),1,4)
FEW       := $(if $(FULL),1,11)
SIDES     := 32$(if $(FULL), 64)
PATIENTS  := .venv/share/medsam/patients
# Rows whose draws follow one another over the images are of all images or of a part: a folder each.
OUT       := $(BUILD)/results$(if $(FULL),-full)

# Where Python may not keep what it has compiled, each of some fifty processes compiles it anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help env results notebooks book pdf screenshots links test fast test-book check lock clean

help:  ## Print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

env: .venv/.done $(PATIENTS) node_modules/.done  ## Create the environment: .venv and node_modules

.venv/.done: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) found. Install Python 3.11 or newer (with venv), or say make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11. Install Python 3.11 or newer, or say make PYTHON=..."; exit 1; }
	@$(STAGE) python-packages -- sh -ec '\
	  $(PYTHON) -m venv .venv; \
	  $(BIN)/pip install --quiet --disable-pip-version-check uv; \
	  $(BIN)/uv pip sync --quiet --python .venv --require-hashes requirements.lock; \
	  $(BIN)/uv pip install --python .venv --no-deps --no-build-isolation --quiet -e .'
	@touch $@

# The folder is whole or not there; its time does not count.
$(PATIENTS): | .venv/.done
	@$(STAGE) patients -- $(BIN)/medsam data fetch patients --quiet

node_modules/.done: package.json package-lock.json .npmrc
	@command -v npm >/dev/null || { echo "No npm found. Install Node.js 20 or newer."; exit 1; }
	@$(STAGE) node-packages -- npm ci --no-progress
	@touch $@

# Written anew only where it says something else, so that what depends on it is made again.
PART = mkdir -p $(BUILD); [ "$$(cat $(BUILD)/every 2>/dev/null)" = $(THIN) ] || echo $(THIN) > $(BUILD)/every

results: env  ## Run the study on the embedded sample (continues if cut off)
	@$(PART)
	@$(ALL) $(OUT)/.done

# Images are encoded once for the study and for all pages.
EMBEDDINGS = $(abspath $(BUILD)/embeddings)

# Targets that do not depend on each other are made beside each other, each on one core.
ALL = OMP_NUM_THREADS=1 MEDSAM_EMBEDDINGS=$(EMBEDDINGS) $(MAKE) --no-print-directory -j$(CORES) -f $(firstword $(MAKEFILE_LIST))

RUN = $(BIN)/medsam run --tasks all --workers $(CORES) --embeddings $(EMBEDDINGS) --out $(OUT) --model
SOME = --every $(EVERY) --template-every $(FEW)

$(OUT)/.done: .venv/.done node_modules/.done $(STUDY) $(BUILD)/every | $(PATIENTS)
	@$(STAGE) minisam -- $(RUN) minisam --template-every $(THIN)
	@$(STAGE) variants -- $(RUN) minisam --protocol paper --experiments variants $(SOME)
	@$(STAGE) noise -- $(RUN) minisam --protocol published --experiments noise $(SOME)
	@$(STAGE) lite-medsam -- $(RUN) lite-medsam --protocol published --template-every $(shell expr $(THIN) \* $(OTHERS))
	@$(STAGE) everything -- $(BIN)/medsam everything --quiet --tasks all $(SIDES:%=--sides %) --threads $(CORES) --out $(OUT)
	@touch $@

notebooks: env  ## Execute the notebooks with papermill
	@$(PART)
	@$(ALL) $(EXECUTED)

# Kernels talk over the loopback only; they need not warn of it for each notebook.
$(BUILD)/executed/%.ipynb: notebooks/%.ipynb $(SOURCES)
	@mkdir -p $(@D) $(BUILD)/ipython/profile_default
	@echo 'c.IPKernelApp.log_level = "ERROR"' > $(BUILD)/ipython/profile_default/ipython_kernel_config.py
	@IPYTHONDIR=$(BUILD)/ipython $(STAGE) $* -- \
	  $(BIN)/papermill --no-progress-bar --log-level WARNING $< $@ -p results $(RESULTS) $(or $(MORE),-p template_every $(THIN))

RESULTS = $(OUT)
$(filter-out %/14_your_data.ipynb,$(EXECUTED)): $(OUT)/.done
$(BUILD)/executed/14_your_data.ipynb: RESULTS = $(BUILD)/own/results
$(BUILD)/executed/03_comparison.ipynb: MORE = -p template_every $(THIN) -p others_every $(OTHERS)
$(BUILD)/executed/08_segment_everything.ipynb: MORE = -p sides "$(SIDES)"
$(BUILD)/executed/11_paper_versus_code.ipynb $(BUILD)/executed/12_robustness.ipynb: \
  MORE = -p every $(EVERY) -p template_every $(FEW)

# Your data: DATA="SOURCE ..." MODEL=... PROTOCOL=..., or CONFIG=plan.yaml, the plan of a `medsam study`;
# see `python book/own_data.py --help`. Only the command line of make counts, not the environment.
given = $(if $(findstring command,$(origin $1)),$($1))
ASKED = $(strip $(foreach name,DATA CONFIG MODEL PROTOCOL,$(call given,$(name))))
OWN   = $(BIN)/python book/own_data.py --build $(BUILD) --cores $(CORES) $(call given,DATA) \
  $(if $(call given,MODEL),--model $(MODEL)) $(if $(call given,PROTOCOL),--protocol $(PROTOCOL)) \
  $(if $(call given,CONFIG),--config $(CONFIG))

book: env  ## Do everything, end to end: the book in _build/html (FULL=1: on the whole sample; DATA="...": your data too)
	@$(PART)
	@$(if $(ASKED),$(OWN),cmp -s _toc.yml $(BUILD)/toc.yml || cp _toc.yml $(BUILD)/toc.yml)
	@$(STAGE) --cores $(CORES) --due $$($(ALL) -n $(BUILD)/html/index.html | sed -n 's/.*stage\.py \([^ ]*\) --.*/\1/p')
	@$(ALL) $(BUILD)/html/index.html
	@echo "The book is in $(BUILD)/html. Open $(BUILD)/html/index.html, or serve it:"
	@echo "  $(BIN)/python -m http.server --directory $(BUILD)/html"

$(BUILD)/html/index.html: $(EXECUTED) $(wildcard $(BUILD)/executed/*/*.ipynb) $(BUILD)/toc.yml $(PAGES) node_modules/.done
	@$(STAGE) site -- $(BIN)/python book/build.py --executed $(BUILD)/executed --toc $(BUILD)/toc.yml
	@touch $@

pdf:  ## Print the built book into _build/medsam.pdf (after make book; needs Chromium)
	$(BIN)/python book/pdf.py --toc $(BUILD)/toc.yml

screenshots:  ## Save every page and widget as pictures in _build/screenshots (after make book; needs Chromium)
	$(BIN)/python book/screenshots.py $(BUILD)/screenshots

links:  ## Try every link that leads off the site (after make book; needs the internet)
	$(BIN)/jupyter-book build $(BUILD)/source --config _config.yml --toc $(BUILD)/toc.yml \
	  --path-output $(BUILD)/links --builder linkcheck -q

test: env  ## Run all tests that need no built book
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(CORES) --dist worksteal -m "not book"

fast: env  ## Run the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(CORES) --dist worksteal -m "not book and not slow"

test-book: env  ## Open the built book in a real browser and check it (after make book)
	MEDSAM_REQUIRE_BOOK=1 $(BIN)/pytest -m book tests/book

check: env  ## Lint, types, notebooks: every hook on every file
	$(BIN)/pre-commit run --all-files

EXTRAS := sample lite sam2 book lab workflow dev

lock: env  ## Resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url $(EXTRAS:%=--extra %) --python-version 3.11 pyproject.toml --output-file requirements.lock

clean:  ## Delete what was built (not the environment)
	rm -rf $(BUILD) .pytest_cache .mypy_cache .ruff_cache .hypothesis
