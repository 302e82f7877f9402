//! The rows that a batch of sends writes.

use std::collections::{BTreeMap, HashMap};

use domain::{Action, BodyHash, Intent, MessageBody};

/// A message of which nothing became anything else.
#[derive(Debug)]
pub(crate) struct MessageRow {
    pub(crate) id: i64,
    pub(crate) conversation: i64,
    /// Its number, and the place of the change in the conversation.
    pub(crate) msg_no: i64,
    pub(crate) seq: i64,
    pub(crate) author: i64,
    pub(crate) client_id: [u8; 16],
    pub(crate) first_hash: BodyHash,
    pub(crate) body: MessageBody,
    pub(crate) at: i64,
}

/// What one transaction writes.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) messages: Vec<MessageRow>,
    /// Of each conversation: the numbers of its newest message, and its time.
    pub(crate) heads: Vec<(i64, i64, i64, i64)>,
    /// Of each author: the conversation and the number of its newest message.
    pub(crate) markers: Vec<(i64, i64, i64)>,
}

/// Numbers messages as the store does.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    last_id: i64,
    last_no: HashMap<i64, i64>,
}

impl Numbers {
    pub(crate) fn rows(&mut self, batch: &[Intent]) -> Rows {
        let messages: Vec<_> = batch.iter().map(|intent| self.row(intent)).collect();
        let (mut heads, mut markers) = (BTreeMap::new(), BTreeMap::new());
        for row in &messages {
            heads.insert(row.conversation, (row.conversation, row.seq, row.msg_no, row.at));
            markers.insert((row.conversation, row.author), row.msg_no);
        }
        let markers = markers.into_iter().map(|((place, user), msg_no)| (place, user, msg_no));
        Rows { messages, heads: heads.into_values().collect(), markers: markers.collect() }
    }

    fn row(&mut self, intent: &Intent) -> MessageRow {
        let Action::Send { client_id, body, .. } = &intent.action else { unreachable!() };
        let conversation = intent.conversation.get();
        let msg_no = self.last_no.entry(conversation).or_default();
        *msg_no += 1;
        self.last_id += 1;
        MessageRow {
            id: self.last_id,
            conversation,
            msg_no: *msg_no,
            seq: *msg_no,
            author: intent.actor.get(),
            client_id: client_id.get().to_be_bytes(),
            first_hash: body.hash(),
            body: body.clone(),
            at: self.last_id,
        }
    }
}
