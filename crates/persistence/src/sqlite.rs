//! SQLite: one thread that writes, some that read, each with its connection.

mod batches;
mod connection;
mod db;
mod dialect;
mod inline;
mod lane;
mod migrations;
mod open;
mod words;

#[path = "store/mod.rs"]
mod store;

use diesel::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

pub use lane::LaneError;
pub use open::{OpenError, SqliteChat, SqliteOptions, migrate};

use self::db::Db;
use self::inline::Inline;

type Conn = SyncConnectionWrapper<SqliteConnection, Inline>;
/// What the ports are implemented for.
type Store = SqliteChat;
