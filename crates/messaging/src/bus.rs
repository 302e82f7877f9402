//! Hints between nodes.

use application::ports::{Bus, BusEvent};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};

use crate::link::RedisLink;
use crate::wire;

/// Hints over Redis: one channel per conversation, subscribed to while
/// somebody listens here.
pub struct RedisBus {
    link: RedisLink,
}

impl RedisBus {
    /// Over this link.
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link }
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, changes: &[Change]) {
        let shared = &self.link.shared;
        // Nobody would hear it, and it would be old when Redis is back.
        if !shared.is_connected() {
            return;
        }
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let conversation = first.conversation();
            let here = rest.iter().take_while(|change| change.conversation() == conversation);
            let (run, others) = rest.split_at(here.count());
            let channel = shared.channels.conversation(conversation);
            for hint in wire::hints(shared.node, run) {
                shared.outbox.push(channel.clone(), hint);
            }
            rest = others;
        }
    }

    async fn publish_ephemeral(&self, signal: &EphemeralEvent) {
        let shared = &self.link.shared;
        if shared.is_connected()
            && let Some(hint) = wire::signal(shared.node, signal)
        {
            let channel = shared.channels.conversation(signal.conversation);
            shared.outbox.push_ephemeral(channel, hint);
        }
    }

    async fn subscribe(&self, conversation: ConversationId, wanted: bool) {
        self.link.shared.want(conversation, wanted);
    }

    async fn next(&self) -> BusEvent {
        self.link.shared.events.next().await
    }

    fn is_connected(&self) -> bool {
        self.link.shared.is_connected()
    }
}
