# Everything a person or CI runs. `make` alone prints this list.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
LOCK := requirements/dev.txt
WORKERS ?= 3
export WATCHKEEPER_KUBERNETES := $(or $(KUBERNETES),$(WATCHKEEPER_KUBERNETES))
STAMP := $(VENV)/.installed-$(shell cat $(LOCK) pyproject.toml 2>/dev/null | sha256sum | cut -c1-16)

.PHONY: help venv demo test check fmt crds manifests rbac-check bench soak mutants cluster-up cluster-down binaries lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

venv: $(STAMP) ## the Python environment, from the hash-locked list

$(STAMP): $(LOCK) pyproject.toml
	@echo "installing the Python environment (first run: a minute)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

binaries: venv ## the control plane's programs, built once and cached outside the checkout
	@$(PY) -m localcluster binaries

demo: binaries ## the main story on a local control plane and a simulated TiKV (KEEP=1 leaves it running, KUBERNETES=1.34 takes another version)
	@$(PY) -m localcluster.demo $(if $(KEEP),--keep)

test: binaries ## all tests, WORKERS (3) at once; ends with pytest's closing line
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

soak: venv ## the property test with new seeds for MINUTES (5); SEED=n MINUTES=0 plays one round again
	@$(PY) -m tests.property.soak --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

mutants: binaries ## break every gate once: tests must go red; ONLY=text for some, MACHINE=1 by the property test alone
	@$(PY) -m tests.mutations --workers $(WORKERS) $(if $(ONLY),--only '$(ONLY)') $(if $(MACHINE),--machine)
	@$(if $(ONLY)$(MACHINE),,$(PY) -m pytest -q -s -n 0 -p no:randomly tests/integration/rules_switched_off.py)

check: venv ## lint, types, layers, generated files
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache
	@$(PY) -m watchkeeper.crdgen --check
	@$(PY) -m watchkeeper.admission --check

fmt: venv ## format and fix what can be fixed
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

crds: venv ## write crds/ and docs/reference/ from the models
	@$(PY) -m watchkeeper.crdgen

manifests: venv ## write manifests/ from the rendering in the package
	@$(PY) -m watchkeeper.admission

rbac-check: binaries ## is every permission of the operator used, and none missing? (part of make test, too)
	@$(PY) -m localcluster.rbaccheck

bench: binaries ## measure; prints ratios and absolute figures
	@$(PY) -m localcluster.bench

cluster-up: binaries ## start a local control plane, leave it running, print its KUBECONFIG
	@$(PY) -m localcluster up

cluster-down: venv ## stop what cluster-up started
	@$(PY) -m localcluster down

lock: ## renew requirements/*.txt from pyproject.toml (hashes, no addresses)
	@$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements/runtime.txt pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra dev -o $(LOCK) pyproject.toml

clean: ## remove the Python environment and caches of this checkout
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
