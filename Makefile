# `make` lists the targets. Whatever needs the environment installs it first, from the hashed lock, into .venv.
.DEFAULT_GOAL := help
SHELL := bash
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .venv-bench
EMULATOR := .venv-emulator
CHECKOV := .venv-checkov
LAKE := .venv-lake
SQLFLUFF := .venv-sqlfluff
BROWSER := .venv-browser
WORKFLOWS := .venv-workflows
ANALYTICS := .venv-analytics
BOUNCER := .venv-bouncer
METRICFLOW := .venv-metricflow
DOCS := .venv-docs
DATACONTRACT := .venv-datacontract
JOBS ?= 2

# Paths and files are UTF-8, whatever the locale is.
export PYTHONUTF8 := 1
export UV_CACHE_DIR := $(shell requirements/cache.sh)

# Where this is set (in many containers), each of our many processes would compile all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9_-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Without an account of one's own, Snowflake is emulated.
EMULATED = $(if $(filter snowflake,$(WAREHOUSE)),$(if $(SNOWFLAKE_ACCOUNT),,$(EMULATOR)/.installed))

# The moment at which the business's time stands; without NOW, BUSINESS_NOW; without both, it is the clock's.
export NOW
AT_NOW = BUSINESS_NOW="$${NOW:-$$BUSINESS_NOW}"

demo: $(STAMP) $(EMULATED) ## Run the whole line, a full load and an incremental one (WAREHOUSE=snowflake, NOW=2028-02-29T23:58:00Z)
	@$(AT_NOW) $(BIN)/python -m local demo

stack: $(STAMP) ## Start the sources and the S3 endpoint and keep them up, to use `ingest` and the flow by hand
	@$(AT_NOW) $(BIN)/python -m local up

up: ## Start the platform in containers, and wait until it is healthy (http://localhost:4200)
	@local/compose_up.sh

down: ## Stop the containers; their volumes stay
	@docker compose --profile alive --profile tools down

# Whose warehouse: the one that WAREHOUSE_DIR names (a sourced stack.env does); else that of the containers, where they are
# up; else the demo's.
query: ## Ask the marts, of the containers where they are up, else of the demo: make query SQL="select * from MART.dim_product limit 5"
	@if [ -z "$$WAREHOUSE_DIR" ] && [ -n "$$(docker compose ps --status running --quiet prefect_agent 2>/dev/null)" ]; then \
		docker compose run --rm --no-deps $$([ -t 0 ] && [ -t 1 ] || echo -T) query "$$SQL"; \
	else $(MAKE) query_here; fi

query_here: $(STAMP)
	@WAREHOUSE_DIR=$${WAREHOUSE_DIR:-$${LOCAL_STATE:-.local}/demo/warehouse} $(BIN)/python -m orchestration.warehouse query "$$SQL"

inspect: ## For operators, RAW and STAGING too, in the working database: make inspect SQL="select * from RAW._loads"
	@if [ -z "$$WAREHOUSE_DIR" ] && [ -n "$$(docker compose ps --status running --quiet prefect_agent 2>/dev/null)" ]; then \
		docker compose exec $$([ -t 0 ] && [ -t 1 ] || echo -T) prefect_agent python -m orchestration.warehouse inspect "$$SQL"; \
	else $(MAKE) inspect_here; fi

inspect_here: $(STAMP)
	@WAREHOUSE_DIR=$${WAREHOUSE_DIR:-$${LOCAL_STATE:-.local}/demo/warehouse} $(BIN)/python -m orchestration.warehouse inspect "$$SQL"

dashboard: $(ANALYTICS)/.installed ## Show the marts of the demo as pages, on http://localhost:8501 (ANALYTICS_PORT=8600)
	@WAREHOUSE_DIR=$${WAREHOUSE_DIR:-$${LOCAL_STATE:-.local}/demo/warehouse} $(ANALYTICS)/bin/python -m analytics \
		--port $${ANALYTICS_PORT:-8501}

SQL ?= from information_schema.tables select table_schema, table_name order by all
export SQL

# What has a target of its own. Each run ends with its slowest tests.
OTHERS := --ignore tests/snowflake --ignore tests/local/snowflake --ignore tests/terraform --ignore tests/e2e --ignore tests/analytics --ignore tests/docs_site
PYTEST := $(BIN)/pytest --dist loadscope --durations=10 --durations-min=1
# Those that wait long, for what they have stopped, killed or cut off, run one more at a time.
ONE_MORE := $(shell expr $(JOBS) + 1 2>/dev/null || echo $(JOBS))

test: $(STAMP) $(LAKE)/.installed ## Run the tests that need no more than this environment, JOBS at a time (default 2)
	@$(PYTEST) -n $(JOBS) -m "not slow" $(OTHERS)

test-slow: $(STAMP) $(LAKE)/.installed ## Run those that are dear: whole demos, campaigns, kills of whole processes
	@$(PYTEST) -n $(ONE_MORE) -m slow $(OTHERS)

check: lint typecheck ## Before a commit: style, types, and the tests of what has changed since BASE (default HEAD)
	@$(BIN)/pytest -n $(JOBS) -q -m "not slow" $$(.ci/tests_of_changes $(or $(BASE),HEAD))

test-snowflake: $(STAMP) $(EMULATOR)/.installed $(SQLFLUFF)/.installed $(METRICFLOW)/.installed ## Run the tests on Snowflake: the account that SNOWFLAKE_* names, else an emulated one
	@$(PYTEST) -n $(ONE_MORE) tests/snowflake tests/local/snowflake

test-analytics: $(ANALYTICS)/.installed $(METRICFLOW)/.installed ## Run the tests of the page over the marts, in its own environment
	@$(ANALYTICS)/bin/python -m pytest -c tests/analytics/pytest.ini --rootdir . --confcutdir tests/analytics tests/analytics

test-docs: docs $(BROWSER)/.installed ## Build the documentation's site, and read it in a browser, where there is one
	@$(BIN)/pytest tests/docs_site

test-terraform: $(STAMP) $(CHECKOV)/.installed $(EMULATOR)/.installed ## Run the tests of the Terraform modules, as far as terraform and its providers are there
	@$(BIN)/pytest tests/terraform

e2e: $(STAMP) $(BROWSER)/.installed ## Run the platform in containers, try bad days on it and its UI in a browser, in at most 20 minutes
	@$(BIN)/pytest -v --durations=20 tests/e2e

bench: $(STAMP) $(PEERS)/.installed $(ANALYTICS)/.installed ## Measure it beside other tools, and write docs/BENCHMARKS.md (CASE="saas load": some alone)
	@$(BIN)/python -m bench $(CASE)

chaos: $(STAMP) ## Break it on purpose, at full size, in at most 20 minutes (CAMPAIGN=kills SEED=7 SCALE=0.1: one, again, small)
	@$(BIN)/python -m tests.chaos $(CAMPAIGN) $(if $(SEED),--seed $(SEED)) $(if $(SCALE),--scale $(SCALE))

fuzz-api: $(STAMP) .venv-schemathesis/.installed ## Ask the provider whatever its OpenAPI document allows, for a minute
	@.ci/fuzz_provider

audit: $(STAMP) .venv-audit/.installed ## Ask for known vulnerabilities of every lock, and write each image's bill of materials
	@.ci/audit

pin-images: ## Write the digests of the base images, as the registry gives them, into the Dockerfiles
	@.ci/pin_images

docs: $(STAMP) $(DOCS)/.installed $(DATACONTRACT)/.installed ## Build the documentation as a site, into .site/html, and check its links (REPOSITORY_URL=... to link to sources)
	@docs/site/build.sh

pictures: $(STAMP) ## Run the demo, and draw its terminal anew for the documentation
	@$(BIN)/python -m tests.pictures

questions: $(STAMP) ## Ask the marts of a simulated world what docs/QUESTIONS.md asks, and write the answers into it
	@$(BIN)/python -m tests.questions

lint: $(STAMP) ## Check style, format and imports, the rules of the models, that nothing has drifted from the contracts, and workflows, containers and scripts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@found=$$($(BIN)/lint-imports) || { echo "$$found"; exit 1; }
	@$(BIN)/python -m orchestration.dbt.sources --check
	@$(BIN)/python -m orchestration.dbt.holidays --check
	@$(MAKE) lint-dbt
	@$(MAKE) --silent $(WORKFLOWS)/.installed || echo "lint: $(WORKFLOWS) cannot be installed here" >&2
	@.ci/lint_files

# dbt reads the project only where a file of it has changed: that takes longer than the rules do. As CI's, whatever the
# environment says of targets and schemas.
MANIFEST := dbt/target/lint/manifest.json
$(MANIFEST): $(STAMP) $(shell find dbt -type f \( -name '*.sql' -o -name '*.yml' -o -name '*.md' \) -not -path 'dbt/target/*')
	@found=$$(env -i PATH="$$PATH" PYTHONUTF8=1 ENVIRONMENT=dev $(BIN)/dbt --no-use-colors parse --project-dir dbt \
		--profiles-dir .github/ci_profiles --target-path target/lint 2>&1) || { echo "$$found"; exit 1; }
	@touch $@

lint-dbt: $(MANIFEST) $(BOUNCER)/.installed ## Check the rules that the models keep (dbt/dbt-bouncer.yml)
	@found=$$(COLUMNS=160 $(BOUNCER)/bin/dbt-bouncer run --config-file dbt/dbt-bouncer.yml --show-all-failures 2>&1) \
		|| { echo "$$found"; exit 1; }

fmt: $(STAMP) ## Fix style and format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

typecheck: $(STAMP) ## Check types
	@$(BIN)/mypy

install: $(STAMP) ## Install the environment, and nothing else
	@:

# Every image's lock is constrained by dev.txt, so that what was tested is what runs.
COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: $(STAMP) ## Write the locks again from pyproject.toml, keeping what still fits (UPGRADE=1: the newest of all)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra dev -o requirements/dev.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra ingest -c requirements/dev.txt -o requirements/ingest.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra mock_saas -c requirements/dev.txt -o requirements/mock_saas.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra orchestration -c requirements/dev.txt -o requirements/prefect.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/worker.in --extra ingest -c requirements/dev.txt -o requirements/worker.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra analytics -c requirements/dev.txt -o requirements/streamlit.txt
	@$(subst 3.11,3.13,$(COMPILE)) $(if $(UPGRADE),--upgrade) --no-config requirements/postgres.in -o requirements/postgres.txt \
		-c <(sed -n 's/^\([^ ;]*==[^ ;]*\).*/\1/p' requirements/dev.txt)
	@for name in audit bench emulator checkov schemathesis sqlfluff browser lake workflows analytics bouncer metricflow docs datacontract; do $(COMPILE) $(if $(UPGRADE),--upgrade) requirements/$$name.in -o requirements/$$name.txt; done

# Programs that need other versions than ours, each in an environment of its own: the peers of `make bench`, the emulated
# Snowflake, the page over the marts, MetricFlow, the lake of the containers, checkov, sqlfluff, the browser's driver, linters of models, workflows and containers, what
# asks the provider's API, and what audits the locks.
.venv-%/.installed: requirements/%.txt | $(STAMP)
	@echo "Installing into $(@D)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	@$(BIN)/uv pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

clean: ## Remove what runs and tools have left behind (not .venv and its like)
	@rm -rf .local .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis dbt/target dbt/logs dbt/dbt_packages .site
	@find . -name __pycache__ -type d -not -path './.venv*/*' -prune -exec rm -rf {} +

$(STAMP): requirements/install.sh requirements/uv.txt requirements/dev.txt pyproject.toml
	@echo "Installing into $(VENV):"
	@requirements/install.sh
	@touch $@

.PHONY: help demo stack up down query query_here inspect inspect_here dashboard test test-analytics test-docs test-slow check test-snowflake test-terraform e2e bench fuzz-api audit pin-images pictures docs questions chaos lint lint-dbt fmt typecheck install lock clean
