//! Connections, and how they are set up.

use application::ports::with_causes;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel_async::SimpleAsyncConnection as _;
use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Conn;
use super::address::Address;
use super::open::PostgresError;
use super::silence::LastReceived;
use super::stream::{LastError, Transport};
use super::tls;

/// Acknowledged commits are on disk, and every wait is bounded. Plans never scan whole tables, because
/// a plan that is cached while a table is small must still be good when it is large. Some plans then
/// look costly enough for the JIT, which would only slow them down.
const SET_UP: &str = "
    set synchronous_commit = on;
    set statement_timeout = '10s';
    set lock_timeout = '1s';
    set idle_in_transaction_session_timeout = '20s';
    set enable_seqscan = off;
    set jit = off;
";

/// Opens connections for a pool.
pub(super) struct Connector {
    address: Address,
    tls: MakeRustlsConnect,
}

pub(super) struct Connection {
    pub(super) conn: Conn,
    pub(super) last_error: LastError,
    pub(super) last_received: LastReceived,
    /// The task that moves bytes between the driver and the socket.
    driver: JoinHandle<()>,
}

impl Connector {
    pub(super) fn new(address: Address) -> Result<Self, PostgresError> {
        let tls = tls::connector(&address.security)?;
        Ok(Self { address, tls })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    async fn connect(&self, last_received: LastReceived) -> Result<Connection, PostgresError> {
        let last_error = LastError::default();
        let transport = Transport {
            tls: self.tls.clone(),
            ssl_mode: self.address.ssl_mode,
            last_error: last_error.clone(),
            last_received: last_received.clone(),
        };
        let connected = self.address.config.connect(transport).await;
        let (client, connection) =
            connected.map_err(|error| PostgresError::of(&self.address, &error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(
                    error = with_causes(&error),
                    "a database connection was lost; the pool will open another"
                );
            }
        });
        let failed = |source| PostgresError::SetUp { address: self.address.to_string(), source };
        let mut conn = Conn::try_from(client).await.map_err(|error| failed(error.into()))?;
        conn.batch_execute(SET_UP).await.map_err(|error| failed(error.into()))?;
        Ok(Connection { conn, last_error, last_received, driver })
    }
}

impl Connection {
    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// Sends a statement without waiting for its answer, so that it costs no round trip. The server
    /// executes it before all later ones.
    pub(super) fn send(&mut self, sql: &str) {
        // The first poll sends it. The next request notices a lost connection.
        drop(self.conn.batch_execute(sql).now_or_never());
    }

    /// Closes the socket without a farewell message, which a dead peer would never read.
    pub(super) fn abandon(self) {
        self.driver.abort();
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = PostgresError;

    async fn create(&self) -> Result<Connection, PostgresError> {
        let last_received = LastReceived::default();
        let connected = last_received.while_answered(self.connect(last_received.clone())).await;
        connected.unwrap_or_else(|silent| {
            let address = self.address.to_string();
            Err(PostgresError::Unreachable { address, source: silent.into() })
        })
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _metrics: &Metrics,
    ) -> RecycleResult<PostgresError> {
        if connection.is_closed() {
            return Err(RecycleError::message("the connection was lost"));
        }
        Ok(())
    }
}
