//! Opens, migrates and closes the configured database.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use application::ports::{
    AccountStore, AuditLog, ConversationStore, InboxStore, InviteStore, KnownAddressStore,
    SearchIndex, SessionStore,
};
use domain::Epoch;
use persistence::{PostgresChat, PostgresOptions, SqliteChat, SqliteOptions};

use uuid::Uuid;

use crate::cluster::SystemClock;
use crate::settings::{Settings, StorageSettings, StorageUrl};

/// How long a command waits for SQLite's lock, which is unfair: a busy server releases it only briefly.
const COMMAND_BUSY_TIMEOUT: Duration = Duration::from_mins(1);

/// An open database behind its ports.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) conversations: Arc<dyn ConversationStore>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) inbox: Arc<dyn InboxStore>,
    pub(crate) invites: Arc<dyn InviteStore>,
    pub(crate) audits: Arc<dyn AuditLog>,
    pub(crate) search_index: Arc<dyn SearchIndex>,
    pub(crate) known_addresses: Arc<dyn KnownAddressStore>,
    database: Database,
}

#[derive(Clone)]
enum Database {
    Sqlite(Arc<SqliteChat>),
    Postgres(Arc<PostgresChat>),
}

impl Storage {
    /// Opens the database for a server. Call it on the runtime that outlives all others.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let StorageSettings { readers, erase_after, .. } = settings.storage;
        open(settings, SqliteOptions { readers, erase_after, ..SqliteOptions::default() }).await
    }

    /// Opens the database for a command, beside a server that may be busy. Creates no SQLite database.
    pub(crate) async fn open_for_command(settings: &Settings) -> anyhow::Result<Self> {
        if let StorageUrl::Sqlite(file) = &settings.storage.url
            && !file.exists()
        {
            let file = file.display();
            bail!(
                "there is no database {file}; run it in the folder of the server, or make one with `online-chat migrate`"
            );
        }
        let readers = NonZero::<usize>::MIN;
        let busy_timeout = COMMAND_BUSY_TIMEOUT;
        open(settings, SqliteOptions { readers, busy_timeout, ..SqliteOptions::default() }).await
    }

    /// The database setting that puts commits on disk before they are acknowledged.
    pub(crate) async fn durability(&self) -> anyhow::Result<String> {
        Ok(match &self.database {
            Database::Sqlite(chat) => format!("synchronous={}", chat.synchronous().await?),
            Database::Postgres(chat) => {
                format!("synchronous_commit={}", chat.synchronous_commit().await?)
            }
        })
    }

    /// Makes every client load its messages again.
    pub(crate) async fn begin_epoch(&self) -> anyhow::Result<()> {
        let epoch = Epoch::new(Uuid::new_v4().as_u128());
        self.conversations.new_epoch(epoch).await.context("the epoch was not changed")
    }

    /// Waits until the disk fails, which only SQLite reports here.
    pub(crate) async fn failed(&self) {
        match &self.database {
            Database::Sqlite(chat) => chat.failed().await,
            Database::Postgres(_) => std::future::pending().await,
        }
    }

    /// Finishes pending requests. Later ones fail.
    pub(crate) async fn close(&self) -> anyhow::Result<()> {
        match &self.database {
            Database::Sqlite(chat) => {
                chat.close().await.context("the database was not closed cleanly")
            }
            Database::Postgres(chat) => {
                chat.close();
                Ok(())
            }
        }
    }
}

async fn open(settings: &Settings, options: SqliteOptions) -> anyhow::Result<Storage> {
    let clock = Arc::new(SystemClock);
    Ok(match &settings.storage.url {
        StorageUrl::Sqlite(file) => {
            let chat = Arc::new(SqliteChat::open(file, clock, options)?);
            chat.fill_name_keys().await?;
            storage(&chat, Database::Sqlite(Arc::clone(&chat)))
        }
        StorageUrl::Postgres(url) => {
            let options = PostgresOptions { connections: settings.storage.connections };
            let chat = Arc::new(PostgresChat::open(url.expose(), clock, options).await?);
            chat.fill_name_keys().await?;
            storage(&chat, Database::Postgres(Arc::clone(&chat)))
        }
    })
}

fn storage<S>(chat: &Arc<S>, database: Database) -> Storage
where
    S: ConversationStore + AccountStore + SessionStore + InboxStore + InviteStore + AuditLog,
    S: KnownAddressStore + SearchIndex + 'static,
{
    Storage {
        conversations: Arc::clone(chat) as _,
        accounts: Arc::clone(chat) as _,
        sessions: Arc::clone(chat) as _,
        inbox: Arc::clone(chat) as _,
        invites: Arc::clone(chat) as _,
        audits: Arc::clone(chat) as _,
        search_index: Arc::clone(chat) as _,
        known_addresses: Arc::clone(chat) as _,
        database,
    }
}

/// Migrates the database, and returns the versions that were added.
pub(crate) async fn migrate(settings: &Settings) -> anyhow::Result<Vec<String>> {
    Ok(match &settings.storage.url {
        StorageUrl::Sqlite(file) => persistence::migrate(file, COMMAND_BUSY_TIMEOUT)?,
        StorageUrl::Postgres(url) => PostgresChat::migrate(url.expose()).await?,
    })
}
