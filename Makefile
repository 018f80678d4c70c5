# One line per job; CI and the README call these lines.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROTOS := llb/buildkit_llb/pb/ops.proto $(wildcard frontend/cog_frontend/gateway/pb/*.proto)

.PHONY: setup check unit proto clean
.DEFAULT_GOAL := help

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

check: setup  ## format, lint, types, import contracts (seconds)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_architecture.py

unit: setup  ## unit, golden and property tests; no network, no Docker
	$(BIN)/pytest -q tests

proto: setup  ## regenerate the protobuf stubs
	$(BIN)/python -m grpc_tools.protoc -Illb -Ifrontend --python_out=. --pyi_out=. $(PROTOS)
