# Everything a checkout needs, in the language of GNU make 3.81 (the one macOS has). Each target may be run at any time, again and again.
.PHONY: help up down test check fmt lock docs bench
.DEFAULT_GOAL := help

# `make test ENGINES=all` also installs and tests the engines that need more than PyPI; ARGS goes to pytest or to the benchmark.
ENGINES =
ARGS =
PY = .venv/bin/python

help:
	@echo 'make up      install flock into .venv (first time: a minute or two), link it into ~/.local/bin, start it'
	@echo 'make down    stop it'
	@echo 'make test    all tests; ENGINES=all installs every real engine first; ARGS="-k name" goes to pytest'
	@echo 'make check   ruff, pyright, import-linter'
	@echo 'make fmt     format and sort imports'
	@echo 'make lock    write the lock files again; ARGS=--upgrade takes newer versions'
	@echo 'make docs    write the generated references, completions and pictures again'
	@echo 'make bench   cost of the gateway and the command line; ARGS=--quick takes a minute'

up:
	@tools/bootstrap.sh up

down:
	@if [ -x .venv/bin/flock ]; then exec .venv/bin/flock down; else echo 'flock: nothing is installed in this checkout, so nothing runs from it' >&2; fi

test:
	@tools/bootstrap.sh dev
	@if [ '$(ENGINES)' = all ]; then for script in tests/engines/install/*.sh; do "$$script" || exit; done; fi
	@FLOCK_TEST_ENGINES='$(ENGINES)' $(PY) -m pytest -n 2 --dist loadfile $(ARGS)

check:
	@tools/bootstrap.sh dev
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/pyright
	@.venv/bin/lint-imports

fmt:
	@tools/bootstrap.sh dev
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

lock:
	@tools/lock.sh $(ARGS)

docs:
	@tools/bootstrap.sh dev
	@$(PY) tools/docs.py
	@$(PY) tools/pictures.py

bench:
	@tools/bootstrap.sh dev
	@$(PY) benchmarks/run.py $(ARGS)
