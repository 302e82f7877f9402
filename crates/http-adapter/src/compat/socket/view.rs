//! How much of the lobby one client knows.

use std::rc::Rc;

use domain::Seq;

use super::packet::Packet;
use crate::compat::frames::{Frames, History};
use crate::websocket::{Durability, Outbox, Pushed};

/// Deliveries that are held back for one socket; past that, or past this many
/// bytes of text, the history is read again instead.
const HELD_PACKETS: usize = 64;
const HELD_BYTES: usize = 256 * 1024;

/// What one client has been shown, as a cursor that never goes back but for a reset.
#[derive(Debug)]
pub(super) struct View {
    mode: Mode,
    /// Rows that the client shows, or that it would if it had kept up.
    rows: usize,
}

#[derive(Debug)]
enum Mode {
    /// It knows everything up to here.
    Live(Seq),
    /// A history is being read for it.
    Held(Held),
    /// It was too slow, and wants a history once it has read what it has.
    Lost,
}

#[derive(Debug, Default)]
struct Held {
    /// Where it stood before, if it knew anything.
    before: Option<Seq>,
    packets: Vec<Rc<Packet>>,
    bytes: usize,
    /// The newest delivery that there was no room for.
    missed: Option<Seq>,
}

/// What came of showing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// So many frames about the room are on their way.
    Told(usize),
    /// The client is too slow: a history has to follow once it has read what it has.
    Lost,
    /// The history is too old for what came meanwhile.
    TooOld,
}

impl View {
    /// Of a client that knows nothing, and for which a history will be read.
    pub(super) fn new() -> Self {
        Self { mode: Mode::Held(Held::default()), rows: 0 }
    }

    /// Rows that a history has to hold for this client.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.mode, Mode::Lost)
    }

    /// From now on deliveries wait for a history.
    pub(super) fn hold(&mut self) {
        match &self.mode {
            Mode::Held(_) => {}
            Mode::Live(cursor) => {
                self.mode = Mode::Held(Held { before: Some(*cursor), ..Held::default() });
            }
            Mode::Lost => self.mode = Mode::Held(Held::default()),
        }
    }

    /// What it knows may be wrong, and so is what was held back.
    pub(super) fn reset(&mut self) {
        if !self.is_lost() {
            self.mode = Mode::Held(Held::default());
        }
    }

    /// It will be told no steps any more, until a history is shown.
    pub(super) fn lose(&mut self) {
        self.mode = Mode::Lost;
    }

    /// Tells a delivery, or holds it back.
    pub(super) fn take(&mut self, packet: &Rc<Packet>, outbox: &Outbox, frames: &Frames) -> Shown {
        match &mut self.mode {
            Mode::Lost => {
                self.rows += packet.created;
                Shown::Told(0)
            }
            Mode::Held(held) => {
                held.take(packet);
                Shown::Told(0)
            }
            Mode::Live(cursor) => {
                let told = packet.told(*cursor, frames);
                *cursor = packet.to.max(*cursor);
                self.rows += told.created;
                for frame in &told.frames {
                    if outbox.push(frame, Durability::Durable) == Pushed::Refused {
                        self.mode = Mode::Lost;
                        return Shown::Lost;
                    }
                }
                Shown::Told(told.frames.len())
            }
        }
    }

    /// Shows a history, then what was held back and is not in it.
    pub(super) fn show(&mut self, history: &History, outbox: &Outbox, frames: &Frames) -> Shown {
        let Mode::Held(held) = &mut self.mode else { return Shown::Lost };
        if held.missed.is_some_and(|missed| missed > history.head) {
            *held = Held { before: held.before, ..Held::default() };
            return Shown::TooOld;
        }
        if outbox.push(&history.frame, Durability::Durable) == Pushed::Refused {
            self.mode = Mode::Lost;
            return Shown::Lost;
        }
        self.rows = history.rows;
        self.go_on(history.head, outbox, frames)
    }

    /// Goes on without a history, if nothing is missing.
    pub(super) fn release(&mut self, outbox: &Outbox, frames: &Frames) -> Option<Shown> {
        let Mode::Held(Held { before: Some(cursor), missed: None, .. }) = self.mode else {
            return None;
        };
        Some(self.go_on(cursor, outbox, frames))
    }

    fn go_on(&mut self, cursor: Seq, outbox: &Outbox, frames: &Frames) -> Shown {
        let held = std::mem::replace(&mut self.mode, Mode::Live(cursor));
        let Mode::Held(Held { packets, .. }) = held else { return Shown::Told(0) };
        let mut told = 0;
        for packet in packets {
            match self.take(&packet, outbox, frames) {
                Shown::Told(frames) => told += frames,
                other => return other,
            }
        }
        Shown::Told(told)
    }
}

impl Held {
    fn take(&mut self, packet: &Rc<Packet>) {
        self.bytes += packet.bytes;
        let is_full = self.packets.len() >= HELD_PACKETS || self.bytes > HELD_BYTES;
        if self.missed.is_some() || is_full {
            self.packets.clear();
            self.missed = Some(packet.to);
        } else {
            self.packets.push(Rc::clone(packet));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use domain::{
        Author, Change, ClientId, ConversationId, Mentions, Message, MessageBody, MessageId, MsgNo,
        Reactions, Seq, Timestamp, UserId, Username,
    };
    use time::UtcOffset;

    use super::{HELD_PACKETS, Shown, View};
    use crate::budget::Budget;
    use crate::compat::frames::{Frames, History};
    use crate::compat::socket::packet::Packet;
    use crate::websocket::{Frame, Outbox, QueueLimits};

    /// Message number `n`, made at `created`, altered at `last` if that is later.
    fn message(n: i64, created: i64, last: i64) -> Message {
        let body = MessageBody::parse("x").unwrap();
        let at = Timestamp::from_seconds(0);
        Message {
            id: MessageId::new(n),
            conversation: ConversationId::LOBBY,
            msg_no: MsgNo::new(n),
            seq_created: Seq::new(created),
            seq_last: Seq::new(last),
            author: Author { id: UserId::new(1), username: Username::parse("ann").unwrap() },
            client_id: ClientId::new(1),
            first_hash: body.hash(),
            body,
            created_at: at,
            edited_at: (last > created).then_some(at),
            deleted_at: None,
            mentions: Mentions::default(),
            reply_to: None,
            edits: 0,
            reactions: Reactions::default(),
            pinned_at: None,
        }
    }

    fn deleted(n: i64, created: i64, last: i64) -> Message {
        Message { deleted_at: Some(Timestamp::from_seconds(0)), ..message(n, created, last) }
    }

    fn packet(to: i64, messages: Vec<Message>) -> Rc<Packet> {
        let changes: Vec<_> = messages.into_iter().map(|m| Change::Message(Arc::new(m))).collect();
        Rc::new(Packet::new(Seq::new(to), &changes))
    }

    struct Client {
        view: View,
        outbox: Rc<Outbox>,
        frames: Frames,
    }

    impl Client {
        fn new(hard: usize) -> Self {
            let frames = Frames { offset: UtcOffset::UTC, budget: Budget::new(usize::MAX) };
            let outbox = Outbox::alone(QueueLimits { soft: hard, hard });
            Self { view: View::new(), outbox, frames }
        }

        fn take(&mut self, packet: &Rc<Packet>) -> Shown {
            self.view.take(packet, &self.outbox, &self.frames)
        }

        fn show(&mut self, head: i64) -> Shown {
            let frame = Frame::text(&self.frames.budget, 8, |out| out.extend(b"history "));
            let history = History { frame, head: Seq::new(head), rows: 3 };
            self.view.show(&history, &self.outbox, &self.frames)
        }

        /// What was sent: types and ids.
        fn sent(&self) -> Vec<String> {
            let mut sent = Vec::new();
            while let Some(bytes) = self.outbox.taken() {
                let text = String::from_utf8_lossy(&bytes[2 + 2 * usize::from(bytes[1] == 126)..]);
                let Ok(frame) = serde_json::from_str::<serde_json::Value>(&text) else {
                    sent.push(text.trim().to_owned());
                    continue;
                };
                let id = frame.get("message_id").unwrap_or(&frame["message"]["id"]);
                sent.push(format!("{} {id}", frame["type"].as_str().unwrap()));
            }
            sent
        }
    }

    #[test]
    fn creations_go_first_and_what_came_and_went_is_not_told() {
        let gap = vec![
            deleted(3, 6, 7),
            message(1, 1, 8),
            message(4, 9, 10),
            deleted(2, 2, 11),
            message(5, 12, 12),
        ];
        let mut client = Client::new(10_000);
        assert_eq!(client.show(5), Shown::Told(0));

        assert_eq!(client.take(&packet(12, gap)), Shown::Told(4));

        let want = [
            "history",
            "chat_message 4",
            "chat_message 5",
            "message_updated 1",
            "message_deleted 2",
        ];
        assert_eq!(client.sent(), want);
    }

    #[test]
    fn what_is_held_back_follows_the_history_unless_that_holds_it() {
        let mut client = Client::new(10_000);
        for n in 1..=4 {
            assert_eq!(client.take(&packet(n, vec![message(n, n, n)])), Shown::Told(0));
        }

        assert_eq!(client.show(2), Shown::Told(2));
        assert_eq!(client.take(&packet(4, vec![message(4, 4, 4)])), Shown::Told(0));

        assert_eq!(client.sent(), ["history", "chat_message 3", "chat_message 4"]);
        assert_eq!(client.view.rows(), 5);
    }

    #[test]
    fn too_much_held_back_wants_a_newer_history() {
        let mut client = Client::new(10_000);
        let many = i64::try_from(HELD_PACKETS).unwrap() + 1;
        for n in 1..=many {
            assert_eq!(client.take(&packet(n, vec![message(n, n, n)])), Shown::Told(0));
        }

        assert_eq!(client.show(many - 1), Shown::TooOld);
        assert_eq!(client.show(many), Shown::Told(0));
        assert_eq!(client.sent(), ["history"]);
    }

    #[test]
    fn without_a_history_it_goes_on_where_it_was() {
        let mut client = Client::new(10_000);
        assert_eq!(client.show(1), Shown::Told(0));
        client.view.hold();
        assert_eq!(client.take(&packet(2, vec![message(2, 2, 2)])), Shown::Told(0));

        let shown = client.view.release(&client.outbox, &client.frames);

        assert_eq!(shown, Some(Shown::Told(1)));
        assert_eq!(client.sent(), ["history", "chat_message 2"]);
    }

    #[test]
    fn a_client_that_is_too_slow_is_told_no_more_steps() {
        let mut client = Client::new(400);
        assert_eq!(client.show(0), Shown::Told(0));
        assert_eq!(client.take(&packet(1, vec![message(1, 1, 1)])), Shown::Told(1));
        assert_eq!(client.take(&packet(2, vec![message(2, 2, 2)])), Shown::Told(1));
        assert_eq!(client.take(&packet(3, vec![message(3, 3, 3)])), Shown::Lost);
        assert_eq!(client.take(&packet(4, vec![message(4, 4, 4)])), Shown::Told(0));

        assert_eq!(client.sent(), ["history", "chat_message 1", "chat_message 2"]);
        assert_eq!(client.view.rows(), 7);
        client.view.hold();
        assert_eq!(client.take(&packet(5, vec![message(5, 5, 5)])), Shown::Told(0));
        assert_eq!(client.show(4), Shown::Told(1));
        assert_eq!(client.sent(), ["history", "chat_message 5"]);
    }
}
