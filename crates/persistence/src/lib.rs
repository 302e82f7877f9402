//! The storage ports over diesel, for SQLite and PostgreSQL.
//!
//! The ports and their queries are one source, the folder `store`, which is compiled twice: `sqlite.rs`
//! and `postgres.rs` each include it, and provide the connection type and the few statements that differ.
//! `schema` and `rows` are shared by both.

#![expect(clippy::duplicate_mod, reason = "the folder `store` is compiled once for each dialect")]

mod failure;
mod rows;
mod schema;
mod work;

mod postgres;
mod sqlite;

pub use postgres::{PostgresChat, PostgresError, PostgresOptions};
pub use sqlite::{OpenError, SqliteChat, SqliteOptions, migrate};
