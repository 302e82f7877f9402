//! The storage ports over diesel, for SQLite and PostgreSQL.
//!
//! The folder `store` implements the ports and is compiled twice: `sqlite.rs` and `postgres.rs` each
//! include it, and provide the connection type and the few statements that differ. Both share `schema`
//! and `rows`.

#![expect(clippy::duplicate_mod, reason = "the folder `store` is compiled once for each dialect")]

mod failure;
mod rows;
mod schema;
mod work;

mod postgres;
mod sqlite;

/// A migration that was replaced before version 0.2, the first release.
const DEVELOPMENT_MIGRATION: &str = "20261125200000";

pub use postgres::{PostgresChat, PostgresError, PostgresOptions};
pub use sqlite::{OpenError, SqliteChat, SqliteOptions, migrate};
