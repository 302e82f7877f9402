//! Group commit: everything that waited while the last batch was written goes
//! into the next one.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{Action, Change, Intent, Outcome, Refusal};
use tokio::sync::{mpsc, oneshot};

use crate::hub::Hub;
use crate::ports::{Bus, ConversationStore, StoreError};

/// Groups that may wait; a sender past that waits for room.
const QUEUE: usize = 1024;
/// A batch is closed once it holds this many intents…
const BATCH_INTENTS: usize = 1024;
/// …or this many bytes of text. A single group may exceed both.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Takes intents, and answers once they are on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Batcher {
    queue: mpsc::Sender<Group>,
}

#[derive(Debug)]
struct Group {
    intents: Vec<Intent>,
    reply: oneshot::Sender<Vec<Answer>>,
}

type Answer = Result<Outcome, CommitError>;

/// Why an intent was not carried out, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The policy refused it; nothing was stored.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not be reached: it may or may not have been stored. A
    /// send may be retried under the same client id.
    #[error("the store cannot be reached")]
    Unavailable,
    /// The store cannot take it; nothing was stored.
    #[error("the store cannot take it")]
    Failed,
}

impl Batcher {
    /// The batcher, and the task that has to be run for it.
    #[must_use]
    pub fn new(
        store: Arc<dyn ConversationStore>,
        hub: Hub,
        bus: Arc<dyn Bus>,
    ) -> (Self, BatcherTask) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, BatcherTask { waiting, store, hub, bus })
    }

    /// Carries out a group of intents, and answers each in its place.
    ///
    /// A group stays together: its intents share one transaction, in their
    /// order, unless the store fails on one of them. Groups of one caller are
    /// carried out in the order of the calls. Waits while the queue is full;
    /// a caller that goes away after that changes nothing.
    pub async fn submit(&self, intents: Vec<Intent>) -> Vec<Answer> {
        let count = intents.len();
        let unavailable = || vec![Err(CommitError::Unavailable); count];
        let (reply, answers) = oneshot::channel();
        if self.queue.send(Group { intents, reply }).await.is_err() {
            return unavailable();
        }
        answers.await.unwrap_or_else(|_| unavailable())
    }

    /// [`Self::submit`] for one intent.
    ///
    /// # Errors
    ///
    /// See [`CommitError`].
    pub async fn submit_one(&self, intent: Intent) -> Answer {
        self.submit(vec![intent]).await.pop().unwrap_or(Err(CommitError::Unavailable))
    }
}

/// The writer's side of a [`Batcher`].
pub struct BatcherTask {
    waiting: mpsc::Receiver<Group>,
    store: Arc<dyn ConversationStore>,
    hub: Hub,
    bus: Arc<dyn Bus>,
}

impl BatcherTask {
    /// Writes batches until every [`Batcher`] is gone and nothing waits.
    pub async fn run(mut self) {
        let mut received = Vec::new();
        let mut groups = VecDeque::new();
        loop {
            if groups.is_empty() && self.waiting.recv_many(&mut received, QUEUE).await == 0 {
                return;
            }
            groups.extend(received.drain(..));
            let batch = next_batch(&mut groups);
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Vec<Group>) {
        let mut asked = Vec::with_capacity(batch.len());
        let mut intents = Vec::new();
        for group in batch {
            asked.push((group.intents.len(), group.reply));
            intents.extend(group.intents);
        }
        let mut answers = self.commit(intents).await.into_iter();
        for (size, reply) in asked {
            // Who asked may have gone; what was written stands all the same.
            drop(reply.send(answers.by_ref().take(size).collect()));
        }
    }

    async fn commit(&self, intents: Vec<Intent>) -> Vec<Answer> {
        match self.store.commit(intents.clone()).await {
            Ok(results) => {
                self.tell(&results).await;
                results.into_iter().map(|result| result.map_err(CommitError::from)).collect()
            }
            Err(StoreError::Unreachable(error)) => {
                log_failure("batch not written", &error);
                vec![Err(CommitError::Unavailable); intents.len()]
            }
            Err(StoreError::Failed(error)) if intents.len() == 1 => {
                log_failure("intent not written", &error);
                vec![Err(CommitError::Failed)]
            }
            Err(StoreError::Failed(_)) => self.commit_one_by_one(intents).await,
        }
    }

    /// So that what the store cannot take fails alone. Once the store cannot be
    /// reached the rest is not tried: a sender whose first text has to be
    /// repeated must not find its second one stored before it.
    async fn commit_one_by_one(&self, intents: Vec<Intent>) -> Vec<Answer> {
        let count = intents.len();
        let mut answers = Vec::with_capacity(count);
        for intent in intents {
            answers.extend(Box::pin(self.commit(vec![intent])).await);
            if answers.last() == Some(&Err(CommitError::Unavailable)) {
                break;
            }
        }
        answers.resize(count, Err(CommitError::Unavailable));
        answers
    }

    /// Tells this node, then the others.
    async fn tell(&self, results: &[Result<Outcome, Refusal>]) {
        let changes: Vec<Change> = results
            .iter()
            .filter_map(|result| match result {
                Ok(Outcome::Applied(change)) => Some(change.clone()),
                _ => None,
            })
            .collect();
        if !changes.is_empty() {
            self.bus.publish(&changes).await;
            self.hub.offer(changes).await;
        }
    }
}

fn log_failure(what: &'static str, error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "{what}");
}

/// As many groups as one transaction should hold, and at least one.
fn next_batch(groups: &mut VecDeque<Group>) -> Vec<Group> {
    let mut batch = Vec::new();
    let (mut intents, mut bytes) = (0, 0);
    while let Some(group) = groups.front() {
        intents += group.intents.len();
        bytes += group.intents.iter().map(text_bytes).sum::<usize>();
        if !batch.is_empty() && (intents > BATCH_INTENTS || bytes > BATCH_BYTES) {
            break;
        }
        batch.extend(groups.pop_front());
    }
    batch
}

fn text_bytes(intent: &Intent) -> usize {
    match &intent.action {
        Action::Send { body, .. } | Action::Edit { body: Some(body), .. } => body.as_str().len(),
        _ => 0,
    }
}
