//! The connections of this node, and the hub and presence resources of each.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{Account, ConversationId, UserId, Username};

use crate::ports::{BackendError, InboxVersion};
use crate::{Hub, LastSeen, Presence};

#[derive(Debug, Clone)]
pub struct Connections {
    hub: Hub,
    presence: Presence,
    last_seen: LastSeen,
}

impl Connections {
    #[must_use]
    pub fn new(hub: Hub, presence: Presence, last_seen: LastSeen) -> Self {
        Self { hub, presence, last_seen }
    }

    /// Registers a connection of this account. The connection must recheck its rights once the
    /// account has a newer version.
    #[must_use]
    pub fn open(&self, account: &Account) -> ConnectionGuard {
        let (user, version) = (account.id, account.auth_version);
        self.hub.connected(user, version);
        ConnectionGuard { connections: self.clone(), user, held: Mutex::default() }
    }
}

/// One connection. Dropping it releases its subscriptions, its inbox watch, its presence and its
/// registration, in that order.
#[derive(Debug)]
pub struct ConnectionGuard {
    connections: Connections,
    user: UserId,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    subscriptions: BTreeSet<ConversationId>,
    watches_inbox: bool,
    online_as: Option<Username>,
}

impl ConnectionGuard {
    /// Delivers everything committed in these conversations after this call returned. Keeps
    /// earlier subscriptions; on failure adds none. Cancel-safe.
    pub async fn subscribe_all(
        &self,
        mut conversations: Vec<ConversationId>,
    ) -> Result<(), BackendError> {
        let hub = &self.connections.hub;
        conversations.retain(|id| !self.held().subscriptions.contains(id));
        hub.subscribe_all(conversations.clone()).await?;
        let mut held = self.held();
        for id in conversations {
            // A concurrent call may have subscribed it meanwhile.
            if !held.subscriptions.insert(id) {
                hub.unsubscribe(id);
            }
        }
        Ok(())
    }

    pub fn unsubscribe(&self, conversation: ConversationId) {
        if self.held().subscriptions.remove(&conversation) {
            self.connections.hub.unsubscribe(conversation);
        }
    }

    /// See [`Hub::watch_inbox`].
    pub fn watch_inbox(&self) {
        if !std::mem::replace(&mut self.held().watches_inbox, true) {
            self.connections.hub.watch_inbox(self.user);
        }
    }

    /// See [`Hub::saw_inbox`].
    pub fn saw_inbox(&self, version: InboxVersion) {
        self.connections.hub.saw_inbox(self.user, version);
    }

    /// Shows the user online through this connection.
    pub fn appear(&self, username: &Username) {
        let mut held = self.held();
        if held.online_as.is_none() {
            self.connections.presence.enter(username);
            held.online_as = Some(username.clone());
        }
    }

    pub fn disappear(&self) {
        if let Some(username) = self.held().online_as.take() {
            self.connections.presence.leave(&username);
        }
    }

    /// Never held across an await.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let subscriptions = std::mem::take(&mut self.held().subscriptions);
        for conversation in subscriptions {
            self.connections.hub.unsubscribe(conversation);
        }
        if self.held().watches_inbox {
            self.connections.hub.unwatch_inbox(self.user);
        }
        self.disappear();
        if self.connections.hub.disconnected(self.user) {
            self.connections.last_seen.left(self.user);
        }
    }
}
