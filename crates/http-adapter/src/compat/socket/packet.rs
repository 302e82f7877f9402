//! Changes of the lobby, and the events that clients get for them.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use domain::{Change, Message, MessageEvent, MessageId, Seq, UserId, Username};

use super::stamp::Stamp;
use crate::compat::frames::Frames;
use crate::websocket::Frame;

/// Cached encodings for different cursors. Clients nearly always share one cursor.
const KEPT: usize = 4;

/// The changes of one delivery. The first client that needs the frames encodes them, and clients
/// with an equivalent cursor share them.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) to: Seq,
    /// The size of all texts.
    pub(super) bytes: usize,
    /// The number of new messages.
    pub(super) created: usize,
    /// The authors of edited or deleted messages.
    pub(super) changed_authors: Vec<UserId>,
    messages: Vec<Arc<Message>>,
    /// Clients whose cursors lie between the same two steps get the same events.
    steps: Vec<Seq>,
    encoded: RefCell<Vec<(usize, Rc<Events>)>>,
}

/// The events for clients at one cursor.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) frames: Vec<Frame>,
    /// The last frame with a ping behind it.
    pinged: OnceCell<Frame>,
    /// The number of new messages.
    pub(super) created: usize,
}

impl Events {
    /// The frames, with a ping behind the last one. All pings of one delivery have the same stamp.
    pub(super) fn with_ping(
        &self,
        ping: Option<Stamp>,
        frames: &Frames,
    ) -> impl Iterator<Item = &Frame> {
        let last = self.frames.last().zip(ping).map(|(last, stamp)| {
            self.pinged.get_or_init(|| last.with_ping(&frames.budget, &stamp.payload()))
        });
        let plain = self.frames.len() - usize::from(last.is_some());
        self.frames.iter().take(plain).chain(last)
    }
}

impl Packet {
    pub(super) fn new(to: Seq, changes: &[Change]) -> Self {
        let messages = newest_forms(changes);
        let altered = |message: &&Arc<Message>| message.seq_last > message.seq_created;
        let mut steps: Vec<Seq> =
            messages.iter().flat_map(|message| [message.seq_created, message.seq_last]).collect();
        steps.sort_unstable();
        steps.dedup();
        Self {
            to,
            bytes: messages.iter().map(|message| message.body.as_str().len()).sum(),
            created: messages.iter().filter(|m| !altered(m) && !m.is_deleted()).count(),
            changed_authors: messages
                .iter()
                .filter(altered)
                .map(|message| message.author.id)
                .collect(),
            messages,
            steps,
            encoded: RefCell::default(),
        }
    }

    /// The events after `cursor`: creations by `msg_no`, then updates and deletions by
    /// `seq_last`.
    pub(super) fn events_since(&self, cursor: Seq, frames: &Frames) -> Rc<Events> {
        let step = self.steps.partition_point(|step| *step <= cursor);
        let mut encoded = self.encoded.borrow_mut();
        if let Some((_, events)) = encoded.iter().find(|(known, _)| *known == step) {
            return Rc::clone(events);
        }
        let events = Rc::new(self.encode(cursor, frames));
        if encoded.len() == KEPT {
            encoded.remove(0);
        }
        encoded.push((step, Rc::clone(&events)));
        events
    }

    /// The name of a user who wrote any of the messages.
    pub(super) fn author(&self, user: UserId) -> Option<&Username> {
        let mut authors = self.messages.iter().map(|message| &message.author);
        authors.find(|author| author.id == user).map(|author| &author.username)
    }

    fn encode(&self, cursor: Seq, frames: &Frames) -> Events {
        let mut events: Vec<_> = self
            .messages
            .iter()
            .filter_map(|message| Some((message.event_since(cursor)?, message)))
            // The React client knows neither reactions nor pins.
            .filter(|(event, message)| *event != MessageEvent::Updated || message.is_edited())
            .collect();
        events.sort_by_key(|(event, message)| match event {
            MessageEvent::Created => (0, message.msg_no.get()),
            _ => (1, message.seq_last.get()),
        });
        let created = events.iter().filter(|(event, _)| *event == MessageEvent::Created).count();
        let frames = events.into_iter().map(|(event, message)| frames.message(message, event));
        Events { frames: frames.collect(), pinged: OnceCell::new(), created }
    }
}

/// Each message once, because a client whose cursor is before its creation would otherwise get
/// the creation again for every later change of the same delivery.
fn newest_forms(changes: &[Change]) -> Vec<Arc<Message>> {
    let mut newest: HashMap<MessageId, &Arc<Message>> = HashMap::new();
    for change in changes {
        if let Change::Message(message) = change {
            newest.insert(message.id, message);
        }
    }
    let is_newest = |message: &&Arc<Message>| {
        newest.get(&message.id).is_some_and(|newest| newest.seq_last == message.seq_last)
    };
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Message(message) => Some(message),
            Change::Member(_) | Change::Conversation(_) => None,
        })
        .filter(is_newest)
        .map(Arc::clone)
        .collect()
}
