//! What one account alone is shown.

use async_trait::async_trait;
use domain::{
    Conversation, ConversationId, Head, Member, MsgNo, Profile, Timestamp, UserId, Username,
};

use super::{BackendError, StoreError};

/// What one account alone is shown: its conversations and how far it has read
/// them, what it muted, whom it blocked. None of it is a change to a conversation.
///
/// Every adapter passes `testkit::inbox_store_contract!`.
#[async_trait]
pub trait InboxStore: Send + Sync {
    /// The conversations of which `user` is an active member, and the lobby
    /// unless it was banned there; the most recently active first, below `before`
    /// if that is given. At most `limit`.
    async fn conversations(
        &self,
        user: UserId,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage, BackendError>;

    /// One of them; `None` if it is not among them.
    async fn conversation(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<InboxEntry>, BackendError>;

    /// Moves a read marker up to a message, at most to the head, never back. Makes the row of who is in the lobby without one.
    /// `None` if the conversation is not among [`Self::conversations`].
    async fn mark_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<Option<MarkedRead>, StoreError>;

    /// How far those who take part in a conversation have read, ascending by
    /// account; at most `limit`.
    async fn markers(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<ReadMarker>, BackendError>;

    /// Mutes a conversation, or not. Says whether it is among
    /// [`Self::conversations`]; makes a row like [`Self::mark_read`].
    async fn set_muted(
        &self,
        user: UserId,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<bool, StoreError>;

    /// Blocks somebody, or no longer.
    async fn set_blocked(
        &self,
        by: UserId,
        blocked: UserId,
        present: bool,
    ) -> Result<(), StoreError>;

    /// Of those that exist: whether each may be approached by `user`, in any order.
    async fn contact_statuses(
        &self,
        user: UserId,
        others: &[UserId],
    ) -> Result<Vec<ContactStatus>, BackendError>;

    /// Whom `by` blocks, ascending.
    async fn blocked_by(&self, by: UserId) -> Result<Vec<(UserId, Username)>, BackendError>;
}

/// What became of a read marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkedRead {
    /// Where it stands.
    pub read_no: MsgNo,
    /// It moved: other devices read the list again.
    pub has_moved: bool,
    /// It moved, where [`policy::shows_read_receipts`](domain::policy::shows_read_receipts)
    /// to the others.
    pub is_shown: bool,
}

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMarker {
    /// Who.
    pub user: UserId,
    /// By what name.
    pub username: Username,
    /// The last message that it has read.
    pub read_no: MsgNo,
}

/// What somebody has to do with who wants to talk to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactStatus {
    /// Somebody.
    pub user: UserId,
    /// Its account is not disabled.
    pub is_active: bool,
    /// It blocks who asks.
    pub blocks: bool,
}

/// Counts what became another of what an account alone is shown: it came or
/// went somewhere, moved a marker, muted or blocked, or has another profile. Told for many at once by
/// [`AccountStore::versions`](super::AccountStore::versions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxVersion(pub i64);

/// A place in the list of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxCursor {
    /// When something was last said in it.
    pub last_at: Timestamp,
    /// Tells apart those of one moment.
    pub conversation: ConversationId,
}

/// A page of conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxPage {
    /// Of the account, at the moment of which the page is.
    pub inbox_version: InboxVersion,
    /// Likewise.
    pub profile: Profile,
    /// The most recently active first.
    pub entries: Vec<InboxEntry>,
    /// Whether there are more.
    pub more: bool,
}

/// A conversation as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Which.
    pub conversation: Conversation,
    /// How far it has come.
    pub head: Head,
    /// One's part in it; none for who is in the lobby without a row.
    pub member: Option<Member>,
    /// The last message that one has read; without a row, the last that there is.
    pub read_no: MsgNo,
    /// One wants no notice of what is said here.
    pub muted: bool,
    /// Messages after the marker that call one by name, or everybody.
    pub unread_mentions: i64,
    /// A different one means that one's view of the conversation has become
    /// another: what one was told of it before counts for nothing.
    pub view_version: i64,
    /// Whom one talks to, in a direct conversation.
    pub other: Option<(UserId, Username)>,
}

impl InboxEntry {
    /// Its place in the list.
    #[must_use]
    pub fn cursor(&self) -> InboxCursor {
        InboxCursor { last_at: self.head.last_at, conversation: self.conversation.id }
    }

    /// Messages after the marker, one's own and removed ones included.
    #[must_use]
    pub fn unread(&self) -> i64 {
        self.head.msg_no.get().saturating_sub(self.read_no.get()).max(0)
    }
}
