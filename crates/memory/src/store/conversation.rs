//! A conversation, with an index of its changes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use application::ports::{
    ChangePage, First, MessagePage, PageRange, PinPage, Snapshot, SnapshotLimit,
};
use domain::{
    Change, ClientId, Conversation, FirstMember, Head, Member, Message, MessageId, MsgNo, Seq,
    Timestamp, UserId, Username,
};

/// A page of changes ends once its texts exceed this.
const PAGE_BYTES: usize = 1024 * 1024;

/// A member's private data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub(crate) read_no: MsgNo,
    pub(crate) muted: bool,
}

impl Own {
    pub(crate) const NOTHING: Self = Self { read_no: MsgNo::ZERO, muted: false };
}

pub(crate) struct StoredConversation {
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) head: Head,
    pub(crate) members: BTreeMap<UserId, Member>,
    pub(crate) messages: BTreeMap<MessageId, Arc<Message>>,
    /// Members without an entry have read nothing.
    pub(crate) own: HashMap<UserId, Own>,
    pub(crate) sent: HashMap<(UserId, ClientId), MessageId>,
    /// Every changed row, by its newest change.
    changes: BTreeMap<Seq, Change>,
}

impl StoredConversation {
    pub(crate) fn open(conversation: Conversation) -> Self {
        Self {
            head: Head::new(conversation.id),
            conversation: Arc::new(conversation),
            members: BTreeMap::new(),
            messages: BTreeMap::new(),
            own: HashMap::new(),
            sent: HashMap::new(),
            changes: BTreeMap::new(),
        }
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.is_active())
    }

    /// Adds a first member without a change.
    pub(crate) fn join(&mut self, first: FirstMember, username: Username) {
        let FirstMember { user, role, invited_by } = first;
        let member = Member::first(self.conversation.id, user, username, role);
        let status = first.status();
        self.members.insert(user, Member { status, invited_by, ..member });
    }

    pub(crate) fn put_message(&mut self, message: Arc<Message>) {
        self.sent.insert((message.author.id, message.client_id), message.id);
        self.changes.insert(message.seq_last, Change::Message(Arc::clone(&message)));
        if let Some(before) = self.messages.insert(message.id, message) {
            self.changes.remove(&before.seq_last);
        }
    }

    pub(crate) fn put_member(&mut self, member: Member) {
        self.changes.insert(member.seq_last, Change::Member(member.clone()));
        if let Some(before) = self.members.insert(member.user, member) {
            self.changes.remove(&before.seq_last);
        }
    }

    pub(crate) fn put_conversation(&mut self, conversation: Arc<Conversation>) {
        let change = Change::Conversation(Arc::clone(&conversation));
        self.changes.insert(conversation.seq_last, change);
        self.changes.remove(&self.conversation.seq_last);
        self.conversation = conversation;
    }

    /// Moves a read marker, never backwards.
    pub(crate) fn mark_read(&mut self, user: UserId, up_to: MsgNo) -> MsgNo {
        let own = self.own.entry(user).or_insert(Own::NOTHING);
        own.read_no = own.read_no.max(up_to);
        own.read_no
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

    pub(crate) fn page(&self, range: PageRange, limit: usize) -> MessagePage {
        let PageRange { after, before, first } = range;
        let is_within = |message: &&Arc<Message>| {
            !message.is_deleted()
                && message.msg_no > after
                && before.is_none_or(|before| message.msg_no < before)
        };
        let mut all: Vec<_> = self.messages.values().filter(is_within).collect();
        if first == First::Newest {
            all.reverse();
        }
        let mut messages = first_page(&all, limit);
        let more = messages.len() < all.len();
        messages.sort_by_key(|message| message.msg_no);
        MessagePage { head: self.head, messages, more }
    }

    pub(crate) fn pinned(&self, hidden: MsgNo, before: Option<Timestamp>, limit: usize) -> PinPage {
        let is_wanted = |message: &&Arc<Message>| {
            message.msg_no > hidden
                && message.pinned_at.is_some_and(|at| before.is_none_or(|before| at < before))
        };
        let mut pinned: Vec<_> = self.messages.values().filter(is_wanted).collect();
        pinned.sort_by_key(|message| std::cmp::Reverse(message.pinned_at));
        let messages = first_page(&pinned, limit);
        let more = messages.len() < pinned.len();
        PinPage { messages, more }
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

/// Returns the first `limit` messages (at least 1), or fewer once their texts exceed
/// [`PAGE_BYTES`].
pub(crate) fn first_page(all: &[&Arc<Message>], limit: usize) -> Vec<Arc<Message>> {
    let mut bytes = 0;
    let fits = |message: &&&Arc<Message>| {
        let fits = bytes <= PAGE_BYTES;
        bytes += message.body.as_str().len();
        fits
    };
    all.iter().take(limit.max(1)).take_while(fits).copied().cloned().collect()
}
