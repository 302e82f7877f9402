//! The storage ports over diesel: SQLite and PostgreSQL.
//!
//! Everything that a dialect does not force to differ is one source, compiled
//! once for each dialect: `queries` and `stores` name the connection only as
//! `super::Conn`, and what differs as functions of `super::dialect`.

#![expect(clippy::duplicate_mod, reason = "queries and stores are compiled once for each dialect")]

mod failure;
mod rows;
mod schema;
mod work;

mod postgres;
mod sqlite;

pub use postgres::{PostgresChat, PostgresError, PostgresOptions};
pub use sqlite::{LaneError, OpenError, SqliteChat, SqliteOptions, migrate};
