//! The message object of REST responses and frames.

use application::ports::Snapshot;
use bytes::Bytes;
use domain::{Message, Timestamp};
use serde::ser::{SerializeSeq as _, SerializeStruct as _};
use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};

use super::json_text;

/// A message: six keys, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageView<'a> {
    message: &'a Message,
    offset: UtcOffset,
}

impl<'a> MessageView<'a> {
    pub(crate) fn new(message: &'a Message, offset: UtcOffset) -> Self {
        Self { message, offset }
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        json_text::write(out, &self);
    }
}

impl Serialize for MessageView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { message, offset } = *self;
        let mut object = serializer.serialize_struct("Message", 6)?;
        object.serialize_field("id", &message.id.get())?;
        object.serialize_field("content", message.body.as_str())?;
        object.serialize_field("created_at", &CreatedAt(message.created_at, offset))?;
        object.serialize_field("author", &message.author.id.get())?;
        object.serialize_field("author_username", message.author.username.as_str())?;
        object.serialize_field("is_modified", &message.is_edited())?;
        object.end()
    }
}

pub(crate) fn write_list(out: &mut Vec<u8>, snapshot: &Snapshot, offset: UtcOffset) {
    json_text::write(out, &ListView { snapshot, offset });
}

/// Renders the snapshots of the message list.
pub fn list_renderer(offset: UtcOffset) -> impl Fn(&Snapshot) -> Bytes + Send + Sync + 'static {
    move |snapshot| {
        let text: usize = snapshot.messages.iter().map(|m| m.body.as_str().len() + 160).sum();
        let mut out = Vec::with_capacity(text + 2);
        write_list(&mut out, snapshot, offset);
        out.into()
    }
}

struct ListView<'a> {
    snapshot: &'a Snapshot,
    offset: UtcOffset,
}

impl Serialize for ListView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.snapshot.messages.len()))?;
        for message in &self.snapshot.messages {
            array.serialize_element(&MessageView::new(message, self.offset))?;
        }
        array.end()
    }
}

/// `2026-11-23T09:15:32.375945+03:00`: six fractional digits, or none if they are zero.
struct CreatedAt(Timestamp, UtcOffset);

impl Serialize for CreatedAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for CreatedAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

#[cfg(test)]
mod tests {
    use domain::{
        Author, ClientId, ConversationId, Mentions, Message, MessageBody, MessageId, MsgNo,
        Reactions, Seq, Timestamp, UserId, Username,
    };
    use time::UtcOffset;
    use time::macros::offset;

    use super::{CreatedAt, MessageView};

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
        let mut out = Vec::new();

        MessageView::new(&message, offset!(+3)).write(&mut out);

        assert_eq!(
            String::from_utf8(out).unwrap(),
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
