# Every target makes what it needs. `make help` says what each does.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := requirements/constraints.txt
PROGRAMS := requirements/demo.txt requirements/build.txt
SITES ?= 8
# The demo and the tests run these for real; on Debian, as root, `make` installs them.
DEBIAN_OF_THE_DEMO := prometheus prometheus-alertmanager
DEBIAN_PACKAGES := $(DEBIAN_OF_THE_DEMO) chromium postgresql nginx victoria-metrics

.DEFAULT_GOAL := help
.PHONY: help install tools system demo test attack hostile check format generate look bench kill docs sbom site-bundle release audit clean

help: ## show what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

install: $(VENV)/.programs ## make .venv with the programs and the demo, at the locked versions
tools: $(VENV)/.tools ## put what tests and checks need into it too

$(VENV)/.programs: pyproject.toml $(PROGRAMS)
	@bash requirements/make-venv "$(PYTHON)" "$(VENV)"
	$(BIN)/pip install --quiet --require-hashes $(addprefix --requirement ,$(PROGRAMS))
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.tools: pyproject.toml $(CONSTRAINTS)
	@bash requirements/make-venv "$(PYTHON)" "$(VENV)"
	$(BIN)/pip install --quiet --require-hashes --requirement $(CONSTRAINTS)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.programs $@

system: ## see that Prometheus, Alertmanager, a browser, … are there (as root on Debian: install them)
	@bash requirements/debian-packages $(DEBIAN_PACKAGES)

demo: install ## start the demo consortium and keep it living; SITES=38 for the real size
	@bash requirements/debian-packages $(DEBIAN_OF_THE_DEMO)
	$(BIN)/studyscope-demo run --sites $(SITES)

test: tools system ## run the whole test suite
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: tools ## format, lint, types, import borders, generated files, charts and compose files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/studyscope-dashboards generate --check
	$(BIN)/studyscope-dashboards check
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m pytest -q tests/deploy/test_helm_charts.py tests/deploy/test_compose_files.py

format: tools ## put the code into its form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

generate: tools ## write dashboards, rules and generated docs anew
	$(BIN)/studyscope-dashboards generate
	$(BIN)/python docs/generate.py

look: tools system ## beside a running demo: every query through the Grafana found, and screenshots of every page
	$(BIN)/studyscope-dashboards look --prometheus "$$($(BIN)/studyscope-demo address prometheus)"

ATTACK_MINUTES ?= 20
attack: tools ## attack simulated hospitals, write docs/attack-results.md; goes on where it was; ATTACK_MINUTES=240 for more
	PYTHONPATH=tests $(BIN)/python -m attacking --minutes $(ATTACK_MINUTES)

HOSTILE_FILES ?= 100000
hostile: tools ## read so many damaged files of every kind (an hour on 2 cores); each must give a record or a reason, in time
	PYTHONPATH=tests $(BIN)/python -m hostile --files $(HOSTILE_FILES)

bench: tools ## measure against the peers and floors of each benchmark
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

KILL_ROUNDS ?= 1000
kill: tools ## kill -9 of exporter and aggregator at random points, 1,000 rounds each: nothing lost, nothing twice
	STUDYSCOPE_KILL_ROUNDS=$(KILL_ROUNDS) $(BIN)/python -m pytest -q -s --timeout=0 tests/exporter/delivering/test_a_killed_exporter_loses_nothing.py \
	    tests/aggregator/test_a_killed_centre_loses_nothing.py

docs: tools ## write the generated pages of docs/
	$(BIN)/python docs/generate.py

sbom: tools ## write a bill of materials (CycloneDX) of each role into dist/
	@mkdir -p dist
	@for role in exporter exporter-page aggregator; do \
	    $(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml \
	        --output-file dist/sbom-$$role.cdx.json requirements/$$role.txt && echo dist/sbom-$$role.cdx.json; done

site-bundle: tools ## one archive for a hospital without internet, in dist/; BUNDLE_PYTHON=python3.12 for another version
	@bash deploy/bundle/make-site-bundle dist $(BUNDLE_PYTHON)

release: tools ## everything that a release publishes, with checksums, in dist/release; BUNDLE_PYTHON= for no bundle
	@rm -rf dist/release && bash deploy/release/make-release dist/release $(or $(BUNDLE_PYTHON),$(BIN)/python)

audit: tools ## ask an index of known vulnerabilities about every package; says so where none answers
	@$(BIN)/python requirements/audit.py

clean: ## remove .venv, caches and the demo's folder
	rm -rf $(VENV) demo-data dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
