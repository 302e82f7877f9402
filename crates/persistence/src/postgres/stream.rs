//! The byte stream under a connection: plain or TLS, depending on `sslmode`.
//!
//! It also notes when bytes arrive, and reads the SQLSTATE of errors on their way to the driver,
//! because diesel-async drops the code of most errors, and error texts are in the language of the
//! server.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::silence::LastReceived;
use crate::failure::Failure;

type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// The request for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The SQLSTATE of the newest error on a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct LastError(Arc<Mutex<Option<SqlState>>>);

impl LastError {
    /// Classifies an error that diesel does not, and adds the code to its text.
    pub(super) fn classify(&self, failure: Failure) -> Failure {
        let Failure::Unclassified(error) = failure else { return failure };
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some(code) => {
                let cause = format!("{error} (SQLSTATE {})", code.code()).into();
                if is_transient(code) {
                    Failure::Unreachable(cause)
                } else {
                    Failure::Failed(cause)
                }
            }
            None => Failure::Failed(error.into()),
        }
    }

    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn set(&self, code: SqlState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
    }
}

/// Whether load, a lock, a timeout or a shutdown caused the error, and not the statement.
fn is_transient(code: &SqlState) -> bool {
    // Connection lost, transaction rolled back (serialization, deadlock), out of resources (disk,
    // memory, connections), operator intervention (time-out, cancel, shutdown), system error.
    const CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];
    *code == SqlState::LOCK_NOT_AVAILABLE
        || CLASSES.iter().any(|class| code.code().starts_with(class))
}

/// Sets up the stream of one connection. With `SslNegotiation::Direct`, the driver passes every socket
/// here without requesting TLS itself.
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) tls: MakeRustlsConnect,
    pub(super) ssl_mode: SslMode,
    pub(super) last_error: LastError,
    pub(super) last_received: LastReceived,
}

impl MakeTlsConnect<Socket> for Transport {
    type Stream = ObservedStream;
    type TlsConnect = Handshake;
    type Error = Box<dyn Error + Send + Sync>;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake { host: host.to_owned(), transport: self.clone() })
    }
}

pub(super) struct Handshake {
    host: String,
    transport: Transport,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = ObservedStream;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<ObservedStream, Self::Error>>;

    fn connect(self, mut socket: Socket) -> Self::Future {
        let Self { host, transport } = self;
        let Transport { mut tls, ssl_mode, last_error, last_received } = transport;
        async move {
            last_received.note();
            let stream = if ssl_mode != SslMode::Disable && speaks_tls(&mut socket).await? {
                last_received.note();
                let connect = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls, &host)?;
                Stream::Encrypted(Box::new(connect.connect(socket).await?))
            } else if ssl_mode == SslMode::Require {
                return Err("server does not support TLS".into());
            } else {
                Stream::Plain(socket)
            };
            Ok(ObservedStream { stream, errors: ErrorReader::default(), last_error, last_received })
        }
        .boxed()
    }
}

async fn speaks_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    Ok(socket.read_u8().await? == b'S')
}

enum Stream {
    Plain(Socket),
    Encrypted(Box<Encrypted>),
}

pub(super) struct ObservedStream {
    stream: Stream,
    errors: ErrorReader,
    last_error: LastError,
    last_received: LastReceived,
}

impl TlsStream for ObservedStream {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.stream {
            Stream::Plain(_) => ChannelBinding::none(),
            Stream::Encrypted(stream) => stream.channel_binding(),
        }
    }
}

impl AsyncRead for ObservedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let read = buffer.filled().get(before..).unwrap_or_default();
        if !read.is_empty() {
            this.last_received.note();
        }
        this.errors.read(read, |code| this.last_error.set(code));
        polled
    }
}

impl AsyncWrite for ObservedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Finds `ErrorResponse` messages in the bytes from the server, independent of packet boundaries. A
/// message is a kind, a length that includes itself (4 bytes, big-endian), and a body.
#[derive(Debug, Default)]
struct ErrorReader {
    head: Vec<u8>,
    /// Missing bytes of the current body.
    left: usize,
    body: Vec<u8>,
}

impl ErrorReader {
    fn read(&mut self, mut bytes: &[u8], mut found: impl FnMut(SqlState)) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let (head, rest) = bytes.split_at(bytes.len().min(5 - self.head.len()));
                self.head.extend(head);
                bytes = rest;
                let Some(length) = self.head.get(1..5) else { return };
                let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                self.left = length.saturating_sub(4);
            }
            let (body, rest) = bytes.split_at(bytes.len().min(self.left));
            bytes = rest;
            self.left -= body.len();
            let is_error = self.head.first() == Some(&b'E');
            if is_error {
                self.body.extend(body);
            }
            if self.left == 0 {
                self.head.clear();
                if let Some(code) = code_of(&std::mem::take(&mut self.body)) {
                    found(code);
                }
            }
        }
    }
}

/// Each field begins with its kind and ends with a zero byte. `C` is the SQLSTATE.
fn code_of(body: &[u8]) -> Option<SqlState> {
    let code = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"C"))?;
    Some(SqlState::from_code(std::str::from_utf8(code).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    #[test]
    fn error_codes_are_found_across_packet_boundaries() {
        let error = b"SFEHLER\0VERROR\0C55P03\0MSperre nicht verf\xc3\xbcgbar\0\0";
        let bytes = [
            message(b'1', b""),
            message(b'D', b"E\0\0\0\x04C40P01\0"),
            message(b'E', error),
            message(b'Z', b"I"),
            message(b'E', b"C23505\0\0"),
        ]
        .concat();
        for size in 1..bytes.len() {
            let (mut reader, mut codes) = (ErrorReader::default(), Vec::new());

            for piece in bytes.chunks(size) {
                reader.read(piece, |code| codes.push(code));
            }

            let want = [SqlState::LOCK_NOT_AVAILABLE, SqlState::UNIQUE_VIOLATION];
            assert_eq!(codes, want, "pieces of {size} bytes");
        }
    }

    #[test]
    fn load_locks_and_shutdowns_are_transient_and_bad_statements_are_not() {
        let transient = [
            "08006", "40001", "40P01", "53100", "53200", "55P03", "57014", "57P01", "57P03",
            "58030",
        ];
        let lasting = ["22021", "22003", "23505", "42P01", "42703", "54000", "55000", "P0001"];

        for code in transient {
            assert!(is_transient(&SqlState::from_code(code)), "{code}");
        }
        for code in lasting {
            assert!(!is_transient(&SqlState::from_code(code)), "{code}");
        }
    }
}
