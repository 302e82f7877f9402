# List the recipes
default:
    @just --list

# Run the server on http://127.0.0.1:8000, with SQLite in ./data
dev:
    cargo run --bin online-chat

# All tests; needs only Rust and a C compiler
test:
    cargo test --workspace

# Tests of rules and use cases only: no database, seconds
test-core:
    cargo test --package domain --package application

# Tests of storage, messaging and several nodes, on temporary PostgreSQL and Redis servers (both must be installed)
test-services:
    tests/services/postgres cargo test --workspace --all-features --test postgres --test redis
    tests/services/postgres cargo test --package server --all-features --test system nodes

# Format, lints and docs: run it before every commit
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items

# Licences, sources and known vulnerabilities of dependencies; needs `cargo install cargo-deny`
deny:
    cargo deny --locked check

# Bill of materials of the program, in target/online-chat.cdx.json; needs `cargo install cargo-cyclonedx`
sbom:
    cargo cyclonedx --format json --spec-version 1.5 --describe binaries
    mv crates/server/online-chat_bin.cdx.json target/online-chat.cdx.json
    rm crates/loadgen/loadgen_bin.cdx.json

# The compat contract suite against the built server; PROFILE is parity or default
contract PROFILE="parity":
    cargo build --bin online-chat
    tests/contract/run target/debug/online-chat {{PROFILE}}

# The built server against its OpenAPI document; needs tests/api/requirements.txt
api:
    cargo build --bin online-chat
    tests/api/run target/debug/online-chat

# The pages in headless Chromium
browser:
    cargo build --bin online-chat
    tests/browser/run target/debug/online-chat

# The React client on bad networks; needs Node 20.10 or newer
networks:
    cargo build --bin online-chat
    tests/networks/run target/debug/online-chat

# The files of docker/, without docker; needs nginx and tests/docker/requirements.txt
docker:
    tests/docker/run target/docker

# Fuzz a target for so many seconds, or all of them in turn; crashes go to the __fuzz__ folders
fuzz TARGET="all" SECONDS="60":
    tests/fuzz {{TARGET}} {{SECONDS}}

# Measures a row of docs/performance.md, or all of them (needs PostgreSQL and Redis installed)
bench *ROWS:
    cargo build --release --bin online-chat --bin loadgen
    TEST_POSTGRES_DURABLE=yes tests/services/postgres tests/services/redis target/release/loadgen bench {{ROWS}}

# Everything that must pass before a change lands
ci:
    .ci/run
