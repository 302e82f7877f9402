//! What one client has still to be told, in order.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use crate::fanout::frame;

/// Room for frames that an idle socket keeps.
const KEPT: usize = 4;

/// Frames that wait for a connection. Control frames pass the others, but not one that
/// has begun; the close frame is the last.
#[derive(Debug, Default)]
pub(super) struct Pending {
    queue: VecDeque<Bytes>,
    /// What is left of a frame whose beginning has gone out…
    begun: Bytes,
    /// …and of a control frame; not of both.
    control: Bytes,
    pub(super) pong: Option<Bytes>,
    pub(super) ping: bool,
    pub(super) close: Option<Bytes>,
    /// Bytes in `queue` and `begun`.
    waiting: usize,
    /// Those of them that belong to a frame which was queued alone; they do
    /// not count against the limits of what follows it.
    alone: usize,
}

impl Pending {
    pub(super) fn push(&mut self, frame: Bytes) {
        if self.waiting == 0 {
            self.alone = frame.len();
        }
        self.waiting += frame.len();
        self.queue.push_back(frame);
    }

    /// Bytes that wait, but for control frames.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Those of them that count against limits.
    pub(super) fn backlog(&self) -> usize {
        self.waiting - self.alone
    }

    /// What goes out next, in order.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let begun = [&self.begun, &self.control].into_iter().filter(|rest| !rest.is_empty());
        let control = self.pong.iter().chain(self.ping.then_some(&frame::PING));
        begun.chain(control).chain(&self.queue).chain(&self.close).map(|bytes| &**bytes)
    }

    /// So many bytes of it have gone out.
    pub(super) fn advance(&mut self, mut written: usize) {
        while written > 0 && self.begin() {
            if self.control.is_empty() {
                let gone = take(&mut self.begun, written);
                self.waiting -= gone;
                self.alone = self.alone.saturating_sub(gone);
                written -= gone;
            } else {
                written -= take(&mut self.control, written);
            }
        }
        if self.waiting == 0 {
            self.queue.shrink_to(KEPT);
        }
    }

    /// Whether a frame has begun, which the next one now has if none had.
    fn begin(&mut self) -> bool {
        if !self.begun.is_empty() || !self.control.is_empty() {
            return true;
        }
        if let Some(control) = self.next_control() {
            self.control = control;
        } else if let Some(frame) = self.queue.pop_front() {
            self.begun = frame;
        } else if let Some(close) = self.close.take() {
            self.control = close;
        } else {
            return false;
        }
        true
    }

    fn next_control(&mut self) -> Option<Bytes> {
        if let Some(pong) = self.pong.take() {
            return Some(pong);
        }
        std::mem::take(&mut self.ping).then(|| frame::PING.clone())
    }

    /// Drops what waits, but for the rest of a frame that has begun.
    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.waiting = self.begun.len();
        self.alone = self.alone.min(self.waiting);
    }
}

/// Takes at most so many bytes away; nothing holds the buffer of a frame that has gone.
fn take(bytes: &mut Bytes, most: usize) -> usize {
    if most >= bytes.len() {
        return std::mem::take(bytes).len();
    }
    bytes.advance(most);
    most
}
