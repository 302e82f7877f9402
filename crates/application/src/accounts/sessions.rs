//! The sessions of a caller, and signing out.

use domain::SessionId;

use super::{Accounts, Caller};
use crate::ports::{ActiveSession, BackendError, SessionCursor};

impl Accounts {
    /// The caller's active sessions, the most recently used first.
    pub async fn sessions(
        &self,
        caller: &Caller,
        before: Option<SessionCursor>,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        let now = self.ports.clock.now();
        self.ports.sessions.active_sessions(caller.account.id, before, now, limit).await
    }

    /// Ends the caller's session and its sockets. A token of another server has none.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), BackendError> {
        if let Some(session) = caller.session {
            self.end_session(caller, session).await?;
        }
        Ok(())
    }

    /// Ends a session of the caller's and its sockets; returns whether there was one.
    pub async fn end_session(
        &self,
        caller: &Caller,
        session: SessionId,
    ) -> Result<bool, BackendError> {
        let ended = self.ports.sessions.revoke(caller.account.id, session).await?;
        self.hub.rights_changed(caller.account.id).await;
        Ok(ended)
    }

    /// Ends every session of the caller's, its sockets, and its tokens of other servers.
    pub async fn sign_out_everywhere(&self, caller: &Caller) -> Result<(), BackendError> {
        self.ports.sessions.revoke_all(caller.account.id).await?;
        self.hub.rights_changed(caller.account.id).await;
        Ok(())
    }
}
