//! Conversations that another writer holds. Each waits for its lock without delaying the others.

use std::collections::HashMap;
use std::sync::Arc;

use domain::ConversationId;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::FuturesUnordered;

use super::Answer;
use super::pending_replies::Job;
use super::queue::Queue;
use super::writer::Writer;

/// Jobs that may wait for one conversation.
const WAITING: usize = 4096;

/// The writes that wait for a lock, and the jobs queued behind them.
#[derive(Default)]
pub(super) struct LockedConversations {
    waiting: HashMap<ConversationId, Queue>,
    writes: FuturesUnordered<BoxFuture<'static, Write>>,
}

pub(super) type Write = (ConversationId, Vec<(Job, Answer)>);

/// Why a job was not queued behind a locked conversation.
pub(super) enum NotQueued {
    NotLocked(Job),
    /// [`WAITING`] jobs are queued already.
    Full(Job),
}

impl LockedConversations {
    /// Queues a job if its conversation is locked.
    pub(super) fn enqueue(&mut self, job: Job) -> Result<(), NotQueued> {
        match self.waiting.get_mut(&job.intent.conversation) {
            None => Err(NotQueued::NotLocked(job)),
            Some(queue) if queue.len() >= WAITING => Err(NotQueued::Full(job)),
            Some(queue) => {
                queue.push(vec![job]);
                Ok(())
            }
        }
    }

    /// Starts writing jobs whose conversations were locked.
    pub(super) fn begin(&mut self, locked: Vec<Job>, writer: &Arc<Writer>) {
        let mut found = Vec::new();
        for job in locked {
            let conversation = job.intent.conversation;
            if !found.contains(&conversation) {
                found.push(conversation);
            }
            self.waiting.entry(conversation).or_default().push(vec![job]);
        }
        for conversation in found {
            self.write_next(conversation, writer);
        }
    }

    /// Writes the queued jobs of this conversation; without any, marks it as free.
    pub(super) fn write_next(&mut self, conversation: ConversationId, writer: &Arc<Writer>) {
        match self.waiting.get_mut(&conversation).and_then(Queue::next_batch) {
            None => drop(self.waiting.remove(&conversation)),
            Some(jobs) => {
                let written = Writer::write_locked(Arc::clone(writer), jobs);
                self.writes.push(written.map(move |written| (conversation, written)).boxed());
            }
        }
    }

    /// Returns the next finished write; `None` if none is running.
    pub(super) async fn next(&mut self) -> Option<Write> {
        self.writes.next().await
    }
}
