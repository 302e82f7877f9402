//! The changes of one delivery, and their frames.

use std::cell::RefCell;
use std::sync::Arc;

use domain::{Change, ConversationId, MsgNo, Seq, UserId};

use super::server_frame::ServerFrame;
use crate::budget::Budget;
use crate::sockets::Batch;
use crate::websocket::Frame;

/// The changes of one delivery. Each is encoded once for all clients of the worker.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) conversation: ConversationId,
    pub(super) to: Seq,
    pub(super) changes: Arc<[Change]>,
    frames: RefCell<Vec<Option<Frame>>>,
}

impl Packet {
    pub(super) fn new(conversation: ConversationId, to: Seq, changes: Arc<[Change]>) -> Self {
        let frames = RefCell::new(vec![None; changes.len()]);
        Self { conversation, to, changes, frames }
    }

    /// The newest message, of any author or of one; zero if there is none.
    pub(super) fn newest(&self, author: Option<UserId>) -> MsgNo {
        let numbers = self.changes.iter().map(|change| match change {
            Change::Message(message) if author.is_none_or(|author| message.author.id == author) => {
                message.msg_no
            }
            _ => MsgNo::ZERO,
        });
        numbers.max().unwrap_or(MsgNo::ZERO)
    }

    pub(super) fn frame(&self, index: usize, budget: &Budget) -> Option<Frame> {
        let change = self.changes.get(index)?;
        let mut frames = self.frames.borrow_mut();
        let frame = frames.get_mut(index)?;
        Some(frame.get_or_insert_with(|| ServerFrame::from(change).encode(budget)).clone())
    }
}

impl Batch for Packet {
    fn to(&self) -> Seq {
        self.to
    }

    fn bytes(&self) -> usize {
        let text = |change: &Change| match change {
            Change::Message(message) => message.body.as_str().len(),
            Change::Member(_) | Change::Conversation(_) => 0,
        };
        self.changes.iter().map(text).sum()
    }
}
