//! One client, as the delivery loop of its worker sees it.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use application::ports::InboxEntry;
use domain::{
    Change, ConversationId, EphemeralEvent, MsgNo, Profile, Role, Seq, Timestamp, Viewer,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::packet::Packet;
use super::server_frame;
use crate::budget::Budget;
use crate::sockets::{Attempt, CaughtUp, Delivered, Sent, Subscription, UserSocket};
use crate::websocket::{Durability, Frame, Outbox, Pushed};

/// One client. The delivery loop sends events to it, and its session does the rest.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: UserSocket,
    /// When its token expires.
    pub(super) expires: Cell<Instant>,
    budget: Budget,
    conversations: RefCell<HashMap<ConversationId, Followed>>,
    /// Answers that the outbox had no room for. No commands are read meanwhile.
    answers: RefCell<VecDeque<Frame>>,
    gaps: RefCell<BTreeMap<ConversationId, Gap>>,
    wants_inbox: Cell<bool>,
    /// The profile of the account as the client knows it.
    profile: RefCell<Profile>,
    /// All answers have found room.
    answered: Notify,
}

/// How far a conversation has come without the client being sent the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) seq: Seq,
    /// The newest message that the client was not sent; zero if there is none.
    pub(super) msg_no: MsgNo,
    /// The newest of the user's own messages among them, which moves the read marker.
    pub(super) read_no: MsgNo,
}

/// A conversation of the user's.
#[derive(Debug)]
struct Followed {
    viewer: Viewer,
    /// What the client was sent; nothing yet of a conversation that was just joined.
    own: Option<OwnState>,
    subscription: Subscription<Packet>,
}

/// What only this member is shown of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnState {
    view_version: i64,
    read_no: MsgNo,
    muted: bool,
    role: Option<Role>,
    silenced_until: Option<Timestamp>,
}

impl From<&InboxEntry> for OwnState {
    fn from(entry: &InboxEntry) -> Self {
        let member = entry.member.as_ref();
        Self {
            view_version: entry.view_version,
            read_no: entry.read_no,
            muted: entry.muted,
            role: member.map(|member| member.role),
            silenced_until: member.and_then(|member| member.silenced_until),
        }
    }
}

/// What is new to the client in an inbox entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryChange {
    None,
    Own,
    /// The client sees something else now: what it was sent before is void.
    View,
}

impl AsRef<UserSocket> for Client {
    fn as_ref(&self) -> &UserSocket {
        &self.socket
    }
}

impl Client {
    pub(super) fn new(socket: UserSocket, expires: Instant, budget: Budget) -> Self {
        Self {
            socket,
            expires: Cell::new(expires),
            budget,
            conversations: RefCell::default(),
            answers: RefCell::default(),
            gaps: RefCell::default(),
            wants_inbox: Cell::new(true),
            profile: RefCell::default(),
            answered: Notify::new(),
        }
    }

    /// Returns whether the conversation was not followed before.
    pub(super) fn follow(&self, conversation: ConversationId, viewer: Viewer) -> bool {
        match self.conversations.borrow_mut().entry(conversation) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                let subscription = Subscription::default();
                entry.insert(Followed { viewer, own: None, subscription });
                true
            }
        }
    }

    /// Returns whether the conversation was followed.
    pub(super) fn unfollow(&self, conversation: ConversationId) -> bool {
        self.gaps.borrow_mut().remove(&conversation);
        self.conversations.borrow_mut().remove(&conversation).is_some()
    }

    pub(super) fn follows(&self, conversation: ConversationId) -> bool {
        self.conversations.borrow().contains_key(&conversation)
    }

    pub(super) fn followed(&self) -> Vec<ConversationId> {
        self.conversations.borrow().keys().copied().collect()
    }

    /// Takes over the state of an inbox entry.
    pub(super) fn update(
        &self,
        conversation: ConversationId,
        viewer: Viewer,
        own: OwnState,
    ) -> EntryChange {
        let mut conversations = self.conversations.borrow_mut();
        let Some(followed) = conversations.get_mut(&conversation) else { return EntryChange::None };
        followed.viewer = viewer;
        let was_stale = followed.subscription.is_stale();
        match followed.own.replace(own) {
            Some(before) if was_stale || before.view_version != own.view_version => {
                self.cancel(followed);
                EntryChange::View
            }
            Some(before) if before == own => EntryChange::None,
            before => {
                if before.is_none() && was_stale {
                    self.cancel(followed);
                }
                EntryChange::Own
            }
        }
    }

    /// Sends changes of a conversation, keeps them for later, or notes a gap.
    pub(super) fn deliver(&self, packet: &Rc<Packet>) {
        let mut conversations = self.conversations.borrow_mut();
        let Some(followed) = conversations.get_mut(&packet.conversation) else { return };
        let Followed { viewer, subscription, .. } = followed;
        let becomes_stale = packet.changes.iter().any(|change| viewer.is_stale_after(change));
        if becomes_stale && !subscription.is_live() {
            subscription.mark_stale();
        } else {
            let delivered =
                subscription.deliver(packet, |packet, cursor| self.send(packet, viewer, cursor));
            if delivered == Delivered::Unsubscribed {
                self.note_gap(packet);
            }
        }
        let is_own =
            |change: &Change| matches!(change, Change::Member(m) if m.user == self.socket.user);
        if becomes_stale || packet.changes.iter().any(is_own) {
            self.request_inbox_refresh();
        }
    }

    /// Sends what is newer than `cursor`.
    fn send(&self, packet: &Packet, viewer: &Viewer, cursor: Seq) -> Sent {
        if packet.to <= cursor {
            return Sent::UpTo(cursor);
        }
        let mut sent = cursor;
        for (index, change) in packet.changes.iter().enumerate() {
            if change.seq() <= cursor || !viewer.can_see_change(change) {
                continue;
            }
            let Some(frame) = packet.frame(index, &self.budget) else { continue };
            if !self.push(&frame) {
                return Sent::OutboxFull;
            }
            if viewer.is_stale_after(change) {
                return Sent::Stale;
            }
            sent = change.seq();
        }
        if sent < packet.to {
            let skip = server_frame::skip(packet.conversation, packet.to, &self.budget);
            if !self.push(&skip) {
                return Sent::OutboxFull;
            }
        }
        Sent::UpTo(packet.to)
    }

    fn push(&self, frame: &Frame) -> bool {
        self.outbox().push(frame, Durability::Durable) != Pushed::Refused
    }

    fn outbox(&self) -> &Outbox {
        &self.socket.outbox
    }

    fn note_gap(&self, packet: &Packet) {
        let mut gaps = self.gaps.borrow_mut();
        let none = Gap { seq: Seq::ZERO, msg_no: MsgNo::ZERO, read_no: MsgNo::ZERO };
        let gap = gaps.entry(packet.conversation).or_insert(none);
        gap.seq = gap.seq.max(packet.to);
        gap.msg_no = gap.msg_no.max(packet.newest(None));
        gap.read_no = gap.read_no.max(packet.newest(Some(self.socket.user)));
        self.socket.wake();
    }

    /// Buffers events until the client has caught up; `None` if it does not follow the
    /// conversation.
    pub(super) fn catch_up(&self, conversation: ConversationId) -> Option<Attempt> {
        let mut conversations = self.conversations.borrow_mut();
        Some(conversations.get_mut(&conversation)?.subscription.catch_up())
    }

    /// Gives up a catch-up, unless it was cancelled already.
    pub(super) fn give_up(&self, conversation: ConversationId, attempt: Attempt) {
        if let Some(followed) = self.conversations.borrow_mut().get_mut(&conversation)
            && followed.subscription.is_catching_up(attempt)
        {
            self.cancel(followed);
        }
    }

    pub(super) fn is_catching_up(&self, conversation: ConversationId, attempt: Attempt) -> bool {
        let conversations = self.conversations.borrow();
        conversations
            .get(&conversation)
            .is_some_and(|followed| followed.subscription.is_catching_up(attempt))
    }

    /// The client was sent everything up to `seq`.
    pub(super) fn finish(
        &self,
        conversation: ConversationId,
        attempt: Attempt,
        seq: Seq,
    ) -> CaughtUp<Packet> {
        let mut conversations = self.conversations.borrow_mut();
        let Some(followed) = conversations.get_mut(&conversation) else {
            return CaughtUp::Cancelled;
        };
        let Followed { viewer, subscription, .. } = followed;
        let caught_up =
            subscription.finish(attempt, seq, |packet, cursor| self.send(packet, viewer, cursor));
        match &caught_up {
            CaughtUp::Live => {
                self.gaps.borrow_mut().remove(&conversation);
            }
            CaughtUp::OutboxFull(unsent) => unsent.iter().for_each(|packet| self.note_gap(packet)),
            CaughtUp::Behind | CaughtUp::Cancelled | CaughtUp::Stale => {}
        }
        caught_up
    }

    /// Sends only gaps of this conversation from now on.
    pub(super) fn unsubscribe(&self, conversation: ConversationId) {
        if let Some(followed) = self.conversations.borrow_mut().get_mut(&conversation) {
            self.cancel(followed);
        }
    }

    fn cancel(&self, followed: &mut Followed) {
        for packet in followed.subscription.unsubscribe() {
            self.note_gap(&packet);
        }
    }

    /// What the client knows of a conversation may be wrong.
    pub(super) fn reset(&self, conversation: ConversationId) {
        if let Some(followed) = self.conversations.borrow_mut().get_mut(&conversation) {
            followed.subscription.unsubscribe();
            if let Some(own) = &mut followed.own {
                // No view has this version.
                own.view_version = i64::MIN;
            }
        }
        self.request_inbox_refresh();
    }

    /// Whether the client is shown an ephemeral event: of somebody else whom the user does
    /// not block, in a conversation that is subscribed.
    pub(super) fn may_see_ephemeral(&self, event: &EphemeralEvent) -> bool {
        let conversations = self.conversations.borrow();
        conversations.get(&event.conversation).is_some_and(|followed| {
            followed.subscription.is_live()
                && event.user != self.socket.user
                && followed.viewer.notices(event.user)
        })
    }

    /// Sends an ephemeral event, or drops it if the queue is long.
    pub(super) fn send_ephemeral(&self, frame: &Frame) {
        let _may_be_refused = self.outbox().push(frame, Durability::Ephemeral);
    }

    /// Takes over the profile of the account; returns whether it has changed.
    pub(super) fn update_profile(&self, profile: &Profile) -> bool {
        let has_changed = *self.profile.borrow() != *profile;
        if has_changed {
            self.profile.replace(profile.clone());
        }
        has_changed
    }

    /// Has the session compare the inbox with what the client knows.
    pub(super) fn request_inbox_refresh(&self) {
        self.wants_inbox.set(true);
        self.socket.wake();
    }

    pub(super) fn take_inbox_request(&self) -> bool {
        self.wants_inbox.replace(false)
    }

    /// Sends an answer, behind those that wait for room.
    pub(super) fn answer(&self, frame: Frame) {
        let mut answers = self.answers.borrow_mut();
        if !answers.is_empty() || !self.push(&frame) {
            answers.push_back(frame);
            self.socket.wake();
        }
    }

    pub(super) fn has_pending_answers(&self) -> bool {
        !self.answers.borrow().is_empty()
    }

    /// Waits until all answers have found room.
    pub(super) async fn answered(&self) {
        while self.has_pending_answers() {
            self.answered.notified().await;
        }
    }

    /// Queues waiting answers, then gaps, as far as there is room. Returns whether all were.
    pub(super) fn flush(&self) -> bool {
        let mut answers = self.answers.borrow_mut();
        while let Some(frame) = answers.front() {
            if !self.push(frame) {
                return false;
            }
            answers.pop_front();
        }
        drop(answers);
        self.answered.notify_waiters();
        let mut gaps = self.gaps.borrow_mut();
        while let Some((conversation, gap)) = gaps.pop_first() {
            if !self.push(&server_frame::gap(conversation, gap, &self.budget)) {
                gaps.insert(conversation, gap);
                return false;
            }
        }
        true
    }
}
