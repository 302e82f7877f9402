use async_trait::async_trait;
use domain::AuditEntry;

use super::BackendError;

/// Actions that superusers took, as recorded by
/// [`ConversationStore::commit`](super::ConversationStore::commit).
///
/// Every adapter passes `testkit::conversation_store_contract!`.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Returns entries below `before`, newest first, at most `limit`.
    async fn audited(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, BackendError>;
}

/// Later entries have higher ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditId(pub i64);
