# `make` lists the targets. Each sets up .venv from requirements.lock when it is missing.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 3000
DEMO ?= $(shell mktemp -d)/caretune-demo
CI_CLONE := $(CURDIR)/build/ci
VENV := .venv/.installed

# The tools of .venv first, also for the stages that dvc starts; nothing here asks the network.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export BENTOML_DO_NOT_TRACK := True

.PHONY: help repro demo serve test test-all check deps bench-train bench-gpu bench-adapters bench-filters bench-data ci-repro clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1|/' | column -t -s '|'

# torch first and alone: its wheel decides between CPU and CUDA, the lock only names the version.
$(VENV): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

repro: $(VENV) ## run the whole pipeline: raw dialogue to gated release and reports
	dvc repro
	@caretune gate || true
	@echo "report: reports/evaluation.html    serve: make serve"

demo: $(VENV) ## the same on a toy, in a temporary clone: report, scanned message, served reply
	bash deploy/demo.sh $(DEMO)

serve: $(VENV) ## serve models/release on 127.0.0.1:3000 (PORT=...)
	bentoml serve . --port $(PORT)

check: $(VENV) ## format, lint, types, floors, house
	ruff format --check --quiet .
	ruff check --quiet .
	mypy
	lint-imports
	caretune params check
	pytest -q -m "not slow" tests/house

test: check ## check, then every test but the slow ones, with coverage
	pytest -q -n 2 -m "not slow" --ignore=tests/house --cov --cov-report=term:skip-covered

test-all: check ## every test
	pytest -q -n 2 --cov --cov-report=term:skip-covered

deps: $(VENV) ## write each stage's import closure into dvc.yaml
	python -m tests.house.closure

bench-train: $(VENV) ## MoE-LoRA, X-LoRA and a loop against LoRA of equal total rank: step, activations, decode
	OMP_WAIT_POLICY=passive python -m tests.bench.bench_train

bench-gpu: $(VENV) ## a random 12B on a GPU, MoE-LoRA against LoRA: tokens/s, MFU, memory (OUT=file.json)
	python -m tests.bench.bench_gpu $(if $(OUT),--out $(OUT))

bench-adapters: $(VENV) ## after `make repro`: both adapters, equal active rank and the base continued, 3 seeds
	python -m tests.bench.bench_adapters

bench-filters: $(VENV) ## the filter chain beside Presidio, better-profanity and a loop of re (fetches the two)
	test -x build/rivals/bin/python || $(PYTHON) -m venv build/rivals
	build/rivals/bin/pip install --quiet --disable-pip-version-check presidio-analyzer==2.2.366 better-profanity==0.7.0
	python -m tests.bench.bench_filters build/rivals/bin/python

bench-data: $(VENV) ## the data stages at 608,458 rows beside datasets.map, polars and datasketch (fetches the two)
	test -x build/rivals-data/bin/python || $(PYTHON) -m venv build/rivals-data
	build/rivals-data/bin/pip install --quiet --disable-pip-version-check polars==2.1.0 datasketch==2.0.0
	python -m tests.bench.bench_data --others build/rivals-data/bin/python

ci-repro: $(VENV) ## a real `dvc repro` of the small profile in a clone, twice: the second does nothing
	rm -rf $(CI_CLONE)
	caretune params merge profiles/small.yaml $(CI_CLONE)
	cd $(CI_CLONE) && dvc repro && dvc repro | tee repro.log && grep -q "up to date" repro.log && caretune gate --check
	cd $(CI_CLONE) && python -m pytest -q -p no:cacheprovider tests/unit/proof/test_closure.py

clean: ## remove caches and clones; data, models and reports stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .coverage*
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
