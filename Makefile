# Each target sets up what it needs in .venv/ and is quick the second time.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Small matrices want one thread; the tests run in two processes instead.
export OMP_NUM_THREADS := 1

.PHONY: install demo test test-slow lint notebooks clean

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
	$(BIN)/python -m pytest -n 2

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

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

clean:
	rm -rf $(VENV)
