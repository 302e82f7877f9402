use application::ports::{AuditId, AuditLog, BackendError};
use async_trait::async_trait;
use domain::AuditEntry;

use crate::store::InMemoryChat;

#[async_trait]
impl AuditLog for InMemoryChat {
    async fn audited(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, BackendError> {
        let state = self.state();
        let entries = (1..).map(AuditId).zip(state.audits.iter().copied());
        let mut entries: Vec<_> =
            entries.filter(|(id, _)| before.is_none_or(|before| *id < before)).collect();
        entries.reverse();
        entries.truncate(limit);
        Ok(entries)
    }
}
