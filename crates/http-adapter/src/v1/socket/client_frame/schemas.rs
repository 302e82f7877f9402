//! The words of each type of envelope.

use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

/// The words of one type, and nothing else; the head was read before.
macro_rules! envelope {
    ($(#[$about:meta])* $name:ident { $($(#[$note:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$about])*
        pub(super) struct $name {
            #[serde(rename = "type")]
            #[schema(ignore)]
            _kind: IgnoredAny,
            #[serde(rename = "ref")]
            #[schema(ignore)]
            _reference: IgnoredAny,
            $($(#[$note])* pub(super) $field: $kind,)*
        }
    };
}

envelope! {
    /// Says who one is, or goes on under a newer token of the same account.
    #[schema(examples(json!({"type": "auth", "ref": "1", "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"})))]
    Auth {
        /// An access token.
        token: String,
    }
}
envelope! {
    /// Says something.
    #[schema(examples(json!({
        "type": "send", "ref": "2", "conversation": 12, "body": "Lunch at noon, @bob?",
        "client_id": "0190d1f0-0000-7abc-8def-0123456789ab"
    })))]
    Send {
        /// Where.
        conversation: i64,
        /// Not blank, without U+0000, and no longer than the server is set to take.
        body: String,
        /// Names it, so that a retry is no second message.
        #[schema(format = "uuid")]
        client_id: Option<String>,
        /// The message that it answers.
        reply_to: Option<i64>,
    }
}
envelope! {
    /// Edits what one said.
    #[schema(examples(json!({
        "type": "edit", "ref": "3", "conversation": 12, "message": 4211, "body": "Lunch at one?"
    })))]
    Edit {
        /// Where.
        conversation: i64,
        /// Which message.
        message: i64,
        /// As when it was said.
        body: String,
        /// The number of edits that one has seen; another is refused.
        edits: Option<i64>,
    }
}
envelope! {
    /// Deletes what one said, or what one moderates.
    #[schema(examples(json!({"type": "delete", "ref": "4", "conversation": 12, "message": 4211})))]
    Delete {
        /// Where.
        conversation: i64,
        /// Which message.
        message: i64,
    }
}
envelope! {
    /// Puts an emoji to a message, or takes it back.
    #[schema(examples(json!({
        "type": "react", "ref": "5", "conversation": 12, "message": 4211, "emoji": "👍",
        "present": true
    })))]
    React {
        /// Where.
        conversation: i64,
        /// Which message.
        message: i64,
        /// What to react with.
        emoji: String,
        /// Whether it is to be there.
        present: bool,
    }
}
envelope! {
    /// Says how far one has read.
    #[schema(examples(json!({"type": "read", "ref": "6", "conversation": 12, "msg_no": 37})))]
    Read {
        /// Where.
        conversation: i64,
        /// The message up to which one has read.
        msg_no: i64,
    }
}
envelope! {
    /// Says that one is typing.
    #[schema(examples(json!({"type": "typing", "ref": "6", "conversation": 12})))]
    Typing {
        /// Where.
        conversation: i64,
    }
}
envelope! {
    /// Asks to be told what happens in a conversation, after a position if there is one.
    #[schema(examples(json!({
        "type": "open", "ref": "7", "conversation": 12, "since": 58,
        "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0
    })))]
    Open {
        /// Which.
        conversation: i64,
        /// One's cursor.
        #[schema(minimum = 0)]
        since: Option<i64>,
        /// As told with the cursor.
        #[schema(format = "uuid")]
        epoch: Option<String>,
        /// As told with the cursor.
        view_version: Option<i64>,
    }
}
envelope! {
    /// Asks to be told no more than how far a conversation has come.
    #[schema(examples(json!({"type": "close", "ref": "8", "conversation": 12})))]
    Close {
        /// Which.
        conversation: i64,
    }
}
envelope! {
    /// Asks whether the server is there.
    #[schema(examples(json!({"type": "ping", "ref": "9"})))]
    Ping {}
}

/// The words of each type of envelope, for the document of the socket, and
/// which frames answer it beside `error`.
pub(in crate::v1) fn client_frames() -> [(&'static str, &'static [&'static str], RefOr<Schema>); 10]
{
    [
        ("auth", &["ack"], Auth::schema()),
        ("send", &["ack"], Send::schema()),
        ("edit", &["ack"], Edit::schema()),
        ("delete", &["ack"], Delete::schema()),
        ("react", &["ack"], React::schema()),
        ("read", &["ack"], Read::schema()),
        ("typing", &["ack"], Typing::schema()),
        ("open", &["changes", "reset"], Open::schema()),
        ("close", &["ack"], Close::schema()),
        ("ping", &["pong"], Ping::schema()),
    ]
}
