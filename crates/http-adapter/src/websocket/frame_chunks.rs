//! Splits the bytes of a connection at frame borders, for the parser of actix-ws.
//!
//! That parser buffers a whole frame before it checks its size, and parses all bytes that it gets.
//! Therefore each chunk belongs to one frame, whose head is checked here first.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::error::PayloadError;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep_until};

use super::ReadError;
use super::frame::MAX_CONTROL_PAYLOAD;
use crate::budget::{Budget, Charge};

/// Frames up to this size are accepted even while the budget is exceeded.
const SMALL_FRAME: usize = 64 * 1024;

/// After this many control frames within [`CONTROL_WINDOW`], the reader waits for its end.
const CONTROL_FRAMES: u32 = 1000;
const CONTROL_WINDOW: Duration = Duration::from_secs(1);

/// Gets the payload of a pong, and the time.
pub(super) type OnPong = Box<dyn Fn(&[u8], Instant)>;

/// The state that [`FrameChunks`] shares with the message reader.
pub(super) struct ReadState {
    /// Bytes of the longest message.
    pub(super) limit: Cell<usize>,
    /// Longer messages are skipped up to this length, and end the stream beyond it.
    pub(super) skip_limit: Cell<usize>,
    /// Whether the message that the parser got last is such a one, without its payload.
    pub(super) is_skipped: Cell<bool>,
    /// Why the stream of chunks ended.
    pub(super) error: Cell<Option<ReadError>>,
    pub(super) last_received: Rc<Cell<Instant>>,
    pub(super) on_pong: RefCell<Option<OnPong>>,
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
            skip_limit: Cell::new(0),
            is_skipped: Cell::new(false),
            error: Cell::new(None),
            last_received: Rc::new(Cell::new(Instant::now())),
            on_pong: RefCell::default(),
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
    /// Bytes of the current frame that nobody needs.
    unwanted: usize,
    /// Bytes that were skipped of the current message.
    skipped: Option<usize>,
    is_paused: bool,
    /// The parser keeps the buffer of the last frame.
    parser_keeps_buffer: bool,
    /// Control frames since `window`.
    controls: u32,
    window: Instant,
    wait: Option<Pin<Box<Sleep>>>,
    state: Rc<ReadState>,
}

impl<S> FrameChunks<S> {
    pub(super) fn new(source: S, state: Rc<ReadState>) -> Self {
        Self {
            source,
            unread: BytesMut::new(),
            left: 0,
            claimed: 0,
            unwanted: 0,
            skipped: None,
            is_paused: false,
            parser_keeps_buffer: false,
            controls: 0,
            window: Instant::now(),
            wait: None,
            state,
        }
    }

    fn next_chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        let unwanted = self.unwanted.min(self.unread.len());
        self.unread.advance(unwanted);
        self.unwanted -= unwanted;
        if self.unwanted > 0 {
            return Ok(None);
        }
        while self.left == 0 {
            self.claimed = 0;
            let Some(head) = Head::parse(&self.unread) else { return Ok(None) };
            let claimed = usize::try_from(head.claimed).unwrap_or(usize::MAX);
            let fits = self.check(&head, claimed)?;
            if head.is_pong() {
                if !self.take_pong(&head, claimed) {
                    return Ok(None);
                }
                self.controls += 1;
                continue;
            }
            if self.unread.len() < head.length {
                return Ok(None);
            }
            if !fits {
                return Ok(Some(self.skip(&head, claimed)));
            }
            self.controls += u32::from(head.is_control());
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

    /// Takes a pong that has arrived completely. The parser does not see it, because pongs are many
    /// and mean nothing to it.
    fn take_pong(&mut self, head: &Head, claimed: usize) -> bool {
        let length = head.length + claimed;
        let Some(frame) = self.unread.get_mut(..length) else { return false };
        let (front, payload) = frame.split_at_mut(head.length);
        let mask = front.last_chunk::<4>().copied().unwrap_or_default();
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        if let Some(act) = &*self.state.on_pong.borrow() {
            act(payload, self.state.last_received.get());
        }
        self.unread.advance(length);
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
        true
    }

    /// Whether a frame may be buffered. If not, its message must be skipped.
    fn check(&self, head: &Head, claimed: usize) -> Result<bool, ReadError> {
        if head.is_control() {
            let is_valid = head.is_final() && claimed <= MAX_CONTROL_PAYLOAD;
            return if is_valid { Ok(true) } else { Err(ReadError::Protocol) };
        }
        let limit = self.state.limit.get().saturating_sub(self.state.joined.get());
        if claimed > limit || self.skipped.is_some() {
            let skipped = self.skipped.unwrap_or_default().saturating_add(claimed);
            let may_skip = head.is_masked && skipped <= self.state.skip_limit.get();
            return if may_skip { Ok(false) } else { Err(ReadError::TooBig) };
        }
        if claimed > SMALL_FRAME && self.state.budget.is_exceeded() {
            return Err(ReadError::Overloaded);
        }
        Ok(true)
    }

    /// Takes the head of a frame whose payload is dropped. Returns the same frame without payload.
    fn skip(&mut self, head: &Head, claimed: usize) -> Bytes {
        self.unread.advance(head.length);
        self.unwanted = claimed;
        let skipped = self.skipped.unwrap_or_default().saturating_add(claimed);
        self.skipped = (!head.is_final()).then_some(skipped);
        self.state.is_skipped.set(head.is_final());
        Bytes::copy_from_slice(&[head.first, MASKED, 0, 0, 0, 0])
    }

    /// Waits if the client floods with control frames, so that others get their turn.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        if self.controls < CONTROL_FRAMES {
            return Poll::Ready(());
        }
        let (now, end) = (Instant::now(), self.window + CONTROL_WINDOW);
        self.controls = 0;
        self.window = end.max(now);
        if end <= now {
            return Poll::Ready(());
        }
        let mut wait = Box::pin(sleep_until(end));
        let polled = wait.as_mut().poll(cx);
        self.wait = Some(wait);
        polled
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
            ready!(this.poll_turn(cx));
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

/// The first byte of a pong.
const PONG: u8 = 0x8a;
/// The bit of the second byte that says that a mask follows.
const MASKED: u8 = 0x80;

/// The sizes in the head of a frame.
struct Head {
    first: u8,
    is_masked: bool,
    /// Bytes of the head, including the mask.
    length: usize,
    /// Bytes of the payload.
    claimed: u64,
}

impl Head {
    fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    /// Whether it is a valid pong, if its payload is.
    fn is_pong(&self) -> bool {
        self.first == PONG && self.is_masked
    }

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
            first,
            is_masked: second & MASKED != 0,
            length: whole - bytes.len() + mask,
            claimed,
        })
    }
}
