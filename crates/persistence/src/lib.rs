//! The storage ports over diesel: SQLite.
//!
//! Everything that a dialect does not force to differ is one source, compiled
//! once for each dialect: `queries` and `stores` name the connection only as
//! `super::Conn`, and what differs as functions of `super::dialect`.

mod failure;
mod rows;
mod schema;
mod work;

mod sqlite;

pub use sqlite::{LaneError, OpenError, SqliteChat, SqliteOptions, migrate};
