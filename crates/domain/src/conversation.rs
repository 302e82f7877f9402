use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::named::named;
use crate::{
    BodyHash, ClientId, ConversationId, MemberStatus, MsgNo, Refusal, Role, Seq, Timestamp, Title,
    Topic, UserId,
};

/// A conversation in its newest form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub details: Details,
    /// Increments when the history that members may see changes.
    pub view_version: i64,
    /// Deleted conversations are visible to no one.
    pub deleted_at: Option<Timestamp>,
    /// The newest change of the row; zero if there was none.
    pub seq_last: Seq,
}

impl Conversation {
    /// A conversation without changes.
    #[must_use]
    pub fn new(id: ConversationId, kind: ConversationKind, details: Details) -> Self {
        Self { id, kind, details, view_version: 0, deleted_at: None, seq_last: Seq::ZERO }
    }

    #[must_use]
    pub fn lobby() -> Self {
        Self::new(ConversationId::LOBBY, ConversationKind::Lobby, Details::default())
    }
}

/// Determines the members of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversationKind {
    /// Every active account is a member, even without a row; rows record exceptions.
    Lobby,
    /// Only invited members.
    Group,
    /// Two users; at most one conversation per pair.
    Direct(Pair),
}

/// Two different users, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    /// Returns `None` if both are the same.
    #[must_use]
    pub fn of(one: UserId, other: UserId) -> Option<Self> {
        (one != other).then(|| Self { low: one.min(other), high: one.max(other) })
    }

    #[must_use]
    pub const fn low(self) -> UserId {
        self.low
    }

    #[must_use]
    pub const fn high(self) -> UserId {
        self.high
    }

    /// Returns the other user; for a stranger, the lower id.
    #[must_use]
    pub fn other_than(self, user: UserId) -> UserId {
        if self.low == user { self.high } else { self.low }
    }
}

/// The properties of a conversation that members may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    pub title: Option<Title>,
    pub topic: Option<Topic>,
    pub history: HistoryRule,
}

named! {
    /// How much earlier history new members may see.
    #[derive(Default)]
    HistoryRule {
        /// Only messages since they joined.
        #[default]
        SinceJoined = "since_joined",
        All = "all",
    }
}

/// A group to create. Idempotent by creator and client id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    pub creator: UserId,
    pub client_id: ClientId,
    pub details: Details,
    pub members: Vec<(UserId, Role)>,
    /// Those of the members who are only invited; no part of the hash.
    pub invited: BTreeSet<UserId>,
}

impl NewGroup {
    /// The first members, without their names.
    pub fn first_members(&self) -> impl Iterator<Item = FirstMember> {
        self.members.iter().map(|(user, role)| FirstMember {
            user: *user,
            role: *role,
            invited_by: self.invited.contains(user).then_some(self.creator),
        })
    }

    /// Does not depend on the order of the members.
    #[must_use]
    pub fn hash(&self) -> BodyHash {
        let Details { title, topic, history } = &self.details;
        let mut hash = Sha256::new();
        for text in [title.as_ref().map(Title::as_str), topic.as_ref().map(Topic::as_str)] {
            // A length that no text has stands for a missing one.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        hash.update(history.as_str());
        let members: BTreeSet<_> = self.members.iter().collect();
        for (user, role) in members {
            hash.update(user.get().to_be_bytes());
            hash.update(role.as_str());
        }
        BodyHash::new(hash.finalize().into())
    }

    /// Checks whether this repeats the creation of the group with this hash, which has the same
    /// client id.
    pub fn check_retry(&self, first: BodyHash) -> Result<(), Refusal> {
        if self.hash() == first { Ok(()) } else { Err(Refusal::ClientIdReused) }
    }
}

/// A member of a new conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstMember {
    pub user: UserId,
    pub role: Role,
    /// Set if the user is only invited.
    pub invited_by: Option<UserId>,
}

impl FirstMember {
    #[must_use]
    pub const fn active(user: UserId, role: Role) -> Self {
        Self { user, role, invited_by: None }
    }

    #[must_use]
    pub fn status(&self) -> MemberStatus {
        if self.invited_by.is_some() { MemberStatus::Invited } else { MemberStatus::Active }
    }
}

/// The counters of a conversation, read under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub conversation: ConversationId,
    /// The number of the newest change.
    pub seq: Seq,
    /// The number of the newest message.
    pub msg_no: MsgNo,
    /// When a message was last sent, edited, pinned or deleted, or the conversation was opened.
    /// Never decreases. Member changes do not affect it.
    pub last_at: Timestamp,
}

impl Head {
    /// The head of a new conversation.
    #[must_use]
    pub const fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            seq: Seq::ZERO,
            msg_no: MsgNo::ZERO,
            last_at: Timestamp::from_micros(0),
        }
    }

    /// Returns the time of the next change: the clock's, unless the clock stood still or went
    /// back. So the order by time agrees with the order by sequence.
    #[must_use]
    pub fn next_at(&self, clock: Timestamp) -> Timestamp {
        clock.max(self.last_at.next())
    }
}
