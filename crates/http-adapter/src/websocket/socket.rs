//! A connection becomes a socket.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use actix_http::ResponseBuilder;
use actix_web::{HttpResponse, rt};
use tokio::time::Instant;

use super::{Flusher, Incoming, Outbox, QueueLimits};
use crate::budget::Budget;
use crate::transport::{Connection, Takeover};

/// What one socket may hold, and shares.
pub(crate) struct SocketLimits {
    /// What waits for the client.
    pub(crate) queue: QueueLimits,
    /// Its longest message, in bytes.
    pub(crate) message_bytes: usize,
    /// How long it may take to close.
    pub(crate) closing: Duration,
    /// Of the process.
    pub(crate) budget: Budget,
    /// Of the worker.
    pub(crate) flusher: Rc<Flusher>,
}

/// The two ends of a socket.
pub(crate) struct Socket {
    pub(crate) outbox: Rc<Outbox>,
    pub(crate) incoming: Incoming,
    /// When anything last came.
    pub(crate) heard: Rc<Cell<Instant>>,
}

/// The answer after which its connection is a socket, that `session` serves in a task of
/// its own. It is to end when the outbox has.
pub(crate) fn open<F>(
    answer: &mut ResponseBuilder,
    room: SocketLimits,
    session: impl FnOnce(Socket) -> F + 'static,
) -> HttpResponse
where
    F: Future<Output = ()> + 'static,
{
    let takeover = Takeover::new(move |stream, read| {
        let connection = Rc::new(Connection::new(stream));
        let outbox = Outbox::new(room.queue, Rc::clone(&connection), room.flusher);
        let heard = Rc::new(Cell::new(Instant::now()));
        let reading = (Rc::clone(&connection), read);
        let incoming = Incoming::new(reading, room.message_bytes, &room.budget, Rc::clone(&heard));
        drop(rt::spawn(session(Socket { outbox: Rc::clone(&outbox), incoming, heard })));
        // Also when its task is dropped, nobody writes for the session any more.
        let writing = Writing(outbox);
        async move {
            writing.0.written(room.closing).await;
            connection.take()
        }
    });
    let mut response = HttpResponse::from(answer.finish().map_into_boxed_body());
    response.extensions_mut().insert(takeover);
    response
}

struct Writing(Rc<Outbox>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}
