//! A TCP connection that was taken over from actix, and what is read from it.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use futures_util::Stream;
use tokio::io::{AsyncRead as _, ReadBuf};

/// Most bytes of one chunk of a [`ConnectionPayload`].
const CHUNK_BYTES: usize = 4 * 1024;

thread_local! {
    /// All connections of a worker read into this buffer, so that a silent one holds none.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// A connection that one task reads from and one task writes to. No borrow outlives a method.
#[derive(Debug, Default)]
pub(crate) struct Connection(RefCell<Option<TcpStream>>);

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(RefCell::new(Some(stream)))
    }

    /// The next chunk; `None` once the connection is gone. Only one task may poll.
    fn poll_read(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut stream = self.0.borrow_mut();
        let Some(stream) = &mut *stream else { return Poll::Ready(None) };
        SCRATCH.with_borrow_mut(|scratch| {
            let mut chunk = ReadBuf::new(scratch);
            // After a chunk that does not fill the buffer, this knows that nothing more has come.
            let read = ready!(Pin::new(stream).poll_read(cx, &mut chunk));
            // A client that leaves without a word is not worth a log line.
            let is_gone = read.is_err() || chunk.filled().is_empty();
            Poll::Ready((!is_gone).then(|| Bytes::copy_from_slice(chunk.filled())))
        })
    }

    /// Writes as much as the connection takes now.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &*self.0.borrow() {
            Some(stream) => match slices {
                // The usual case, and cheaper for the kernel than a vector of one.
                [slice] => stream.try_write(slice),
                _ => stream.try_write_vectored(slices),
            },
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Ready once the connection may take more. Only one task may poll.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &*self.0.borrow() {
            Some(stream) => stream.poll_write_ready(cx),
            None => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }

    /// Takes the stream out: reads and writes fail from now on.
    pub(super) fn take(&self) -> Option<TcpStream> {
        self.0.take()
    }
}

/// The bytes that come over a connection, in chunks of at most 4 KiB.
#[derive(Debug, Default)]
pub(crate) struct ConnectionPayload {
    connection: Rc<Connection>,
    /// Bytes that actix had read when the connection was taken over.
    already_read: Bytes,
}

impl ConnectionPayload {
    pub(super) fn new(connection: Rc<Connection>, already_read: &[u8]) -> Self {
        // A copy, as the buffer of actix has room for much more.
        Self { connection, already_read: Bytes::copy_from_slice(already_read) }
    }
}

impl Stream for ConnectionPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let rest = this.already_read.len();
        if rest == 0 {
            return this.connection.poll_read(cx).map(|chunk| chunk.map(Ok));
        }
        let chunk = Bytes::copy_from_slice(&this.already_read.split_to(rest.min(CHUNK_BYTES)));
        if this.already_read.is_empty() {
            this.already_read = Bytes::new();
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}
