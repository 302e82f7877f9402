use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Change, Conversation, ConversationId, Epoch, Head, Intent, Member, Message, MessageId, MsgNo,
    NewGroup, Outcome, Pair, Refusal, SearchQuery, Seq, Timestamp, UserId, Viewer,
};

use super::{BackendError, StoreError};

/// Stores conversations with their messages and members. [`ConversationId::LOBBY`] always exists.
///
/// Every adapter passes `testkit::conversation_store_contract!`.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// Commits a batch of intents. Every change to a conversation goes through this atomic step.
    ///
    /// Locks the heads, loads the facts, lets [`domain::Facts::decide_all`] decide every intent
    /// in order, writes the results, and commits to disk. All or nothing, even if the caller is
    /// dropped. Returns the results in the order of the intents.
    ///
    /// Ordered: within a conversation, `seq` and `msg_no` are dense and ascend in the order of
    /// intents and commits; `created_at` ascends too. Waits at most a second for a head that
    /// another writer holds. Sends are idempotent by conversation, actor and client id.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unreachable`] when it is unknown whether anything was written.
    /// - [`StoreError::Failed`] when nothing was written because of one of the intents.
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError>;

    /// Like [`Self::commit`], but skips conversations whose head another writer holds: each of
    /// their intents gets `None`. So a locked conversation delays no other. The default suits
    /// stores with a single writer.
    async fn try_commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        Ok(self.commit(intents).await?.into_iter().map(Some).collect())
    }

    /// Creates a group with its first members, and returns whether it is new: a retry returns the
    /// group of the first attempt. Atomic: of concurrent retries, one creates the group.
    async fn create_group(
        &self,
        new: NewGroup,
    ) -> Result<Result<(ConversationId, bool), Refusal>, StoreError>;

    /// Returns the answer of [`Self::create_group`] to a retry; `None` if it is no retry.
    async fn created_group(
        &self,
        again: &NewGroup,
    ) -> Result<Option<Result<ConversationId, Refusal>>, BackendError>;

    /// Returns the direct conversation of a pair, creating it if needed, and whether it was
    /// created. Atomic: concurrent calls return the same conversation.
    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError>;

    /// Returns the epoch and the heads of the existing conversations, in any order.
    async fn heads(&self, conversations: &[ConversationId]) -> Result<Heads, BackendError>;

    /// Returns the rows that changed after `since`, each once in its newest form, ascending by
    /// [`Change::seq`], from one snapshot, including tombstones. Ends after `limit` rows (at
    /// least 1), or once their texts exceed 1 MiB.
    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError>;

    /// Returns the head and the newest messages from one snapshot, ascending by `msg_no`, without
    /// tombstones. An unknown conversation reads as an empty one.
    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError>;

    /// Returns `None` for a message that is unknown, deleted, or in another conversation.
    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError>;

    /// Returns messages of a range from one snapshot, without tombstones. Ends after `limit`
    /// messages (at least 1), or once their texts exceed 1 MiB.
    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError>;

    /// Returns pinned messages above `hidden`, newest pin first, below the pin at `before` if
    /// given. Ends after `limit` messages (at least 1), or once their texts exceed 1 MiB.
    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<PinPage, BackendError>;

    /// Returns messages with a reaction of this user. At most `limit`.
    async fn reacted_by(
        &self,
        conversation: ConversationId,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<MessageId>, BackendError>;

    /// Returns member rows of any status above `after`, ascending by id. At most `limit`.
    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError>;

    /// Returns everything that decides what `user` may see of a conversation, from one snapshot.
    /// Does not check whether `user` may see it.
    async fn view(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationView>, BackendError>;

    /// Returns messages that match the query ([`SearchQuery::finds`]) and are visible to the
    /// viewer, newest first, without tombstones. Ends after `limit` messages (at least 1), once
    /// their texts exceed 1 MiB, or after many invisible matches; the rest begins at
    /// [`SearchPage::next`].
    async fn search(&self, search: SearchRequest, limit: usize)
    -> Result<SearchPage, BackendError>;

    /// Starts a new epoch after a restore.
    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    pub epoch: Epoch,
    /// One for each existing conversation.
    pub heads: Vec<Head>,
}

/// A conversation, and what one user is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    pub epoch: Epoch,
    pub conversation: Conversation,
    pub head: Head,
    pub member: Option<Member>,
    /// The users whom this user blocks.
    pub blocked: Arc<HashSet<UserId>>,
    /// When it changes, everything the user knew of the conversation is outdated.
    pub view_version: i64,
    /// Whether the user's profile hides the user's presence.
    pub hides_presence: bool,
}

/// A page of changes.
///
/// Rows are in their newest form. A row created within this page and changed after it appears
/// only later, so the page is complete at `to` only if `more` is false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// Exclusive.
    pub from: Seq,
    /// The last row's number, or the head if nothing is left.
    pub to: Seq,
    /// Ascending by [`Change::seq`].
    pub changes: Vec<Change>,
    pub more: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    /// Exclusive.
    pub after: MsgNo,
    /// Exclusive.
    pub before: Option<MsgNo>,
    pub first: First,
}

/// Which end of a range to read first if it exceeds the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum First {
    Newest,
    Oldest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The head in the same snapshot.
    pub head: Head,
    /// Ascending by `msg_no`, without tombstones.
    pub messages: Vec<Arc<Message>>,
    /// Whether the range contains more messages.
    pub more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PinPage {
    /// Newest pin first.
    pub messages: Vec<Arc<Message>>,
    /// Whether there are earlier pins.
    pub more: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SnapshotLimit {
    pub rows: usize,
    /// Stops before the message with which the texts exceed this many bytes; the newest message
    /// always fits.
    pub bytes: usize,
}

impl SnapshotLimit {
    pub const ALL: Self = Self { rows: usize::MAX, bytes: usize::MAX };
}

/// The newest messages of a conversation at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The head in the same snapshot; later changes are not included.
    pub head: Head,
    /// Ascending by `msg_no`, without tombstones.
    pub messages: Vec<Arc<Message>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    pub query: SearchQuery,
    /// The conversations to search, each with the view that limits it.
    pub within: BTreeMap<ConversationId, Viewer>,
    /// Exclusive.
    pub before: Option<MessageId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// Newest first.
    pub messages: Vec<Arc<Message>>,
    /// Where the search continues; `None` at its end.
    pub next: Option<MessageId>,
}
