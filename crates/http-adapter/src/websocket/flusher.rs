//! Writing to many sockets in a row.

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::task::yield_now;

use super::Outbox;

/// Sockets that are written to before others on the worker have a turn.
const ROW: usize = 64;

/// The outboxes of one worker that something was put into. One task writes them all, as
/// a task for each would cost more than what it does. By then frames that came
/// together are together, and leave in one write.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    due: RefCell<Vec<Rc<Outbox>>>,
    waker: RefCell<Option<Waker>>,
}

impl Flusher {
    /// It is written to soon.
    pub(super) fn add(&self, outbox: Rc<Outbox>) {
        self.due.borrow_mut().push(outbox);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Writes, for as long as the worker runs.
    pub(crate) async fn run(&self) {
        let mut due = Vec::new();
        loop {
            poll_fn(|cx| {
                mem::swap(&mut due, &mut *self.due.borrow_mut());
                if due.is_empty() {
                    self.waker.replace(Some(cx.waker().clone()));
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            for (n, outbox) in due.drain(..).enumerate() {
                if n > 0 && n.is_multiple_of(ROW) {
                    yield_now().await;
                }
                outbox.flush();
            }
        }
    }
}
