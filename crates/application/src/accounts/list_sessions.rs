//! Where one is signed in.

use std::sync::Arc;

use super::Caller;
use crate::ports::{ActiveSession, BackendError, Clock, SessionCursor, SessionStore};

/// Lists the sessions of who asks.
#[derive(Clone)]
pub struct ListSessions {
    sessions: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
}

impl ListSessions {
    /// Over these ports.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionStore>, clock: Arc<dyn Clock>) -> Self {
        Self { sessions, clock }
    }

    /// The caller's sessions that live, the most recently used first.
    pub async fn execute(
        &self,
        caller: &Caller,
        before: Option<SessionCursor>,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        self.sessions.living(caller.account.id, before, self.clock.now(), limit).await
    }
}
