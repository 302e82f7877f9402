//! Group commit: intents that wait during a write share the next batch.

mod jobs;
mod writer;

use std::sync::Arc;

use domain::{Intent, Outcome, Refusal};
use futures_util::future::{BoxFuture, Fuse, FusedFuture as _, FutureExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::SearchIndexer;
use crate::hub::Hub;
use crate::ports::{BackendError, Bus, ConversationStore};
use jobs::{Job, LockedConversations, NotQueued, PendingReplies, Queue};
use writer::Writer;

/// Groups that may wait; further callers wait for space.
const QUEUE: usize = 1024;

/// Accepts intents, and replies once they are on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Batcher {
    queue: mpsc::Sender<Group>,
}

#[derive(Debug)]
struct Group {
    intents: Vec<Intent>,
    reply: oneshot::Sender<Vec<Answer>>,
}

pub(crate) type Answer = Result<Outcome, CommitError>;

#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The policy refused it; nothing was stored.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store was unreachable, so the intent may or may not have been stored. A send may be
    /// retried under the same client id.
    #[error("the store cannot be reached")]
    Unavailable(#[source] BackendError),
    /// The store refused it; nothing was stored.
    #[error("the store refused the write")]
    Failed(#[source] BackendError),
}

impl CommitError {
    /// Not written because of the batcher itself.
    fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable(BackendError::new("write a batch", reason))
    }
}

impl Batcher {
    /// Also returns the task that the caller must run.
    #[must_use]
    pub fn new(
        store: Arc<dyn ConversationStore>,
        hub: Hub,
        bus: Arc<dyn Bus>,
        indexer: SearchIndexer,
    ) -> (Self, BatcherTask) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let task = BatcherTask {
            waiting,
            writer: Arc::new(Writer { store, hub, bus, indexer }),
            replies: PendingReplies::default(),
            queue: Queue::default(),
            locked: LockedConversations::default(),
            unpublished: None,
            totals: Totals::default(),
        };
        (Self { queue }, task)
    }

    /// Executes a group of intents, and returns the results in their order.
    ///
    /// The intents of a group share one transaction, in order, unless the store fails on one of
    /// them. Groups of one caller run in the order of the calls. Waits while the queue is full;
    /// dropping the call after that cancels nothing.
    pub async fn submit(&self, intents: Vec<Intent>) -> Vec<Answer> {
        self.begin(intents).await.answers().await
    }

    /// The first half of [`Self::submit`]: returns once the group is in the queue.
    pub async fn begin(&self, intents: Vec<Intent>) -> PendingBatch {
        let count = intents.len();
        let (reply, answers) = oneshot::channel();
        // If the task has ended, reading the answers fails too.
        drop(self.queue.send(Group { intents, reply }).await);
        PendingBatch { count, answers }
    }

    /// [`Self::submit`] for one intent.
    pub async fn submit_one(&self, intent: Intent) -> Answer {
        self.begin(vec![intent]).await.answer().await
    }
}

/// A group that is queued or being written.
#[derive(Debug)]
#[must_use]
pub struct PendingBatch {
    count: usize,
    answers: oneshot::Receiver<Vec<Answer>>,
}

impl PendingBatch {
    pub async fn answers(self) -> Vec<Answer> {
        let stopped = || CommitError::unavailable("the batcher has stopped");
        self.answers.await.unwrap_or_else(|_| vec![Err(stopped()); self.count])
    }

    /// [`Self::answers`] of one intent.
    pub async fn answer(self) -> Answer {
        let missing = || CommitError::unavailable("it has no intents");
        self.answers().await.pop().unwrap_or_else(|| Err(missing()))
    }
}

/// The task behind a [`Batcher`].
pub struct BatcherTask {
    waiting: mpsc::Receiver<Group>,
    writer: Arc<Writer>,
    replies: PendingReplies,
    queue: Queue,
    locked: LockedConversations,
    /// Written, but waits until the previous batch is published.
    unpublished: Option<Vec<(Job, Answer)>>,
    totals: Totals,
}

/// Written since the start.
#[derive(Debug, Default)]
struct Totals {
    intents: usize,
    batches: usize,
}

/// The jobs of a batch; the answer is `None` if the conversation was locked.
type Written = Vec<(Job, Option<Answer>)>;

/// A future of which at most one runs.
type One<T> = Fuse<BoxFuture<'static, T>>;

impl BatcherTask {
    /// Writes batches until every [`Batcher`] is dropped and the queue is empty. Writes the next
    /// batch while the last one is published.
    pub async fn run(mut self) {
        let mut received = Vec::new();
        let mut batch: One<Written> = Fuse::terminated();
        let mut publishing: One<Vec<(Job, Answer)>> = Fuse::terminated();
        let mut closed = false;
        loop {
            if publishing.is_terminated()
                && let Some(written) = self.unpublished.take()
            {
                publishing = Writer::publish(Arc::clone(&self.writer), written).boxed().fuse();
            }
            let may_write = batch.is_terminated() && self.unpublished.is_none();
            if may_write && let Some(jobs) = self.next_batch() {
                batch = Writer::write(Arc::clone(&self.writer), jobs).boxed().fuse();
            }
            tokio::select! {
                written = &mut batch, if !batch.is_terminated() => self.settle(written),
                published = &mut publishing, if !publishing.is_terminated() => {
                    self.reply(published);
                },
                Some((conversation, written)) = self.locked.next() => {
                    self.reply(written);
                    self.locked.write_next(conversation, &self.writer);
                }
                count = self.waiting.recv_many(&mut received, QUEUE),
                    if may_write && batch.is_terminated() && !closed =>
                {
                    closed = count == 0;
                    for group in received.drain(..) {
                        self.queue.push(self.replies.open(group));
                    }
                }
                else => break,
            }
        }
        let Totals { intents, batches } = self.totals;
        tracing::info!("wrote {intents} intents in {batches} batches");
    }

    /// Returns the next jobs to write together. Jobs of locked conversations queue behind their
    /// lock, so that their order stays.
    fn next_batch(&mut self) -> Option<Vec<Job>> {
        while let Some(jobs) = self.queue.next_batch() {
            let mut free = Vec::with_capacity(jobs.len());
            for job in jobs {
                match self.locked.enqueue(job) {
                    Ok(()) => {}
                    Err(NotQueued::NotLocked(job)) => free.push(job),
                    Err(NotQueued::Full(job)) => {
                        let reason = "too many intents wait for a locked conversation";
                        self.replies.answer(&job, Err(CommitError::unavailable(reason)));
                    }
                }
            }
            if !free.is_empty() {
                return Some(free);
            }
        }
        None
    }

    /// Queues the jobs whose conversation was locked, before anything else is written.
    fn settle(&mut self, written: Written) {
        let applied = |(_, answer): &&_| matches!(answer, Some(Ok(Outcome::Applied(_))));
        self.totals.intents += written.iter().filter(applied).count();
        self.totals.batches += 1;
        let mut locked = Vec::new();
        let mut unpublished = Vec::with_capacity(written.len());
        for (job, answer) in written {
            match answer {
                Some(answer) => unpublished.push((job, answer)),
                None => locked.push(job),
            }
        }
        self.unpublished = Some(unpublished);
        self.locked.begin(locked, &self.writer);
    }

    fn reply(&mut self, written: Vec<(Job, Answer)>) {
        for (job, answer) in written {
            self.replies.answer(&job, answer);
        }
    }
}
