//! An empty database for each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use persistence::{PostgresChat, PostgresOptions};
use testkit::ManualClock;
use tokio_postgres::{Client, NoTls};

/// The URL of a server, with a user who may create databases.
const SERVER: &str = "TEST_POSTGRES_URL";

/// A new database, which is never dropped, because the server is temporary.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("persistence_{}_{number}", std::process::id());
        let server = server_url();
        let admin = connect(&server).await;
        admin.batch_execute(&format!("create database {name}")).await.unwrap();
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Self { url: url.into() }
    }

    pub(crate) async fn open(&self) -> Arc<PostgresChat> {
        self.open_with(4).await
    }

    pub(crate) async fn open_with(&self, connections: usize) -> Arc<PostgresChat> {
        let options = PostgresOptions { connections };
        let clock = Arc::new(ManualClock::default());
        Arc::new(PostgresChat::open(&self.url, clock, options).await.unwrap())
    }

    /// A connection outside the pool.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

pub(crate) fn server_url() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} has to name a PostgreSQL server"))
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
