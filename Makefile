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

# Short but real molecular dynamics: the article's protocol (mtl run without options) takes hours per material.
SHORT_MD := --limit 2 --max-atoms 64 --temperatures 1000,1200,1400 --heat-ps 0.4 --production-ps 2.6 \
	--discard-ps 0.4 --budget-ps 2.2 --max-lag 0.5 --target-error 0.6 --chunk-ps 1.3

demo: env
	@mkdir -p demo
	@$(BIN)/mtl -C demo init >/dev/null
	@$(BIN)/mtl -C demo examples cifs --table ../examples/compounds.yaml
	@$(BIN)/mtl -C demo run cifs --labels cifs/labels.csv --release examples --batch 20 --workers 2 $(SHORT_MD)

# One thread for each process: the tests run two processes at a time.
test: export OMP_NUM_THREADS := 1
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
