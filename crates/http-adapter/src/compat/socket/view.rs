//! The state of the lobby on one client.

use std::rc::Rc;

use domain::Seq;

use super::packet::Packet;
use super::stamp::Stamp;
use crate::compat::frames::{Frames, History};
use crate::sockets::{Attempt, Batch, CaughtUp, Delivered, Sent, Subscription};
use crate::websocket::{Durability, Frame, Outbox, Pushed};

#[derive(Debug)]
pub(super) struct View {
    pub(super) subscription: Subscription<Packet>,
    attempt: Attempt,
    /// Rows that the client shows, or would show without lag.
    pub(super) rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The number of frames about the lobby that were queued.
    Sent(usize),
    /// The queue is full. A history must follow once it is empty.
    Lagging,
    /// Changes between the history and the buffered batches are missing.
    Behind,
}

impl Batch for Packet {
    fn to(&self) -> Seq {
        self.to
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl View {
    /// Starts empty, waiting for a history.
    pub(super) fn new() -> Self {
        let mut subscription = Subscription::default();
        let attempt = subscription.catch_up();
        Self { subscription, attempt, rows: 0 }
    }

    pub(super) fn is_unsubscribed(&self) -> bool {
        self.subscription.is_unsubscribed()
    }

    /// Buffers deliveries until the next history.
    pub(super) fn catch_up(&mut self) {
        self.attempt = self.subscription.catch_up();
    }

    /// Discards the buffered deliveries and waits for a history, because both may be wrong.
    pub(super) fn reset(&mut self) {
        if !self.is_unsubscribed() {
            self.subscription.unsubscribe();
            self.catch_up();
        }
    }

    /// Sends or buffers changes, with a ping behind those that it sends.
    pub(super) fn deliver(
        &mut self,
        packet: &Rc<Packet>,
        outbox: &Outbox,
        frames: &Frames,
        ping: Option<Stamp>,
    ) -> Shown {
        let was_unsubscribed = self.is_unsubscribed();
        let mut sender = Sender { ping, ..Sender::new(outbox, frames) };
        let delivered =
            self.subscription.deliver(packet, |packet, cursor| sender.send(packet, cursor));
        let Sender { sent, created, .. } = sender;
        self.rows += if was_unsubscribed { packet.created } else { created };
        match delivered {
            Delivered::Unsubscribed if !was_unsubscribed => Shown::Lagging,
            _ => Shown::Sent(sent),
        }
    }

    /// Sends a history between pings, then the buffered deliveries that are newer.
    pub(super) fn show(
        &mut self,
        history: &History,
        outbox: &Outbox,
        frames: &Frames,
        pings: Option<[Stamp; 2]>,
    ) -> Shown {
        if self.is_unsubscribed() {
            return Shown::Lagging;
        }
        if self.subscription.is_behind(history.head) {
            return Shown::Behind;
        }
        let behind = pings.map(|[_, behind]| Frame::queued_ping(&behind.payload()));
        let mut all = [&history.frame].into_iter().chain(&behind);
        if all.any(|frame| outbox.push(frame, Durability::Durable) == Pushed::Refused) {
            self.subscription.unsubscribe();
            return Shown::Lagging;
        }
        if let Some([before, _]) = pings {
            outbox.ping(&before.payload());
        }
        self.rows = history.rows;
        let mut sender = Sender::new(outbox, frames);
        let caught_up = self
            .subscription
            .finish(self.attempt, history.head, |packet, cursor| sender.send(packet, cursor));
        self.rows += sender.created;
        shown(&caught_up, sender.sent)
    }

    /// Resumes live events without a history, if none is missing.
    pub(super) fn resume(&mut self, outbox: &Outbox, frames: &Frames) -> Option<Shown> {
        let mut sender = Sender::new(outbox, frames);
        let resumed = self.subscription.resume(|packet, cursor| sender.send(packet, cursor));
        self.rows += sender.created;
        resumed.map(|caught_up| shown(&caught_up, sender.sent))
    }
}

fn shown(caught_up: &CaughtUp<Packet>, sent: usize) -> Shown {
    match caught_up {
        CaughtUp::Live => Shown::Sent(sent),
        CaughtUp::Behind => Shown::Behind,
        CaughtUp::Cancelled | CaughtUp::Stale | CaughtUp::OutboxFull(_) => Shown::Lagging,
    }
}

/// Sends events to one client, and counts them.
struct Sender<'a> {
    outbox: &'a Outbox,
    frames: &'a Frames,
    /// The ping behind the next batch.
    ping: Option<Stamp>,
    sent: usize,
    /// The number of new messages.
    created: usize,
}

impl<'a> Sender<'a> {
    fn new(outbox: &'a Outbox, frames: &'a Frames) -> Self {
        Self { outbox, frames, ping: None, sent: 0, created: 0 }
    }

    fn send(&mut self, packet: &Packet, cursor: Seq) -> Sent {
        let events = packet.events_since(cursor, self.frames);
        self.created += events.created;
        for frame in events.with_ping(self.ping.take(), self.frames) {
            if self.outbox.push(frame, Durability::Durable) == Pushed::Refused {
                return Sent::OutboxFull;
            }
        }
        self.sent += events.frames.len();
        Sent::UpTo(packet.to)
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

    use super::{Shown, View};
    use crate::budget::Budget;
    use crate::compat::frames::{Frames, History};
    use crate::compat::socket::packet::Packet;
    use crate::websocket::{Frame, Outbox, QueueLimits};

    /// Message number `n`, created at change `created`, and edited at `last` if that is later.
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

        fn deliver(&mut self, packet: &Rc<Packet>) -> Shown {
            self.view.deliver(packet, &self.outbox, &self.frames, None)
        }

        fn show(&mut self, head: i64) -> Shown {
            let frame = Frame::text(&self.frames.budget, 8, |out| out.extend(b"history "));
            let history = History { frame, head: Seq::new(head), rows: 3 };
            self.view.show(&history, &self.outbox, &self.frames, None)
        }

        /// The types and ids of the frames that were sent.
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
    fn new_messages_go_first_and_deleted_ones_are_omitted() {
        let gap = vec![
            deleted(3, 6, 7),
            message(1, 1, 8),
            message(4, 9, 10),
            deleted(2, 2, 11),
            message(5, 12, 12),
        ];
        let mut client = Client::new(10_000);
        assert_eq!(client.show(5), Shown::Sent(0));

        assert_eq!(client.deliver(&packet(12, gap)), Shown::Sent(4));

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
    fn a_message_edited_within_its_delivery_is_created_once() {
        let mut client = Client::new(10_000);
        assert_eq!(client.show(0), Shown::Sent(0));
        let changes = vec![message(1, 1, 1), message(2, 2, 2), message(1, 1, 3), deleted(2, 2, 4)];

        assert_eq!(client.deliver(&packet(4, changes)), Shown::Sent(1));

        assert_eq!(client.sent(), ["history", "chat_message 1"]);
    }

    #[test]
    fn buffered_events_follow_the_history_unless_it_contains_them() {
        let mut client = Client::new(10_000);
        for n in 1..=4 {
            assert_eq!(client.deliver(&packet(n, vec![message(n, n, n)])), Shown::Sent(0));
        }

        assert_eq!(client.show(2), Shown::Sent(2));
        assert_eq!(client.deliver(&packet(4, vec![message(4, 4, 4)])), Shown::Sent(0));

        assert_eq!(client.sent(), ["history", "chat_message 3", "chat_message 4"]);
        assert_eq!(client.view.rows, 5);
    }

    #[test]
    fn a_full_buffer_demands_a_newer_history() {
        let mut client = Client::new(10_000);
        let many = 100;
        for n in 1..=many {
            assert_eq!(client.deliver(&packet(n, vec![message(n, n, n)])), Shown::Sent(0));
        }

        assert_eq!(client.show(many - 1), Shown::Behind);
        assert_eq!(client.show(many), Shown::Sent(0));
        assert_eq!(client.sent(), ["history"]);
    }

    #[test]
    fn a_catch_up_resumes_without_a_history() {
        let mut client = Client::new(10_000);
        assert_eq!(client.show(1), Shown::Sent(0));
        client.view.catch_up();
        assert_eq!(client.deliver(&packet(2, vec![message(2, 2, 2)])), Shown::Sent(0));

        let shown = client.view.resume(&client.outbox, &client.frames);

        assert_eq!(shown, Some(Shown::Sent(1)));
        assert_eq!(client.sent(), ["history", "chat_message 2"]);
    }

    #[test]
    fn a_lagging_client_gets_a_history_in_place_of_events() {
        let mut client = Client::new(400);
        assert_eq!(client.show(0), Shown::Sent(0));
        assert_eq!(client.deliver(&packet(1, vec![message(1, 1, 1)])), Shown::Sent(1));
        assert_eq!(client.deliver(&packet(2, vec![message(2, 2, 2)])), Shown::Sent(1));
        assert_eq!(client.deliver(&packet(3, vec![message(3, 3, 3)])), Shown::Lagging);
        assert_eq!(client.deliver(&packet(4, vec![message(4, 4, 4)])), Shown::Sent(0));

        assert_eq!(client.sent(), ["history", "chat_message 1", "chat_message 2"]);
        assert_eq!(client.view.rows, 7);
        client.view.catch_up();
        assert_eq!(client.deliver(&packet(5, vec![message(5, 5, 5)])), Shown::Sent(0));
        assert_eq!(client.show(4), Shown::Sent(1));
        assert_eq!(client.sent(), ["history", "chat_message 5"]);
    }
}
