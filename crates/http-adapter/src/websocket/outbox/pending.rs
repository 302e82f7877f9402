//! The frames that wait for one connection, in order.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

/// Queue capacity that an idle socket keeps.
const KEPT_CAPACITY: usize = 4;

/// Queued frames. Control frames overtake the others, except a partly written one. The close frame
/// is the last.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The first frame, or the rest of it. Most sockets have no other, so that `queue` stays empty.
    front: Bytes,
    /// Whether `front` is partly written.
    has_begun: bool,
    queue: VecDeque<Bytes>,
    /// The rest of a partly written control frame.
    control: Bytes,
    pub(super) pong: Option<Bytes>,
    pub(super) ping: Option<Bytes>,
    pub(super) close: Option<Bytes>,
    /// Bytes in `front` and `queue`.
    waiting: usize,
    /// Those of `waiting` that belong to a frame that was pushed to an empty queue. They do not count
    /// against the limits.
    alone: usize,
}

impl Pending {
    pub(super) fn push(&mut self, frame: Bytes) {
        self.waiting += frame.len();
        if self.front.is_empty() {
            self.alone = frame.len();
            self.front = frame;
        } else {
            self.queue.push_back(frame);
        }
    }

    /// Queued bytes, without control frames.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Queued bytes that count against the limits.
    pub(super) fn backlog(&self) -> usize {
        self.waiting - self.alone
    }

    /// The bytes to write next, in order.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let begun = self.has_begun.then_some(&self.front);
        let control = self.pong.iter().chain(&self.ping);
        let whole = (!self.has_begun).then_some(&self.front);
        let all = begun.into_iter().chain([&self.control]).chain(control).chain(whole);
        let all = all.chain(&self.queue).chain(&self.close);
        all.map(|bytes| &**bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Removes written bytes.
    pub(super) fn advance(&mut self, mut written: usize) {
        while written > 0 {
            if !self.has_begun && self.control.is_empty() {
                self.control = self.next_control().unwrap_or_default();
            }
            if !self.control.is_empty() {
                written -= take(&mut self.control, written);
                continue;
            }
            let gone = take(&mut self.front, written);
            if gone == 0 {
                break;
            }
            written -= gone;
            self.waiting -= gone;
            self.alone = self.alone.saturating_sub(gone);
            self.has_begun = !self.front.is_empty();
            if !self.has_begun {
                self.front = self.queue.pop_front().unwrap_or_default();
            }
        }
        if self.waiting == 0 {
            self.queue.shrink_to(KEPT_CAPACITY);
        }
    }

    /// The control frame to write now. The close frame follows once the queue is empty.
    fn next_control(&mut self) -> Option<Bytes> {
        if let Some(control) = self.pong.take().or_else(|| self.ping.take()) {
            return Some(control);
        }
        if self.front.is_empty() { self.close.take() } else { None }
    }

    /// Drops all frames, except the rest of a partly written one.
    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        if !self.has_begun {
            self.front = Bytes::new();
        }
        self.waiting = self.front.len();
        self.alone = self.alone.min(self.waiting);
    }
}

/// Removes at most `most` bytes. A frame that is completely written frees its buffer.
fn take(bytes: &mut Bytes, most: usize) -> usize {
    if most >= bytes.len() {
        return std::mem::take(bytes).len();
    }
    bytes.advance(most);
    most
}
