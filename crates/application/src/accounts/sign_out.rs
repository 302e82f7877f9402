//! Signing out.

use std::sync::Arc;

use domain::SessionId;

use super::Caller;
use crate::Hub;
use crate::ports::{BackendError, SessionStore};

/// Ends sessions: their tokens are worth nothing from then on, and their sockets
/// are closed. All of it may be tried again when the store failed.
#[derive(Clone)]
pub struct SignOut {
    sessions: Arc<dyn SessionStore>,
    hub: Hub,
}

impl SignOut {
    /// Over this port, and the hub that knows the sockets.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionStore>, hub: Hub) -> Self {
        Self { sessions, hub }
    }

    /// Ends the caller's session. A token of another server has none to be ended.
    pub async fn here(&self, caller: &Caller) -> Result<(), BackendError> {
        if let Some(session) = caller.session {
            self.of(caller, session).await?;
        }
        Ok(())
    }

    /// Ends a session of the caller's; says whether there was one to be ended.
    pub async fn of(&self, caller: &Caller, session: SessionId) -> Result<bool, BackendError> {
        let ended = self.sessions.revoke(caller.account.id, session).await?;
        self.hub.rights_changed(caller.account.id).await;
        Ok(ended)
    }

    /// Ends every session of the caller's, and all tokens of other servers that it has.
    pub async fn everywhere(&self, caller: &Caller) -> Result<(), BackendError> {
        self.sessions.revoke_all(caller.account.id).await?;
        self.hub.rights_changed(caller.account.id).await;
        Ok(())
    }
}
