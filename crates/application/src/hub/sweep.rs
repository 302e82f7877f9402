//! Compares this node's subscriptions with the store, independently of hints.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{ConversationId, Seq, UserId};

use super::sequencer::Sequencer;
use super::task::{HubTask, Read};
use crate::ports::{AccountVersions, BackendError, Delivery, Heads, with_causes};

pub(super) struct Sweep {
    /// Per conversation when the sweep began. A head below it means that the store went back.
    delivered: HashMap<ConversationId, Seq>,
    heads: Heads,
    users: Vec<UserId>,
    versions: Vec<AccountVersions>,
}

impl HubTask {
    /// Starts a sweep unless one is under way or nothing is subscribed.
    pub(super) async fn start_sweep(&mut self) {
        self.drop_unused_streams().await;
        let users = self.subscriptions.users();
        if self.sweeping || (self.streams.is_empty() && users.is_empty()) {
            return;
        }
        self.sweeping = true;
        let delivered: HashMap<_, _> =
            self.streams.iter().map(|(id, stream)| (*id, stream.sequencer.delivered())).collect();
        let (store, accounts) = (Arc::clone(&self.ports.store), Arc::clone(&self.ports.accounts));
        self.reads.push(Box::pin(async move {
            let sweep = async {
                let ids: Vec<_> = delivered.keys().copied().collect();
                let heads = store.heads(&ids).await?;
                let versions =
                    if users.is_empty() { Vec::new() } else { accounts.versions(&users).await? };
                Ok(Sweep { delivered, heads, users, versions })
            };
            Read::Sweep(sweep.await)
        }));
    }

    pub(super) async fn end_sweep(&mut self, sweep: Result<Sweep, BackendError>) {
        self.sweeping = false;
        let sweep = match sweep {
            Ok(sweep) => sweep,
            Err(error) => {
                tracing::error!(
                    error = with_causes(&error),
                    "the sweep failed; the next one retries"
                );
                return;
            }
        };
        let known = *self.epoch.get_or_insert(sweep.heads.epoch);
        let new_epoch = known != sweep.heads.epoch;
        self.epoch = Some(sweep.heads.epoch);
        for head in &sweep.heads.heads {
            let Some(before) = sweep.delivered.get(&head.conversation) else { continue };
            let went_back = head.seq < *before;
            if went_back && !new_epoch {
                tracing::error!(
                    conversation.id = %head.conversation,
                    "the store went back from change {before} to {}: after a restore, run `online-chat new-epoch`",
                    head.seq
                );
            }
            if new_epoch || went_back {
                self.reset(head.conversation, head.seq).await;
            } else {
                self.learn(head.conversation, head.seq);
            }
        }
        for user in self.subscriptions.outdated(&sweep.users, &sweep.versions) {
            self.broadcast(Delivery::Recheck(user)).await;
        }
        for user in self.subscriptions.outdated_inboxes(&sweep.versions) {
            self.broadcast(Delivery::Inbox(user)).await;
        }
    }

    async fn reset(&mut self, conversation: ConversationId, head: Seq) {
        let Some(stream) = self.streams.get_mut(&conversation) else { return };
        stream.sequencer = Sequencer::new(head);
        self.schedule(conversation, self.timing.reorder);
        self.broadcast(Delivery::Reset(conversation)).await;
    }

    async fn drop_unused_streams(&mut self) {
        let unused: Vec<_> = self
            .streams
            .keys()
            .copied()
            .filter(|id| !self.subscriptions.has_subscribers(*id))
            .collect();
        for id in unused {
            if let Some(at) = self.streams.remove(&id).and_then(|stream| stream.due) {
                self.due.remove(&(at, id));
            }
            self.ports.bus.subscribe(id, false).await;
        }
    }
}
