//! One node: every service, wired over its ports.

use std::sync::Arc;

use domain::NameRule;
use futures_util::future::{BoxFuture, FutureExt as _};

use crate::accounts::{AccountPorts, Accounts, SessionRules};
use crate::ports::{
    AccountStore, AuditLog, Bus, Clock, ConversationStore, IdSource, InboxStore, InviteStore,
    LocalBroadcast, PasswordHasher, RosterExchange, SearchIndex, SessionStore, Snapshot,
    TokenSigner,
};
use crate::{
    Batcher, Chat, ChatPorts, Connections, Hub, HubTiming, LastSeen, Limits, Presence,
    PresenceTiming, SearchIndexer, SecurityLog, Snapshots,
};

/// The services of a node.
pub struct Node {
    pub chat: Chat,
    pub accounts: Accounts,
    pub batcher: Batcher,
    pub hub: Hub,
    pub presence: Presence,
    pub last_seen: LastSeen,
    pub connections: Connections,
    pub limits: Limits,
    conversations: Arc<dyn ConversationStore>,
    tasks: Vec<BoxFuture<'static, ()>>,
}

pub struct NodePorts {
    pub conversations: Arc<dyn ConversationStore>,
    pub accounts: Arc<dyn AccountStore>,
    pub sessions: Arc<dyn SessionStore>,
    pub inbox: Arc<dyn InboxStore>,
    pub invites: Arc<dyn InviteStore>,
    pub audits: Arc<dyn AuditLog>,
    pub search_index: Arc<dyn SearchIndex>,
    pub signer: Arc<dyn TokenSigner>,
    pub hasher: Arc<dyn PasswordHasher>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub bus: Arc<dyn Bus>,
    pub rosters: Arc<dyn RosterExchange>,
    pub local_broadcast: Arc<dyn LocalBroadcast>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeSettings {
    pub sessions: SessionRules,
    pub names: NameRule,
    pub hub: HubTiming,
    pub presence: PresenceTiming,
}

impl Node {
    /// Nothing happens until the caller runs [`Self::take_tasks`].
    #[must_use]
    pub fn new(ports: NodePorts, limits: Limits, log: SecurityLog, settings: NodeSettings) -> Self {
        let NodePorts { conversations, accounts, clock, ids, bus, local_broadcast, .. } = ports;
        let mut tasks = Vec::new();
        let (hub, task) = Hub::new(
            Arc::clone(&conversations),
            Arc::clone(&accounts),
            Arc::clone(&bus),
            Arc::clone(&local_broadcast),
            settings.hub,
        );
        tasks.push(task.run().boxed());
        let (indexer, task) = SearchIndexer::new(ports.search_index);
        tasks.push(task.run().boxed());
        let (batcher, task) = Batcher::new(Arc::clone(&conversations), hub.clone(), bus, indexer);
        tasks.push(task.run().boxed());
        let (presence, task) = Presence::new(local_broadcast, ports.rosters, settings.presence);
        tasks.push(task.run().boxed());
        let (last_seen, task) = LastSeen::new(Arc::clone(&accounts), Arc::clone(&clock));
        tasks.push(task.run().boxed());
        let chat = ChatPorts {
            conversations: Arc::clone(&conversations),
            inbox: Arc::clone(&ports.inbox),
            invites: ports.invites,
            audits: ports.audits,
            accounts: Arc::clone(&accounts),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let chat = Chat::new(chat, batcher.clone(), hub.clone(), limits.clone());
        let (sessions, signer, hasher) = (ports.sessions, ports.signer, ports.hasher);
        let inbox = ports.inbox;
        let accounts = AccountPorts { accounts, inbox, sessions, signer, hasher, clock, ids };
        let accounts = Accounts::new(
            accounts,
            settings.sessions,
            settings.names,
            limits.clone(),
            hub.clone(),
            presence.clone(),
            log,
        );
        let connections = Connections::new(hub.clone(), presence.clone(), last_seen.clone());
        Self {
            chat,
            accounts,
            batcher,
            hub,
            presence,
            last_seen,
            connections,
            limits,
            conversations,
            tasks,
        }
    }

    /// Adds shared reads of the newest history, rendered by `render`.
    pub fn snapshots<T: Send + Sync + 'static>(
        &mut self,
        render: impl Fn(&Snapshot) -> T + Send + Sync + 'static,
    ) -> Snapshots<T> {
        let (snapshots, task) = Snapshots::new(Arc::clone(&self.conversations), render);
        self.tasks.push(task.run().boxed());
        snapshots
    }

    /// The background tasks. Each ends once every handle to its service is dropped.
    #[must_use]
    pub fn take_tasks(&mut self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut self.tasks)
    }
}
