# `make demo` runs the main job, `make test` the tests; both set everything up first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# One inference thread a process: oversubscribed cores cost ten times.
export OMP_NUM_THREADS ?= 1
# What one process compiles, the many others of the tests read, wherever the machine says otherwise.
unexport PYTHONDONTWRITEBYTECODE

# Only these are collected where brokers are started: the others take longer to import than to skip.
BROKER_TESTS := tests/e2e tests/integration tests/kafka

.PHONY: demo demo-full test check test-kafka setup-demo setup-dev clean

demo: setup-demo
	$(BIN)/callstream demo

# Also insights by a language model, whose base (98 MB) is fetched once
demo-full: setup-demo
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".[analytics]"
	$(BIN)/callstream models fetch smollm2-135m
	$(BIN)/callstream demo --insights

test: setup-dev
	$(BIN)/pytest -m "not kafka and not e2e" -n logical --dist loadfile
	$(BIN)/pytest $(BROKER_TESTS) -m "e2e and not kafka" -n 5 --dist worksteal

test-kafka: setup-dev
	$(BIN)/pytest $(BROKER_TESTS) -m kafka -n 2 --dist loadfile

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy schemas models training stream_app benchmarks tests
	$(BIN)/lint-imports

setup-demo: $(VENV)/.demo
setup-dev: $(VENV)/.dev

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

# Not compiled: of the modules of torch and its like the tests import a few
$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
