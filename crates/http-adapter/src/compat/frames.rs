//! The message object, and the frames of the lobby. A frame is encoded once for all clients that
//! get it. The order of the keys is part of the contract.

use std::fmt;

use application::ports::Snapshot;
use bytes::Bytes;
use domain::{Message, MessageEvent, Seq, Timestamp, Username};
use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};

use super::json_text;
use crate::budget::Budget;
use crate::websocket::Frame;

/// Bytes of an encoded message besides its text.
const MESSAGE_OVERHEAD: usize = 200;

/// A message, in REST responses and in frames.
#[derive(Serialize)]
pub(crate) struct MessageResponse<'a> {
    id: i64,
    content: &'a str,
    created_at: CreatedAt,
    author: i64,
    author_username: &'a str,
    is_modified: bool,
}

impl<'a> MessageResponse<'a> {
    pub(crate) fn new(message: &'a Message, offset: UtcOffset) -> Self {
        Self {
            id: message.id.get(),
            content: message.body.as_str(),
            created_at: CreatedAt(message.created_at, offset),
            author: message.author.id.get(),
            author_username: message.author.username.as_str(),
            is_modified: message.is_edited(),
        }
    }
}

/// `2026-11-23T09:15:32.375945+03:00`: six fractional digits, or none if they are zero.
struct CreatedAt(Timestamp, UtcOffset);

impl Serialize for CreatedAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for CreatedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(at, offset) = *self;
        let nanos = i128::from(at.micros()) * 1000;
        let local = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .and_then(|utc| utc.checked_to_offset(offset))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, time) = (local.date(), local.time());
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        if time.microsecond() != 0 {
            write!(f, ".{:06}", time.microsecond())?;
        }
        let (hours, minutes, _) = local.offset().as_hms();
        let sign = if local.offset().is_negative() { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", hours.unsigned_abs(), minutes.unsigned_abs())
    }
}

struct MessageListResponse<'a>(&'a Snapshot, UtcOffset);

impl MessageListResponse<'_> {
    fn bytes(&self) -> usize {
        self.0.messages.iter().map(|m| m.body.as_str().len() + MESSAGE_OVERHEAD).sum()
    }
}

impl Serialize for MessageListResponse<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(snapshot, offset) = self;
        serializer.collect_seq(snapshot.messages.iter().map(|m| MessageResponse::new(m, *offset)))
    }
}

/// Renders the snapshots of the message list.
pub fn list_renderer(offset: UtcOffset) -> impl Fn(&Snapshot) -> Bytes + Send + Sync + 'static {
    move |snapshot| {
        let list = MessageListResponse(snapshot, offset);
        let mut out = Vec::with_capacity(list.bytes());
        json_text::write(&mut out, &list);
        out.into()
    }
}

/// An encoded history, shared by all clients that request it at the same time.
#[derive(Debug)]
pub struct History {
    pub(crate) frame: Frame,
    /// The newest change in the history.
    pub(crate) head: Seq,
    pub(crate) rows: usize,
}

/// Returns the renderer that `Snapshots` uses for the sockets.
pub fn history_renderer(
    offset: UtcOffset,
    budget: Budget,
) -> impl Fn(&Snapshot) -> History + Send + Sync + 'static {
    let frames = Frames { offset, budget };
    move |snapshot| {
        let messages = MessageListResponse(snapshot, offset);
        let frame = frames.encode(messages.bytes(), &LobbyFrame::MessageHistory { messages });
        History { frame, head: snapshot.head.seq, rows: snapshot.messages.len() }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum LobbyFrame<'a> {
    MessageHistory { messages: MessageListResponse<'a> },
    ChatMessage { message: MessageResponse<'a> },
    MessageUpdated { message: MessageResponse<'a> },
    MessageDeleted { message_id: i64 },
    UserJoin { username: &'a str },
    UserLeave { username: &'a str },
    OnlineInfo { users_online: Vec<&'a str> },
    MessageRefused {},
}

#[derive(Debug)]
pub(super) struct Frames {
    pub(super) offset: UtcOffset,
    pub(super) budget: Budget,
}

impl Frames {
    fn encode(&self, capacity: usize, frame: &LobbyFrame<'_>) -> Frame {
        Frame::text(&self.budget, capacity, |out| json_text::write(out, frame))
    }

    pub(super) fn message(&self, message: &Message, event: MessageEvent) -> Frame {
        let bytes = message.body.as_str().len() + MESSAGE_OVERHEAD;
        let view = MessageResponse::new(message, self.offset);
        match event {
            MessageEvent::Created => self.encode(bytes, &LobbyFrame::ChatMessage { message: view }),
            MessageEvent::Updated => {
                self.encode(bytes, &LobbyFrame::MessageUpdated { message: view })
            }
            MessageEvent::Deleted => {
                self.encode(64, &LobbyFrame::MessageDeleted { message_id: view.id })
            }
        }
    }

    /// Tells that a text was too long. The React client ignores it.
    pub(super) fn refused(&self) -> Frame {
        self.encode(32, &LobbyFrame::MessageRefused {})
    }

    pub(super) fn moved(&self, user: &Username, came: bool) -> Frame {
        let username = user.as_str();
        let frame = if came {
            LobbyFrame::UserJoin { username }
        } else {
            LobbyFrame::UserLeave { username }
        };
        self.encode(48 + username.len(), &frame)
    }

    pub(super) fn online(&self, users: &[Username]) -> Frame {
        let users_online: Vec<&str> = users.iter().map(Username::as_str).collect();
        let names: usize = users_online.iter().map(|name| name.len() + 3).sum();
        self.encode(names + 48, &LobbyFrame::OnlineInfo { users_online })
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Author, ClientId, ConversationId, Mentions, Message, MessageBody, MessageId, MsgNo,
        Reactions, Seq, Timestamp, UserId, Username,
    };
    use time::UtcOffset;
    use time::macros::offset;

    use super::{CreatedAt, MessageResponse, json_text};

    #[test]
    fn a_message_has_six_keys_in_order() {
        let body = MessageBody::parse("x\u{2028}\"é").unwrap();
        let message = Message {
            id: MessageId::new(7),
            conversation: ConversationId::LOBBY,
            msg_no: MsgNo::new(7),
            seq_created: Seq::new(7),
            seq_last: Seq::new(9),
            author: Author { id: UserId::new(3), username: Username::parse("Ann").unwrap() },
            client_id: ClientId::new(1),
            first_hash: body.hash(),
            body,
            created_at: Timestamp::from_micros(1_795_414_532_375_945),
            edited_at: Some(Timestamp::from_micros(1_795_414_532_375_946)),
            deleted_at: None,
            mentions: Mentions::default(),
            reply_to: None,
            edits: 0,
            reactions: Reactions::default(),
            pinned_at: None,
        };

        let json = json_text::to_vec(&MessageResponse::new(&message, offset!(+3)));

        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"id":7,"content":"x\u2028\"é","created_at":"2026-11-23T09:15:32.375945+03:00","author":3,"author_username":"Ann","is_modified":true}"#,
        );
    }

    #[test]
    fn times_are_local_with_six_fractional_digits_or_none() {
        struct Case {
            micros: i64,
            offset: UtcOffset,
            want: &'static str,
        }
        let cases = [
            Case { micros: 0, offset: offset!(+3), want: "1970-01-01T03:00:00+03:00" },
            Case { micros: 1, offset: offset!(UTC), want: "1970-01-01T00:00:00.000001+00:00" },
            Case {
                micros: 500_000,
                offset: offset!(-5:30),
                want: "1969-12-31T18:30:00.500000-05:30",
            },
            Case { micros: 0, offset: offset!(-0:30), want: "1969-12-31T23:30:00-00:30" },
        ];

        for Case { micros, offset, want } in cases {
            assert_eq!(CreatedAt(Timestamp::from_micros(micros), offset).to_string(), want);
        }
    }
}
