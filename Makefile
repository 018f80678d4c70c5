# One line per job; CI and the README call these lines.
PYTHON ?= python3
VENV ?= .venv
SUITE ?= sid
STORE ?= containerd
FUZZ_SECONDS ?= 600
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROTO := $(BIN)/python -m grpc_tools.protoc -Illb -Ifrontend -Icli
# --OPTION VALUE where the caller has set the variable, nothing where it has its default.
given = $(if $(filter file,$(origin $(1))),,--$(2) $($(1)))

.PHONY: help setup demo test check unit integration golden docs proto compat engine-up engine-down image fuzz bench bench-serve engine-env
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: $(STAMP) ## make the virtual environment with everything in it

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cogkit needs Python 3.11 or newer, this is %s" % sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## build the examples with buildx, run them, ask them
	$(BIN)/python -m integration.demo

test: check unit integration ## everything CI runs

check: setup ## format, lint, types, import contracts, generated code
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/python tools/check_proto.py

unit: setup ## unit, golden and property tests: no network, no Docker
	$(BIN)/pytest tests

integration: setup ## real BuildKit, containers and registry
	$(BIN)/pytest integration

golden: setup ## rewrite the golden files
	$(BIN)/pytest tests --update-golden

docs: setup ## regenerate the reference pages of docs/
	$(BIN)/python -m tools.reference

proto: setup ## regenerate the protobuf stubs
	$(PROTO) --python_out=llb --pyi_out=llb llb/buildkit_llb/pb/*.proto
	$(PROTO) --python_out=frontend --pyi_out=frontend frontend/cog_frontend/gateway/pb/*.proto
	$(PROTO) --python_out=cli --pyi_out=cli cli/cog_cli/builder/pb/*.proto

compat: setup ## regenerate the compatibility tables from the package index
	$(BIN)/python -m tools.update_compat

engine-up: setup ## start a Docker Engine and a registry where none is reachable (SUITE=, STORE=)
	$(BIN)/python -m integration.engine up --suite $(SUITE) --store $(STORE)

engine-down: setup ## stop what engine-up started, all of it unless SUITE= or STORE= says which
	$(BIN)/python -m integration.engine down $(call given,SUITE,suite) $(call given,STORE,store)

engine-env: setup ## print what makes the engine the one docker speaks to: eval "$(make -s engine-env)"
	@$(BIN)/python -m integration.engine env --suite $(SUITE) --store $(STORE)

image: setup ## build the frontend and toolbox images and push them to the local registry
	$(BIN)/python -m integration.frontend_images

fuzz: setup ## look for input that breaks the readers of strangers' files (FUZZ_SECONDS= for each)
	$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/fuzz.txt
	for target in config requirements lock ignore; do \
		$(BIN)/python -m tests.fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; \
	done

bench: setup ## cached builds side by side: our frontend, a Dockerfile, an empty container
	$(BIN)/python -m benchmarks.build

bench-serve: setup ## model servers side by side: requests per second, latency, memory
	$(BIN)/python -m benchmarks.serve
