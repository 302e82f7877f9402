//! What is said over Redis: JSON, in which unknown fields are passed over, as
//! nodes of two versions run side by side while they are replaced.

mod change;
mod ephemeral;
mod roster;

use application::ports::NodeId;
use domain::{Change, ConversationId, EphemeralEvent, Seq};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use change::ChangeWire;
use ephemeral::SignalWire;

pub(crate) use ephemeral::signal;
pub(crate) use roster::{read_moves, read_roster, roster, roster_moves};

/// Longest hint, in bytes; a larger change is told of by its number alone.
const MAX_HINT: usize = 16 * 1024;

/// Longest thing that is looked at, in bytes; a later version may say more at once.
const MAX_HEARD: usize = 64 * 1024;

/// The channels of one database of a Redis. Channels themselves are shared by
/// all of them, so that the names tell them apart.
#[derive(Debug)]
pub(crate) struct Channels {
    prefix: String,
}

impl Channels {
    pub(crate) fn of(database: i64) -> Self {
        Self { prefix: format!("chat:{database}:") }
    }

    /// Of a conversation.
    pub(crate) fn conversation(&self, conversation: ConversationId) -> String {
        format!("{}c:{}", self.prefix, conversation.get())
    }

    /// On which a node hears itself.
    pub(crate) fn node(&self, NodeId(node): NodeId) -> String {
        format!("{}node:{node:016x}", self.prefix)
    }

    /// Of comings and goings.
    pub(crate) fn presence(&self) -> String {
        format!("{}presence", self.prefix)
    }
}

/// What another node says of a conversation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Changes(Vec<Change>),
    Moved(ConversationId, Seq),
    EphemeralEvent(EphemeralEvent),
}

#[derive(Serialize)]
struct HintOut<'a> {
    node: u64,
    conversation: i64,
    to: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct HintIn<'a> {
    node: u64,
    conversation: i64,
    /// None with a signal, so that a version which knows of none passes it over.
    to: Option<i64>,
    #[serde(default, borrow)]
    changes: Option<&'a RawValue>,
    #[serde(default, borrow)]
    signal: Option<&'a RawValue>,
}

/// Hints of changes in one conversation, in their order.
pub(crate) fn hints(node: NodeId, changes: &[Change]) -> Vec<Vec<u8>> {
    let mut hints = Vec::new();
    let mut run: Vec<(&Change, Box<RawValue>)> = Vec::new();
    let mut bytes = 0;
    for change in changes {
        let encoded = serde_json::value::to_raw_value(&ChangeWire::from(change)).ok();
        let encoded = encoded.filter(|encoded| encoded.get().len() <= MAX_HINT);
        let length = encoded.as_ref().map_or(MAX_HINT, |encoded| encoded.get().len());
        if bytes + length > MAX_HINT {
            hints.extend(hint(node, &run));
            (run, bytes) = (Vec::new(), 0);
        }
        match encoded {
            Some(encoded) => {
                bytes += length;
                run.push((change, encoded));
            }
            None => hints.extend(encode(node, change, Vec::new())),
        }
    }
    hints.extend(hint(node, &run));
    hints
}

fn hint(node: NodeId, run: &[(&Change, Box<RawValue>)]) -> Option<Vec<u8>> {
    let (last, _) = run.last()?;
    encode(node, last, run.iter().map(|(_, encoded)| &**encoded).collect())
}

fn encode(node: NodeId, last: &Change, changes: Vec<&RawValue>) -> Option<Vec<u8>> {
    let (conversation, to) = (last.conversation().get(), last.seq().get());
    serde_json::to_vec(&HintOut { node: node.0, conversation, to, changes }).ok()
}

/// What came over a conversation's channel; nothing, if it is one's own or
/// cannot be read.
pub(crate) fn read_hint(payload: &[u8], own: NodeId) -> Option<Received> {
    let hint: HintIn<'_> = parse(payload)?;
    if NodeId(hint.node) == own {
        return None;
    }
    let conversation = ConversationId::new(hint.conversation);
    let Some(to) = hint.to else {
        let signal: SignalWire = parse(hint.signal?.get().as_bytes())?;
        return signal.parse(conversation).map(Received::EphemeralEvent);
    };
    let changes = hint.changes.and_then(|changes| read_changes(changes, conversation));
    Some(match changes {
        Some(changes) if !changes.is_empty() => Received::Changes(changes),
        _ => Received::Moved(conversation, Seq::new(to)),
    })
}

/// All of them, or none: what this version does not know is found in the store.
fn read_changes(changes: &RawValue, conversation: ConversationId) -> Option<Vec<Change>> {
    let changes: Vec<ChangeWire> = parse(changes.get().as_bytes())?;
    let changes: Option<Vec<Change>> = changes.into_iter().map(ChangeWire::parse).collect();
    let changes =
        changes.filter(|changes| changes.iter().all(|c| c.conversation() == conversation));
    if changes.is_none() {
        tracing::debug!(conversation.id = %conversation, "a hint breaks a rule");
    }
    changes
}

/// Reads JSON of another node, unless it is too long or none.
fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    if payload.len() > MAX_HEARD {
        tracing::debug!(bytes = payload.len(), "a hint is too long");
        return None;
    }
    // The error itself may tell the text.
    let read = serde_json::from_slice(payload).map_err(|error| {
        tracing::debug!(kind = ?error.classify(), "a hint cannot be read");
    });
    read.ok()
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

    use super::{Channels, MAX_HEARD, MAX_HINT, Received, hints, read_hint, signal};

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
            status: MemberStatus::Banned,
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

    fn heard(payload: &[u8]) -> Option<Received> {
        read_hint(payload, HERE)
    }

    #[test]
    fn each_database_of_a_redis_has_channels_of_its_own() {
        let [one, other] = [0, 1].map(|database| {
            let channels = Channels::of(database);
            [channels.presence(), channels.conversation(ConversationId::LOBBY), channels.node(HERE)]
        });

        assert!(one.iter().all(|channel| !other.contains(channel)), "{one:?} {other:?}");
    }

    #[test]
    fn what_is_told_is_heard_as_it_was() {
        let first = message(1, "a \"quoted\" \u{1f600}\n");
        let changes = vec![first, member(2), message(3, ""), conversation(4)];

        let told = hints(THERE, &changes);

        assert_eq!(told.len(), 1);
        assert_eq!(heard(&told[0]), Some(Received::Changes(changes)));
    }

    #[test]
    fn what_is_shown_for_a_moment_is_no_hint_to_a_version_that_knows_of_none() {
        for kind in [EphemeralKind::Typing, EphemeralKind::Receipt(MsgNo::new(i64::MAX))] {
            let (user, username) = (UserId::new(3), Username::parse("bob").unwrap());
            let shown =
                EphemeralEvent { conversation: ConversationId::LOBBY, user, username, kind };

            let told = signal(THERE, &shown).unwrap();

            assert_eq!(heard(&told), Some(Received::EphemeralEvent(shown.clone())));
            assert_eq!(heard(&signal(HERE, &shown).unwrap()), None, "it is one's own");
            let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
            assert_eq!(told.get("to"), None, "without which it was no hint before");
        }
    }

    #[test]
    fn hints_have_a_size_and_what_is_larger_is_told_of_by_its_number() {
        let text = "x".repeat(MAX_HINT / 2);
        let huge = "x".repeat(MAX_HINT + 1);
        let changes = [message(1, &text), message(2, &huge), message(3, &text), message(4, &text)];

        let told = hints(THERE, &changes);

        assert!(told.iter().all(|hint| hint.len() < MAX_HINT + 256));
        let heard: Vec<_> = told.iter().filter_map(|hint| heard(hint)).collect();
        let one = |change: &Change| Received::Changes(vec![change.clone()]);
        assert_eq!(
            heard,
            [
                one(&changes[0]),
                Received::Moved(ConversationId::LOBBY, Seq::new(2)),
                one(&changes[2]),
                one(&changes[3]),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_looked_for_in_the_store_or_passed_over() {
        let moved = Some(Received::Moved(ConversationId::new(1), Seq::new(9)));
        let cases = [
            (r#"{"node":7,"conversation":1,"to":9,"changes":[{"reaction":{}}]}"#, moved),
            (
                r#"{"node":7,"conversation":1,"to":9,"color":"red"}"#,
                Some(Received::Moved(ConversationId::new(1), Seq::new(9))),
            ),
            (r#"{"node":18446744073709551615,"conversation":1,"to":9}"#, None),
            (
                r#"{"node":7,"conversation":1,"signal":{"user":1,"username":"a","kind":"dance"}}"#,
                None,
            ),
            (
                r#"{"node":7,"conversation":1,"signal":{"user":1,"username":"","kind":"typing"}}"#,
                None,
            ),
            (r#"{"node":7,"conversation":1}"#, None),
            ("", None),
            ("[]", None),
            ("\u{0}", None),
        ];

        for (payload, want) in cases {
            assert_eq!(heard(payload.as_bytes()), want, "{payload}");
        }
        let long = format!(r#"{{"node":7,"conversation":1,"to":9{}}}"#, " ".repeat(MAX_HEARD));
        assert_eq!(heard(long.as_bytes()), None);
        let own = hints(HERE, &[message(1, "x")]);
        assert_eq!(heard(&own[0]), None);
    }
}
