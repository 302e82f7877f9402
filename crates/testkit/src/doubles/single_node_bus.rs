//! The bus of a node without others.

use std::future::pending;

use application::ports::{Bus, BusEvent};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};

#[derive(Debug, Default)]
pub(crate) struct SingleNodeBus;

#[async_trait]
impl Bus for SingleNodeBus {
    async fn publish(&self, _changes: &[Change]) {}

    async fn publish_ephemeral(&self, _signal: &EphemeralEvent) {}

    async fn subscribe(&self, _conversation: ConversationId, _wanted: bool) {}

    async fn next(&self) -> BusEvent {
        pending().await
    }

    fn is_connected(&self) -> bool {
        true
    }
}
