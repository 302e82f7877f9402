//! The connection under a socket.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use bytes::BytesMut;

/// Most that is read at once.
const READ: usize = 16 * 1024;

thread_local! {
    /// Where all sockets of a worker read into, so that a silent one holds no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// A connection, until it is taken out: one task reads, one writes. No borrow
/// outlives a method.
#[derive(Debug, Default)]
pub(crate) struct Connection(RefCell<Option<TcpStream>>);

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(RefCell::new(Some(stream)))
    }

    /// Appends what has come; none once there is no connection. For one task.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, read: &mut BytesMut) -> Poll<Option<()>> {
        let stream = self.0.borrow();
        let Some(stream) = &*stream else { return Poll::Ready(None) };
        loop {
            if ready!(stream.poll_read_ready(cx)).is_err() {
                return Poll::Ready(None);
            }
            let got = SCRATCH.with_borrow_mut(|scratch| {
                let count = stream.try_read(scratch)?;
                read.extend_from_slice(scratch.get(..count).unwrap_or_default());
                io::Result::Ok(count)
            });
            match got {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // How a connection broke is no news to anybody.
                Ok(0) | Err(_) => return Poll::Ready(None),
                Ok(_) => return Poll::Ready(Some(())),
            }
        }
    }

    /// Writes as much as the connection takes now.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &*self.0.borrow() {
            Some(stream) => match slices {
                // The usual case, and cheaper for the kernel than a row of one.
                [slice] => stream.try_write(slice),
                _ => stream.try_write_vectored(slices),
            },
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Whether it may take something again. For one task.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &*self.0.borrow() {
            Some(stream) => stream.poll_write_ready(cx),
            None => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }

    /// Takes the connection out: from now on nothing is read or written here.
    pub(crate) fn take(&self) -> Option<TcpStream> {
        self.0.take()
    }
}
