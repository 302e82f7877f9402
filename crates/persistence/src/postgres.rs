//! PostgreSQL: a pool of connections, which run on the runtime that opened it.

mod address;
mod batches;
mod connection;
mod db;
mod dialect;
mod migrations;
mod open;
mod search_index;
mod silence;
mod stream;
mod tls;

// Compiled once for each dialect; see its module docs.
#[path = "store/mod.rs"]
mod store;

pub use open::{PostgresChat, PostgresError, PostgresOptions};

use self::db::Db;

type Conn = diesel_async::AsyncPgConnection;
/// The type that implements the ports in `store`.
type Store = PostgresChat;
