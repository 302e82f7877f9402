//! Reads the messages of a client.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::str::Utf8Error;

use actix_http::ws::{Item, Message, ProtocolError};
use actix_web::error::PayloadError;
use actix_web::{FromRequest as _, HttpRequest, HttpResponse, dev, web};
use actix_ws::MessageStream;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::{Stream, StreamExt as _};
use tokio::task::coop;
use tokio::time::Instant;

use super::CloseCode;
use super::frame_chunks::{FrameChunks, OnPong, ReadState};
use crate::budget::Budget;

/// A whole message or control frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    Text(ByteString),
    Binary,
    /// A message over the limit, whose content was skipped.
    TooBig,
    Ping(Bytes),
    /// Holds the close code of the client, if any.
    Close(Option<u16>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadError {
    Disconnected,
    /// A frame or a fragmented message exceeds the limit.
    TooBig,
    InvalidUtf8,
    Protocol,
    /// A large frame arrived while the budget is exceeded.
    Overloaded,
}

impl ReadError {
    /// The close code; `None` if the connection is gone.
    pub(crate) fn close_code(self) -> Option<CloseCode> {
        match self {
            Self::Disconnected => None,
            Self::Protocol => Some(CloseCode::ProtocolError),
            Self::InvalidUtf8 => Some(CloseCode::InvalidUtf8),
            Self::TooBig => Some(CloseCode::TooBig),
            Self::Overloaded => Some(CloseCode::TryAgainLater),
        }
    }
}

impl From<ProtocolError> for ReadError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Overflow => Self::TooBig,
            // Invalid UTF-8 and reserved bits have the same error kind.
            ProtocolError::Io(error) if is_utf8_error(&error) => Self::InvalidUtf8,
            _ => Self::Protocol,
        }
    }
}

fn is_utf8_error(error: &io::Error) -> bool {
    error.get_ref().and_then(|cause| cause.downcast_ref::<Utf8Error>()).is_some()
}

/// Reads messages, and joins their fragments. Frames over the limit are refused by their head, and
/// buffered bytes are charged to the budget.
pub(crate) struct Incoming {
    stream: MessageStream,
    fragments: Option<Fragments>,
    state: Rc<ReadState>,
}

struct Fragments {
    is_text: bool,
    joined: BytesMut,
}

impl Incoming {
    /// Validates a handshake. Each message may have `limit` bytes.
    pub(super) async fn open(
        request: &HttpRequest,
        source: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
        limit: usize,
        budget: &Budget,
    ) -> Result<(HttpResponse, Self), actix_web::Error> {
        let state = Rc::new(ReadState::new(limit, budget));
        let chunks = FrameChunks::new(source, Rc::clone(&state));
        let mut payload = dev::Payload::from(chunks.boxed_local());
        let payload = web::Payload::from_request(request, &mut payload).await?;
        // The outbox sends, not this session.
        let (response, _session, stream) = actix_ws::handle(request, payload)?;
        // `FrameChunks` checks the heads, because the limit can change.
        let stream = stream.max_frame_size(usize::MAX);
        Ok((response, Self { stream, fragments: None, state }))
    }

    /// When bytes were last received.
    pub(crate) fn last_received(&self) -> Rc<Cell<Instant>> {
        Rc::clone(&self.state.last_received)
    }

    pub(crate) fn on_pong(&self, act: OnPong) {
        self.state.on_pong.replace(Some(act));
    }

    /// Skips messages over the limit up to this length, in place of [`ReadError::TooBig`].
    pub(crate) fn skip_too_big(&self, bytes: usize) {
        self.state.skip_limit.set(bytes);
    }

    /// Takes effect from the next frame on.
    pub(crate) fn set_limit(&self, bytes: usize) {
        self.state.limit.set(bytes);
    }

    /// Reads the next message. Cancel-safe. Must not be called after an error.
    pub(crate) async fn next(&mut self) -> Result<ClientMessage, ReadError> {
        loop {
            // Buffered frames must not starve the other tasks of the worker.
            coop::consume_budget().await;
            let Some(message) = self.stream.recv().await else {
                return Err(self.state.error.get().unwrap_or(ReadError::Disconnected));
            };
            let message = message?;
            if self.state.is_skipped.take() {
                self.fragments = None;
                self.state.set_joined(0);
                return Ok(ClientMessage::TooBig);
            }
            return Ok(match message {
                Message::Text(text) => ClientMessage::Text(text),
                Message::Binary(_) => ClientMessage::Binary,
                Message::Ping(payload) => ClientMessage::Ping(payload),
                Message::Close(reason) => ClientMessage::Close(reason.map(|r| r.code.into())),
                Message::Continuation(item) => match self.join(item)? {
                    Some(message) => message,
                    None => continue,
                },
                // `FrameChunks` takes the pongs.
                Message::Pong(_) | Message::Nop => continue,
            });
        }
    }

    /// Returns the whole message after its last fragment.
    fn join(&mut self, item: Item) -> Result<Option<ClientMessage>, ReadError> {
        let (payload, is_last) = match item {
            Item::FirstText(payload) => (self.begin(true, payload), false),
            Item::FirstBinary(payload) => (self.begin(false, payload), false),
            Item::Continue(payload) => (payload, false),
            Item::Last(payload) => (payload, true),
        };
        let fragments = self.fragments.as_mut().ok_or(ReadError::Protocol)?;
        // Binary messages are ignored, but joined so that the limit applies to them.
        fragments.joined.extend_from_slice(&payload);
        if !is_last {
            self.state.set_joined(fragments.joined.len());
            return Ok(None);
        }
        self.state.set_joined(0);
        match self.fragments.take() {
            Some(Fragments { is_text: true, joined }) => ByteString::try_from(joined.freeze())
                .map(|text| Some(ClientMessage::Text(text)))
                .map_err(|_| ReadError::InvalidUtf8),
            _ => Ok(Some(ClientMessage::Binary)),
        }
    }

    fn begin(&mut self, is_text: bool, payload: Bytes) -> Bytes {
        self.fragments = Some(Fragments { is_text, joined: BytesMut::new() });
        payload
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::{Future as _, poll_fn};
    use std::pin::pin;
    use std::rc::Rc;

    use actix_web::HttpResponse;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use bytes::Bytes;
    use futures_util::stream::{iter, pending};
    use futures_util::{Stream, StreamExt as _};

    use super::{ClientMessage, Incoming, ReadError};
    use crate::budget::Budget;

    const LIMIT: usize = 100 * 1024;
    /// The size of the chunks of a connection.
    const CHUNK: usize = 4 * 1024;

    async fn open(
        source: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
        budget: &Budget,
    ) -> Incoming {
        let (response, incoming) = open_with_response(source, budget).await;
        // Dropping the body would close the stream.
        std::mem::forget(response);
        incoming
    }

    async fn open_with_response(
        source: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
        budget: &Budget,
    ) -> (HttpResponse, Incoming) {
        let request = TestRequest::default()
            .insert_header(("upgrade", "websocket"))
            .insert_header(("connection", "upgrade"))
            .insert_header(("sec-websocket-version", "13"))
            .insert_header(("sec-websocket-key", "x3JJHMbDL1EzLkh9GBhXDw=="))
            .to_http_request();
        Incoming::open(&request, source, LIMIT, budget).await.unwrap()
    }

    fn chunks(
        bytes: &[u8],
        length: usize,
    ) -> impl Stream<Item = Result<Bytes, PayloadError>> + use<> {
        let chunks = bytes.chunks(length).map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
        iter(chunks.collect::<Vec<_>>())
    }

    /// Reads from a client that disconnects after these bytes.
    async fn incoming(bytes: &[u8], budget: &Budget) -> Incoming {
        open(chunks(bytes, CHUNK), budget).await
    }

    /// A frame with a mask of zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            short @ 0..126 => out.push(0x80 | u8::try_from(short).unwrap()),
            long => {
                out.push(0x80 | 127);
                out.extend((long as u64).to_be_bytes());
            }
        }
        out.extend([0; 4]);
        out.extend(payload);
        out
    }

    async fn read(mut incoming: Incoming) -> (Vec<ClientMessage>, ReadError) {
        let mut all = Vec::new();
        loop {
            match incoming.next().await {
                Ok(message) => all.push(message),
                Err(error) => return (all, error),
            }
        }
    }

    #[tokio::test]
    async fn fragments_are_joined_around_control_frames() {
        let frames = [
            frame(0x01, "fr\u{e9}".as_bytes().get(..3).unwrap()),
            frame(0x89, b"p"),
            frame(0x00, &[0xa9]),
            frame(0x80, b"!"),
            frame(0x02, b"x"),
            frame(0x80, b"y"),
            frame(0x81, b""),
            frame(0x88, &[0x03, 0xe9]),
        ]
        .concat();
        for chunk in [1, 3, CHUNK] {
            let incoming = open(chunks(&frames, chunk), &Budget::new(usize::MAX)).await;

            let got = read(incoming).await;

            let want = [
                ClientMessage::Ping("p".into()),
                ClientMessage::Text("fr\u{e9}!".into()),
                ClientMessage::Binary,
                ClientMessage::Text("".into()),
                ClientMessage::Close(Some(1001)),
            ];
            assert_eq!(got, (want.into(), ReadError::Disconnected), "chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn messages_before_an_error_are_delivered_before_it() {
        let huge = [&[0x81, 0xff], &(1_u64 << 40).to_be_bytes()[..]].concat();
        let cases = [
            ("claims too much", huge, ReadError::TooBig),
            ("one byte too much", frame(0x81, &vec![b'x'; LIMIT + 1]), ReadError::TooBig),
            (
                "too much in fragments",
                [frame(0x01, &vec![b'x'; LIMIT]), frame(0x00, b"x")].concat(),
                ReadError::TooBig,
            ),
            ("no UTF-8", frame(0x81, &[0xff]), ReadError::InvalidUtf8),
            (
                "no UTF-8 in fragments",
                [frame(0x01, &[0xc3]), frame(0x80, b"x")].concat(),
                ReadError::InvalidUtf8,
            ),
            ("no mask", vec![0x81, 1, b'x'], ReadError::Protocol),
            ("reserved bits", frame(0xc1, b"x"), ReadError::Protocol),
            ("unknown opcode", frame(0x83, b"x"), ReadError::Protocol),
            ("long ping", frame(0x89, &[0; 126]), ReadError::Protocol),
            ("ping in fragments", frame(0x09, b""), ReadError::Protocol),
            ("continues nothing", frame(0x80, b"x"), ReadError::Protocol),
            ("begins twice", [frame(0x01, b"x"), frame(0x81, b"y")].concat(), ReadError::Protocol),
            ("half a close code", frame(0x88, &[3]), ReadError::Protocol),
        ];
        for (name, bytes, want) in cases {
            let bytes = [frame(0x81, b"before"), frame(0x81, b"it"), bytes].concat();
            let got = read(incoming(&bytes, &Budget::new(usize::MAX)).await).await;

            let before = ["before", "it"].map(|text| ClientMessage::Text(text.into()));
            assert_eq!(got, (before.into(), want), "case: {name}");
        }
    }

    #[tokio::test]
    async fn messages_over_the_limit_are_skipped_up_to_another_limit() {
        let text = |length: usize| vec![b'x'; length];
        let control = frame(0x89, b"p");
        let cases = [
            ("at the limit", frame(0x81, &text(LIMIT)), false),
            ("one byte too much", frame(0x81, &text(LIMIT + 1)), true),
            (
                "in fragments",
                [frame(0x01, &text(LIMIT)), frame(0x00, b"x"), control, frame(0x80, b"y")].concat(),
                true,
            ),
            (
                "from the first fragment on",
                [frame(0x01, &text(2 * LIMIT)), frame(0x80, b"short")].concat(),
                true,
            ),
        ];
        for (name, bytes, is_skipped) in cases {
            let budget = Budget::new(usize::MAX);
            let bytes = [frame(0x81, b"before"), bytes, frame(0x81, b"behind")].concat();
            for chunk in [7, CHUNK] {
                let incoming = open(chunks(&bytes, chunk), &budget).await;
                incoming.skip_too_big(2 * LIMIT + 5);

                let (mut got, end) = read(incoming).await;

                got.retain(|message| !matches!(message, ClientMessage::Ping(_)));
                let [before, middle, behind] = got.as_slice() else { panic!("{name}: {end:?}") };
                assert_eq!(*before, ClientMessage::Text("before".into()), "{name}");
                assert_eq!(*middle == ClientMessage::TooBig, is_skipped, "{name}");
                assert_eq!(*behind, ClientMessage::Text("behind".into()), "{name}");
            }
        }
        let bytes = [frame(0x01, &text(2 * LIMIT)), frame(0x80, &text(6))].concat();
        let incoming = incoming(&bytes, &Budget::new(usize::MAX)).await;
        incoming.skip_too_big(2 * LIMIT + 5);
        assert_eq!(read(incoming).await, (Vec::new(), ReadError::TooBig));
    }

    #[tokio::test]
    async fn pongs_are_reported_with_their_payload() {
        let mut pong = frame(0x8a, b"abc");
        pong[2..6].copy_from_slice(&[1, 2, 3, 4]);
        let bytes = [pong, frame(0x8a, b""), frame(0x81, b"text"), frame(0x8a, b"d")].concat();
        for chunk in [1, 5, CHUNK] {
            let got = Rc::new(RefCell::new(Vec::new()));
            let incoming = open(chunks(&bytes, chunk), &Budget::new(usize::MAX)).await;
            let pongs = Rc::clone(&got);
            incoming.on_pong(Box::new(move |pong, _| pongs.borrow_mut().push(pong.to_vec())));

            let (messages, _) = read(incoming).await;

            assert_eq!(messages, [ClientMessage::Text("text".into())], "chunks of {chunk}");
            let masked = vec![b'a' ^ 1, b'b' ^ 2, b'c' ^ 3];
            assert_eq!(*got.borrow(), [masked, Vec::new(), b"d".to_vec()], "chunks of {chunk}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_control_frames_is_read_slowly() {
        for (first, count, seconds) in
            [(0x89, 999, 0), (0x8a, 999, 0), (0x89, 5000, 5), (0x8a, 5000, 5)]
        {
            let begin = tokio::time::Instant::now();
            let frames = [frame(first, b"x").repeat(count), frame(0x81, b"text")].concat();
            // A chunk for each, as if each was sent alone.
            let incoming = open(chunks(&frames, 7), &Budget::new(usize::MAX)).await;

            let (got, error) = read(incoming).await;

            assert_eq!(got.last(), Some(&ClientMessage::Text("text".into())));
            assert_eq!(error, ReadError::Disconnected);
            assert_eq!(begin.elapsed().as_secs(), seconds, "{count} frames of {first:x}");
        }
    }

    #[tokio::test]
    async fn an_idle_socket_keeps_no_buffer_of_read_messages() {
        let budget = Budget::new(usize::MAX);
        let bytes = [frame(0x81, &vec![b'x'; 90_000]), vec![0x81]].concat();
        let mut incoming = open(chunks(&bytes, CHUNK).chain(pending()), &budget).await;

        let text = incoming.next().await;
        let is_idle = poll_fn(|cx| pin!(incoming.next()).poll(cx).is_pending().into()).await;

        assert!(is_idle);
        assert_eq!(budget.used(), 1);
        let Ok(ClientMessage::Text(text)) = text else { panic!("{text:?}") };
        assert!(text.into_bytes().is_unique());
    }

    #[tokio::test]
    async fn an_incomplete_frame_is_charged_with_its_declared_length() {
        let budget = Budget::new(usize::MAX);
        let whole = frame(0x81, &vec![b'x'; 90_000]);
        let mut incoming = incoming(whole.get(..100).unwrap(), &budget).await;

        assert_eq!(incoming.next().await, Err(ReadError::Disconnected));
        assert_eq!(budget.used(), 90_000);
    }

    #[tokio::test]
    async fn many_small_frames_let_other_tasks_run() {
        let texts = frame(0x81, b"").repeat(10_000);
        let mut incoming = incoming(&texts, &Budget::new(usize::MAX)).await;
        let flood = async { while incoming.next().await.is_ok() {} };
        let mut polls = 0;
        let mut flood = pin!(flood);

        poll_fn(|cx| {
            polls += 1;
            flood.as_mut().poll(cx)
        })
        .await;

        assert!(polls > 50, "it was polled {polls} times only");
    }

    #[tokio::test]
    async fn large_frames_are_refused_while_the_budget_is_exceeded() {
        let budget = Budget::new(10);
        let other = budget.charge(11);
        let bytes = [frame(0x81, b"small"), frame(0x81, &vec![b'x'; 70_000])].concat();
        let mut incoming = incoming(&bytes, &budget).await;

        let small = incoming.next().await;
        let large = incoming.next().await;

        assert_eq!(
            (small, large),
            (Ok(ClientMessage::Text("small".into())), Err(ReadError::Overloaded))
        );
        drop((incoming, other));
        assert_eq!(budget.used(), 0);
    }

    /// The first byte selects the size of chunks, the second one the limits. The rest is read.
    #[test]
    fn fuzz_frames() {
        bolero::check!(name = "frames").with_iterations(256).for_each(|input: &[u8]| {
            let [chunk, limits, bytes @ ..] = input else { return };
            let limit = 8 * usize::from(limits & 0xf);
            let skip_limit = 16 * usize::from(limits >> 4);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

            let whole = runtime.block_on(read_all(bytes, bytes.len() + 1, limit, skip_limit));
            let chunk = 1 + usize::from(*chunk);
            let chunked = runtime.block_on(read_all(bytes, chunk, limit, skip_limit));

            assert_eq!(whole, chunked);
            for message in &whole.0 {
                let length = match message {
                    ClientMessage::Text(text) => text.len(),
                    ClientMessage::Ping(payload) => payload.len().saturating_sub(125),
                    _ => 0,
                };
                assert!(length <= limit, "{message:?} is longer than {limit}");
            }
        });
    }

    /// Returns the messages, why there are no more, and the pongs.
    async fn read_all(
        bytes: &[u8],
        chunk: usize,
        limit: usize,
        skip_limit: usize,
    ) -> (Vec<ClientMessage>, ReadError, Vec<Vec<u8>>) {
        let budget = Budget::new(usize::MAX);
        let used = budget.clone();
        // Before more is received: a frame and the fragments before it, or a control frame.
        let received = chunks(bytes, chunk).inspect(move |_| {
            assert!(used.used() <= 2 * limit + 139, "{} bytes are buffered", used.used());
        });
        let (_response, incoming) = open_with_response(received, &budget).await;
        incoming.set_limit(limit);
        incoming.skip_too_big(skip_limit);
        let pongs = Rc::new(RefCell::new(Vec::new()));
        let reported = Rc::clone(&pongs);
        incoming.on_pong(Box::new(move |pong, _| reported.borrow_mut().push(pong.to_vec())));

        let (messages, error) = read(incoming).await;

        assert_eq!(budget.used(), 0);
        (messages, error, pongs.take())
    }
}
