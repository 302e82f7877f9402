//! Where conversations are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Change, Conversation, ConversationId, Epoch, Head, Intent, Member, Message, MessageId, MsgNo,
    NewGroup, Outcome, Pair, Refusal, SearchQuery, Seq, Timestamp, UserId, Viewer,
};

use super::{BackendError, StoreError};

/// Where every conversation is kept, with its messages and members.
///
/// It holds [`ConversationId::LOBBY`] from the start.
/// Every adapter passes `testkit::conversation_store_contract!`.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// Carries out a batch of intents: the one atomic step by which anything
    /// in a conversation changes.
    ///
    /// Locks the heads, loads the facts, lets [`domain::Facts::decide_all`]
    /// judge every intent in order, writes what came of it, and commits to
    /// disk. All or nothing, whatever becomes of the caller. The answers are
    /// those of the intents, in their order.
    ///
    /// Ordered: `seq` and `msg_no` of a conversation are dense and ascend in
    /// the order of intents and of commits, and so does `created_at`.
    /// Waits for a head that another writer holds, a second at most.
    /// Idempotent for sends: conversation, actor and client id.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unreachable`] when it is unknown whether anything was written.
    /// - [`StoreError::Failed`] when nothing was written, and one of the intents is to blame.
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError>;

    /// [`Self::commit`], but of conversations whose head another writer holds
    /// nothing is judged or written: the answer is `None`, to each of their
    /// intents. So a stuck head stalls nobody else. A store that has one
    /// writer knows no such thing.
    async fn try_commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        Ok(self.commit(intents).await?.into_iter().map(Some).collect())
    }

    /// Opens a group with its first members.
    async fn create_group(&self, new: NewGroup) -> Result<ConversationId, StoreError>;

    /// The one conversation of two people, opened if there is none, and whether
    /// it was. Atomic: of those who ask at once all get the same.
    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError>;

    /// The epoch, and the heads of those conversations that exist, in any order.
    async fn heads(&self, conversations: &[ConversationId]) -> Result<Heads, BackendError>;

    /// Rows changed after `since`, each once in its newest form, ascending by
    /// [`Change::seq`], read in one snapshot; tombstones included. Ends after
    /// `limit` rows (at least 1), or once their texts exceed 1 MiB.
    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError>;

    /// The head and the newest messages, read in one snapshot; ascending by
    /// `msg_no`, without tombstones. An unknown conversation is an empty one.
    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError>;

    /// One message, unless it is unknown, deleted, or of another conversation.
    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError>;

    /// Messages between two places, read in one snapshot, without tombstones.
    /// Ends after `limit` messages (at least 1), or once their texts exceed 1 MiB.
    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError>;

    /// Pinned messages above `hidden`, the newest pin first; below the pin at
    /// `before` if one is given. At most `limit`.
    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, BackendError>;

    /// Those with a row, whatever became of them, ascending by id, above `after`.
    /// At most `limit`.
    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError>;

    /// A conversation, and the row of `user` in it if there is one.
    async fn membership(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<(Conversation, Option<Member>)>, BackendError>;

    /// Conversations in which `user` has a row, and the lobby in any case, each
    /// with that row; ascending by id.
    async fn memberships(
        &self,
        user: UserId,
    ) -> Result<Vec<(Conversation, Option<Member>)>, BackendError>;

    /// Messages of some conversations that a query finds ([`SearchQuery::finds`])
    /// and their reader may see, the newest first, without tombstones.
    /// Ends after `limit` messages (at least 1), once their texts exceed 1 MiB,
    /// or after many that may not be seen: what is left begins at [`SearchPage::next`].
    async fn search(&self, search: SearchRequest, limit: usize)
    -> Result<SearchPage, BackendError>;

    /// Starts a new epoch, after a restore.
    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError>;
}

/// What a sweep learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// Of the whole store.
    pub epoch: Epoch,
    /// One for each known conversation.
    pub heads: Vec<Head>,
}

/// A page of changes.
///
/// Rows are in their newest form, so a row that was made within this page and
/// changed after it is missing here, and comes later: until `more` is false,
/// what a page tells of is not all that was there at `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// Where it begins; not included.
    pub from: Seq,
    /// Up to where it tells everything: the last row, or the head when nothing is left.
    pub to: Seq,
    /// Rows, ascending by [`Change::seq`].
    pub changes: Vec<Change>,
    /// Whether there is more after `to`.
    pub more: bool,
}

/// Messages between two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    /// Above this.
    pub after: MsgNo,
    /// Below this, if it is given.
    pub before: Option<MsgNo>,
    /// Which of them come first if not all have room.
    pub first: First,
}

/// Which messages come first if not all have room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum First {
    /// Those said last.
    Newest,
    /// Those said first.
    Oldest,
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The moment of which it is.
    pub head: Head,
    /// Ascending by `msg_no`, without tombstones.
    pub messages: Vec<Arc<Message>>,
    /// Whether the range holds more.
    pub more: bool,
}

/// How much of the history to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SnapshotLimit {
    /// At most this many messages.
    pub rows: usize,
    /// Stops before the message with which the texts exceed this many bytes;
    /// the newest message always fits.
    pub bytes: usize,
}

impl SnapshotLimit {
    /// Everything.
    pub const ALL: Self = Self { rows: usize::MAX, bytes: usize::MAX };
}

/// The newest part of a conversation at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment: what it does not show comes after this.
    pub head: Head,
    /// Ascending by `msg_no`, without tombstones.
    pub messages: Vec<Arc<Message>>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    /// By what words.
    pub query: SearchQuery,
    /// Where, and what may be seen there.
    pub within: BTreeMap<ConversationId, Viewer>,
    /// Among those said before this, if it is given.
    pub before: Option<MessageId>,
}

/// Some of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// The newest first.
    pub messages: Vec<Arc<Message>>,
    /// Where the search goes on; none at its end.
    pub next: Option<MessageId>,
}
