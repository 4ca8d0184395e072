# `make demo` shows the main job on two sample projects; `make test` passes every check. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test check golden clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: setup
	@rm -rf demo && cp -r examples demo
	@TAILOR_STATE=demo/.state $(BIN)/tailor run demo/townhall # each demo opens its test sets for the first time
	@TAILOR_STATE=demo/.state $(BIN)/tailor run demo/handbook --max-minutes 2
	@echo "Reports: demo/townhall/report.html and demo/handbook/report.html"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/tailor models pull
	# A process per core; tiny networks, so more threads would only wait for each other.
	# Bytecode is kept whatever the machine's settings: many tests start the command.
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

golden: setup # after a change of words: write the golden sentences of the tests again, then read the difference
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --renew-golden

clean:
	rm -rf $(VENV) demo
