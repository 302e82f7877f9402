//! One conversation, with an index of its changes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use application::ports::{ChangePage, Snapshot, SnapshotLimit};
use domain::{
    Change, ClientId, Conversation, Head, Member, Message, MessageId, Role, Seq, Standing, UserId,
};

/// A page of changes ends once its texts exceed this.
const PAGE_BYTES: usize = 1024 * 1024;

pub(crate) struct Room {
    pub(crate) conversation: Conversation,
    pub(crate) head: Head,
    pub(crate) members: BTreeMap<UserId, Member>,
    pub(crate) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(crate) sent: HashMap<(UserId, ClientId), MessageId>,
    /// Every row that ever changed, by its newest change.
    changes: BTreeMap<Seq, Change>,
}

impl Room {
    pub(crate) fn open(conversation: Conversation) -> Self {
        Self {
            conversation,
            head: Head::new(conversation.id),
            members: BTreeMap::new(),
            messages: BTreeMap::new(),
            sent: HashMap::new(),
            changes: BTreeMap::new(),
        }
    }

    pub(crate) fn owners(&self) -> usize {
        self.members.values().filter(|member| member.is_active_owner()).count()
    }

    /// A first member, whom no change has touched.
    pub(crate) fn join(&mut self, user: UserId, role: Role) {
        let conversation = self.conversation.id;
        let standing = Standing::Active;
        let member = Member { conversation, user, role, standing, seq_last: Seq::ZERO };
        self.members.insert(user, member);
    }

    pub(crate) fn put_message(&mut self, message: Arc<Message>) {
        self.sent.insert((message.author.id, message.client_id), message.id);
        self.changes.insert(message.seq_last, Change::Message(Arc::clone(&message)));
        if let Some(before) = self.messages.insert(message.id, message) {
            self.changes.remove(&before.seq_last);
        }
    }

    pub(crate) fn put_member(&mut self, member: Member) {
        self.changes.insert(member.seq_last, Change::Member(member));
        if let Some(before) = self.members.insert(member.user, member) {
            self.changes.remove(&before.seq_last);
        }
    }

    pub(crate) fn changes_since(&self, since: Seq, limit: usize) -> ChangePage {
        let mut left = self.changes.range((Bound::Excluded(since), Bound::Unbounded));
        let mut changes = Vec::new();
        let mut bytes = 0;
        while changes.len() < limit.max(1) && bytes <= PAGE_BYTES {
            let Some((_, change)) = left.next() else { break };
            if let Change::Message(message) = change {
                bytes += message.body.as_str().len();
            }
            changes.push(change.clone());
        }
        let more = left.next().is_some();
        let last = changes.last().map(Change::seq).filter(|_| more);
        ChangePage { from: since, to: last.unwrap_or(self.head.seq), changes, more }
    }

    pub(crate) fn newest(&self, limit: SnapshotLimit) -> Snapshot {
        let mut messages = Vec::new();
        let mut bytes = 0_usize;
        for message in self.messages.values().rev().filter(|message| !message.is_deleted()) {
            bytes = bytes.saturating_add(message.body.as_str().len());
            let is_full = messages.len() >= limit.rows;
            if is_full || (bytes > limit.bytes && !messages.is_empty()) {
                break;
            }
            messages.push(Arc::clone(message));
        }
        messages.reverse();
        Snapshot { head: self.head, messages }
    }
}
