# From a fresh clone: `make demo` and `make test` need Python 3.11, 3.12 or 3.13 and nothing else.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
CHECKED := stance tests eval

.PHONY: demo test lint bench compass clean

demo: .venv/installed
	$(BIN)/stance run seeds/afpak -c configs/afpak.yaml -o out/demo

test: lint
	$(BIN)/pytest

lint: .venv/installed-dev
	$(BIN)/ruff check --output-format concise $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy --strict stance

# The positions found in whole articles against those marked in them (dev lines that nothing was fitted on).
compass: .venv/installed-dev
	$(BIN)/python eval/curriculum.py models/curriculum/a*.jsonl --lines 6 --cache .cache/compass

# Pairs a second, exactness, memory, start time. An idle machine gives figures worth keeping.
bench: .venv/installed-bench
	$(BIN)/python eval/bench_scoring.py --memory --json out/bench.json

# A stamp is newer than what was installed by it, so that a second call installs nothing.
.venv/installed: pyproject.toml constraints.txt | .venv/python
	@echo "installing stance into .venv (a few minutes the first time)"
	$(PIP) -e .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/python
	@echo "installing stance and its tools into .venv (a few minutes the first time)"
	$(PIP) -e '.[dev]'
	@touch .venv/installed $@

.venv/installed-bench: pyproject.toml constraints.txt | .venv/python
	$(PIP) -e '.[bench]'
	@touch .venv/installed $@

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
	{ found=$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null) || found="not there"; \
	echo "stance needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$found: name another with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

clean:
	rm -rf .venv out build dist .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find stance tests eval -name __pycache__ -type d -exec rm -rf {} +
