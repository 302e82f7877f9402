//! Connections, and how they are set up.

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel_async::SimpleAsyncConnection as _;
use tokio::task::JoinHandle;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Conn;
use super::address::Address;
use super::open::PostgresError;
use super::tls;

/// What is acknowledged is on disk, and nobody waits for anybody for ever. A plan that is
/// kept from when a table was small has to serve when it is large: it reads no whole table.
/// Where no index serves, it looks so costly that it would be compiled, which takes longer.
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

/// A connection, and the task that carries what it sends and gets.
pub(super) struct Connection {
    pub(super) conn: Conn,
    carrier: JoinHandle<()>,
}

impl Connector {
    pub(super) fn new(address: Address) -> Result<Self, PostgresError> {
        let tls = tls::connector(&address.security)?;
        Ok(Self { address, tls })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) async fn connect(&self) -> Result<Connection, PostgresError> {
        let connected = self.address.config.connect(self.tls.clone()).await;
        let (client, connection) =
            connected.map_err(|error| PostgresError::of(&self.address, &error))?;
        let carrier = tokio::spawn(async move {
            if let Err(error) = connection.await {
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::warn!(error, "a connection to the database has ended");
            }
        });
        let failed = |source| PostgresError::SetUp { address: self.address.to_string(), source };
        let mut conn = Conn::try_from(client).await.map_err(|error| failed(error.into()))?;
        conn.batch_execute(SET_UP).await.map_err(|error| failed(error.into()))?;
        Ok(Connection { conn, carrier })
    }
}

impl Connection {
    pub(super) fn is_closed(&self) -> bool {
        self.carrier.is_finished()
    }

    /// Ends it without a farewell, for which the other end may never have ears.
    pub(super) fn abandon(self) {
        self.carrier.abort();
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = PostgresError;

    async fn create(&self) -> Result<Connection, PostgresError> {
        self.connect().await
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _metrics: &Metrics,
    ) -> RecycleResult<PostgresError> {
        if connection.is_closed() {
            return Err(RecycleError::message("closed meanwhile"));
        }
        Ok(())
    }
}
