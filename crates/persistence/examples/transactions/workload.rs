//! The workload: who writes where, and the rows that a batch of messages becomes.

use std::collections::{BTreeMap, HashMap};

use domain::{Action, BodyHash, ConversationId, Intent, MessageBody, Role, UserId};
use testkit::Fixture;
use testkit::values::send;

const CONVERSATIONS: usize = 64;
const MEMBERS: usize = 4;

/// Groups of a few members, who write in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workload {
    groups: Vec<(ConversationId, Vec<UserId>)>,
    sent: u128,
}

impl Workload {
    pub(crate) async fn fill(stores: &Fixture) -> Self {
        let mut groups = Vec::with_capacity(CONVERSATIONS);
        for group in 0..CONVERSATIONS {
            let mut users = Vec::with_capacity(MEMBERS);
            for member in 0..MEMBERS {
                users.push(stores.user(&format!("user_{group}_{member}")).await);
            }
            let roles = [Role::Owner, Role::Member, Role::Member, Role::Member];
            let members: Vec<_> = users.iter().copied().zip(roles).collect();
            groups.push((stores.group(&members).await, users));
        }
        Self { groups, sent: 0 }
    }

    /// The next messages, one for each conversation in turn, each time by another member.
    pub(crate) fn batch(&mut self, size: usize) -> Vec<Intent> {
        (0..size).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Intent {
        self.sent += 1;
        let index = usize::try_from(self.sent).unwrap();
        let (group, users) = self.groups.get(index % CONVERSATIONS).unwrap();
        let user = users.get(index / CONVERSATIONS % MEMBERS).unwrap();
        send(*group, *user, spread(self.sent), &text(self.sent))
    }
}

/// Spreads numbers over the whole range, like random ones.
fn spread(n: u128) -> u128 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
}

/// 120 bytes. A few words are frequent and most are rare, as in natural language.
fn text(n: u128) -> String {
    let word = |position| {
        let random = spread(n * 20 + position) >> 64;
        format!("{:05}", (random % 20_000) >> ((random >> 32) % 12))
    };
    (0..20).map(word).collect::<Vec<_>>().join(" ")
}

#[derive(Debug)]
pub(crate) struct MessageRow {
    pub(crate) id: i64,
    pub(crate) conversation: i64,
    pub(crate) msg_no: i64,
    pub(crate) seq: i64,
    pub(crate) author: i64,
    pub(crate) client_id: [u8; 16],
    pub(crate) first_hash: BodyHash,
    pub(crate) body: MessageBody,
    pub(crate) at: i64,
}

/// The rows that one transaction writes.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) messages: Vec<MessageRow>,
    /// `(conversation, seq, msg_no, last_at)`.
    pub(crate) heads: Vec<(i64, i64, i64, i64)>,
    /// `(conversation, user, read_no)`.
    pub(crate) markers: Vec<(i64, i64, i64)>,
}

/// Numbers messages like the store.
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
        let markers =
            markers.into_iter().map(|((conversation, user), msg_no)| (conversation, user, msg_no));
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
