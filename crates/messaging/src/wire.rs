//! The messages between nodes, as JSON. Readers ignore unknown fields, because nodes of two versions
//! run side by side during an upgrade.

mod change;
mod roster;

use application::ports::NodeId;
use domain::{Change, ConversationId, EphemeralEvent, EphemeralKind, MsgNo, Seq, UserId, Username};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use change::ChangeWire;

pub(crate) use roster::{read_moves, read_roster, roster, roster_moves};

/// Longest hint that is sent, in bytes. A larger change is announced by its `seq` alone.
const MAX_SENT: usize = 16 * 1024;

/// Longest hint that is read, in bytes. A later version may send longer ones.
const MAX_READ: usize = 64 * 1024;

/// The names of the channels. All databases of a Redis share its channels, so
/// that the names contain the number of the database.
#[derive(Debug)]
pub(crate) struct Channels {
    prefix: String,
}

impl Channels {
    pub(crate) fn of_database(database: i64) -> Self {
        Self { prefix: format!("chat:{database}:") }
    }

    pub(crate) fn conversation(&self, conversation: ConversationId) -> String {
        format!("{}c:{}", self.prefix, conversation.get())
    }

    /// For the heartbeat of a node to itself.
    pub(crate) fn node(&self, NodeId(node): NodeId) -> String {
        format!("{}node:{node:016x}", self.prefix)
    }

    pub(crate) fn presence(&self) -> String {
        format!("{}presence", self.prefix)
    }
}

/// A hint of another node, as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    Changed(Vec<Change>),
    HeadAdvanced(ConversationId, Seq),
    Ephemeral(EphemeralEvent),
}

#[derive(Serialize, Deserialize)]
struct HintWire<'a> {
    node: u64,
    conversation: i64,
    /// Of the last change; absent with an ephemeral event.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral: Option<EphemeralWire>,
}

#[derive(Serialize, Deserialize)]
struct EphemeralWire {
    user: i64,
    username: String,
    kind: EphemeralKindWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EphemeralKindWire {
    Typing,
    Receipt(i64),
    ChangeRefused,
}

/// Encodes changes of one conversation, in order, as few hints.
pub(crate) fn change_hints(node: NodeId, changes: &[Change]) -> Vec<Vec<u8>> {
    let mut hints = Vec::new();
    let mut batch: Vec<(&Change, Box<RawValue>)> = Vec::new();
    let mut batch_bytes = 0;
    for change in changes {
        let encoded = serde_json::value::to_raw_value(&ChangeWire::from(change)).ok();
        let encoded = encoded.filter(|encoded| encoded.get().len() <= MAX_SENT);
        let bytes = encoded.as_ref().map_or(MAX_SENT, |encoded| encoded.get().len());
        if batch_bytes + bytes > MAX_SENT {
            hints.extend(batch_hint(node, &batch));
            (batch, batch_bytes) = (Vec::new(), 0);
        }
        match encoded {
            Some(encoded) => {
                batch_bytes += bytes;
                batch.push((change, encoded));
            }
            None => hints.extend(change_hint(node, change, Vec::new())),
        }
    }
    hints.extend(batch_hint(node, &batch));
    hints
}

fn batch_hint(node: NodeId, batch: &[(&Change, Box<RawValue>)]) -> Option<Vec<u8>> {
    let (last, _) = batch.last()?;
    change_hint(node, last, batch.iter().map(|(_, encoded)| &**encoded).collect())
}

fn change_hint(NodeId(node): NodeId, last: &Change, changes: Vec<&RawValue>) -> Option<Vec<u8>> {
    let (conversation, seq) = (last.conversation().get(), Some(last.seq().get()));
    serde_json::to_vec(&HintWire { node, conversation, seq, changes, ephemeral: None }).ok()
}

pub(crate) fn ephemeral_hint(NodeId(node): NodeId, event: &EphemeralEvent) -> Option<Vec<u8>> {
    let ephemeral = EphemeralWire {
        user: event.user.get(),
        username: event.username.as_str().to_owned(),
        kind: match event.kind {
            EphemeralKind::Typing => EphemeralKindWire::Typing,
            EphemeralKind::Receipt(read_no) => EphemeralKindWire::Receipt(read_no.get()),
            EphemeralKind::ChangeRefused => EphemeralKindWire::ChangeRefused,
        },
    };
    let (conversation, ephemeral) = (event.conversation.get(), Some(ephemeral));
    serde_json::to_vec(&HintWire { node, conversation, seq: None, changes: Vec::new(), ephemeral })
        .ok()
}

/// Reads a hint from a conversation's channel. None if it comes from this node
/// or cannot be read.
pub(crate) fn read_hint(payload: &[u8], own: NodeId) -> Option<Hint> {
    let hint: HintWire<'_> = parse(payload)?;
    if NodeId(hint.node) == own {
        return None;
    }
    let conversation = ConversationId::new(hint.conversation);
    let Some(seq) = hint.seq else {
        return hint.ephemeral?.parse(conversation).map(Hint::Ephemeral);
    };
    Some(match read_changes(&hint.changes, conversation) {
        Some(changes) if !changes.is_empty() => Hint::Changed(changes),
        _ => Hint::HeadAdvanced(conversation, Seq::new(seq)),
    })
}

impl EphemeralWire {
    fn parse(self, conversation: ConversationId) -> Option<EphemeralEvent> {
        Some(EphemeralEvent {
            conversation,
            user: UserId::new(self.user),
            username: Username::parse(&self.username).ok()?,
            kind: match self.kind {
                EphemeralKindWire::Typing => EphemeralKind::Typing,
                EphemeralKindWire::Receipt(read_no) => EphemeralKind::Receipt(MsgNo::new(read_no)),
                EphemeralKindWire::ChangeRefused => EphemeralKind::ChangeRefused,
            },
        })
    }
}

/// None if this version cannot read every change: the hub reads them from the store then.
fn read_changes(changes: &[&RawValue], conversation: ConversationId) -> Option<Vec<Change>> {
    let read = |encoded: &&RawValue| {
        let wire: ChangeWire = parse(encoded.get().as_bytes())?;
        let change = wire.parse().filter(|change| change.conversation() == conversation);
        if change.is_none() {
            tracing::debug!(conversation.id = %conversation, "ignored a hint with invalid values");
        }
        change
    };
    changes.iter().map(read).collect()
}

/// Reads JSON of another node. None, and a log line, if it is too long or malformed.
fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    if payload.len() > MAX_READ {
        tracing::debug!(bytes = payload.len(), "ignored a hint that is too long");
        return None;
    }
    // The whole error could quote what a user wrote.
    let parsed = serde_json::from_slice(payload).map_err(|error| {
        tracing::debug!(kind = ?error.classify(), "ignored a hint that cannot be read");
    });
    parsed.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use application::ports::NodeId;
    use domain::{
        Author, BodyHash, Change, ClientId, Conversation, ConversationId, ConversationKind,
        Details, Emoji, EphemeralEvent, EphemeralKind, HistoryRule, Member, MemberStatus, Mentions,
        Message, MessageBody, MessageId, MsgNo, Pair, Reactions, Role, Seq, Timestamp, Title,
        UserId, Username,
    };

    use super::{Channels, Hint, MAX_READ, MAX_SENT, change_hints, ephemeral_hint, read_hint};

    const HERE: NodeId = NodeId(u64::MAX);
    const THERE: NodeId = NodeId(7);

    fn message(seq: i64, text: &str) -> Change {
        Change::Message(Arc::new(Message {
            id: MessageId::new(i64::MAX),
            conversation: ConversationId::LOBBY,
            msg_no: MsgNo::new(seq),
            seq_created: Seq::new(seq),
            seq_last: Seq::new(seq),
            author: Author { id: UserId::new(1), username: Username::parse("ann").unwrap() },
            client_id: ClientId::new(u128::MAX - 1),
            first_hash: BodyHash::new([0xfe; 32]),
            body: MessageBody::parse(text).unwrap(),
            created_at: Timestamp::from_micros(1),
            edited_at: Some(Timestamp::from_micros(2)),
            deleted_at: None,
            reply_to: Some(MessageId::new(3)),
            edits: 2,
            mentions: Mentions { users: [UserId::new(4)].into(), all: true },
            reactions: Reactions::default()
                .with(UserId::new(5), &Emoji::parse("👍").unwrap(), true)
                .unwrap(),
            pinned_at: Some(Timestamp::from_micros(8)),
        }))
    }

    fn member(seq: i64) -> Change {
        let username = Username::parse("bob").unwrap();
        Change::Member(Member {
            status: MemberStatus::Invited,
            invited_by: Some(UserId::new(2)),
            silenced_until: Some(Timestamp::from_micros(7)),
            visible_after: MsgNo::new(9),
            view_version: 2,
            seq_last: Seq::new(seq),
            ..Member::first(ConversationId::LOBBY, UserId::new(3), username, Role::Reader)
        })
    }

    fn conversation(seq: i64) -> Change {
        let kind = Pair::of(UserId::new(3), UserId::new(1)).map(ConversationKind::Direct);
        let title = Title::parse("Lunch").ok();
        let details = Details { title, topic: None, history: HistoryRule::All };
        Change::Conversation(Arc::new(Conversation {
            view_version: 3,
            deleted_at: Some(Timestamp::from_micros(4)),
            seq_last: Seq::new(seq),
            ..Conversation::new(ConversationId::LOBBY, kind.unwrap(), details)
        }))
    }

    fn read(payload: &[u8]) -> Option<Hint> {
        read_hint(payload, HERE)
    }

    #[test]
    fn databases_of_one_redis_use_different_channels() {
        let [one, other] = [0, 1].map(|database| {
            let channels = Channels::of_database(database);
            [channels.presence(), channels.conversation(ConversationId::LOBBY), channels.node(HERE)]
        });

        assert!(one.iter().all(|channel| !other.contains(channel)), "{one:?} {other:?}");
    }

    #[test]
    fn changes_are_read_as_they_were_written() {
        let first = message(1, "a \"quoted\" \u{1f600}\n");
        let changes = vec![first, member(2), message(3, ""), conversation(4)];

        let hints = change_hints(THERE, &changes);

        assert_eq!(hints.len(), 1);
        assert_eq!(read(&hints[0]), Some(Hint::Changed(changes)));
    }

    #[test]
    fn ephemeral_events_are_read_as_they_were_written() {
        let receipt = EphemeralKind::Receipt(MsgNo::new(i64::MAX));
        for kind in [EphemeralKind::Typing, receipt, EphemeralKind::ChangeRefused] {
            let (user, username) = (UserId::new(3), Username::parse("bob").unwrap());
            let event =
                EphemeralEvent { conversation: ConversationId::LOBBY, user, username, kind };

            let hint = ephemeral_hint(THERE, &event).unwrap();

            assert_eq!(read(&hint), Some(Hint::Ephemeral(event.clone())));
            assert_eq!(read(&ephemeral_hint(HERE, &event).unwrap()), None, "from this node");
            let hint: serde_json::Value = serde_json::from_slice(&hint).unwrap();
            assert_eq!(hint.get("seq"), None, "it advances no head");
        }
    }

    #[test]
    fn a_change_too_large_for_a_hint_is_announced_by_seq() {
        let text = "x".repeat(MAX_SENT / 2);
        let huge = "x".repeat(MAX_SENT + 1);
        let changes = [message(1, &text), message(2, &huge), message(3, &text), message(4, &text)];

        let hints = change_hints(THERE, &changes);

        assert!(hints.iter().all(|hint| hint.len() < MAX_SENT + 256));
        let got: Vec<_> = hints.iter().filter_map(|hint| read(hint)).collect();
        let alone = |change: &Change| Hint::Changed(vec![change.clone()]);
        assert_eq!(
            got,
            [
                alone(&changes[0]),
                Hint::HeadAdvanced(ConversationId::LOBBY, Seq::new(2)),
                alone(&changes[2]),
                alone(&changes[3]),
            ]
        );
    }

    #[test]
    fn unreadable_changes_only_advance_the_head_and_other_nonsense_is_ignored() {
        let advanced = Some(Hint::HeadAdvanced(ConversationId::new(1), Seq::new(9)));
        let cases = [
            (r#"{"node":7,"conversation":1,"seq":9,"changes":[{"reaction":{}}]}"#, advanced),
            (
                r#"{"node":7,"conversation":1,"seq":9,"color":"red"}"#,
                Some(Hint::HeadAdvanced(ConversationId::new(1), Seq::new(9))),
            ),
            (r#"{"node":18446744073709551615,"conversation":1,"seq":9}"#, None),
            (
                r#"{"node":7,"conversation":1,"ephemeral":{"user":1,"username":"a","kind":"dance"}}"#,
                None,
            ),
            (
                r#"{"node":7,"conversation":1,"ephemeral":{"user":1,"username":"","kind":"typing"}}"#,
                None,
            ),
            (r#"{"node":7,"conversation":1}"#, None),
            ("", None),
            ("[]", None),
            ("\u{0}", None),
        ];

        for (payload, want) in cases {
            assert_eq!(read(payload.as_bytes()), want, "{payload}");
        }
        let long = format!(r#"{{"node":7,"conversation":1,"seq":9{}}}"#, " ".repeat(MAX_READ));
        assert_eq!(read(long.as_bytes()), None);
        let own = change_hints(HERE, &[message(1, "x")]);
        assert_eq!(read(&own[0]), None);
    }
}
