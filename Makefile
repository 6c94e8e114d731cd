# The one door: `make help` lists every chore. The same targets are used by a person and by the continuous checks.
# Paths are relative throughout, so that a checkout may lie in a directory with spaces or Chinese characters.

MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
RUN := .venv/bin/python
LOCAL := $(RUN) -m deploy.local
export PYTHONPATH := .
export PYTHONUTF8 := 1

# What a person may give: PYTHON=python3.12, ARGS=--once, only=…, seconds=…, CASES=…, e=…, file=…, key=…, person=…, client=…, role=…, unit=…, to=…
PYTHON ?=
ARGS ?=
service ?= audit_svc

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean start stop test check format bench chaos cases verify-archive trace token people clock logs \
	dead-letters redrive topology trail-verify contracts lock local development

help: ## list the chores
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

# --- the running system -------------------------------------------------------------------------------------------

demo: local ## set up, start everything, tell the story (ARGS=--once: check every claim, leave nothing running)
	@$(LOCAL) demo $(ARGS)

start: local ## start everything without the story
	@$(LOCAL) demo --no-story

stop: local ## stop what runs
	@$(LOCAL) stop

demo-clean: local ## stop and remove the data of the demonstration
	@$(LOCAL) clean

token: local ## print a bearer token: person=P0070 or client=sys-collection
	@$(LOCAL) token $(if $(person),--person "$(person)") $(if $(client),--client "$(client)")

people: local ## list whom to be: role=unit_leader unit=420102
	@$(LOCAL) people $(if $(role),--role "$(role)") $(if $(unit),--unit "$(unit)")

clock: local ## tell or move the business clock: to=2015-08-03
	@$(LOCAL) clock $(if $(to),--to "$(to)")

logs: local ## print the ends of the logs: only=scoring_svc
	@$(LOCAL) logs $(if $(only),--only "$(only)")

dead-letters: local ## list, show or replay dead letters: service=audit_svc ARGS="list" (show ID, replay ID)
	@$(LOCAL) as $(service) shared.messaging --service $(service) dead-letters $(or $(ARGS),list)

redrive: local ## send kept events again: service=scoring_svc ARGS="--since 2015-07-01T00:00:00+08:00 [--type T] [--to SERVICE]"
	@$(LOCAL) as $(service) shared.messaging --service $(service) redrive $(ARGS)

topology: local ## show or create the broker's streams and consumers: ARGS=show or ARGS=apply
	@$(LOCAL) as $(service) shared.messaging topology $(or $(ARGS),show)

trail-verify: local ## verify the hash chain of a service's trail: service=audit_svc
	@$(LOCAL) as $(service) shared.trail verify

# --- the checks ---------------------------------------------------------------------------------------------------

test: development ## run the tests on real PostgreSQL and NATS (ARGS=tests/local)
	@$(RUN) -m pytest -q --numprocesses 2 $(ARGS)

check: development ## format, lint, types, walls, contracts, migrations
	@$(RUN) -m ruff format --check
	@$(RUN) -m ruff check
	@$(RUN) -m mypy
	@$(RUN) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	@$(RUN) -m shared.contracts.generate --check
	@$(LOCAL) check-migrations

bench: development ## measure: only=intake_batch
	@$(RUN) -m tests.bench $(only)

chaos: development ## break things and count: only=R5 seconds=60 (seconds=full: each promise at its full size)
	@$(RUN) -m tests.chaos $(if $(only),only=$(only)) $(if $(seconds),seconds=$(seconds))

cases: local ## evaluate scoring-rule cases with the real engine (CASES=FILE: your own)
	@$(RUN) -m services.scoring_svc.engine.cases $(if $(CASES),"$(CASES)")

verify-archive: local ## verify the archive of a year, offline: file=PATH (key=PUBLIC_KEY: the key that you trust)
	@$(RUN) -m services.scoring_svc.year_end.verify "$(file)" $(if $(key),--key "$(key)")

trace: local ## the files of the tour of an event: e=indicator.deducted.v1
	@$(RUN) -m shared.contracts.trace $(e)

# --- keeping the checkout in order --------------------------------------------------------------------------------

format: development ## format the code and put right what can be put right by rule
	@$(RUN) -m ruff check --fix --quiet || true
	@$(RUN) -m ruff format

contracts: development ## write what is generated from the contracts: schemas, AsyncAPI, the table of events
	@$(RUN) -m shared.contracts.generate

lock: local ## write the hashed requirements anew (installs uv into a throw-away environment)
	@$(RUN) deploy/local/lock.py

# --- the environment ----------------------------------------------------------------------------------------------

local development:
	@python=$$(sh deploy/local/find_python.sh "$(PYTHON)") && "$$python" deploy/local/bootstrap.py $@
