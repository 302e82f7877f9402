//! Signing out.

use std::sync::Arc;

use super::Caller;
use crate::ports::{BackendError, SessionStore};

/// Ends the session of a token.
#[derive(Clone)]
pub struct SignOut {
    sessions: Arc<dyn SessionStore>,
}

impl SignOut {
    /// Over this port.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionStore>) -> Self {
        Self { sessions }
    }

    /// Ends the caller's session: its tokens are worth nothing from now on, and its
    /// sockets are closed. A token of another server has no session to be ended.
    ///
    /// # Errors
    ///
    /// [`BackendError`] when the store failed; it may be tried again.
    pub async fn execute(&self, caller: &Caller) -> Result<(), BackendError> {
        match caller.session {
            Some(session) => Ok(self.sessions.revoke(session).await?),
            None => Ok(()),
        }
    }
}
