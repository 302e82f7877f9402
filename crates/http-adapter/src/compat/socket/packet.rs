//! Changes of the lobby, and what they make to be told.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use domain::{Change, Message, MessageEvent, Seq, UserId, Username};

use crate::compat::frames::Frames;
use crate::websocket::Frame;

/// Different answers that are kept; sockets nearly always share one.
const KEPT: usize = 4;

/// What came with one delivery. Its frames are made when the first socket
/// wants them, and serve all that know as much.
#[derive(Debug)]
pub(super) struct Packet {
    /// Who has this knows everything up to here.
    pub(super) to: Seq,
    /// Bytes of the texts.
    pub(super) bytes: usize,
    /// Chat made in it.
    pub(super) created: usize,
    /// Who edited or deleted something.
    pub(super) altered_by: Vec<UserId>,
    messages: Vec<Arc<Message>>,
    /// Cursors between two of these are told the same.
    steps: Vec<Seq>,
    told: RefCell<Vec<(usize, Rc<Told>)>>,
}

/// What somebody is told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) frames: Vec<Frame>,
    /// Chat among them that are new.
    pub(super) created: usize,
}

impl Packet {
    pub(super) fn new(to: Seq, changes: &[Change]) -> Self {
        let messages: Vec<Arc<Message>> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Message(message) => Some(Arc::clone(message)),
                Change::Member(_) | Change::Conversation(_) => None,
            })
            .collect();
        let altered = |message: &&Arc<Message>| message.seq_last > message.seq_created;
        let mut steps: Vec<Seq> =
            messages.iter().flat_map(|message| [message.seq_created, message.seq_last]).collect();
        steps.sort_unstable();
        steps.dedup();
        Self {
            to,
            bytes: messages.iter().map(|message| message.body.as_str().len()).sum(),
            created: messages.iter().filter(|m| !altered(m) && !m.is_deleted()).count(),
            altered_by: messages.iter().filter(altered).map(|message| message.author.id).collect(),
            messages,
            steps,
            told: RefCell::default(),
        }
    }

    /// What somebody at `cursor` is told: creations by `msg_no`, then updates
    /// and deletions by `seq_last`.
    pub(super) fn told(&self, cursor: Seq, frames: &Frames) -> Rc<Told> {
        let step = self.steps.partition_point(|step| *step <= cursor);
        let mut told = self.told.borrow_mut();
        if let Some((_, told)) = told.iter().find(|(known, _)| *known == step) {
            return Rc::clone(told);
        }
        let made = Rc::new(self.encode(cursor, frames));
        if told.len() == KEPT {
            told.remove(0);
        }
        told.push((step, Rc::clone(&made)));
        made
    }

    /// The name of `user`, if it wrote any of this.
    pub(super) fn author(&self, user: UserId) -> Option<&Username> {
        let mut authors = self.messages.iter().map(|message| &message.author);
        authors.find(|author| author.id == user).map(|author| &author.username)
    }

    fn encode(&self, cursor: Seq, frames: &Frames) -> Told {
        let mut told: Vec<_> = self
            .messages
            .iter()
            .filter_map(|message| Some((message.event_since(cursor)?, message)))
            // This client knows neither reactions nor pins.
            .filter(|(event_since, message)| {
                *event_since != MessageEvent::Updated || message.is_edited()
            })
            .collect();
        told.sort_by_key(|(event_since, message)| match event_since {
            MessageEvent::Created => (0, message.msg_no.get()),
            _ => (1, message.seq_last.get()),
        });
        let created =
            told.iter().filter(|(event_since, _)| *event_since == MessageEvent::Created).count();
        let frames = told.into_iter().map(|(event, message)| frames.message(message, event));
        Told { frames: frames.collect(), created }
    }
}
