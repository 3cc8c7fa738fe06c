# make repro      environment, then the embedded demo through the whole pipeline
# make test       environment, then all tests
# make quick      the tests of some rooms, between edits
# make ravdess CORPUS=folder     the same pipeline on RAVDESS
# make docs       the pages of documentation, in build/docs/docs/index.html
# make lint       what CI checks before it runs anything

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Stages call `python`; it must be this environment's. DVC asks a server for its newest version
# unless told not to.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := true

# Rooms whose tests load no encoder and train nothing.
QUICK := base audio protocols evaluation store segments models presets

.PHONY: repro test quick ravdess docs lint format clean

repro: $(READY)
	dvc repro

test: $(READY)
	pytest -n auto --dist loadgroup

quick: $(READY)
	pytest -q -n auto $(addprefix tests/unit/,$(QUICK)) tests/unit/test_*.py tests/unit/systems/test_declarations.py

ravdess: $(READY)
	@test -n "$(CORPUS)" || { echo 'make ravdess CORPUS=<folder with Actor_01 to Actor_24>'; exit 2; }
	mfsn preset ravdess
	MFSN_CORPUS_RAVDESS="$(abspath $(CORPUS))" dvc repro

# A warning, such as a link that leads nowhere, fails the build.
docs: $(READY)
	python docs/parameter_page.py
	sphinx-build --quiet --fail-on-warning --keep-going -c docs . build/docs
	@echo 'build/docs/docs/index.html'

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy
	lint-imports

format: $(READY)
	ruff check --fix .
	ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Reinstalled only when the requirements change.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 13) else "mfsn needs Python 3.11 or 3.12, this is %d.%d; say make PYTHON=python3.11" % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
