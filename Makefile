# One command for each thing a person does. STACK names the environment: Pulumi.$(STACK).yaml.
STACK ?= local
.DEFAULT_GOAL := help
.PHONY: help up down preview status test test-long test-hosts check tools

help:
	@echo 'make up | preview | status | down   [STACK=local]   make tools | check | test'

# Installs what is missing and says what; a second run installs nothing.
tools:
	@toolchain/setup '$(STACK)'

up: tools
	./pulumiw up --yes --skip-preview -s '$(STACK)'
	@PULUMI_STACK='$(STACK)' ./pulumiw --run node cli/pgfleet.js status --wait --stack '$(STACK)'

preview: tools
	./pulumiw preview --diff -s '$(STACK)'

status:
	@PULUMI_STACK='$(STACK)' ./pulumiw --run node cli/pgfleet.js status --stack '$(STACK)'

# Everything stops; data folders stay.
down:
	./pulumiw destroy --yes --skip-preview -s '$(STACK)'

# Types, lint, unit tests: under a minute.
check: tools
	toolchain/test types lint unit

# Kills and faults at many points; PGFLEET_KILL_POINTS says how many.
test-long: tools
	toolchain/test long

# Machines with systemd over ssh, as containers: needs root, Docker and debootstrap; skipped, and said so, without them.
test-hosts: tools
	toolchain/test hosts

# Everything else, with real servers and the real engine.
test: tools
	toolchain/test unit server e2e
