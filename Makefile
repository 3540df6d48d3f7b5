# From a fresh clone: `make demo` and `make test` need Python 3.11, 3.12 or 3.13 and nothing else.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
CHECKED := stance tests eval

.PHONY: demo test lint bench shots compass gold clean

demo: .venv/installed
	$(BIN)/stance run seeds/afpak -c configs/afpak.yaml -o out/demo --gate

# Tests side by side, each with one thread: most of them use one core.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal

lint: .venv/installed-dev
	$(BIN)/ruff check --output-format concise $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy --strict stance

# The positions found in whole articles against those marked in them (dev lines that nothing was fitted on).
compass: .venv/installed-dev
	$(BIN)/python eval/curriculum.py models/curriculum/a*.jsonl --lines 6 --cache .cache/compass

# Gold against what the pipeline finds, set by set; the sample articles' own needs what `make demo` scored.
EVAL = $(BIN)/stance eval eval/gold/$(1).jsonl -c $(2) --articles $(3) -o $(4) --gate
DEV = $(EVAL) --floors eval/floors.json
gold: demo
	$(call DEV,samples-afpak.dev,configs/afpak.yaml,seeds/afpak,out/demo)
	$(call DEV,samples-trade.dev,configs/trade.yaml,seeds/trade,out/gold/trade)
	$(call DEV,samples-council.dev,configs/council.yaml,seeds/council,out/gold/council)
	$(call DEV,fishing.dev,eval/gold/fishing.yaml,eval/gold/articles/fishing.dev.jsonl,out/gold/fishing.dev)
	$(call DEV,truce.dev,eval/gold/truce.yaml,eval/gold/articles/truce.dev.jsonl,out/gold/truce.dev)
	$(call EVAL,fishing.test,eval/gold/fishing.yaml,eval/gold/articles/fishing.test.jsonl,out/gold/fishing.test)
	$(call EVAL,truce.test,eval/gold/truce.yaml,eval/gold/articles/truce.test.jsonl,out/gold/truce.test)
	$(call EVAL,afpak.test,configs/afpak.yaml,eval/gold/articles/afpak.test.jsonl,out/gold/afpak.test)

# Pairs a second, exactness, memory, start time. An idle machine gives figures worth keeping.
bench: .venv/installed-bench
	$(BIN)/python eval/bench_scoring.py --memory --json out/bench.json
	$(BIN)/python eval/bench_page.py

# Screenshots of the demo's page, to be looked at after a change of it; README shows two of them.
shots: demo .venv/installed-dev
	$(BIN)/python eval/shots.py out/demo/report.html out/shots
	cp out/shots/cell-light-1280.png out/shots/cell-dark-1280.png eval/shots/

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
	$(PIP) -e '.[bench,dev]'
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
