//! Splits the bytes of a connection at frame borders, for the parser of actix-ws.
//!
//! That parser buffers a whole frame before it checks its size, and parses all bytes that it gets.
//! Therefore each chunk belongs to one frame, whose head is checked here first.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::error::PayloadError;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::time::Instant;

use super::ReadError;
use super::frame::MAX_CONTROL_PAYLOAD;
use crate::budget::{Budget, Charge};

/// Frames up to this size are accepted even while the budget is exceeded.
const SMALL_FRAME: usize = 64 * 1024;

/// The state that [`FrameChunks`] shares with the message reader.
pub(super) struct ReadState {
    /// Bytes of the longest message.
    pub(super) limit: Cell<usize>,
    /// Why the stream of chunks ended.
    pub(super) error: Cell<Option<ReadError>>,
    pub(super) last_received: Rc<Cell<Instant>>,
    budget: Budget,
    charge: RefCell<Charge>,
    /// Bytes of the current frame and of those behind it.
    buffered: Cell<usize>,
    /// Bytes of the fragments of the current message.
    joined: Cell<usize>,
}

impl ReadState {
    pub(super) fn new(limit: usize, budget: &Budget) -> Self {
        Self {
            limit: Cell::new(limit),
            error: Cell::new(None),
            last_received: Rc::new(Cell::new(Instant::now())),
            budget: budget.clone(),
            charge: RefCell::new(budget.charge(0)),
            buffered: Cell::new(0),
            joined: Cell::new(0),
        }
    }

    pub(super) fn set_joined(&self, bytes: usize) {
        self.joined.set(bytes);
        self.charge.borrow_mut().resize(self.buffered.get() + bytes);
    }

    fn set_buffered(&self, bytes: usize) {
        self.buffered.set(bytes);
        self.charge.borrow_mut().resize(bytes + self.joined.get());
    }
}

/// A stream of chunks, each of which belongs to one frame. It is pending once after each chunk, so
/// that the parser takes one frame at a time.
pub(super) struct FrameChunks<S> {
    source: S,
    /// Received bytes before they become chunks. Shorter than a frame head when none can follow.
    unread: BytesMut,
    /// Bytes of the current frame that are not in a chunk yet.
    left: usize,
    /// Bytes that the parser buffers for the current frame.
    claimed: usize,
    is_paused: bool,
    /// The parser keeps the buffer of the last frame.
    parser_keeps_buffer: bool,
    state: Rc<ReadState>,
}

impl<S> FrameChunks<S> {
    pub(super) fn new(source: S, state: Rc<ReadState>) -> Self {
        Self {
            source,
            unread: BytesMut::new(),
            left: 0,
            claimed: 0,
            is_paused: false,
            parser_keeps_buffer: false,
            state,
        }
    }

    fn next_chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        if self.left == 0 {
            self.claimed = 0;
            let Some(head) = Head::parse(&self.unread) else { return Ok(None) };
            let claimed = self.check(&head)?;
            if self.unread.len() < head.length {
                return Ok(None);
            }
            self.claimed = claimed;
            self.left = head.length + claimed;
        }
        let length = self.left.min(self.unread.len());
        if length == 0 {
            return Ok(None);
        }
        self.left -= length;
        // A whole buffer has one owner, so the parser does not copy it.
        let chunk = if length == self.unread.len() {
            std::mem::take(&mut self.unread)
        } else {
            self.unread.split_to(length)
        };
        Ok(Some(chunk.freeze()))
    }

    /// The payload length of a frame that may be buffered.
    fn check(&self, head: &Head) -> Result<usize, ReadError> {
        let claimed = usize::try_from(head.claimed).unwrap_or(usize::MAX);
        if head.is_control {
            let is_valid = head.is_final && claimed <= MAX_CONTROL_PAYLOAD;
            return if is_valid { Ok(claimed) } else { Err(ReadError::Protocol) };
        }
        let limit = self.state.limit.get().saturating_sub(self.state.joined.get());
        if claimed > limit {
            return Err(ReadError::TooBig);
        }
        if claimed > SMALL_FRAME && self.state.budget.is_exceeded() {
            return Err(ReadError::Overloaded);
        }
        Ok(claimed)
    }

    fn charge(&self) {
        let begun = if self.left > 0 { self.claimed } else { 0 };
        self.state.set_buffered(begun + self.unread.len());
    }
}

impl<S> Stream for FrameChunks<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if std::mem::take(&mut this.is_paused) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let chunk = match this.next_chunk() {
                Ok(chunk) => chunk,
                Err(error) => {
                    this.state.error.set(Some(error));
                    return Poll::Ready(None);
                }
            };
            this.charge();
            if let Some(chunk) = chunk {
                this.is_paused = true;
                this.parser_keeps_buffer = true;
                return Poll::Ready(Some(Ok(chunk)));
            }
            match this.source.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    this.state.last_received.set(Instant::now());
                    if this.unread.is_empty() {
                        this.unread = BytesMut::from(bytes);
                    } else {
                        this.unread.extend_from_slice(&bytes);
                    }
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                // An empty chunk replaces the parser's buffer: an idle socket holds none.
                Poll::Pending if this.left == 0 && this.parser_keeps_buffer => {
                    this.parser_keeps_buffer = false;
                    return Poll::Ready(Some(Ok(Bytes::new())));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The sizes in the head of a frame.
struct Head {
    is_final: bool,
    is_control: bool,
    /// Bytes of the head, including the mask.
    length: usize,
    /// Bytes of the payload.
    claimed: u64,
}

impl Head {
    /// `None` until the payload length has arrived.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let whole = bytes.len();
        let first = bytes.try_get_u8().ok()?;
        let second = bytes.try_get_u8().ok()?;
        let claimed = match second & 0x7f {
            126 => bytes.try_get_u16().ok()?.into(),
            127 => bytes.try_get_u64().ok()?,
            short => short.into(),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        Some(Self {
            is_final: first & 0x80 != 0,
            is_control: first & 0x08 != 0,
            length: whole - bytes.len() + mask,
            claimed,
        })
    }
}
