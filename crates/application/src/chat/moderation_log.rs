use domain::{Account, AuditEntry, Refusal, policy};

use super::{Chat, ChatError};
use crate::ports::AuditId;

impl Chat {
    /// Returns the actions taken by superuser rights, newest first. Superusers only.
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
