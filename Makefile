# `make demo` and `make test` work on a fresh machine with Python 3.11 or later and make; everything lands in .venv.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PROTOC := .protoc/bin/python

.PHONY: demo test lint types stubs protos bench clean

demo: $(VENV)/.run
	$(RUN) -m isthmus demo

test: lint types stubs
	$(RUN) -m pytest --numprocesses auto --dist loadfile

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

# the generated stubs must be what the .proto files say
stubs: $(PROTOC)
	$(PROTOC) protos/generate.py --check

protos: $(PROTOC)
	$(PROTOC) protos/generate.py

bench: $(VENV)/.dev
	$(RUN) -m isthmus bench routes

clean:
	rm -rf $(VENV) .protoc build dist *.egg-info demo

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The lowest grpcio-tools whose stubs the supported protobuf runtimes accept; it needs an older protobuf than we run with.
$(PROTOC):
	$(PYTHON) -m venv .protoc
	.protoc/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.74.0
