# Two commands do everything on a machine with Python 3.11+ and make:
#   make demo   install, then the whole chain on emoji and a control, ending with a report
#   make test   install, then every test
# With LOCKED=1 either installs the versions of requirements.lock, and checks their hashes.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

.PHONY: demo test test-fast torture lint lock docs clean

demo: $(VENV)/.installed
	PATH="$(abspath $(VENV))/bin:$$PATH" sh examples/demo.sh $(DEMO)

test: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest -n auto --dist worksteal

# While you work: without the tests that take seconds each.
test-fast: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest -n auto --dist worksteal -m "not slow"

# 100,000 damaged files for the readers, every fault of the disk in a chain of commands, a kill at
# every write of a search, 200 kills of commands at random, 500 flips in stored files, 25 times
# eight commands together, and files removed while commands list them: hours. docs/reliability.md
# has the counts.
torture: $(VENV)/.installed-dev
	cd tests && $(abspath $(VENV))/bin/python -m hostile
	$(VENV)/bin/python -m pytest -q tests/test_hostile_inputs.py
	$(VENV)/bin/python tests/torture/fuzz.py --executions 100000
	$(VENV)/bin/python tests/torture/faults.py
	$(VENV)/bin/python tests/torture/lost_trials.py
	$(VENV)/bin/python tests/torture/kills.py
	$(VENV)/bin/python tests/torture/flips.py
	$(VENV)/bin/python tests/torture/mixed.py
	$(VENV)/bin/python tests/torture/removals.py

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/bandit -q -r src plugins/*/src -c pyproject.toml
	$(VENV)/bin/mypy

# The newest versions that the requirements allow, with hashes, on every platform.
lock: $(VENV)/.installed-dev
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header \
	    --python-version 3.11 requirements.txt --output-file requirements.lock \
	    --no-emit-package alignkit $(patsubst plugins/%,--no-emit-package %,$(wildcard plugins/*))

docs: $(VENV)/.installed-dev
	$(VENV)/bin/python docs/commands.py --write

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "alignkit needs Python 3.11 or newer; choose one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.txt $(PROJECTS)
	$(if $(LOCKED),$(PIP) --require-hashes -r requirements.lock)
	$(PIP) $(if $(LOCKED),--no-deps) -r requirements.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) demo
