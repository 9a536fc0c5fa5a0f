# `make demo` and `make test` work on a fresh machine with Python 3.11 or later and make; all lands in .venv.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(VENV)/bin/pip install --quiet --disable-pip-version-check
# as pip does it at the end of an installation, but on every core
COMPILE := $(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true
PROTOC := .protoc/bin/python
# a test waits for processes and brokers about as long as it computes: half as many again as there are cores
WORKERS ?= $(shell $(PYTHON) -c "import os; print(3 * os.cpu_count() // 2)")
# in the order of tests/conftest.py, which puts long files first
PYTEST := $(RUN) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
ON_DEVICE := isthmus.py protos edge splitter/commands splitter/planning splitter/storage
COVERED := protos splitter edge cloud bench deploy

.PHONY: help demo test check lint types types-here types-on-device format stubs protos coverage fuzz chaos bench \
	attack device clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## answer questions over good links, bad links and none, then an agent and a fleet to open; writes demo/report.html
	$(RUN) -m isthmus demo

test: ## everything: lint, types, stubs, all tests, and what they cover
	@$(MAKE) --no-print-directory --jobs 2 lint types stubs
	$(PYTEST) $(addprefix --cov=,$(COVERED)) --cov-report=
	$(MAKE) --no-print-directory coverage

check: lint types ## lint, types, and the tests that take under a minute
	$(PYTEST) --quick

lint: $(VENV)/.dev ## what ruff finds
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: types-here types-on-device ## what mypy finds

types-here: $(VENV)/.dev
	$(VENV)/bin/mypy

types-on-device: $(VENV)/.dev
	$(VENV)/bin/mypy --python-version 3.10 --follow-imports silent $(ON_DEVICE)

format: $(VENV)/.dev ## lay the code out, and mend what ruff can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

stubs: $(PROTOC) ## the generated stubs must be what the .proto files say
	$(PROTOC) protos/generate.py --check

protos: $(PROTOC) ## generate the stubs from the .proto files
	$(PROTOC) protos/generate.py

# the contract is what everybody else relies on
coverage: $(VENV)/.dev ## print what the last `make test` covered, by package; protos at 90% at least
	@$(RUN) tests/coverage_by_package.py --require protos=90 $(COVERED)

fuzz: $(VENV)/.dev ## 40,000 hostile messages to a real service; ISTHMUS_FUZZ_SEED names others than those of seed 0
	ISTHMUS_FUZZ_MESSAGES=20000 $(RUN) -m pytest -rP --show-capture=stdout tests/cloud/fuzz

chaos: $(VENV)/.dev ## an agent through faults of all around it, 10,000 answers in one go, an outbox killed 100 times
	ISTHMUS_CHAOS_SECONDS=30 ISTHMUS_CHAOS_ANSWERS=10000 ISTHMUS_CHAOS_KILLS=100 \
	$(RUN) -m pytest -rP --show-capture=stdout tests/chaos tests/edge/agent/outbox/chaos

bench: $(VENV)/.dev ## every way to answer, timed side by side over loopback
	$(RUN) -m isthmus bench routes

attack: $(VENV)/.dev ## what hostile callers cost an honest device, attack by attack
	$(RUN) -m isthmus bench attack

device: $(VENV)/.run ## what a device installs: dist/device, a wheel of its own code and the list of what that needs
	$(RUN) -m deploy.device

clean: ## remove what the other targets made
	rm -rf $(VENV) .protoc build dist *.egg-info demo .coverage

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(PIP) --no-compile --constraint constraints.txt --editable '.[demo]'
	$(COMPILE)
	touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(PIP) --no-compile --constraint constraints.txt --editable '.[dev]'
	$(COMPILE)
	touch $@

# The lowest grpcio-tools whose stubs the supported protobuf runtimes accept; it needs an older protobuf than we do.
$(PROTOC):
	$(PYTHON) -m venv .protoc
	.protoc/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.74.0
