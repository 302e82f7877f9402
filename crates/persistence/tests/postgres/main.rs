//! The storage ports on PostgreSQL: `tests/services/postgres` runs a server for it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod contracts;
mod database;
mod encryption;
mod faults;
mod locks;
mod opening;
mod search_index;
mod statements;
