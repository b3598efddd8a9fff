# `make demo` runs the pipeline on a sample manga, `make test` runs all checks. Both create .venv first.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: setup demo test lint types unit lock clean

setup: .venv/.done

.venv/.done: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Run all stages on the sample manga in demo/. The data of this workspace is not changed.
demo: setup
	$(BIN)/python -m flows.demo

test: lint types unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

unit: setup
	$(BIN)/python -m pytest -n logical --dist loadfile

# Resolve pyproject.toml in a new environment and pin the versions, without local build tags such as +cpu.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable '.[dev]'
	(head -n 2 requirements.lock; .venv-lock/bin/python -m pip freeze --exclude-editable | sed -E 's/\+[a-z0-9.]+$$//' | sort -f) > requirements.lock.new
	mv requirements.lock.new requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf demo .mypy_cache .pytest_cache .ruff_cache
