# List the recipes
default:
    @just --list

# Run the server on http://127.0.0.1:8000: SQLite in ./data, nothing to set up
dev:
    cargo run --bin online-chat

# All tests; needs nothing but Rust and a C compiler
test:
    cargo test --workspace

# Tests of the rules and use cases alone: no database, seconds
test-core:
    cargo test --package domain --package application

# Storage, messaging and several nodes, on a PostgreSQL and a Redis of their own (both have to be installed)
test-services:
    tests/services/postgres cargo test --workspace --all-features --test postgres --test redis
    tests/services/postgres cargo test --package server --all-features --test system nodes

# What to run before every commit
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items

# The wire contract against the built server; PROFILE is parity or default
contract PROFILE="parity":
    cargo build --bin online-chat
    tests/contract/run target/debug/online-chat {{PROFILE}}

# What the OpenAPI document says, against the built server; needs tests/api/requirements.txt
api:
    cargo build --bin online-chat
    tests/api/run target/debug/online-chat

# The pages, in headless Chromium
browser:
    cargo build --bin online-chat
    tests/browser/run target/debug/online-chat

# What docker/ describes, without docker; needs nginx
docker:
    tests/docker/run target/docker

# What the server costs, beside the floor: a row of docs/performance.md, or all of them (which needs PostgreSQL and Redis installed)
bench *ROWS:
    cargo build --release --bin online-chat --bin loadgen
    TEST_POSTGRES_DURABLE=yes tests/services/postgres tests/services/redis target/release/loadgen bench {{ROWS}}

# Everything that has to hold before a change lands
ci:
    .ci/run
