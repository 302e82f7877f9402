//! Conversations that another writer holds: each is waited for beside the
//! batches of all others.

use std::collections::HashMap;
use std::sync::Arc;

use domain::ConversationId;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::FuturesUnordered;

use super::Answer;
use super::batch::Queue;
use super::pending_replies::Job;
use super::writer::Writer;

/// Jobs that may wait for one conversation.
const WAITING: usize = 4096;

/// What is written aside, and what waits behind it.
#[derive(Default)]
pub(super) struct LockedConversations {
    waiting: HashMap<ConversationId, Queue>,
    writes: FuturesUnordered<BoxFuture<'static, Write>>,
}

/// A conversation, and the answers of what was written in it.
pub(super) type Write = (ConversationId, Vec<(Job, Answer)>);

/// Why a job does not wait aside.
pub(super) enum Refused {
    /// Its conversation is free, as far as is known.
    NotAside(Job),
    /// Too many wait already.
    Full(Job),
}

impl LockedConversations {
    /// Lets a job wait, if its conversation is written aside.
    pub(super) fn take(&mut self, job: Job) -> Result<(), Refused> {
        match self.waiting.get_mut(&job.intent.conversation) {
            None => Err(Refused::NotAside(job)),
            Some(queue) if queue.len() >= WAITING => Err(Refused::Full(job)),
            Some(queue) => {
                queue.push(vec![job]);
                Ok(())
            }
        }
    }

    /// Begins to write jobs whose conversations were found locked.
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
            self.go_on(conversation, writer);
        }
    }

    /// Writes what waits for this conversation; it is free once nothing does.
    pub(super) fn go_on(&mut self, conversation: ConversationId, writer: &Arc<Writer>) {
        match self.waiting.get_mut(&conversation).and_then(Queue::next_batch) {
            None => drop(self.waiting.remove(&conversation)),
            Some(jobs) => {
                let written = Writer::write_aside(Arc::clone(writer), jobs);
                self.writes.push(written.map(move |written| (conversation, written)).boxed());
            }
        }
    }

    /// The next that has been written; `None` if nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Write> {
        self.writes.next().await
    }
}
