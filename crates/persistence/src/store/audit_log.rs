//! [`AuditLog`] over the queries.

use application::ports::{AuditId, AuditLog, BackendError};
use async_trait::async_trait;
use domain::AuditEntry;

use super::{Store, invites};

#[async_trait]
impl AuditLog for Store {
    async fn audited(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, BackendError> {
        self.read("read the audit log", async move |conn| {
            invites::audited(conn, before, limit).await
        })
        .await
    }
}
