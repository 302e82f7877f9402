//! The frames of a client. Each has a type and a reference that the client chooses.

mod schemas;

use application::Cursor;
use domain::{Action, ClientId, ConversationId, Epoch, MessageId, MsgNo, Seq};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(in crate::v1) use self::schemas::client_frames;

use self::schemas::{Auth, Delete, Edit, Ping, React, Read, Send, Subscribe, Typing, Unsubscribe};
use crate::v1::formats::parse_uuid;
use crate::v1::input::{self, Checks};
use crate::v1::messages::SendMessageRequest;
use crate::v1::problem::Problem;
use crate::v1::request::parse;

/// Bytes of the longest reference.
pub(in crate::v1) const REFERENCE_BYTES: usize = 64;

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
        let head: Result<Head, Problem> = parse(text.as_bytes());
        let Head { kind, reference } =
            head.map_err(|problem| InvalidFrame { reference: None, problem })?;
        if reference.is_empty() || reference.len() > REFERENCE_BYTES {
            let detail = format!("must have 1 to {REFERENCE_BYTES} bytes");
            let problem = Problem::field("ref", "length", detail);
            return Err(InvalidFrame { reference: None, problem });
        }
        match command(&kind, text, message_chars, new_client_id) {
            Ok(command) => Ok(Self { reference, command }),
            Err(problem) => Err(InvalidFrame { reference: Some(reference), problem }),
        }
    }
}

fn command(
    kind: &str,
    text: &str,
    message_chars: usize,
    new_client_id: impl FnOnce() -> ClientId,
) -> Result<Command, Problem> {
    fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
        parse(text.as_bytes())
    }
    let act = |conversation: i64, action| {
        Ok(Command::Act { conversation: ConversationId::new(conversation), action })
    };
    match kind {
        "auth" => read(text).map(|Auth { token, .. }| Command::Auth { token }),
        "send" => {
            let Send { conversation, body, client_id, reply_to, .. } = read(text)?;
            let new = SendMessageRequest { body, client_id, reply_to };
            act(conversation, new.action(message_chars, new_client_id)?)
        }
        "edit" => {
            let Edit { conversation, message, body, edits, .. } = read(text)?;
            let body = Some(input::body(&body, message_chars)?);
            let message = MessageId::new(message);
            act(conversation, Action::Edit { message, body, expected_edits: edits })
        }
        "delete" => {
            let Delete { conversation, message, .. } = read(text)?;
            act(conversation, Action::Delete { message: MessageId::new(message) })
        }
        "react" => {
            let React { conversation, message, emoji, present, .. } = read(text)?;
            let (message, emoji) = (MessageId::new(message), input::emoji(&emoji)?);
            act(conversation, Action::React { message, emoji, present })
        }
        "read" => {
            let Read { conversation, msg_no, .. } = read(text)?;
            let (conversation, up_to) = (ConversationId::new(conversation), input::msg_no(msg_no)?);
            Ok(Command::Read { conversation, up_to })
        }
        "typing" => read(text).map(|Typing { conversation, .. }| Command::Typing {
            conversation: ConversationId::new(conversation),
        }),
        "subscribe" => subscribe(read(text)?),
        "unsubscribe" => read(text).map(|Unsubscribe { conversation, .. }| Command::Unsubscribe {
            conversation: ConversationId::new(conversation),
        }),
        "ping" => read(text).map(|Ping { .. }| Command::Ping),
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
    if since < 0 {
        checks.refuse(input::wrong("since", "range", "must not be negative"));
    }
    let required = |field| input::wrong(field, "required", "is required with \"since\"");
    let epoch = checks.take(epoch.ok_or_else(|| required("epoch")));
    let epoch = epoch.and_then(|text| {
        let epoch = parse_uuid(&text).map(Epoch::new);
        checks.take(epoch.ok_or_else(|| input::wrong("epoch", "uuid", "must be a UUID")))
    });
    let view_version = checks.take(view_version.ok_or_else(|| required("view_version")));
    let (epoch, view_version) = checks.finish(epoch.zip(view_version))?;
    let since = Some(Cursor { epoch, view_version, seq: Seq::new(since) });
    Ok(Command::Subscribe { conversation, since })
}
