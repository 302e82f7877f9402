use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{AuthVersion, ConversationId, UserId};

use crate::ports::{AccountVersions, InboxVersion};

/// Counts the subscriptions and connections of this node. The lock is held only for look-ups.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    subscribers: HashMap<ConversationId, usize>,
    connections: HashMap<UserId, Connections>,
    inboxes: HashMap<UserId, Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    watchers: usize,
    /// The oldest version that a watcher has read.
    version: Option<InboxVersion>,
}

#[derive(Debug)]
struct Connections {
    count: usize,
    /// The oldest version under which a connection was authenticated.
    version: AuthVersion,
}

impl Subscriptions {
    pub(super) fn subscribe(&self, conversation: ConversationId) {
        *self.state().subscribers.entry(conversation).or_default() += 1;
    }

    pub(super) fn unsubscribe(&self, conversation: ConversationId) {
        let mut state = self.state();
        if let Some(count) = state.subscribers.get_mut(&conversation) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.subscribers.remove(&conversation);
            }
        }
    }

    pub(super) fn has_subscribers(&self, conversation: ConversationId) -> bool {
        self.state().subscribers.contains_key(&conversation)
    }

    pub(super) fn connected(&self, user: UserId, version: AuthVersion) {
        self.state()
            .connections
            .entry(user)
            .and_modify(|known| {
                known.count += 1;
                known.version = known.version.min(version);
            })
            .or_insert(Connections { count: 1, version });
    }

    /// Returns whether it was the last connection.
    pub(super) fn disconnected(&self, user: UserId) -> bool {
        let mut state = self.state();
        let Some(known) = state.connections.get_mut(&user) else { return false };
        known.count = known.count.saturating_sub(1);
        let was_last = known.count == 0;
        if was_last {
            state.connections.remove(&user);
        }
        was_last
    }

    pub(super) fn is_connected(&self, user: UserId) -> bool {
        self.state().connections.contains_key(&user)
    }

    pub(super) fn watch_inbox(&self, user: UserId) {
        self.state().inboxes.entry(user).or_default().watchers += 1;
    }

    pub(super) fn unwatch_inbox(&self, user: UserId) {
        let mut state = self.state();
        if let Some(inbox) = state.inboxes.get_mut(&user) {
            inbox.watchers = inbox.watchers.saturating_sub(1);
            if inbox.watchers == 0 {
                state.inboxes.remove(&user);
            }
        }
    }

    pub(super) fn saw_inbox(&self, user: UserId, version: InboxVersion) {
        if let Some(inbox) = self.state().inboxes.get_mut(&user) {
            inbox.version = Some(inbox.version.map_or(version, |known| known.min(version)));
        }
    }

    pub(super) fn watches_inbox(&self, user: UserId) -> bool {
        self.state().inboxes.contains_key(&user)
    }

    /// Returns watched inboxes with a newer version than their watchers have read, each once per
    /// version.
    pub(super) fn outdated_inboxes(&self, versions: &[AccountVersions]) -> Vec<UserId> {
        let mut state = self.state();
        let mut outdated = Vec::new();
        for AccountVersions { user, inbox: version, .. } in versions {
            let Some(inbox) = state.inboxes.get_mut(user) else { continue };
            if inbox.version.is_some_and(|known| known < *version) {
                inbox.version = Some(*version);
                outdated.push(*user);
            }
        }
        outdated
    }

    pub(super) fn users(&self) -> Vec<UserId> {
        self.state().connections.keys().copied().collect()
    }

    /// Returns the accounts among `asked` that are gone or changed since their connections were
    /// authenticated, each once per version.
    pub(super) fn outdated(&self, asked: &[UserId], versions: &[AccountVersions]) -> Vec<UserId> {
        let versions: HashMap<_, _> =
            versions.iter().map(|found| (found.user, found.auth)).collect();
        let mut state = self.state();
        let mut outdated = Vec::new();
        for user in asked {
            let Some(known) = state.connections.get_mut(user) else { continue };
            match versions.get(user) {
                Some(version) if *version <= known.version => {}
                Some(version) => {
                    known.version = *version;
                    outdated.push(*user);
                }
                None => outdated.push(*user),
            }
        }
        outdated
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every method leaves the counts consistent, so a poisoned lock is harmless.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
