# make demo    train the default config and print its table
# make test    the tests; make test-slow, those of long proofs; make lint: what CI runs, all three
# make bench   the short benchmarks; make bench-gpu, on an accelerator, its own
# make docs    the reference pages and the pictures of docs/concepts.md, from the code; the tables of
#              docs/speed.md, from the benchmarks' results
# PYTHON=python3.12 chooses another Python, VENV=folder another environment, ARGS="-k name" what
# pytest is given, BENCH=benchmarks/name.py one benchmark, PARTS="cohorts sampling" some of the GPU's.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ARGS ?=
PARTS ?=
# The short ones; others take up to an hour, as their first lines say.
BENCH ?= benchmarks/automata.py benchmarks/frontier_law.py benchmarks/intervals.py \
  benchmarks/shares.py benchmarks/startup.py

.PHONY: demo test test-slow lint format bench bench-gpu docs clean setup

demo: setup
	"$(VENV)/bin/epiplexity-jax" run configs/demo.yaml --store runs/demo

test: setup
	JAX_PLATFORMS=cpu "$(VENV)/bin/python" -m pytest -n $(WORKERS) -m "not slow" $(ARGS)

test-slow: setup
	JAX_PLATFORMS=cpu "$(VENV)/bin/python" -m pytest -n $(WORKERS) -m slow $(ARGS)

lint: setup
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/pyright" --pythonpath "$(VENV)/bin/python"
	"$(VENV)/bin/lint-imports" --no-logo

format: setup
	"$(VENV)/bin/ruff" check --fix .
	"$(VENV)/bin/ruff" format .

bench: setup
	set -e; for file in $(BENCH); do echo "$$file"; "$(VENV)/bin/python" "$$file"; done

bench-gpu: setup
	set -e; if command -v nvidia-smi >/dev/null; then \
	  "$(VENV)/bin/python" -m pip install --quiet -e '.[dev,cuda]'; fi; \
	"$(VENV)/bin/python" benchmarks/accelerator.py $(PARTS)
	$(if $(PARTS),,"$(VENV)/bin/python" benchmarks/resume.py)

docs: setup
	"$(VENV)/bin/python" docs/generate.py
	"$(VENV)/bin/python" docs/pictures.py
	"$(VENV)/bin/python" docs/measured.py

clean:
	rm -rf build dist .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Tested in the shell and not as a target's prerequisite: make splits names at spaces.
setup:
	@if [ -z "$$(find pyproject.toml -newer "$(VENV)/.installed" 2>&1)" ]; then exit 0; fi; set -e; \
	command -v "$(PYTHON)" >/dev/null || \
	  { echo "$(PYTHON) is not there: choose one that is, as in make PYTHON=python3.12" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is \
	needed, this one is %d.%d: choose another, as in make PYTHON=python3.12" % sys.version_info[:2])'; \
	"$(PYTHON)" -m venv "$(VENV)"; \
	"$(VENV)/bin/python" -m pip install --quiet -e '.[dev]'; \
	touch "$(VENV)/.installed"
