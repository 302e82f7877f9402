//! The fields of each type of client frame.

use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

/// A frame with these fields and no others; `type` and `ref` were read before.
macro_rules! frame {
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

frame! {
    /// Authenticates the socket, or renews its token. A newer token must be of the same account.
    #[schema(examples(json!({"type": "auth", "ref": "1", "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"})))]
    Auth {
        /// An access token.
        token: String,
    }
}
frame! {
    /// Sends a message.
    #[schema(examples(json!({
        "type": "send", "ref": "2", "conversation": 12, "body": "Lunch at noon, @bob?",
        "client_id": "0190d1f0-0000-7abc-8def-0123456789ab"
    })))]
    Send {
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
}
frame! {
    /// Edits one of your messages.
    #[schema(examples(json!({
        "type": "edit", "ref": "3", "conversation": 12, "message": 4211, "body": "Lunch at one?"
    })))]
    Edit {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the message.
        message: i64,
        /// The new text, with the same rules as for `send`.
        body: String,
        /// How many edits you have seen. If the message has another number, nothing is edited.
        edits: Option<i64>,
    }
}
frame! {
    /// Deletes one of your messages, or any message in a conversation that you moderate.
    #[schema(examples(json!({"type": "delete", "ref": "4", "conversation": 12, "message": 4211})))]
    Delete {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the message.
        message: i64,
    }
}
frame! {
    /// Adds your reaction to a message, or removes it.
    #[schema(examples(json!({
        "type": "react", "ref": "5", "conversation": 12, "message": 4211, "emoji": "👍",
        "present": true
    })))]
    React {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the message.
        message: i64,
        /// One emoji.
        emoji: String,
        /// Whether to add or to remove it.
        present: bool,
    }
}
frame! {
    /// Moves your read marker. It never moves back.
    #[schema(examples(json!({"type": "read", "ref": "6", "conversation": 12, "msg_no": 37})))]
    Read {
        /// The id of the conversation.
        conversation: i64,
        /// The number of the newest message that you have read.
        msg_no: i64,
    }
}
frame! {
    /// Shows the other members that you are typing.
    #[schema(examples(json!({"type": "typing", "ref": "6", "conversation": 12})))]
    Typing {
        /// The id of the conversation.
        conversation: i64,
    }
}
frame! {
    /// Subscribes to a conversation: the changes after your cursor, if you have one, and every
    /// event from then on.
    #[schema(examples(json!({
        "type": "subscribe", "ref": "7", "conversation": 12, "since": 58,
        "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0
    })))]
    Subscribe {
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
}
frame! {
    /// Ends a subscription. You still get a `gap` when something happens in the conversation.
    #[schema(examples(json!({"type": "unsubscribe", "ref": "8", "conversation": 12})))]
    Unsubscribe {
        /// The id of the conversation.
        conversation: i64,
    }
}
frame! {
    /// Checks that the server responds.
    #[schema(examples(json!({"type": "ping", "ref": "9"})))]
    Ping {}
}

/// Each type of client frame, with the frames that answer it besides `error`, and its fields.
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
        ("subscribe", &["changes", "reset"], Subscribe::schema()),
        ("unsubscribe", &["ack"], Unsubscribe::schema()),
        ("ping", &["pong"], Ping::schema()),
    ]
}
