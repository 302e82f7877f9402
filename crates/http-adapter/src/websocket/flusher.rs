//! Writes to many sockets from one task.

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::task::yield_now;

use super::Outbox;

/// Outboxes that the task writes before it yields to other tasks of the worker.
const BATCH: usize = 64;

/// The outboxes of one worker that have frames to write. One task writes them all, because waking a
/// task for each costs more than the write. Frames that were queued together share a write.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    due: RefCell<Vec<Rc<Outbox>>>,
    waker: RefCell<Option<Waker>>,
}

impl Flusher {
    pub(super) fn add(&self, outbox: Rc<Outbox>) {
        self.due.borrow_mut().push(outbox);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Runs until dropped.
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
                if n > 0 && n.is_multiple_of(BATCH) {
                    yield_now().await;
                }
                outbox.flush();
            }
        }
    }
}
