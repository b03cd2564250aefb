# Three commands: env (made once), demo (the main job, for real; demo-long simulates longer), test.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
# Packages whose source distribution needs a compiler and more: take their wheels or say so.
WHEELS_ONLY := giotto-tda,giotto-ph,pyflagser,numpy,scipy,scikit-learn,torch,chgnet,pymatgen-core,spglib

# Bytecode is kept whatever the shell says: tests and demo start many processes, each of which would compile the package.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env demo demo-long example test types units browser potentials faults faults-short load tutorial lanes gpu wheel installation lint docs clean

env: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar off --only-binary=$(WHEELS_ONLY) --no-deps --requirement constraints.txt
	$(BIN)/python -m pip install --progress-bar off --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# Short but real molecular dynamics: the article's protocol (mtl run without options) takes hours per material. Two
# temperatures far apart, so that the slope is known as well as so short runs allow.
MD := --limit 1 --max-atoms 64 --heat-ps 0.4 --discard-ps 0.4 --max-lag 0.5 --target-error 0.6 --chunk-ps 1.3
SHORT_MD := $(MD) --temperatures 700,1200 --production-ps 2.6 --budget-ps 2.2
LONG_MD := $(MD) --temperatures 600,800,1000,1200 --production-ps 8.4 --budget-ps 8.0

demo: env
	@$(MAKE) --no-print-directory example MD_OPTIONS="$(SHORT_MD)"

# The same at four temperatures, longer: half an hour and more.
demo-long: env
	@$(MAKE) --no-print-directory example MD_OPTIONS="$(LONG_MD)"

example:
	@mkdir -p demo
	@$(BIN)/mtl -C demo init >/dev/null
	@$(BIN)/mtl -C demo examples cifs --table ../examples/compounds.yaml
	@$(BIN)/mtl -C demo run cifs --labels cifs/labels.csv --release examples --batch 20 --workers 2 $(MD_OPTIONS)
	@$(BIN)/mtl -C demo plot arrhenius $(SIMULATED) -o arrhenius.png
	@$(BIN)/mtl -C demo report -o report.html

# What the demo simulates: the best survivor of the examples.
SIMULATED := li6ps5cl

# Half an hour for a test that installs or simulates, where others have ten minutes until a hang says where it is.
LONG := -o faulthandler_timeout=1800

# One thread for each process. Of three processes one waits at most times: for the server, for a worker, for a limit of time.
# CONTRIBUTING.md says what runs where.
PROCESSES ?= 3
test units browser potentials faults-short tutorial: export OMP_NUM_THREADS := 1
test: env
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	@$(MAKE) --no-print-directory -j 2 types units

# Side by side: one process checks types while the others begin.
types: env
	$(BIN)/python -m mypy

units: env
	$(BIN)/python -m pytest -n $(PROCESSES)

# The report and the explorer in a headless Chromium.
browser: env
	$(BIN)/python -m pytest -n 2 -m browser tests/pages tests/serve

# Every model whose weights come in a wheel, and dynamics with one for as long as it takes to see ions move.
potentials: env
	$(BIN)/python -m pytest -n 2 -m potentials tests/simulation

# Servers that go away and workers that come back: a short instance of each fault, and all of them at length.
faults-short: env
	$(BIN)/python -m pytest -n $(PROCESSES) -m faults

faults: env
	PYTHONPATH=tests $(BIN)/python tests/faults/long_forms.py $(FORMS)

# What the pages show of Python and of a terminal, the tutorial and its notebook too, with short simulations.
tutorial: env
	$(BIN)/python -m pytest -n 2 $(LONG) -m tutorial tests/test_docs.py

# Eight workers on many jobs, or questions beside writers: make load LOAD="light --jobs 500"; LOAD=--help tells more.
load: env
	PYTHONPATH=tests:tests/faults $(BIN)/python benchmarks/load.py $(LOAD)

# The wheel with each extra alone, in environments of their own; ONLY="not dynamics" leaves PyTorch out.
installation: env
	$(BIN)/python -m pytest $(LONG) -m installation tests/installation $(if $(ONLY),-k "$(ONLY)")

# The modern lane (giotto-ph alone, numpy 2, current scikit-learn) beside the default one, where there is a Python 3.12.
MODERN := .venv-modern
PYTHON_MODERN ?= $(shell for python in python3.12 $(HOME)/.pyenv/versions/3.12.*/bin/python; do \
  $$python --version >/dev/null 2>&1 && command -v $$python && break; done)
NO_MODERN := There is no Python 3.12 here

lanes: env
ifeq ($(PYTHON_MODERN),)
	@echo "$(NO_MODERN): the modern lane is not tried."
else
	@$(MAKE) --no-print-directory $(MODERN)/.made wheel LANE=$(MODERN)
	MTL_TEST_MODERN=$(CURDIR)/$(MODERN)/bin/python $(BIN)/python -m pytest $(LONG) -m lanes tests/installation/test_lanes.py tests/launch/test_batched_worker.py
endif

# The extra `gpu`, in an environment of its own: PyTorch's usual build for Python 3.12 brings 5 GB of CUDA with it. For
# CPUs: make gpu PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu.
GPU := .venv-gpu

gpu: env
ifeq ($(PYTHON_MODERN),)
	@echo "$(NO_MODERN): batches by torch-sim are not tried."
else
	@$(MAKE) --no-print-directory $(GPU)/.made wheel LANE=$(GPU)
	MTL_TEST_GPU=$(CURDIR)/$(GPU)/bin/python $(BIN)/python -m pytest $(LONG) -m lanes tests/installation/test_gpu_lane.py
endif

$(MODERN)/.made: constraints-modern.txt
	$(PYTHON_MODERN) -m venv $(MODERN)
	$(MODERN)/bin/python -m pip install --progress-bar off --only-binary=:all: --no-deps --requirement constraints-modern.txt
	@touch $@

$(GPU)/.made: constraints-modern.txt constraints-gpu.txt
	$(PYTHON_MODERN) -m venv $(GPU)
	$(GPU)/bin/python -m pip install --progress-bar off --only-binary=$(WHEELS_ONLY) --no-deps --requirement constraints-modern.txt --requirement constraints-gpu.txt
	$(GPU)/bin/python -m pip install --progress-bar off --constraint constraints-modern.txt --constraint constraints-gpu.txt torch
	@touch $@

# What is here, as a wheel in the environment of a lane.
wheel:
	@rm -rf $(LANE)/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(LANE)/wheel .
	$(LANE)/bin/python -m pip install --quiet --no-deps --force-reinstall $(LANE)/wheel/*.whl

docs: export NO_MKDOCS_2_WARNING := 1
docs: env
	$(BIN)/python -m mkdocs build --strict

lint: env
	$(BIN)/pre-commit run --all-files

clean:
	rm -rf $(VENV) demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis
