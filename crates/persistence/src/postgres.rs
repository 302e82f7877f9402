//! PostgreSQL: a pool of connections, which live on the runtime that opened it.

mod address;
mod batches;
mod connection;
mod db;
mod dialect;
mod gin_maintenance;
mod migrations;
mod open;
mod tls;
mod words;

#[path = "store/mod.rs"]
mod store;

pub use open::{PostgresChat, PostgresError, PostgresOptions};

use self::db::Db;

type Conn = diesel_async::AsyncPgConnection;
/// What the ports are implemented for.
type Store = PostgresChat;
