//! What comes from one client.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::ws::{OpCode, Parser, ProtocolError};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use tokio::task::coop;
use tokio::time::Instant;

use crate::budget::{Budget, Charge};
use crate::transport::Connection;

/// Frames up to this size are taken whatever the budget says.
const SMALL: u64 = 64 * 1024;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    Text(ByteString),
    Binary,
    Ping(Bytes),
    Pong,
    /// The code that it closed with, if it gave one.
    Close(Option<u16>),
}

/// Why nothing more will be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The connection is gone.
    Disconnected,
    /// A frame, or a message in fragments, past the limit.
    TooBig,
    /// A text that is none.
    InvalidUtf8,
    /// A frame that breaks the protocol.
    Protocol,
    /// A large frame while this process holds too much.
    Overloaded,
}

impl ReadError {
    /// The code to close with; none if there is nobody to tell.
    pub(crate) fn close_code(self) -> Option<u16> {
        match self {
            Self::Disconnected => None,
            Self::Protocol => Some(1002),
            Self::InvalidUtf8 => Some(1007),
            Self::TooBig => Some(1009),
            Self::Overloaded => Some(1013),
        }
    }
}

/// Reads messages, of at most `limit` bytes each, fragments joined. A frame
/// that claims more is refused by its head, before its payload is read.
pub(crate) struct Incoming {
    connection: Rc<Connection>,
    /// What was read, and no message yet.
    read: BytesMut,
    /// Whether it shares the buffer of what was handed on.
    is_rest: bool,
    limit: usize,
    fragments: Option<Fragments>,
    charge: Charge,
    budget: Budget,
    heard: Rc<Cell<Instant>>,
}

struct Fragments {
    is_text: bool,
    joined: BytesMut,
}

impl Incoming {
    /// Of which something may have been read; `heard` is set to the moment at
    /// which anything came.
    pub(super) fn new(
        (connection, read): (Rc<Connection>, BytesMut),
        limit: usize,
        budget: &Budget,
        heard: Rc<Cell<Instant>>,
    ) -> Self {
        Self {
            connection,
            read,
            is_rest: false,
            limit,
            fragments: None,
            charge: budget.charge(0),
            budget: budget.clone(),
            heard,
        }
    }

    /// From now on messages of up to `limit` bytes are taken.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next thing that the client says. Cancel-safe.
    ///
    /// # Errors
    ///
    /// A [`ReadError`]; nothing is to be asked for after it.
    pub(crate) async fn next(&mut self) -> Result<ClientMessage, ReadError> {
        // A frame counts as much as a read, so that many small ones do not hold the worker.
        coop::consume_budget().await;
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientMessage, ReadError>> {
        loop {
            if let Some(heard) = self.decode()? {
                return Poll::Ready(Ok(heard));
            }
            if self.read.is_empty() {
                // A silent client holds no buffer.
                self.read = BytesMut::new();
            }
            if ready!(self.connection.poll_read(cx, &mut self.read)).is_none() {
                return Poll::Ready(Err(ReadError::Disconnected));
            }
            self.heard.set(Instant::now());
        }
    }

    /// The next message in what was read.
    fn decode(&mut self) -> Result<Option<ClientMessage>, ReadError> {
        loop {
            self.check_head()?;
            let frame = Parser::parse(&mut self.read, true, self.limit).map_err(|e| fault(&e))?;
            let heard = match frame {
                None => None,
                Some((is_last, opcode, payload)) => {
                    self.is_rest = true;
                    let payload = payload.map(BytesMut::freeze).unwrap_or_default();
                    Some(self.heard(is_last, opcode, payload)?)
                }
            };
            let begun = if heard.is_none() { self.hold_rest() } else { self.read.len() };
            self.charge.resize(begun + self.joined());
            match heard {
                Some(None) => {}
                Some(heard) => return Ok(heard),
                None => return Ok(None),
            }
        }
    }

    /// Holds the beginning of a frame, and nothing of what came before it; returns the
    /// bytes that it takes: the parser makes room for all that it claims.
    fn hold_rest(&mut self) -> usize {
        if std::mem::take(&mut self.is_rest) {
            self.read = BytesMut::from(&*self.read);
        }
        let claimed = claimed_length(&self.read).and_then(|length| usize::try_from(length).ok());
        self.read.len().max(claimed.unwrap_or(0))
    }

    fn joined(&self) -> usize {
        self.fragments.as_ref().map_or(0, |fragments| fragments.joined.len())
    }

    /// Refuses a frame by the length it claims.
    fn check_head(&self) -> Result<(), ReadError> {
        let Some(claimed) = claimed_length(&self.read) else { return Ok(()) };
        if claimed > self.limit.saturating_sub(self.joined()) as u64 {
            return Err(ReadError::TooBig);
        }
        if claimed > SMALL && self.budget.is_exceeded() {
            return Err(ReadError::Overloaded);
        }
        Ok(())
    }

    /// What a frame says; nothing yet, if the message goes on.
    fn heard(
        &mut self,
        is_last: bool,
        opcode: OpCode,
        payload: Bytes,
    ) -> Result<Option<ClientMessage>, ReadError> {
        let is_data = matches!(opcode, OpCode::Text | OpCode::Binary | OpCode::Continue);
        let goes_on = opcode == OpCode::Continue;
        if (is_data && goes_on != self.fragments.is_some()) || (!is_data && !is_last) {
            return Err(ReadError::Protocol);
        }
        match opcode {
            OpCode::Text if is_last => text(payload).map(Some),
            OpCode::Binary if is_last => Ok(Some(ClientMessage::Binary)),
            OpCode::Text | OpCode::Binary | OpCode::Continue => {
                self.join(opcode == OpCode::Text, &payload);
                if is_last { self.joined_message().map(Some) } else { Ok(None) }
            }
            OpCode::Ping => Ok(Some(ClientMessage::Ping(payload))),
            OpCode::Pong => Ok(Some(ClientMessage::Pong)),
            OpCode::Close => {
                let reason =
                    Parser::try_parse_close_payload(&payload).map_err(|_| ReadError::Protocol)?;
                Ok(Some(ClientMessage::Close(reason.map(|reason| reason.code.into()))))
            }
            OpCode::Bad => Err(ReadError::Protocol),
        }
    }

    fn join(&mut self, is_text: bool, payload: &[u8]) {
        let fragments =
            self.fragments.get_or_insert_with(|| Fragments { is_text, joined: BytesMut::new() });
        // What is ignored is counted all the same, so that it ends.
        fragments.joined.extend_from_slice(payload);
    }

    fn joined_message(&mut self) -> Result<ClientMessage, ReadError> {
        match self.fragments.take() {
            Some(Fragments { is_text: true, joined }) => text(joined.freeze()),
            _ => Ok(ClientMessage::Binary),
        }
    }
}

fn text(bytes: Bytes) -> Result<ClientMessage, ReadError> {
    ByteString::try_from(bytes).map(ClientMessage::Text).map_err(|_| ReadError::InvalidUtf8)
}

fn fault(error: &ProtocolError) -> ReadError {
    match error {
        ProtocolError::Overflow => ReadError::TooBig,
        _ => ReadError::Protocol,
    }
}

/// The payload length in the head of a frame, once that is there.
fn claimed_length(read: &[u8]) -> Option<u64> {
    match (read.get(1)? & 0x7f, read.get(2..)?) {
        (126, rest) => rest.first_chunk().map(|length| u16::from_be_bytes(*length).into()),
        (127, rest) => rest.first_chunk().map(|length| u64::from_be_bytes(*length)),
        (short, _) => Some(short.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Future as _, poll_fn};
    use std::pin::pin;
    use std::rc::Rc;

    use bytes::BytesMut;
    use tokio::time::Instant;

    use super::{ClientMessage, Incoming, ReadError};
    use crate::budget::Budget;

    const LIMIT: usize = 100 * 1024;

    /// What came before the connection was cut.
    fn incoming(bytes: &[u8], budget: &Budget) -> Incoming {
        let read = (Rc::default(), BytesMut::from(bytes));
        Incoming::new(read, LIMIT, budget, Rc::new(Cell::new(Instant::now())))
    }

    /// A frame with the mask zero.
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

    async fn heard(bytes: Vec<u8>) -> (Vec<ClientMessage>, ReadError) {
        let mut incoming = incoming(&bytes, &Budget::new(usize::MAX));
        let mut all = Vec::new();
        loop {
            match incoming.next().await {
                Ok(heard) => all.push(heard),
                Err(fault) => return (all, fault),
            }
        }
    }

    #[tokio::test]
    async fn fragments_are_joined_and_control_frames_may_pass_between_them() {
        let frames = [
            frame(0x01, "fr\u{e9}".as_bytes().get(..3).unwrap()),
            frame(0x89, b"p"),
            frame(0x00, &[0xa9]),
            frame(0x80, b"!"),
            frame(0x02, b"x"),
            frame(0x80, b"y"),
            frame(0x81, b""),
            frame(0x88, &[0x03, 0xe9]),
        ];

        let got = heard(frames.concat()).await;

        let want = [
            ClientMessage::Ping("p".into()),
            ClientMessage::Text("fr\u{e9}!".into()),
            ClientMessage::Binary,
            ClientMessage::Text("".into()),
            ClientMessage::Close(Some(1001)),
        ];
        assert_eq!(got, (want.into(), ReadError::Disconnected));
    }

    #[tokio::test]
    async fn what_came_before_a_fault_is_heard_before_it() {
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
            let (before, fault) = heard([frame(0x81, b"before"), bytes].concat()).await;

            assert_eq!(
                (before, fault),
                (vec![ClientMessage::Text("before".into())], want),
                "case: {name}"
            );
        }
    }

    #[tokio::test]
    async fn the_beginning_of_a_frame_holds_no_more_than_is_charged_for_it() {
        let budget = Budget::new(usize::MAX);
        let whole = frame(0x81, &vec![b'x'; 90_000]);
        let mut incoming = incoming(&[whole, vec![0x81]].concat(), &budget);

        let text = incoming.next().await;
        let end = incoming.next().await;

        assert!(matches!((&text, end), (Ok(ClientMessage::Text(_)), Err(ReadError::Disconnected))));
        assert_eq!(budget.used(), 1);
        // Nobody else has a part of the buffer in which it came.
        let Ok(ClientMessage::Text(text)) = text else { return };
        assert!(text.into_bytes().is_unique());
    }

    #[tokio::test]
    async fn a_frame_that_has_begun_is_charged_with_all_that_it_claims() {
        let budget = Budget::new(usize::MAX);
        let whole = frame(0x81, &vec![b'x'; 90_000]);
        let mut incoming = incoming(whole.get(..100).unwrap(), &budget);

        assert_eq!(incoming.next().await, Err(ReadError::Disconnected));
        assert_eq!(budget.used(), 90_000);
    }

    #[tokio::test]
    async fn many_small_frames_let_others_have_a_turn() {
        let pings = frame(0x89, b"").repeat(10_000);
        let mut incoming = incoming(&pings, &Budget::new(usize::MAX));
        let flood = async { while incoming.next().await.is_ok() {} };
        let mut polls = 0;
        let mut flood = pin!(flood);

        poll_fn(|cx| {
            polls += 1;
            flood.as_mut().poll(cx)
        })
        .await;

        assert!(polls > 50, "it went on for {polls} turns only");
    }

    #[tokio::test]
    async fn large_frames_are_refused_while_the_budget_is_exceeded() {
        let budget = Budget::new(10);
        let other = budget.charge(11);
        let bytes = [frame(0x81, b"small"), frame(0x81, &vec![b'x'; 70_000])].concat();
        let mut incoming = incoming(&bytes, &budget);

        let small = incoming.next().await;
        let large = incoming.next().await;

        assert_eq!(
            (small, large),
            (Ok(ClientMessage::Text("small".into())), Err(ReadError::Overloaded))
        );
        drop((incoming, other));
        assert_eq!(budget.used(), 0);
    }
}
