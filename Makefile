# The two commands of README are `make demo` and `make test`; the rest is for people who change the code.

CARGO ?= cargo
DEMO ?= target/demo
PROVENDER := $(CURDIR)/target/debug/provender

.PHONY: demo test lint bench install toolchain build dist

# Fails early, with advice, on a machine without Rust.
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust 1.95 or newer (https://rustup.rs)"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (LMDB is C): install gcc or clang"; exit 1; }

# Not optimised, so that it is there soon; `make install` takes its time.
build: toolchain
	$(CARGO) build --locked --package provender

# Optimised as a whole, as it is installed and measured.
dist: toolchain
	$(CARGO) build --profile dist --locked --package provender

# The main job, from an empty folder to features served.
demo: build
	rm -rf $(DEMO)
	$(PROVENDER) init $(DEMO)
	$(PROVENDER) -C $(DEMO) plan
	$(PROVENDER) -C $(DEMO) apply --auto-approve
	$(PROVENDER) -C $(DEMO) materialize-incremental
	$(PROVENDER) -C $(DEMO) get-online-features -e driver_id=1001 -e driver_id=1002 --feature-service driver_activity
	$(PROVENDER) -C $(DEMO) get-historical-features --entities $(DEMO)/data/trips.csv --feature-service driver_activity

test: toolchain
	$(CARGO) test --workspace --locked

lint: toolchain
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check; else echo "cargo-deny is not installed: licences and advisories were not checked"; fi

bench: dist
	benches/startup
	benches/load
	benches/plan
	benches/join
	benches/materialize
	benches/reads_while_materializing
	benches/serving
	benches/request_profile
	benches/soak

install: toolchain
	$(CARGO) install --locked --profile dist --path src/cli
