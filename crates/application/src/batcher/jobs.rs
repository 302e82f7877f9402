//! Jobs: their replies, their queue, and conversations that another writer holds.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use domain::{ConversationId, Intent};
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

use super::writer::Writer;
use super::{Answer, Group};

/// Intents per batch.
const BATCH_INTENTS: usize = 1024;
/// Bytes of text per batch. A single group may exceed both bounds.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Jobs that may wait for one conversation.
const MAX_WAITING: usize = 4096;

/// An intent, and where its answer belongs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) intent: Intent,
    group: u64,
    index: usize,
}

#[derive(Debug, Default)]
pub(super) struct PendingReplies {
    groups: HashMap<u64, Open>,
    next: u64,
}

#[derive(Debug)]
struct Open {
    answers: Vec<Option<Answer>>,
    missing: usize,
    reply: oneshot::Sender<Vec<Answer>>,
}

impl PendingReplies {
    /// Registers a group, and returns its jobs in order.
    pub(super) fn open(&mut self, group: Group) -> Vec<Job> {
        let Group { intents, reply } = group;
        let missing = intents.len();
        if missing == 0 {
            // The caller may be gone. The same holds below.
            drop(reply.send(Vec::new()));
            return Vec::new();
        }
        let group = self.next;
        self.next += 1;
        let answers = vec![None; missing];
        self.groups.insert(group, Open { answers, missing, reply });
        let jobs = intents.into_iter().enumerate();
        jobs.map(|(index, intent)| Job { intent, group, index }).collect()
    }

    /// Records an answer; the last answer of a group sends them all.
    pub(super) fn answer(&mut self, job: &Job, answer: Answer) {
        let Some(open) = self.groups.get_mut(&job.group) else { return };
        if let Some(slot) = open.answers.get_mut(job.index) {
            *slot = Some(answer);
            open.missing -= 1;
        }
        if open.missing == 0
            && let Some(Open { answers, reply, .. }) = self.groups.remove(&job.group)
        {
            drop(reply.send(answers.into_iter().flatten().collect()));
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    groups: VecDeque<Vec<Job>>,
}

impl Queue {
    pub(super) fn push(&mut self, group: Vec<Job>) {
        if !group.is_empty() {
            self.groups.push_back(group);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns as many groups' jobs as fit into one transaction, at least one group's.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Job>> {
        let mut batch = self.groups.pop_front()?;
        let (mut intents, mut bytes) = size(&batch);
        while let Some(group) = self.groups.front() {
            let (more_intents, more_bytes) = size(group);
            intents += more_intents;
            bytes += more_bytes;
            if intents > BATCH_INTENTS || bytes > BATCH_BYTES {
                break;
            }
            batch.extend(self.groups.pop_front().into_iter().flatten());
        }
        Some(batch)
    }
}

fn size(group: &[Job]) -> (usize, usize) {
    (group.len(), group.iter().map(|job| text_bytes(&job.intent)).sum())
}

fn text_bytes(intent: &Intent) -> usize {
    intent.action.body().map_or(0, |body| body.as_str().len())
}

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
    /// [`MAX_WAITING`] jobs are queued already.
    Full(Job),
}

impl LockedConversations {
    /// Queues a job if its conversation is locked.
    pub(super) fn enqueue(&mut self, job: Job) -> Result<(), NotQueued> {
        match self.waiting.get_mut(&job.intent.conversation) {
            None => Err(NotQueued::NotLocked(job)),
            Some(queue) if queue.len() >= MAX_WAITING => Err(NotQueued::Full(job)),
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
