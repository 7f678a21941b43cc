# Two commands do everything: `make demo` and `make test`. Both make the environment from the lock first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: demo test bench check format lock env clean generate

env: $(STAMP)

$(STAMP): requirements/lock.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

$(BENCH_STAMP): requirements/bench.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	touch $(BENCH_STAMP)

demo: $(STAMP)
	@exec $(BIN)/kthena-router sandbox --demo $(ARGS)

test: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	PYTEST_ADDOPTS="$$($(BIN)/python tests/support/isolated.py --workers) $$PYTEST_ADDOPTS" $(BIN)/python -m pytest $(ARGS)

# Measures the router against its peers; benchmarks/README.md says what, and what ARGS may be.
bench: $(BENCH_STAMP)
	@exec $(BIN)/python -m benchmarks $(ARGS)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Writes the CRDs from the structs in kthena_router.api.networking.
generate: $(STAMP)
	$(BIN)/python deploy/generate_crds.py

# Needs uv on the PATH. Versions and hashes only: no index addresses.
lock:
	uv pip compile pyproject.toml --group dev $(LOCK_FLAGS) --output-file requirements/lock.txt
	uv pip compile pyproject.toml $(LOCK_FLAGS) --output-file requirements/runtime.txt
	uv pip compile --group pyproject.toml:bench -c requirements/lock.txt $(LOCK_FLAGS) \
	  --output-file requirements/bench.txt
	for peer in litellm sglang-router smg vllm-router; do \
	  uv pip compile --group pyproject.toml:bench-$$peer $(LOCK_FLAGS) \
	    --output-file requirements/bench/$$peer.txt || exit 1; \
	done

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
