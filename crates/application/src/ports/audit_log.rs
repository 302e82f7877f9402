//! What superusers did.

use async_trait::async_trait;
use domain::AuditEntry;

use super::BackendError;

/// What superusers did, as [`ConversationStore::commit`](super::ConversationStore::commit)
/// wrote it down.
///
/// Every adapter passes `testkit::conversation_store_contract!`.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest first, below `before` if that is given. At most `limit`.
    async fn audited(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, BackendError>;
}

/// A place in the audit log; later entries have higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditId(pub i64);
