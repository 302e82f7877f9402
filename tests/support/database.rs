//! A PostgreSQL database for one test.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

use tokio_postgres::{Client, NoTls};

/// Holds the URL of the server, with a role that may create databases.
const SERVER: &str = "TEST_POSTGRES_URL";

/// An empty database; dropped when it goes out of scope.
pub(crate) struct Database {
    name: String,
    url: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat_system_{}_{number}", process::id());
        Self::server().await.batch_execute(&format!("create database {name}")).await.unwrap();
        let mut url = url::Url::parse(&server_url()).unwrap();
        url.set_path(&name);
        Self { name, url: url.into() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A connection to the server, outside the databases of tests.
    pub(crate) async fn server() -> Client {
        connect(&server_url()).await
    }

    /// A connection of its own to it.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        let clean = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&server_url(), NoTls).await?;
                tokio::spawn(connection);
                client.batch_execute(&drop).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        // The temporary server drops its databases anyway.
        let _ = clean.join();
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The server itself, with a role that may create databases.
pub(crate) fn server_url() -> String {
    env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} has to name a PostgreSQL server"))
}
