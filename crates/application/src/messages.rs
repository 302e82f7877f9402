//! What one does with messages: each file one use case.

mod alter;
mod read;
mod send;

use std::sync::Arc;

use domain::{Account, Conversation, ConversationId, Member, Refusal, policy};

use crate::batcher::{Batcher, CommitError};
use crate::limits::Limits;
use crate::ports::{BackendError, ConversationStore, IdSource, RetryAfter};

/// Sends, alters and reads messages. Cheap to clone.
#[derive(Clone)]
pub struct Messages {
    store: Arc<dyn ConversationStore>,
    batcher: Batcher,
    ids: Arc<dyn IdSource>,
    limits: Limits,
}

impl Messages {
    /// Over a store and the batcher that writes to it.
    #[must_use]
    pub fn new(
        store: Arc<dyn ConversationStore>,
        batcher: Batcher,
        ids: Arc<dyn IdSource>,
        limits: Limits,
    ) -> Self {
        Self { store, batcher, ids, limits }
    }

    /// Whether the caller may read a conversation at all.
    ///
    /// # Errors
    ///
    /// [`MessageError::NotFound`], [`MessageError::Banned`], [`MessageError::Unavailable`].
    pub async fn enter(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(), MessageError> {
        let known = self.store.membership(conversation, caller.id).await?;
        let (conversation, member) = known.ok_or(MessageError::NotFound)?;
        may_read(caller, &conversation, member.as_ref())
    }
}

fn may_read(
    caller: &Account,
    conversation: &Conversation,
    member: Option<&Member>,
) -> Result<(), MessageError> {
    if !caller.active {
        return Err(MessageError::NoAccount);
    }
    if policy::visible(conversation, member) {
        return Ok(());
    }
    match member {
        Some(member) if member.standing == domain::Standing::Banned => Err(MessageError::Banned),
        _ => Err(MessageError::NotFound),
    }
}

/// Why nothing was done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// There is no such conversation or message that the caller may see.
    #[error("not found")]
    NotFound,
    /// The caller may see it, but not change it.
    #[error("not allowed")]
    Forbidden,
    /// The caller was shut out of the conversation.
    #[error("banned from this conversation")]
    Banned,
    /// The caller has no account, or a disabled one.
    #[error("no active account")]
    NoAccount,
    /// The client id belongs to a message with another text.
    #[error("this client id was used for another message")]
    ClientIdReused,
    /// Too much is written, by the caller or in the conversation; nothing was stored.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// The store cannot be reached; see [`CommitError::Unavailable`].
    #[error("the store cannot be reached")]
    Unavailable,
    /// The store cannot take it; nothing was stored.
    #[error("the store cannot take it")]
    Failed,
}

impl From<CommitError> for MessageError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Unavailable => Self::Unavailable,
            CommitError::Failed => Self::Failed,
            CommitError::Refused(refusal) => match refusal {
                Refusal::NoAccount => Self::NoAccount,
                Refusal::NotFound => Self::NotFound,
                Refusal::Banned => Self::Banned,
                Refusal::ClientIdReused => Self::ClientIdReused,
                _ => Self::Forbidden,
            },
        }
    }
}

impl From<BackendError> for MessageError {
    fn from(error: BackendError) -> Self {
        let error = &error as &(dyn std::error::Error + 'static);
        tracing::error!(error, "a message could not be read");
        Self::Unavailable
    }
}
