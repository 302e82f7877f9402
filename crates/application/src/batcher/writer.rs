//! Writes batches, and publishes their changes.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{Change, ConversationId, Intent, Outcome, Refusal};

use super::jobs::Job;
use super::{Answer, CommitError};
use crate::SearchIndexer;
use crate::hub::Hub;
use crate::ports::{Bus, ConversationStore, StoreError};

pub(super) struct Writer {
    pub(super) store: Arc<dyn ConversationStore>,
    pub(super) hub: Hub,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) indexer: SearchIndexer,
}

/// How to treat a head that another writer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locked {
    LeaveOut,
    WaitFor,
}

impl Writer {
    /// Writes a batch, except the conversations that another writer holds.
    pub(super) async fn write(self: Arc<Self>, jobs: Vec<Job>) -> Vec<(Job, Option<Answer>)> {
        let answers = self.commit(intents(&jobs), Locked::LeaveOut).await;
        jobs.into_iter().zip(answers).collect()
    }

    /// Writes and publishes a batch of one conversation; waits for its lock.
    pub(super) async fn write_locked(self: Arc<Self>, jobs: Vec<Job>) -> Vec<(Job, Answer)> {
        let answers = self.commit(intents(&jobs), Locked::WaitFor).await;
        let locked = || Err(CommitError::unavailable("the conversation is locked"));
        let answers = answers.into_iter().map(|answer| answer.unwrap_or_else(locked));
        let written = jobs.into_iter().zip(answers).collect();
        self.publish(written).await
    }

    /// Publishes changes to the other nodes, then to this one.
    pub(super) async fn publish(
        self: Arc<Self>,
        written: Vec<(Job, Answer)>,
    ) -> Vec<(Job, Answer)> {
        let change = |answer: &Answer| match answer {
            Ok(Outcome::Applied(change)) => Some(change.clone()),
            _ => None,
        };
        let changes: Vec<Change> =
            written.iter().filter_map(|(_, answer)| change(answer)).collect();
        if !changes.is_empty() {
            self.publish_changes(changes).await;
        }
        written
    }

    /// Idempotent.
    async fn publish_changes(&self, changes: Vec<Change>) {
        if changes.iter().any(|change| matches!(change, Change::Message(_))) {
            self.indexer.notify();
        }
        self.bus.publish(&changes).await;
        self.hub.offer(changes).await;
    }

    async fn commit(&self, intents: Vec<Intent>, locked: Locked) -> Vec<Option<Answer>> {
        let results = match locked {
            Locked::LeaveOut => self.store.try_commit(intents.clone()).await,
            Locked::WaitFor => self
                .store
                .commit(intents.clone())
                .await
                .map(|results| results.into_iter().map(Some).collect()),
        };
        match results {
            Ok(results) => {
                let answer = |result: Result<_, Refusal>| result.map_err(CommitError::from);
                results.into_iter().map(|result| result.map(answer)).collect()
            }
            Err(StoreError::Unreachable(cause)) => {
                vec![Some(Err(CommitError::Unavailable(cause))); intents.len()]
            }
            Err(StoreError::Failed(cause)) if intents.len() == 1 => {
                vec![Some(Err(CommitError::Failed(cause)))]
            }
            // The intent that fails alone has the cause.
            Err(StoreError::Failed(_)) => self.commit_one_by_one(intents, locked).await,
        }
    }

    /// Retries intents one by one, so that one that the store refuses fails alone. Stops once the
    /// store is unreachable: otherwise a later message could be stored before an earlier one that
    /// the sender must retry. Skips locked conversations for the same reason.
    async fn commit_one_by_one(&self, intents: Vec<Intent>, locked: Locked) -> Vec<Option<Answer>> {
        let count = intents.len();
        let mut left_out: HashSet<ConversationId> = HashSet::new();
        let mut answers = Vec::with_capacity(count);
        for intent in intents {
            let conversation = intent.conversation;
            if left_out.contains(&conversation) {
                answers.push(None);
                continue;
            }
            let answer = Box::pin(self.commit(vec![intent], locked)).await.pop().flatten();
            if answer.is_none() {
                left_out.insert(conversation);
            }
            // Published at once, because the rest may take long.
            if let Some(Ok(Outcome::Applied(change))) = &answer {
                self.publish_changes(vec![change.clone()]).await;
            }
            if matches!(answer, Some(Err(CommitError::Unavailable(_)))) {
                answers.resize(count, answer);
                break;
            }
            answers.push(answer);
        }
        answers
    }
}

fn intents(jobs: &[Job]) -> Vec<Intent> {
    jobs.iter().map(|job| job.intent.clone()).collect()
}
