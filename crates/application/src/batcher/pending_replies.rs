//! The waiting callers and their missing answers.

use std::collections::HashMap;

use domain::Intent;
use tokio::sync::oneshot;

use super::{Answer, Group};

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
