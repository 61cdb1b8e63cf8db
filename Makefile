# PYTHON=python3.12 chooses another Python, VENV=folder another environment, ARGS="-k name" more
# arguments of pytest, BENCH=benchmarks/name.py one benchmark, PARTS="cohorts sampling" some of the
# GPU's. `make help` lists the targets, as their comments describe them.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ARGS ?=
PARTS ?=
FIGURE ?=
RESULTS = benchmarks/results/experiments
# The short ones; others take up to an hour, as their first lines say.
BENCH ?= benchmarks/automata.py benchmarks/frontier_law.py benchmarks/intervals.py \
  benchmarks/shares.py benchmarks/startup.py

.PHONY: demo help test test-slow lint format bench bench-gpu paper gallery docs site release-check clean \
  setup setup-dev

demo: setup  ## train the default config and print its table
	"$(VENV)/bin/epiplexity-jax" run configs/demo.yaml --store runs/demo

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1:/p' Makefile | awk -F: '{ printf "%-19s %s\n", $$1, $$2 }'

test: setup-dev  ## the tests that end within ten minutes
	JAX_PLATFORMS=cpu "$(VENV)/bin/python" -m pytest -n $(WORKERS) --dist loadfile -m "not slow" $(ARGS)

# Twice: quickly compiled, then some of them as users compile.
test-slow: setup-dev  ## oracles that train for long, several processes, faults; users' compiler settings
	JAX_PLATFORMS=cpu CHECK_ANNOTATIONS=0 \
	  "$(VENV)/bin/python" -m pytest -n $(WORKERS) --dist loadfile -m slow $(ARGS)
	JAX_PLATFORMS=cpu CHECK_ANNOTATIONS=0 COMPILE_AS=users \
	  "$(VENV)/bin/python" -m pytest -n $(WORKERS) --dist loadfile -m as_users $(ARGS)

lint: setup-dev  ## ruff, pyright, import-linter
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/pyright" --pythonpath "$(VENV)/bin/python"
	"$(VENV)/bin/lint-imports" --no-logo

format: setup-dev  ## let ruff format and mend
	"$(VENV)/bin/ruff" check --fix .
	"$(VENV)/bin/ruff" format .

bench: setup-dev  ## the short benchmarks
	set -e; for file in $(BENCH); do echo "$$file"; "$(VENV)/bin/python" "$$file"; done

bench-gpu: setup-dev  ## the benchmarks of an accelerator, on one
	set -e; if command -v nvidia-smi >/dev/null; then \
	  "$(VENV)/bin/python" -m pip install --quiet -e '.[dev,cuda]'; fi; \
	"$(VENV)/bin/python" benchmarks/accelerator.py $(PARTS)
	$(if $(PARTS),,"$(VENV)/bin/python" benchmarks/resume.py)

# FIGURE=3 is the paper's, or a name: 4c is a solved game, FIGURE=chess plays chess. The result is named after the
# experiment; `make gallery` shows it beside that of the small size.
paper: setup-dev  ## an experiment at the published size, on an accelerator: make paper FIGURE=3
	@if [ -z "$(FIGURE)" ]; then echo "which one? as in make paper FIGURE=3" >&2; exit 2; fi
	mkdir -p "$(RESULTS)/paper"
	"$(VENV)/bin/epiplexity-jax" experiments run "$(FIGURE)" --size paper --result "$(RESULTS)/paper"

gallery: setup-dev  ## pages and pictures of the experiments, from their committed results
	"$(VENV)/bin/epiplexity-jax" experiments page "$(RESULTS)"/*.json \
	  $(wildcard $(RESULTS)/paper/*.json) -o docs/experiments

docs: setup-dev gallery ## pages and tables of docs/, from the code and the benchmarks' results
	"$(VENV)/bin/python" docs/generate.py
	"$(VENV)/bin/python" docs/pictures.py
	"$(VENV)/bin/python" docs/measured.py
	"$(VENV)/bin/python" docs/code_lines.py

site: setup-dev  ## the documentation site, in site/
	NO_MKDOCS_2_WARNING=1 "$(VENV)/bin/python" -m mkdocs build --strict --quiet

release-check: setup-dev  ## build the package, install it in an environment of its own, run it
	"$(VENV)/bin/python" .ci/release_check.py

clean:  ## remove build files and caches
	rm -rf build dist site .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Tested in the shell and not as prerequisites: make splits names at spaces.
setup:  ## an environment with what running needs
	@$(call install,.,.installed)

setup-dev:  ## an environment with the developers' tools too
	@$(call install,.[dev],.installed-dev)
	@touch "$(VENV)/.installed"

define install
if [ -z "$$(find pyproject.toml -newer "$(VENV)/$(2)" 2>&1)" ]; then exit 0; fi; set -e; \
command -v "$(PYTHON)" >/dev/null || \
  { echo "$(PYTHON) is not there: choose one that is, as in make PYTHON=python3.12" >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is \
needed, this one is %d.%d: choose another, as in make PYTHON=python3.12" % sys.version_info[:2])'; \
"$(PYTHON)" -m venv "$(VENV)"; \
"$(VENV)/bin/python" -m pip install --quiet -e '$(1)'; \
touch "$(VENV)/$(2)"
endef
