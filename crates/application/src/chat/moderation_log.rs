//! What superusers did.

use domain::{Account, AuditEntry, Refusal, policy};

use super::{Chat, ChatError};
use crate::ports::AuditId;

impl Chat {
    /// What was done by the power of a superuser, the newest first; for superusers.
    pub async fn moderation_log(
        &self,
        caller: &Account,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, ChatError> {
        if !policy::may_audit(caller) {
            return Err(Refusal::Forbidden.into());
        }
        Ok(self.ports.audits.audited(before, limit).await?)
    }
}
