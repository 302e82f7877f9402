use async_trait::async_trait;

use super::StoreError;

/// The index that searches use. It follows the messages: sending one only queues it.
///
/// Tested by the search contracts of [`ConversationStore`](super::ConversationStore).
#[async_trait]
pub trait SearchIndex: Send + Sync {
    /// Indexes up to `limit` messages that were sent or edited, fewer if their texts are large, and
    /// returns their number: 0 if nothing is left. Safe to call from several nodes at once.
    async fn index_new(&self, limit: usize) -> Result<usize, StoreError>;
}
