//! The frames of a client. Each has a type and a reference that the client chooses.

use application::Cursor;
use domain::{Action, ClientId, ConversationId, Epoch, MessageId, MsgNo, Seq};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use crate::v1::input::{self, Checks};
use crate::v1::json;
use crate::v1::messages::SendMessageRequest;
use crate::v1::problem::Problem;

/// Bytes of the longest reference.
pub(in crate::v1) const REFERENCE_BYTES: usize = 64;

/// Declares the fields of each type of frame, which allow no others, and lists the types.
macro_rules! frames {
    ($($(#[$about:meta])* $name:ident = $type:literal => [$($answer:literal),+] {
        $($(#[$note:meta])* $field:ident: $kind:ty),* $(,)?
    })+) => {
        $(
            #[derive(Deserialize, ToSchema)]
            #[serde(deny_unknown_fields)]
            $(#[$about])*
            struct $name {
                #[serde(rename = "type")]
                #[schema(ignore)]
                _kind: IgnoredAny,
                #[serde(rename = "ref")]
                #[schema(ignore)]
                _reference: IgnoredAny,
                $($(#[$note])* $field: $kind,)*
            }
        )+

        /// Each type of client frame, with the frames that answer it besides `error`, and its
        /// fields besides `type` and `ref`.
        pub(in crate::v1) fn client_frames() -> Vec<(&'static str, Vec<&'static str>, RefOr<Schema>)> {
            vec![$(($type, vec![$($answer),+], $name::schema())),+]
        }
    };
}

frames! {
    /// Authenticates the socket, or renews its token. A newer token must be of the same account.
    #[schema(examples(json!({"type": "auth", "ref": "1", "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"})))]
    Auth = "auth" => ["ack"] {
        /// An access token.
        token: String,
    }

    /// Sends a message.
    #[schema(examples(json!({
        "type": "send", "ref": "2", "conversation": 12, "body": "Lunch at noon, @bob?",
        "client_id": "0190d1f0-0000-7abc-8def-0123456789ab"
    })))]
    Send = "send" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
        /// The text: not blank, without U+0000, and no longer than the server's limit.
        body: String,
        /// An id that you choose. A retry with the same id returns the first message.
        #[schema(format = "uuid")]
        client_id: Option<String>,
        /// The id of the message that this one replies to.
        reply_to: Option<i64>,
    }

    /// Edits one of your messages.
    #[schema(examples(json!({
        "type": "edit", "ref": "3", "conversation": 12, "message": 4211, "body": "Lunch at one?"
    })))]
    Edit = "edit" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the message.
        message: i64,
        /// The new text, with the same rules as for `send`.
        body: String,
        /// How many edits you have seen. If the message has another number, nothing is edited.
        edits: Option<i64>,
    }

    /// Deletes one of your messages, or any message in a conversation that you moderate.
    #[schema(examples(json!({"type": "delete", "ref": "4", "conversation": 12, "message": 4211})))]
    Delete = "delete" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the message.
        message: i64,
        /// How many edits you have seen. If the message has another number, nothing is deleted.
        edits: Option<i64>,
    }

    /// Adds your reaction to a message, or removes it.
    #[schema(examples(json!({
        "type": "react", "ref": "5", "conversation": 12, "message": 4211, "emoji": "👍",
        "present": true
    })))]
    React = "react" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the message.
        message: i64,
        /// One emoji, or a short code such as `:shipit:`.
        emoji: String,
        /// Whether to add or to remove it.
        present: bool,
    }

    /// Moves your read marker. It never moves back.
    #[schema(examples(json!({"type": "read", "ref": "6", "conversation": 12, "msg_no": 37})))]
    Read = "read" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
        /// The number of the newest message that you have read.
        msg_no: i64,
    }

    /// Shows the other members that you are typing.
    #[schema(examples(json!({"type": "typing", "ref": "6", "conversation": 12})))]
    Typing = "typing" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
    }

    /// Subscribes to a conversation: the changes after your cursor, if you have one, and every
    /// event from then on.
    #[schema(examples(json!({
        "type": "subscribe", "ref": "7", "conversation": 12, "since": 58,
        "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0
    })))]
    Subscribe = "subscribe" => ["changes", "reset"] {
        /// The id of the conversation.
        conversation: i64,
        /// The `seq` of your cursor. Without it, you get only what happens from now on.
        #[schema(minimum = 0)]
        since: Option<i64>,
        /// The `epoch` of your cursor; required with `since`.
        #[schema(format = "uuid")]
        epoch: Option<String>,
        /// The `view_version` of your cursor; required with `since`.
        view_version: Option<i64>,
    }

    /// Ends a subscription. You still get a `gap` when something happens in the conversation.
    #[schema(examples(json!({"type": "unsubscribe", "ref": "8", "conversation": 12})))]
    Unsubscribe = "unsubscribe" => ["ack"] {
        /// The id of the conversation.
        conversation: i64,
    }

    /// Checks that the server responds.
    #[schema(examples(json!({"type": "ping", "ref": "9"})))]
    Ping = "ping" => ["pong"] {}
}

/// A frame whose command is valid.
#[derive(Debug, PartialEq)]
pub(super) struct ClientFrame {
    pub(super) reference: String,
    pub(super) command: Command,
}

#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Auth { token: String },
    Act { conversation: ConversationId, action: Action },
    Read { conversation: ConversationId, up_to: MsgNo },
    Typing { conversation: ConversationId },
    Subscribe { conversation: ConversationId, since: Option<Cursor> },
    Unsubscribe { conversation: ConversationId },
    Ping,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "ref")]
    reference: String,
}

/// Why a frame is refused, with its reference if that was readable.
#[derive(Debug)]
pub(super) struct InvalidFrame {
    pub(super) reference: Option<String>,
    pub(super) problem: Problem,
}

impl ClientFrame {
    /// Parses a frame. `new_client_id` provides the id of a message without one.
    pub(super) fn parse(
        text: &str,
        message_chars: usize,
        new_client_id: impl FnOnce() -> ClientId,
    ) -> Result<Self, InvalidFrame> {
        let unknown = |problem| InvalidFrame { reference: None, problem };
        let frame = json::parse_object(text.as_bytes()).map_err(unknown)?;
        let Head { kind, reference } = head(&frame).map_err(unknown)?;
        if reference.is_empty() || reference.len() > REFERENCE_BYTES {
            let detail = format!("must have 1 to {REFERENCE_BYTES} bytes");
            let problem = Problem::field("ref", "length", detail);
            return Err(InvalidFrame { reference: None, problem });
        }
        match command(&kind, frame, message_chars, new_client_id) {
            Ok(command) => Ok(Self { reference, command }),
            Err(problem) => Err(InvalidFrame { reference: Some(reference), problem }),
        }
    }
}

fn head(frame: &Map<String, Value>) -> Result<Head, Problem> {
    let fields = ["type", "ref"].into_iter();
    let fields = fields.filter_map(|name| Some((name.to_owned(), frame.get(name)?.clone())));
    json::from_object(fields.collect())
}

fn command(
    kind: &str,
    frame: Map<String, Value>,
    message_chars: usize,
    new_client_id: impl FnOnce() -> ClientId,
) -> Result<Command, Problem> {
    use json::from_object as read;
    let act = |conversation: i64, action| {
        Ok(Command::Act { conversation: ConversationId::new(conversation), action })
    };
    match kind {
        "auth" => read(frame).map(|Auth { token, .. }| Command::Auth { token }),
        "send" => {
            let Send { conversation, body, client_id, reply_to, .. } = read(frame)?;
            let new = SendMessageRequest { body, client_id, reply_to };
            act(conversation, new.action(message_chars, new_client_id)?)
        }
        "edit" => {
            let Edit { conversation, message, body, edits, .. } = read(frame)?;
            let body = Some(input::body(&body, message_chars)?);
            let message = MessageId::new(message);
            act(conversation, Action::Edit { message, body, expected: edits.into() })
        }
        "delete" => {
            let Delete { conversation, message, edits, .. } = read(frame)?;
            let message = MessageId::new(message);
            act(conversation, Action::Delete { message, expected: edits.into() })
        }
        "react" => {
            let React { conversation, message, emoji, present, .. } = read(frame)?;
            let (message, emoji) = (MessageId::new(message), input::emoji(&emoji, present)?);
            act(conversation, Action::React { message, emoji, present })
        }
        "read" => {
            let Read { conversation, msg_no, .. } = read(frame)?;
            let up_to = MsgNo::new(input::not_negative("msg_no", msg_no)?);
            Ok(Command::Read { conversation: ConversationId::new(conversation), up_to })
        }
        "typing" => read(frame).map(|Typing { conversation, .. }| Command::Typing {
            conversation: ConversationId::new(conversation),
        }),
        "subscribe" => subscribe(read(frame)?),
        "unsubscribe" => read(frame).map(|Unsubscribe { conversation, .. }| Command::Unsubscribe {
            conversation: ConversationId::new(conversation),
        }),
        "ping" => read(frame).map(|Ping { .. }| Command::Ping),
        _ => {
            let known =
                "auth, send, edit, delete, react, read, typing, subscribe, unsubscribe or ping";
            Err(Problem::field("type", "enum", format!("must be {known}")))
        }
    }
}

fn subscribe(
    Subscribe { conversation, since, epoch, view_version, .. }: Subscribe,
) -> Result<Command, Problem> {
    let conversation = ConversationId::new(conversation);
    let Some(since) = since else { return Ok(Command::Subscribe { conversation, since: None }) };
    let mut checks = Checks::default();
    let since = checks.take(input::not_negative("since", since));
    let required = |field| input::wrong(field, "required", "is required with \"since\"");
    let epoch = checks.take(epoch.ok_or_else(|| required("epoch")));
    let epoch = epoch.and_then(|text| checks.take(input::uuid("epoch", &text)));
    let view_version = checks.take(view_version.ok_or_else(|| required("view_version")));
    let ((seq, epoch), view_version) = checks.finish(since.zip(epoch).zip(view_version))?;
    let since = Cursor { epoch: Epoch::new(epoch), view_version, seq: Seq::new(seq) };
    Ok(Command::Subscribe { conversation, since: Some(since) })
}

#[cfg(test)]
mod tests {
    use domain::{Action, ClientId, text};
    use serde_json::{Map, Value};

    use super::{ClientFrame, Command, REFERENCE_BYTES};

    const MESSAGE_CHARS: usize = 100;

    #[test]
    fn fuzz_commands() {
        let parse = |text: &str| ClientFrame::parse(text, MESSAGE_CHARS, || ClientId::new(7));
        bolero::check!(name = "commands").with_iterations(256).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            let object = serde_json::from_str::<Map<String, Value>>(&text);
            match parse(&text) {
                Ok(frame) => {
                    let object = object.unwrap();
                    assert_eq!(object["ref"], frame.reference);
                    assert!((1..=REFERENCE_BYTES).contains(&frame.reference.len()));
                    if let Command::Act { action, .. } = &frame.command
                        && let Action::Send { body, .. } = action
                    {
                        let body = body.as_str();
                        assert!(!text::is_blank(body) && !body.contains('\0'));
                        assert!(body.chars().count() <= MESSAGE_CHARS);
                    }
                    let again = parse(&serde_json::to_string(&object).unwrap()).unwrap();
                    assert_eq!(again, frame);
                }
                Err(invalid) => {
                    match object {
                        Ok(object) => invalid.problem.assert_about(&object),
                        Err(_) => invalid.problem.assert_specific(),
                    }
                    let reference = invalid.reference.unwrap_or("none".into());
                    assert!((1..=REFERENCE_BYTES).contains(&reference.len()));
                }
            }
        });
    }
}
