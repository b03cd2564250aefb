# Three commands: env (made once), demo (the main job, for real), test.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
# Packages whose source distribution needs a compiler and more: take their wheels or say so.
WHEELS_ONLY := giotto-tda,giotto-ph,pyflagser,numpy,scipy,scikit-learn,torch,chgnet,pymatgen-core,spglib

.PHONY: env demo test lint docs clean

env: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar off --only-binary=$(WHEELS_ONLY) --no-deps --requirement constraints.txt
	$(BIN)/python -m pip install --progress-bar off --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: env
	@$(BIN)/mtl examples demo/cifs --table examples/compounds.yaml
	@$(BIN)/mtl run demo/cifs --project demo --release "examples" --preset demo

test: env
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -n 2

docs: env
	$(BIN)/python -m mkdocs build --strict

lint: env
	$(BIN)/pre-commit run --all-files

clean:
	rm -rf $(VENV) demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis
