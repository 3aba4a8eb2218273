# `make run` sets everything up and serves; `make test` sets everything up and runs every test.

# Stamped into the binary; a build without git says "unknown".
export ARGOS_COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
export ARGOS_BUILT_AT ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
# Absolute, since tests run in the folders of their packages.
SHARED_DIR ?= ../shared
override export SHARED_DIR := $(abspath $(SHARED_DIR))

HTTP ?= 127.0.0.1:8080
HTTPS ?= 127.0.0.1:8443
PANEL ?= 127.0.0.1:9180
DATA ?= data

.PHONY: run build test lint test-rust test-python test-node test-framing test-clients test-readme bench

run: build
	./target/release/argos serve --demo --data-dir $(DATA) --http $(HTTP) --https $(HTTPS) --panel $(PANEL)

build:
	cargo build --release --package argos-server

test: lint test-rust test-python test-node test-framing test-clients test-readme

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings

test-rust:
	scripts/setup-crs
	scripts/setup-knot
	scripts/setup-acme
	scripts/setup-receivers
	cargo test --no-fail-fast

test-python:
	scripts/test-python

test-node:
	scripts/test-node

test-clients:
	scripts/test-clients

test-framing:
	scripts/test-framing

test-readme:
	scripts/test-readme
	scripts/make-reference --check

bench:
	cargo bench --package argos-benches
