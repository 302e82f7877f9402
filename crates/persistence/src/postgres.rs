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

#[path = "queries/accounts.rs"]
mod accounts;
#[path = "queries/commit.rs"]
mod commit;
#[path = "queries/conversations.rs"]
mod conversations;
#[path = "queries/facts.rs"]
mod facts;
#[path = "queries/inbox.rs"]
mod inbox;
#[path = "queries/invites.rs"]
mod invites;
#[path = "queries/known_addresses.rs"]
mod known_addresses;
#[path = "queries/mentions.rs"]
mod mentions;
#[path = "queries/messages.rs"]
mod messages;
#[path = "queries/search.rs"]
mod search;
#[path = "queries/sessions.rs"]
mod sessions;

#[path = "stores/account_store.rs"]
mod account_store;
#[path = "stores/audit_log.rs"]
mod audit_log;
#[path = "stores/conversation_store.rs"]
mod conversation_store;
#[path = "stores/inbox_store.rs"]
mod inbox_store;
#[path = "stores/invite_store.rs"]
mod invite_store;
#[path = "stores/known_address_store.rs"]
mod known_address_store;
#[path = "stores/session_store.rs"]
mod session_store;

pub use open::{PostgresChat, PostgresError, PostgresOptions};

use self::db::Db;

type Conn = diesel_async::AsyncPgConnection;
/// What the ports are implemented for.
type Store = PostgresChat;
