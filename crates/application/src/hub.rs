//! Delivers committed changes of all nodes to this node's sockets, in order, and reads changes
//! that hints missed from the store.

mod sequencer;
mod subscriptions;
mod task;

use std::sync::Arc;
use std::time::Duration;

use domain::{AuthVersion, Change, ConversationId, EphemeralEvent, UserId};
use tokio::sync::{mpsc, oneshot};

use crate::ports::{
    AccountStore, BackendError, Bus, ConversationStore, InboxVersion, LocalBroadcast,
};
use subscriptions::Subscriptions;
pub use task::HubTask;

/// Commands that may wait for the task; further callers wait for space.
const QUEUE: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubTiming {
    /// Wait before a gap is read from the store: hints may come out of order.
    pub reorder: Duration,
    /// Interval at which everything subscribed here is compared with the store.
    pub sweep: Duration,
    /// The same while the bus is disconnected.
    pub sweep_without_hints: Duration,
}

impl Default for HubTiming {
    fn default() -> Self {
        Self {
            reorder: Duration::from_millis(25),
            sweep: Duration::from_secs(2),
            sweep_without_hints: Duration::from_millis(750),
        }
    }
}

/// Accepts changes and subscriptions of this node. Cheap to clone.
///
/// Sockets subscribe through a [`ConnectionGuard`](crate::ConnectionGuard).
#[derive(Debug, Clone)]
pub struct Hub {
    queue: mpsc::Sender<Command>,
    subscriptions: Arc<Subscriptions>,
}

#[derive(Debug)]
enum Command {
    Offer(Vec<Change>),
    Subscribe(Vec<ConversationId>, oneshot::Sender<Result<(), BackendError>>),
    InboxChanged(UserId),
    Ephemeral(EphemeralEvent),
    RightsChanged(UserId),
}

impl Hub {
    /// Also returns the task that the caller must run.
    #[must_use]
    pub fn new(
        store: Arc<dyn ConversationStore>,
        accounts: Arc<dyn AccountStore>,
        bus: Arc<dyn Bus>,
        local_broadcast: Arc<dyn LocalBroadcast>,
        timing: HubTiming,
    ) -> (Self, HubTask) {
        let (queue, commands) = mpsc::channel(QUEUE);
        let subscriptions = Arc::new(Subscriptions::default());
        let ports = task::Ports { store, accounts, bus, local_broadcast };
        let task = HubTask::new(commands, Arc::clone(&subscriptions), ports, timing);
        (Self { queue, subscriptions }, task)
    }

    /// Accepts committed changes, in any order; duplicates are ignored.
    pub async fn offer(&self, changes: Vec<Change>) {
        // The send fails only while the node is stopping, as the task has ended. The same holds
        // below.
        drop(self.queue.send(Command::Offer(changes)).await);
    }

    /// Delivers everything committed after this call returned. Subscriptions are counted: each
    /// successful call needs its own [`Self::unsubscribe`]. Cancel-safe.
    pub async fn subscribe(&self, conversation: ConversationId) -> Result<(), BackendError> {
        self.subscribe_all(vec![conversation]).await
    }

    /// Like [`Self::subscribe`], for all of them or none, with one read of all heads.
    pub async fn subscribe_all(
        &self,
        conversations: Vec<ConversationId>,
    ) -> Result<(), BackendError> {
        let stopped = || BackendError::new("subscribe", "the hub has stopped");
        for conversation in &conversations {
            self.subscriptions.subscribe(*conversation);
        }
        let mut undo =
            Undo { subscriptions: &self.subscriptions, conversations: conversations.clone() };
        let (reply, answer) = oneshot::channel();
        let command = Command::Subscribe(conversations, reply);
        self.queue.send(command).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())??;
        undo.conversations.clear();
        Ok(())
    }

    pub fn unsubscribe(&self, conversation: ConversationId) {
        self.subscriptions.unsubscribe(conversation);
    }

    /// Delivers [`Delivery::Inbox`](crate::ports::Delivery::Inbox) whenever the inbox of this
    /// account changes. Counted like [`Self::subscribe`].
    pub fn watch_inbox(&self, user: UserId) {
        self.subscriptions.watch_inbox(user);
    }

    pub fn unwatch_inbox(&self, user: UserId) {
        self.subscriptions.unwatch_inbox(user);
    }

    /// Records which inbox version a connection has read, so that a sweep detects a newer one.
    pub fn saw_inbox(&self, user: UserId, version: InboxVersion) {
        self.subscriptions.saw_inbox(user, version);
    }

    /// Call this after each change to an inbox by this node.
    pub async fn inbox_changed(&self, user: UserId) {
        drop(self.queue.send(Command::InboxChanged(user)).await);
    }

    /// Delivers an ephemeral event on all nodes. Never waits: drops the event while the queue is
    /// full.
    pub fn publish_ephemeral(&self, event: EphemeralEvent) {
        drop(self.queue.try_send(Command::Ephemeral(event)));
    }

    /// Delivers [`Delivery::Recheck`](crate::ports::Delivery::Recheck) once the account has a
    /// newer version. Counted like [`Self::subscribe`].
    pub fn connected(&self, user: UserId, version: AuthVersion) {
        self.subscriptions.connected(user, version);
    }

    /// Returns whether it was the last connection of this account.
    #[must_use]
    pub fn disconnected(&self, user: UserId) -> bool {
        self.subscriptions.disconnected(user)
    }

    /// Call this after this node took rights from an account, so that its connections are
    /// rechecked before the next sweep.
    pub async fn rights_changed(&self, user: UserId) {
        drop(self.queue.send(Command::RightsChanged(user)).await);
    }
}

/// Unsubscribes on failure, and when the caller is dropped while it waits.
struct Undo<'a> {
    subscriptions: &'a Subscriptions,
    conversations: Vec<ConversationId>,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        for conversation in &self.conversations {
            self.subscriptions.unsubscribe(*conversation);
        }
    }
}
