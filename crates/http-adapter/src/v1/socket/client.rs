//! One client, as its worker sees it.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use application::ports::InboxEntry;
use domain::{
    Change, ConversationId, EphemeralEvent, MsgNo, Profile, Role, Seq, Timestamp, UserId, Viewer,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::server_frame;
use super::worker::Packet;
use crate::budget::Budget;
use crate::sockets::Heartbeat;
use crate::websocket::{Durability, Frame, Outbox, Pushed};

/// Deliveries that may wait while a conversation is being read.
const HELD: usize = 64;

/// One client: the delivery_loop tells it what happens, its own task does the rest.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) user: UserId,
    pub(super) outbox: Rc<Outbox>,
    pub(super) heartbeat: Heartbeat,
    /// When its token ends; moved when that is renewed.
    pub(super) expires: Cell<Instant>,
    budget: Budget,
    conversations: RefCell<HashMap<ConversationId, Watched>>,
    /// Answers for which there was no room; nothing more is asked meanwhile.
    answers: RefCell<VecDeque<Frame>>,
    /// How far conversations have come of which it was not told what happened.
    gaps: RefCell<BTreeMap<ConversationId, Gap>>,
    /// Openings so far.
    openings: Cell<u64>,
    inbox_changed: Cell<bool>,
    greeted: Cell<bool>,
    /// Its own, as it was told.
    profile: RefCell<Profile>,
    /// Comings or goings were left out.
    presence_missed: Cell<bool>,
    wake: Notify,
    room: Notify,
    doubt: Notify,
}

/// How far a conversation has come of which it was not told what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) seq: Seq,
    /// The newest message of those that it was not told of; zero if there was none.
    pub(super) msg_no: MsgNo,
    /// The newest of its own among them, which moves its marker.
    pub(super) read_no: MsgNo,
}

/// A conversation of the client's.
#[derive(Debug)]
struct Watched {
    reader: Viewer,
    /// What the client was told; nothing yet of one that it just came to.
    own: Option<Own>,
    stage: Stage,
}

/// What of a conversation one alone is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    view_version: i64,
    read_no: MsgNo,
    muted: bool,
    role: Option<Role>,
    silenced_until: Option<Timestamp>,
}

impl From<&InboxEntry> for Own {
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

/// What is new of a conversation to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    Nothing,
    /// What it alone is shown of it.
    Own,
    /// What it sees of it: what it was told before counts for nothing now.
    View,
}

/// What the client is told of it.
#[derive(Debug)]
enum Stage {
    /// How far it has come.
    Closed,
    /// What happened is being read; what happens meanwhile waits.
    Opening {
        ticket: Ticket,
        held: Vec<Rc<Packet>>,
        /// The newest of those for which there was no room.
        overflown: Option<Rc<Packet>>,
    },
    /// What happens, after this.
    Open { cursor: Seq },
    /// Nothing, until it is known what it may see now.
    Outdated,
}

/// How far a client was told of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Of all that it may see.
    All(Seq),
    /// Up to the change that makes its view another.
    Outdated,
    /// There was no room.
    TooMuch,
}

/// Tells one opening of a conversation from another that was asked for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// How a conversation that was read can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// It is open.
    Yes,
    /// More has happened than was held: it is to be read on.
    Behind,
    /// It is no longer to be opened.
    Gone,
}

impl Client {
    pub(super) fn new(
        user: UserId,
        outbox: Rc<Outbox>,
        heartbeat: Heartbeat,
        budget: Budget,
    ) -> Self {
        Self {
            user,
            outbox,
            heartbeat,
            expires: Cell::new(Instant::now()),
            budget,
            conversations: RefCell::default(),
            answers: RefCell::default(),
            gaps: RefCell::default(),
            openings: Cell::new(0),
            inbox_changed: Cell::new(false),
            greeted: Cell::new(false),
            profile: RefCell::default(),
            presence_missed: Cell::new(false),
            wake: Notify::new(),
            room: Notify::new(),
            doubt: Notify::new(),
        }
    }

    /// Watches a conversation from now on. Says whether it did not before.
    pub(super) fn expect(&self, conversation: ConversationId, reader: Viewer) -> bool {
        match self.conversations.borrow_mut().entry(conversation) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Watched { reader, own: None, stage: Stage::Closed });
                true
            }
        }
    }

    /// Learns how a conversation stands, and says what of that is new.
    pub(super) fn learn(&self, conversation: ConversationId, reader: Viewer, own: Own) -> News {
        let mut conversations = self.conversations.borrow_mut();
        let Some(known) = conversations.get_mut(&conversation) else { return News::Nothing };
        known.reader = reader;
        let was_outdated = matches!(known.stage, Stage::Outdated);
        match known.own.replace(own) {
            Some(before) if was_outdated || before.view_version != own.view_version => {
                self.shut(known);
                News::View
            }
            Some(before) if before == own => News::Nothing,
            before => {
                if before.is_none() && was_outdated {
                    self.shut(known);
                }
                News::Own
            }
        }
    }

    /// Says whether it watched the conversation until now.
    pub(super) fn forget(&self, conversation: ConversationId) -> bool {
        self.gaps.borrow_mut().remove(&conversation);
        self.conversations.borrow_mut().remove(&conversation).is_some()
    }

    pub(super) fn watches(&self, conversation: ConversationId) -> bool {
        self.conversations.borrow().contains_key(&conversation)
    }

    pub(super) fn watched(&self) -> Vec<ConversationId> {
        self.conversations.borrow().keys().copied().collect()
    }

    /// A conversation went on.
    pub(super) fn take(&self, packet: &Rc<Packet>) {
        let mut conversations = self.conversations.borrow_mut();
        let Some(watched) = conversations.get_mut(&packet.conversation) else { return };
        let Watched { reader, stage, .. } = watched;
        let is_outdated = packet.changes.iter().any(|change| reader.is_stale_after(change));
        match stage {
            Stage::Outdated => {}
            Stage::Closed | Stage::Opening { .. } if is_outdated => *stage = Stage::Outdated,
            Stage::Closed => self.note_gap(packet),
            Stage::Opening { held, overflown, .. } => {
                if held.len() < HELD {
                    held.push(Rc::clone(packet));
                } else {
                    *overflown = Some(Rc::clone(packet));
                }
            }
            Stage::Open { cursor } => match self.tell(packet, reader, *cursor) {
                Told::All(to) => *cursor = to,
                Told::Outdated => *stage = Stage::Outdated,
                Told::TooMuch => {
                    *stage = Stage::Closed;
                    self.note_gap(packet);
                }
            },
        }
        let is_own = |change: &Change| matches!(change, Change::Member(m) if m.user == self.user);
        if is_outdated || packet.changes.iter().any(is_own) {
            self.doubt_inbox();
        }
    }

    /// Tells what lies above `cursor`.
    fn tell(&self, packet: &Packet, reader: &Viewer, cursor: Seq) -> Told {
        if packet.to <= cursor {
            return Told::All(cursor);
        }
        let mut told = cursor;
        for (index, change) in packet.changes.iter().enumerate() {
            if change.seq() <= cursor || !reader.can_see_change(change) {
                continue;
            }
            let Some(frame) = packet.frame(index, &self.budget) else { continue };
            if self.outbox.push(&frame, Durability::Durable) == Pushed::Refused {
                return Told::TooMuch;
            }
            if reader.is_stale_after(change) {
                return Told::Outdated;
            }
            told = change.seq();
        }
        if told < packet.to {
            let skip = server_frame::skip(packet.conversation, packet.to, &self.budget);
            if self.outbox.push(&skip, Durability::Durable) == Pushed::Refused {
                return Told::TooMuch;
            }
        }
        Told::All(packet.to)
    }

    fn note_gap(&self, packet: &Packet) {
        let mut gaps = self.gaps.borrow_mut();
        let none = Gap { seq: Seq::ZERO, msg_no: MsgNo::ZERO, read_no: MsgNo::ZERO };
        let gap = gaps.entry(packet.conversation).or_insert(none);
        gap.seq = gap.seq.max(packet.to);
        gap.msg_no = gap.msg_no.max(packet.newest(None));
        gap.read_no = gap.read_no.max(packet.newest(Some(self.user)));
        self.wake.notify_one();
    }

    /// Holds back what happens in a conversation, until it has been read.
    /// Whoever began before comes to nothing. `None` if it is not the client's.
    pub(super) fn begin_opening(&self, conversation: ConversationId) -> Option<Ticket> {
        let mut conversations = self.conversations.borrow_mut();
        let watched = conversations.get_mut(&conversation)?;
        let ticket = Ticket(self.openings.get());
        self.openings.set(ticket.0.wrapping_add(1));
        watched.stage = Stage::Opening { ticket, held: Vec::new(), overflown: None };
        Some(ticket)
    }

    /// An opening comes to nothing, unless it has given way to another.
    pub(super) fn give_up_opening(&self, conversation: ConversationId, mine: Ticket) {
        if let Some(watched) = self.conversations.borrow_mut().get_mut(&conversation)
            && matches!(watched.stage, Stage::Opening { ticket, .. } if ticket == mine)
        {
            self.shut(watched);
        }
    }

    /// Whether a conversation is still to be read, and told.
    pub(super) fn is_opening(&self, conversation: ConversationId, mine: Ticket) -> bool {
        let conversations = self.conversations.borrow();
        let stage = conversations.get(&conversation).map(|watched| &watched.stage);
        matches!(stage, Some(Stage::Opening { ticket, .. }) if *ticket == mine)
    }

    /// A conversation was read, and told, up to `to`.
    pub(super) fn finish_opening(
        &self,
        conversation: ConversationId,
        mine: Ticket,
        to: Seq,
    ) -> Opened {
        let mut conversations = self.conversations.borrow_mut();
        let Some(watched) = conversations.get_mut(&conversation) else { return Opened::Gone };
        let Stage::Opening { ticket, held, overflown } = &mut watched.stage else {
            return Opened::Gone;
        };
        if *ticket != mine {
            return Opened::Gone;
        }
        if let Some(newest) = overflown.take() {
            // Should it not be read on after all, this is the gap.
            *held = vec![newest];
            return Opened::Behind;
        }
        let mut held = std::mem::take(held).into_iter();
        let mut cursor = to;
        while let Some(packet) = held.next() {
            match self.tell(&packet, &watched.reader, cursor) {
                Told::All(to) => cursor = to,
                Told::Outdated => {
                    watched.stage = Stage::Outdated;
                    return Opened::Gone;
                }
                Told::TooMuch => {
                    watched.stage = Stage::Closed;
                    std::iter::once(packet).chain(held).for_each(|packet| self.note_gap(&packet));
                    return Opened::Gone;
                }
            }
        }
        watched.stage = Stage::Open { cursor };
        self.gaps.borrow_mut().remove(&conversation);
        Opened::Yes
    }

    /// Tells of a conversation no more than how far it has come.
    pub(super) fn close(&self, conversation: ConversationId) {
        if let Some(watched) = self.conversations.borrow_mut().get_mut(&conversation) {
            self.shut(watched);
        }
    }

    /// What was held back for it is a gap from now on.
    fn shut(&self, watched: &mut Watched) {
        let before = std::mem::replace(&mut watched.stage, Stage::Closed);
        if let Stage::Opening { held, overflown, .. } = before {
            for packet in held.iter().chain(&overflown) {
                self.note_gap(packet);
            }
        }
    }

    /// What it knows of a conversation may be wrong.
    pub(super) fn reset(&self, conversation: ConversationId) {
        if let Some(watched) = self.conversations.borrow_mut().get_mut(&conversation) {
            watched.stage = Stage::Closed;
            if let Some(own) = &mut watched.own {
                // No view has this number.
                own.view_version = i64::MIN;
            }
        }
        self.doubt_inbox();
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.greeted.get()
    }

    /// Whether it is shown what somebody does: somebody else, in a conversation
    /// that it has open, whom it does not block.
    pub(super) fn notices(&self, signal: &EphemeralEvent) -> bool {
        let conversations = self.conversations.borrow();
        conversations.get(&signal.conversation).is_some_and(|Watched { reader, stage, .. }| {
            let is_open = matches!(stage, Stage::Open { .. });
            is_open && signal.user != self.user && reader.notices(signal.user)
        })
    }

    /// Somebody does something in passing. Left out while there is little room.
    pub(super) fn take_signal(&self, frame: &Frame) {
        let _is_told = self.outbox.push(frame, Durability::Ephemeral);
    }

    /// It has been told where everything stands.
    pub(super) fn greet(&self) {
        self.greeted.set(true);
    }

    /// Learns its account's own profile, and says whether it is another.
    pub(super) fn learn_profile(&self, profile: &Profile) -> bool {
        let is_another = *self.profile.borrow() != *profile;
        if is_another {
            self.profile.replace(profile.clone());
        }
        is_another
    }

    /// Somebody came or went. Left out while there is little room; a list follows then.
    pub(super) fn take_presence(&self, presence: &[Frame]) {
        if !self.greeted.get() || self.presence_missed.get() {
            return;
        }
        for frame in presence {
            if self.outbox.push(frame, Durability::Ephemeral) == Pushed::Refused {
                self.presence_missed.set(true);
                self.wake.notify_one();
                return;
            }
        }
    }

    pub(super) fn misses_presence(&self) -> bool {
        self.presence_missed.get()
    }

    /// Whether comings or goings were left out, and there is room for a list now.
    pub(super) fn take_missed_presence(&self) -> bool {
        self.outbox.waiting() == 0 && self.presence_missed.replace(false)
    }

    /// What it alone is shown may have become another.
    pub(super) fn doubt_inbox(&self) {
        self.inbox_changed.set(true);
        self.wake.notify_one();
    }

    pub(super) fn take_inbox_doubt(&self) -> bool {
        self.inbox_changed.replace(false)
    }

    /// Its rights may have ended.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Says something that it waits for; behind what had no room before.
    pub(super) fn answer(&self, frame: Frame) {
        let mut answers = self.answers.borrow_mut();
        let has_room =
            answers.is_empty() && self.outbox.push(&frame, Durability::Durable) != Pushed::Refused;
        if !has_room {
            answers.push_back(frame);
            self.wake.notify_one();
        }
    }

    /// Whether answers wait for room: it is not heard meanwhile, and so not silent.
    pub(super) fn is_unheard(&self) -> bool {
        !self.answers.borrow().is_empty()
    }

    /// Waits until everything that it was answered has found room.
    pub(super) async fn has_room(&self) {
        while !self.answers.borrow().is_empty() {
            let room = self.room.notified();
            room.await;
        }
    }

    /// Waits for something that its task has to do.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Says what waits, as far as there is room; says whether that was all.
    pub(super) fn flush(&self) -> bool {
        let mut answers = self.answers.borrow_mut();
        while let Some(frame) = answers.front() {
            if self.outbox.push(frame, Durability::Durable) == Pushed::Refused {
                return false;
            }
            answers.pop_front();
        }
        drop(answers);
        self.room.notify_waiters();
        let mut gaps = self.gaps.borrow_mut();
        while let Some((conversation, gap)) = gaps.pop_first() {
            let frame = server_frame::gap(conversation, gap, &self.budget);
            if self.outbox.push(&frame, Durability::Durable) == Pushed::Refused {
                gaps.insert(conversation, gap);
                return false;
            }
        }
        true
    }
}
