//! The storage ports, written once for all dialects.
//!
//! `sqlite.rs` and `postgres.rs` each include this folder by `#[path]`, so that it is compiled twice.
//! `super` provides the differences: the connection (`Conn`), the store that implements the ports
//! (`Store`), specific statements (`dialect`), and the search index (`search_index`).

mod accounts;
pub(super) mod commit;
mod conversations;
mod facts;
mod hidden_names;
mod inbox;
mod invitations;
mod invites;
mod known_addresses;
mod messages;
mod search;
mod sessions;

use application::ports::{BackendError, StoreError};

use super::{Conn, Store, dialect, search_index};
use crate::work::{Reads, Work};

impl Store {
    /// Runs `work` in one transaction. It is committed and on disk when this returns.
    async fn write<R: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Work<Conn, R>,
    ) -> Result<R, StoreError> {
        let result = self.db.write(work).await;
        result.map_err(|failure| failure.into_store_error(operation))
    }

    /// Runs reads on one snapshot.
    async fn snapshot<R: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Work<Conn, R> + Clone,
    ) -> Result<R, BackendError> {
        let result = self.db.read(Reads::Snapshot, work).await;
        result.map_err(|failure| failure.into_backend_error(operation))
    }

    /// The same for reads that may take seconds each.
    async fn slow_snapshot<R: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Work<Conn, R> + Clone,
    ) -> Result<R, BackendError> {
        let result = self.db.read(Reads::SlowSnapshot, work).await;
        result.map_err(|failure| failure.into_backend_error(operation))
    }

    /// Runs reads without a transaction, so that they need not agree with each other.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Work<Conn, R> + Clone,
    ) -> Result<R, BackendError> {
        let result = self.db.read(Reads::Independent, work).await;
        result.map_err(|failure| failure.into_backend_error(operation))
    }
}
