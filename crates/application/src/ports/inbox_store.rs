use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    AdditionFacts, Conversation, ConversationId, Epoch, Head, Member, MsgNo, Profile, Role,
    Timestamp, UserId, Username, Viewer,
};

use super::{BackendError, StoreError};

/// An account's private view: its conversations, read markers, mutes and blocks. Nothing here is
/// a change to a conversation.
///
/// Every adapter passes `testkit::inbox_store_contract!`.
#[async_trait]
pub trait InboxStore: Send + Sync {
    /// Returns the conversations in which `user` is an active member, plus the lobby unless
    /// `user` is banned there, but no direct conversation before its first message
    /// ([`domain::policy::is_listed`]); most recently active first, below `before` if given. At
    /// most `limit`.
    async fn conversations(
        &self,
        user: UserId,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage, BackendError>;

    /// Returns one entry of [`Self::conversations`], or of a direct conversation that is not listed
    /// yet; `None` if `user` may not read it.
    async fn conversation(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<InboxEntry>, BackendError>;

    /// Moves a read marker up to a message, at most to the head, never backwards. Creates the
    /// member row for a lobby user without one. Returns `None` if `user` may not read the
    /// conversation.
    async fn mark_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<Option<MarkedRead>, StoreError>;

    /// Returns the active members' read markers, ascending by account; at most `limit`.
    async fn markers(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<ReadMarker>, BackendError>;

    /// Mutes or unmutes a conversation. Returns whether `user` may read it; creates a row like
    /// [`Self::mark_read`].
    async fn set_muted(
        &self,
        user: UserId,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<bool, StoreError>;

    async fn set_blocked(
        &self,
        by: UserId,
        blocked: UserId,
        present: bool,
    ) -> Result<(), StoreError>;

    /// Returns whether `user` may contact each of the existing accounts, in any order.
    async fn contact_statuses(
        &self,
        user: UserId,
        others: &[UserId],
    ) -> Result<Vec<ContactStatus>, BackendError>;

    /// Returns what decides whether `by` may add each of the existing accounts to a group, in any
    /// order.
    async fn additions(
        &self,
        by: UserId,
        users: &[UserId],
    ) -> Result<Vec<AdditionFacts>, BackendError>;

    /// Returns the invitations that `user` has neither accepted nor declined, by conversation. At
    /// most `limit`.
    async fn invitations(
        &self,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<Invitation>, BackendError>;

    /// Returns the accounts that `by` blocks, ascending.
    async fn blocked_by(&self, by: UserId) -> Result<Vec<(UserId, Username)>, BackendError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkedRead {
    pub read_no: MsgNo,
    /// If so, other devices must read the inbox again.
    pub has_moved: bool,
    /// Whether it moved, the user shows presence, and
    /// [`policy::shows_read_receipts`](domain::policy::shows_read_receipts) allows showing it to
    /// the others.
    pub is_shown: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMarker {
    pub user: UserId,
    pub username: Username,
    /// The last message read.
    pub read_no: MsgNo,
    /// Whether the user's profile hides the user's presence.
    pub hides_presence: bool,
}

/// Whether an account accepts contact from the asking user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactStatus {
    pub user: UserId,
    /// The account is not disabled.
    pub is_active: bool,
    /// The account blocks the asking user.
    pub blocks: bool,
    /// The asking user blocks the account.
    pub is_blocked: bool,
}

impl ContactStatus {
    #[must_use]
    pub fn is_block_between(self) -> bool {
        self.blocks || self.is_blocked
    }
}

/// How far back in a direct conversation a message of a user makes the other an acquaintance.
pub const ACQUAINTANCE_MESSAGES: i64 = 1_000;

/// A group whose members have invited a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub conversation: Conversation,
    /// The role that the user gets.
    pub role: Role,
    pub invited_by: (UserId, Username),
}

/// Increments when an account's inbox changes: a membership, the first message of a direct
/// conversation, a read marker, mute, block or profile.
/// [`AccountStore::versions`](super::AccountStore::versions) reads many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxVersion(pub i64);

/// A position in the inbox, which is ordered by latest activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxCursor {
    /// The time of the newest message.
    pub last_at: Timestamp,
    /// Breaks ties.
    pub conversation: ConversationId,
}

/// Users who block one account that a page of its inbox names. Their number has no bound.
pub const MOST_BLOCKERS: u16 = 10_000;

/// A page of one user's inbox, from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxPage {
    pub epoch: Epoch,
    pub inbox_version: InboxVersion,
    pub profile: Profile,
    /// How many groups have invited this user.
    pub invitations: i64,
    /// The users whom this user blocks.
    pub blocked: Arc<HashSet<UserId>>,
    /// The users with a block between them and this user, whose presence this user does not see:
    /// all whom this user blocks, and at least [`MOST_BLOCKERS`] of those who block this user.
    pub hidden_names: Arc<HashSet<Username>>,
    /// Most recently active first.
    pub entries: Vec<InboxEntry>,
    pub more: bool,
}

impl InboxPage {
    /// Returns `None` if the user may not read the conversation of an entry.
    #[must_use]
    pub fn viewer(&self, user: UserId, entry: &InboxEntry) -> Option<Viewer> {
        Viewer::new(user, &entry.conversation, entry.member.as_ref(), &self.blocked).ok()
    }
}

/// A conversation as its viewer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    pub conversation: Conversation,
    pub head: Head,
    /// `None` for a lobby user without a member row.
    pub member: Option<Member>,
    /// The last message read; without a member row, the newest message.
    pub read_no: MsgNo,
    pub muted: bool,
    /// Unread messages that mention the viewer or everyone.
    pub unread_mentions: i64,
    /// When it changes, everything the viewer knew of the conversation is outdated.
    pub view_version: i64,
    /// The other member of a direct conversation.
    pub other: Option<(UserId, Username)>,
}

impl InboxEntry {
    #[must_use]
    pub fn cursor(&self) -> InboxCursor {
        InboxCursor { last_at: self.head.last_at, conversation: self.conversation.id }
    }

    /// Unread messages, including hidden and deleted ones.
    #[must_use]
    pub fn unread(&self) -> i64 {
        self.head.msg_no.get().saturating_sub(self.read_no.get()).max(0)
    }
}
