# Each target sets up what it needs in .venv/ and is quick the second time.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Small matrices want one thread; the tests run in two processes instead.
export OMP_NUM_THREADS := 1

.PHONY: install demo test test-slow test-wheel test-oldest wheel lint notebooks docs clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[dev]'
	touch $@

demo: install
	$(BIN)/archbo search nb201 --queries 100 --repeats 3 --plot demo.png

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

# As a user has it: the wheel, with the newest versions of all but torch, of which a small build for the CPU may be at hand.
# `make test-wheel PYTHON=python3.13 TORCH=torch` takes the newest torch too, and another Python.
TORCH ?= $(shell grep '^torch==' constraints.txt)

test-wheel: wheel
	tests/installed.sh $(PYTHON) $(TORCH) "$$(echo build/wheel/*.whl)[test]"

# With the oldest versions that pyproject.toml allows, whose own warnings are not ours to mend.
test-oldest: wheel $(VENV)/.installed-dev
	$(BIN)/uv pip compile --quiet --python-version 3.11 --resolution lowest-direct --extra test -o build/oldest.txt pyproject.toml
	PYTHONWARNINGS= PYTEST_ADDOPTS='-o filterwarnings=default' tests/installed.sh $(PYTHON) -r build/oldest.txt build/wheel/*.whl

wheel:
	rm -rf build/wheel
	$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps -w build/wheel .

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Run the notebooks in full and keep their outputs; one shows a table that may lie beside the repository.
notebooks: export ARCHBO_NOTEBOOK_HARDWARE ?= $(abspath ../shared/data/nb201_hw.parquet)
notebooks: $(VENV)/.installed-dev
	$(BIN)/python -m jupytext --sync notebooks/*.py
	$(BIN)/python -m jupyter execute --inplace notebooks/*.ipynb

# The site, in site/: links that lead nowhere are errors.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/pages.py build/docs
	$(BIN)/zensical build --clean --strict

clean:
	rm -rf $(VENV) build site
