//! SQLite: one writer thread and several reader threads, each with its own connection.

mod batches;
mod connection;
mod db;
mod dialect;
mod erasure;
mod migrations;
mod open;
mod search_index;

// Compiled once for each dialect; see its module docs.
#[path = "store/mod.rs"]
mod store;

use diesel::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

pub use open::{OpenError, SqliteChat, SqliteOptions, migrate};

use self::connection::Inline;
use self::db::Db;

type Conn = SyncConnectionWrapper<SqliteConnection, Inline>;
/// The type that implements the ports in `store`.
type Store = SqliteChat;
