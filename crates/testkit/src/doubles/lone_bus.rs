//! A bus between a node and nobody.

use std::future::pending;

use application::ports::{Bus, BusEvent};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};

/// The bus of a node that has no others.
#[derive(Debug, Default)]
pub(crate) struct LoneBus;

#[async_trait]
impl Bus for LoneBus {
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
