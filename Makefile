# `make demo` and `make test` do everything, from a fresh clone on.
#
# Variables: PYTHON (an interpreter, 3.10 to 3.12; found by itself otherwise),
# DATA=synthavs|cutouts, VARIANT=cue|paper|plus, SEED and OUT for the demo, PAGE_ARGS (options of
# tools/demo_app.py), JOBS (processes) and PYTEST_ARGS for the tests.

SHELL := /bin/bash
VENV ?= .venv
CLASSIC_VENV ?= .venv-openmmlab
DEMO_VENV ?= .venv-demo
PYTHON ?= $(shell for name in python3.12 python3.11 python3.10 python3 \
	python; do if $$name -c 'import sys, venv, ensurepip; \
	sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; \
	then echo $$name; break; fi; done)

DATA ?= synthavs
VARIANT ?=
SEED ?= 0
OUT ?= work_dirs/demo
JOBS ?= 2
PAGE_ARGS ?=
PYTEST_ARGS ?=
# each process imports torch and makes a file's fixtures once; more threads than
# cores only make small tensors slower
TEST_ENV = OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1}
PARALLEL = -n $(JOBS) --dist loadfile --max-worker-restart 0 --durations=15

SETUP_FILES = setup.py constraints.txt $(wildcard requirements/*.txt)
STAMP = $(VENV)/.installed
CLASSIC_STAMP = $(CLASSIC_VENV)/.installed
DEMO_STAMP = $(DEMO_VENV)/.installed
DOCS_STAMP = $(VENV)/.installed-docs

.PHONY: help venv venv-openmmlab venv-demo demo page test test-gpu test-slow \
	test-browser test-openmmlab chromium lint docs clean

help:
	@echo 'make demo            data, training, tests and report (DATA=synthavs|cutouts VARIANT=cue|paper|plus SEED=0 OUT=work_dirs/demo)'
	@echo 'make page            the page in the browser, with the demo'"'"'s model if it is there'
	@echo 'make test            the test suite, on the CPU'
	@echo 'make test-gpu        what needs a GPU'
	@echo 'make test-slow       full-size builds and whole commands'
	@echo 'make test-browser    the page in Chromium; screenshots in work_dirs/test-browser'
	@echo 'make test-openmmlab  part of the tests with the classic OpenMMLab packages'
	@echo 'make lint            ruff, codespell, the order of the rooms, mypy'
	@echo 'make docs            docs/ as HTML, in docs/_build/html'
	@echo 'make clean           remove environments and build outputs'

venv: $(STAMP)
venv-openmmlab: $(CLASSIC_STAMP)
venv-demo: $(DEMO_STAMP)

# $(1): environment, $(2): extras, $(3): file of constraints
define install
	@test -n '$(PYTHON)' || { echo 'No Python 3.10, 3.11 or 3.12 found: \
	install one (with its venv module), or name it: make PYTHON=...'; exit 1; }
	test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check \
		--upgrade -c $(or $(3),constraints.txt) pip setuptools wheel
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(or $(3),constraints.txt) -e '.[$(2)]'
	touch $(1)/.installed
endef

$(STAMP): $(SETUP_FILES)
	$(call install,$(VENV),onedl$(comma)audio$(comma)text$(comma)video$(comma)test)

$(CLASSIC_STAMP): $(SETUP_FILES)
	$(call install,$(CLASSIC_VENV),openmmlab$(comma)audio$(comma)text$(comma)video$(comma)test)

# Gradio 6 wants a Pillow before 13
$(DEMO_STAMP): $(SETUP_FILES)
	mkdir -p $(DEMO_VENV)
	grep -v '^pillow' constraints.txt > $(DEMO_VENV)/constraints.txt
	$(call install,$(DEMO_VENV),onedl$(comma)audio$(comma)text$(comma)video$(comma)demo$(comma)browser$(comma)test,$(DEMO_VENV)/constraints.txt)

$(DOCS_STAMP): $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[docs]'
	touch $@

comma := ,

demo: $(STAMP)
	@if test '$(DATA)' = cutouts; then $(VENV)/bin/python -m pip install --quiet \
		--disable-pip-version-check -c constraints.txt -e '.[cutouts]'; fi
	$(VENV)/bin/python tools/demo.py --data $(DATA) --seed $(SEED) \
		--out $(OUT) $(if $(VARIANT),--variant $(VARIANT))

page: $(DEMO_STAMP)
	$(DEMO_VENV)/bin/python tools/demo_app.py --demo $(OUT) $(PAGE_ARGS)

test: $(STAMP)
	$(TEST_ENV) $(VENV)/bin/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

test-gpu: $(STAMP)
	MMTESO_TEST_GPU=1 $(TEST_ENV) $(VENV)/bin/python -m pytest -m gpu \
		$(PYTEST_ARGS)

test-slow: $(STAMP)
	$(TEST_ENV) $(VENV)/bin/python -m pytest -m slow \
		-o faulthandler_timeout=7200 $(PYTEST_ARGS)

# trains a small model first: minutes
test-browser: $(DEMO_STAMP) chromium
	$(TEST_ENV) $(DEMO_VENV)/bin/python -m pytest -m 'not slow' -s \
		-o faulthandler_timeout=7200 \
		tests/browser tests/page/test_server.py $(PYTEST_ARGS)

chromium:
	@command -v chromium chromium-browser > /dev/null || \
	if test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
		apt-get install -y -qq chromium || \
		{ apt-get update -qq && apt-get install -y -qq chromium; }; \
	else echo 'Chromium is missing: sudo apt-get install chromium'; exit 1; fi

# what depends on the distribution: imports, registries, runners, checkpoints,
# configs, and how mmengine reads and logs
test-openmmlab: $(CLASSIC_STAMP)
	$(TEST_ENV) $(CLASSIC_VENV)/bin/python -m pytest $(PARALLEL) \
		tests/ops tests/engine tests/configs/test_configs.py \
		tests/models/segmentors tests/models/decode_heads \
		tests/mmseg_features tests/robustness/test_{faults,towers}.py \
		tests/test_package.py tests/test_version.py \
		projects $(PYTEST_ARGS)

# codespell reads what git knows: what the commands of the docs write stays out
lint: $(STAMP)
	$(VENV)/bin/ruff check
	git ls-files -z | xargs -0 $(VENV)/bin/codespell
	PYTHONPATH=. $(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/mypy

docs: $(DOCS_STAMP)
	$(VENV)/bin/python -m sphinx -b html -W --keep-going -q docs docs/_build/html
	@echo docs/_build/html/index.html

clean:
	rm -rf $(VENV) $(CLASSIC_VENV) $(DEMO_VENV) build dist docs/_build *.egg-info .pytest_cache \
		mmteso/.mim projects/*/build projects/*/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
