//! Where people talk.

use crate::{ConversationId, MsgNo, Role, Seq, Timestamp, Title, Topic, UserId};

/// A conversation in its newest form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Assigned by the store.
    pub id: ConversationId,
    /// Decides who belongs to it.
    pub kind: ConversationKind,
    /// Its name, and what it is about.
    pub details: Details,
    /// Goes up when the history that its members may see becomes another.
    pub view_version: i64,
    /// When it was deleted, if it was: nobody sees it any longer.
    pub deleted_at: Option<Timestamp>,
    /// The newest change to it; zero if there was none.
    pub seq_last: Seq,
}

impl Conversation {
    /// One that nobody has changed yet.
    #[must_use]
    pub fn new(id: ConversationId, kind: ConversationKind, details: Details) -> Self {
        Self { id, kind, details, view_version: 0, deleted_at: None, seq_last: Seq::ZERO }
    }

    /// The lobby.
    #[must_use]
    pub fn lobby() -> Self {
        Self::new(ConversationId::LOBBY, ConversationKind::Lobby, Details::default())
    }
}

/// Who belongs to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversationKind {
    /// Every active account, without a row; a row is an exception to that.
    Lobby,
    /// Those who were invited.
    Group,
    /// Two people; one for each pair.
    Direct(Pair),
}

/// Two people, whoever is named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    /// Of these; `None` if they are one and the same.
    #[must_use]
    pub fn of(one: UserId, other: UserId) -> Option<Self> {
        (one != other).then(|| Self { low: one.min(other), high: one.max(other) })
    }

    /// The one with the lower id.
    #[must_use]
    pub const fn low(self) -> UserId {
        self.low
    }

    /// The one with the higher id.
    #[must_use]
    pub const fn high(self) -> UserId {
        self.high
    }

    /// Whom `user` talks to; for a stranger, the first.
    #[must_use]
    pub fn other_than(self, user: UserId) -> UserId {
        if self.low == user { self.high } else { self.low }
    }
}

/// What members may alter about a conversation as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Its name.
    pub title: Option<Title>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// What those who join may see of the time before.
    pub history: HistoryRule,
}

/// What those who join may see of the time before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HistoryRule {
    /// Nothing: everyone sees what was said since they joined.
    #[default]
    SinceJoined,
    /// Everything.
    All,
}

/// A group to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    /// Its name, and what it is about.
    pub details: Details,
    /// Its first members.
    pub members: Vec<(UserId, Role)>,
}

/// The counters of a conversation, taken under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose they are.
    pub conversation: ConversationId,
    /// Of the newest change.
    pub seq: Seq,
    /// Of the newest message.
    pub msg_no: MsgNo,
    /// When a message was last sent, edited, pinned or deleted, or when it was opened;
    /// no later such change is earlier. What becomes of members leaves it as it is.
    pub last_at: Timestamp,
}

impl Head {
    /// Of a conversation in which nothing has happened.
    #[must_use]
    pub const fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            seq: Seq::ZERO,
            msg_no: MsgNo::ZERO,
            last_at: Timestamp::from_micros(0),
        }
    }

    /// The time of the next change: the clock's, unless that has stood still
    /// or gone back. Order by time thus agrees with order by sequence.
    #[must_use]
    pub fn next_at(&self, clock: Timestamp) -> Timestamp {
        clock.max(self.last_at.next())
    }
}
