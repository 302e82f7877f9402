//! [`Bus`] over Redis publish/subscribe, with one channel for each conversation.

use application::ports::{Bus, BusEvent};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};

use crate::redis_link::RedisLink;
use crate::wire;

pub struct RedisBus {
    link: RedisLink,
}

impl RedisBus {
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link }
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, changes: &[Change]) {
        let shared = &self.link.shared;
        // Hints kept until Redis is back would be stale: nodes sweep the store then.
        if !shared.is_connected() {
            return;
        }
        for run in changes.chunk_by(|a, b| a.conversation() == b.conversation()) {
            let Some(first) = run.first() else { continue };
            let channel = shared.channels.conversation(first.conversation());
            for hint in wire::change_hints(shared.node, run) {
                shared.publish(channel.clone(), hint);
            }
        }
    }

    async fn publish_ephemeral(&self, event: &EphemeralEvent) {
        let shared = &self.link.shared;
        if shared.is_connected()
            && let Some(hint) = wire::ephemeral_hint(shared.node, event)
        {
            let channel = shared.channels.conversation(event.conversation);
            shared.publish_ephemeral(channel, hint);
        }
    }

    async fn subscribe(&self, conversation: ConversationId, wanted: bool) {
        self.link.shared.set_subscribed(conversation, wanted);
    }

    async fn next(&self) -> BusEvent {
        self.link.shared.events.next().await
    }

    fn is_connected(&self) -> bool {
        self.link.shared.is_connected()
    }
}
