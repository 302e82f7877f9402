//! The state of one client.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use application::ports::InboxEntry;
use domain::{
    Change, ConversationId, EphemeralEvent, MsgNo, Profile, Role, Seq, Timestamp, Username, Viewer,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::protocol::Packet;
use super::server_frame::ServerFrame;
use crate::budget::Budget;
use crate::sockets::{Attempt, CaughtUp, Delivered, Sent, Subscription, UserSocket};
use crate::websocket::{Durability, Frame, Pushed};

/// One client. The delivery loop sends events, and the session does everything else.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: UserSocket,
    /// When the token expires.
    pub(super) expires: Cell<Instant>,
    budget: Budget,
    conversations: RefCell<HashMap<ConversationId, Followed>>,
    /// Answers that did not fit into the outbox. While there are any, no commands are read.
    answers: RefCell<VecDeque<Frame>>,
    gaps: RefCell<BTreeMap<ConversationId, Gap>>,
    wants_inbox: Cell<bool>,
    /// The profile that the client knows.
    profile: RefCell<Profile>,
    /// The number of open invitations that the client knows.
    pub(super) invitations: Cell<i64>,
    /// The users whose presence the client does not see.
    hidden_names: RefCell<Arc<HashSet<Username>>>,
    /// Notified when `answers` becomes empty.
    answered: Notify,
    /// The running `subscribe` commands, at most one for each job.
    subscribes: RefCell<Vec<(u64, ConversationId)>>,
    next_subscribe: Cell<u64>,
}

/// The newest changes of a conversation whose events the client did not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) seq: Seq,
    /// The newest message among them; zero if there is none.
    pub(super) msg_no: MsgNo,
    /// The newest message of the user, which moves the read marker.
    pub(super) read_no: MsgNo,
}

#[derive(Debug)]
struct Followed {
    viewer: Viewer,
    /// The state that the client knows; `None` right after joining.
    own: Option<OwnState>,
    subscription: Subscription<Packet>,
}

/// The part of an inbox entry that concerns only this member.
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

/// The difference between an inbox entry and the state that the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryChange {
    None,
    Own,
    /// The rights of the client have changed, so its earlier state is invalid.
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
            invitations: Cell::new(0),
            hidden_names: RefCell::default(),
            answered: Notify::new(),
            subscribes: RefCell::default(),
            next_subscribe: Cell::new(0),
        }
    }

    /// Returns whether the conversation is new.
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

    /// Applies an inbox entry.
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

    /// Sends changes of a conversation, buffers them, or records a gap.
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

    /// Sends the changes after `cursor`.
    fn send(&self, packet: &Packet, viewer: &Viewer, cursor: Seq) -> Sent {
        if packet.to <= cursor {
            return Sent::UpTo(cursor);
        }
        let mut sent = cursor;
        for (index, change) in packet.changes.iter().enumerate() {
            if change.seq() <= cursor {
                continue;
            }
            let frame = match viewer.show_change(change) {
                None => continue,
                Some(Cow::Borrowed(_)) => packet.frame(index, &self.budget),
                Some(Cow::Owned(shown)) => Some(ServerFrame::from(&shown).encode(&self.budget)),
            };
            let Some(frame) = frame else { continue };
            if !self.push(&frame) {
                return Sent::OutboxFull;
            }
            if viewer.is_stale_after(change) {
                return Sent::Stale;
            }
            sent = change.seq();
        }
        if sent < packet.to {
            let (conversation, seq) = (packet.conversation.get(), packet.to.get());
            if !self.push(&ServerFrame::Skip { conversation, seq }.encode(&self.budget)) {
                return Sent::OutboxFull;
            }
        }
        Sent::UpTo(packet.to)
    }

    fn push(&self, frame: &Frame) -> bool {
        self.socket.outbox.push(frame, Durability::Durable) != Pushed::Refused
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

    /// Buffers events until the client has caught up. `None` if the client does not follow the
    /// conversation.
    pub(super) fn catch_up(&self, conversation: ConversationId) -> Option<Attempt> {
        self.with_followed(conversation, |followed| followed.subscription.catch_up())
    }

    /// Aborts a catch-up, unless it is already cancelled.
    pub(super) fn give_up(&self, conversation: ConversationId, attempt: Attempt) {
        self.with_followed(conversation, |followed| {
            if followed.subscription.is_catching_up(attempt) {
                self.cancel(followed);
            }
        });
    }

    pub(super) fn is_catching_up(&self, conversation: ConversationId, attempt: Attempt) -> bool {
        let is_current = |f: &mut Followed| f.subscription.is_catching_up(attempt);
        self.with_followed(conversation, is_current).unwrap_or(false)
    }

    /// Ends a catch-up to `seq`.
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

    /// Registers a `subscribe` that begins later, until [`Self::end_subscribe`].
    pub(super) fn begin_subscribe(&self, conversation: ConversationId) -> u64 {
        let id = self.next_subscribe.get();
        self.next_subscribe.set(id.wrapping_add(1));
        self.subscribes.borrow_mut().push((id, conversation));
        id
    }

    /// Returns whether no `unsubscribe` has cancelled it.
    pub(super) fn wants_subscribe(&self, id: u64) -> bool {
        self.subscribes.borrow().iter().any(|(known, _)| *known == id)
    }

    pub(super) fn end_subscribe(&self, id: u64) {
        self.subscribes.borrow_mut().retain(|(known, _)| *known != id);
    }

    /// From now on, the client gets only gaps of this conversation. Cancels every `subscribe` that
    /// came before.
    pub(super) fn unsubscribe(&self, conversation: ConversationId) {
        self.subscribes.borrow_mut().retain(|(_, known)| *known != conversation);
        self.with_followed(conversation, |followed| self.cancel(followed));
    }

    fn with_followed<T>(
        &self,
        conversation: ConversationId,
        act: impl FnOnce(&mut Followed) -> T,
    ) -> Option<T> {
        self.conversations.borrow_mut().get_mut(&conversation).map(act)
    }

    fn cancel(&self, followed: &mut Followed) {
        for packet in followed.subscription.unsubscribe() {
            self.note_gap(&packet);
        }
    }

    /// Invalidates the state that the client knows.
    pub(super) fn reset(&self, conversation: ConversationId) {
        self.with_followed(conversation, |followed| {
            followed.subscription.unsubscribe();
            if let Some(own) = &mut followed.own {
                // Differs from every valid version.
                own.view_version = i64::MIN;
            }
        });
        self.request_inbox_refresh();
    }

    /// Whether the client gets an ephemeral event: it is in a subscribed conversation, and by another
    /// user who is not blocked.
    pub(super) fn may_see_ephemeral(&self, event: &EphemeralEvent) -> bool {
        let conversations = self.conversations.borrow();
        conversations.get(&event.conversation).is_some_and(|followed| {
            followed.subscription.is_live()
                && event.user != self.socket.user
                && !followed.viewer.blocks(event.user)
        })
    }

    /// Sets the profile, and returns whether it has changed.
    pub(super) fn update_profile(&self, profile: &Profile) -> bool {
        let has_changed = *self.profile.borrow() != *profile;
        if has_changed {
            self.profile.replace(profile.clone());
        }
        has_changed
    }

    pub(super) fn hidden_names(&self) -> Arc<HashSet<Username>> {
        Arc::clone(&self.hidden_names.borrow())
    }

    /// Returns those of these users whose presence the client sees.
    pub(super) fn seen_of(&self, online: Vec<Username>) -> Vec<Username> {
        let hidden_names = self.hidden_names();
        online.into_iter().filter(|name| !hidden_names.contains(name)).collect()
    }

    /// Replaces the users whose presence the client does not see. Returns who came into sight
    /// (`true`) or went out of it.
    pub(super) fn set_hidden_names(
        &self,
        hidden_names: &Arc<HashSet<Username>>,
    ) -> Vec<(Username, bool)> {
        let before = self.hidden_names.replace(Arc::clone(hidden_names));
        let appeared = before.difference(hidden_names).map(|name| (name.clone(), true));
        let vanished = hidden_names.difference(&before).map(|name| (name.clone(), false));
        appeared.chain(vanished).collect()
    }

    /// Makes the session read the inbox again.
    pub(super) fn request_inbox_refresh(&self) {
        self.wants_inbox.set(true);
        self.socket.wake();
    }

    pub(super) fn take_inbox_request(&self) -> bool {
        self.wants_inbox.replace(false)
    }

    /// Sends an answer, after the waiting ones.
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

    /// Waits until all answers are in the outbox.
    pub(super) async fn answered(&self) {
        while self.has_pending_answers() {
            self.answered.notified().await;
        }
    }

    /// Queues waiting answers, then gaps, until the outbox is full. Returns whether all fit.
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
            let frame = ServerFrame::Gap {
                conversation: conversation.get(),
                seq: gap.seq.get(),
                msg_no: gap.msg_no.get(),
                read_no: gap.read_no.get(),
            };
            if !self.push(&frame.encode(&self.budget)) {
                gaps.insert(conversation, gap);
                return false;
            }
        }
        true
    }
}
