//! Queues jobs in order, and cuts them into transactions.

use std::collections::VecDeque;

use domain::Intent;

use super::Job;

/// Intents per batch.
const BATCH_INTENTS: usize = 1024;
/// Bytes of text per batch. A single group may exceed both bounds.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

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
