# Which commands does the project have? Plain `make` lists them. All of them work in .venv, made once.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PYTHON ?= python3
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python
OLDEST := (3, 11)

.DEFAULT_GOAL := help
.PHONY: help demo test check types style imports examples bench docs links baseline clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## fit the Beijing case to its article, hold it against the events, forecast; pictures in out/
	@$(BIN)/python examples/beijing.py

test: check ## everything a change must pass: check, then the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: style types imports examples ## style, types, who imports whom, examples in docstrings and pages

types: $(READY)
	$(BIN)/python -m mypy

style: $(READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

imports: $(READY)
	$(BIN)/lint-imports

examples: $(READY)
	$(BIN)/python -m pytest -q --doctest-modules --doctest-glob='*.md' negsim docs/*.md README.md

bench: $(READY) ## how fast is it? a table on the screen, JSON beside the scripts
	$(BIN)/python benchmarks/speed.py

docs: $(READY) ## the documentation, as pages in docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

links: $(READY) ## ask the addresses outside that the documentation names whether they answer (needs the network)
	@$(BIN)/python -m sphinx --keep-going -q -b linkcheck docs docs/_build/links

baseline: $(READY) ## write the golden numbers of the shipped cases anew (the diff is then yours to explain)
	$(BIN)/python -m pytest -q tests/test_baselines.py --refresh-baselines

clean: ## remove the environment, out/ and everything else that can be made again
	rm -rf $(VENV) out dist docs/_build docs/made .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is touched last, so an interrupted installation is taken up again.
$(READY): pyproject.toml constraints.txt
	@echo "Preparing $(VENV) (once, about a minute) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  for name in $(PYTHONS); do \
	    if $$name -c 'import ensurepip, sys; sys.exit(sys.version_info < $(OLDEST))' >/dev/null 2>&1; then \
	      exec $$name -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "negsim needs Python 3.11 or newer with its venv module; found none as: $(PYTHONS)." >&2; \
	  echo "Name one: make PYTHON=/path/to/python3.12 demo" >&2; \
	  exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[app,dev,docs,fast,samplers]'
	@touch $(READY)
