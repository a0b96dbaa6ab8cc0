# `make` lists the targets. Everything runs in .venv, which `setup` builds; nothing else needs to be prepared.

# named, rndc and dnsmasq lie in sbin, which an ordinary user's PATH leaves out.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
SHELL := /bin/bash
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo lab test test-vm lint bench

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install what is missing: Debian packages (named, dnsmasq, git ...) and the Python environment
	@scripts/packages.sh
	@scripts/venv.sh

demo: setup  ## real named and dnsmasq, pushes and their answers, as root DHCP too (ARGS=--keep leaves it running)
	@scripts/packages.sh demo || echo "going on without DHCP"
	@$(BIN)/reconciler demo $(ARGS)

lab: setup  ## as root: two nodes in namespaces, a failover and its times (ARGS=--keep leaves them running)
	@scripts/packages.sh lab
	@$(BIN)/reconciler lab $(ARGS)

lint: setup  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

test: lint  ## lint, then all tests, with the real servers
	@scripts/packages.sh test
	$(BIN)/python -m pytest -q --durations=10 --numprocesses=auto --maxprocesses=4 --dist=loadfile

test-vm: setup  ## as root: a pair in two virtual machines, with real DRBD, heartbeat, systemd and AppArmor (ARGS=-k...)
	@scripts/packages.sh vm
	@tests/vm/image.sh >/dev/null
	RECONCILER_VM=1 $(BIN)/python -m pytest -q --durations=10 tests/vm $(ARGS)

bench: setup  ## measure against the floor and a peer; prints a table
	@scripts/packages.sh bench
	@$(BIN)/python -m bench
