//! The frames of the server.

use application::Cursor;
use domain::{Change, ConversationId, EphemeralEvent, EphemeralKind, Username};
use serde::Serialize;
use utoipa::ToSchema;

use crate::budget::Budget;
use crate::v1::accounts::ProfileResponse;
use crate::v1::changes::{ChangeResponse, ChangesResponse};
use crate::v1::formats::uuid;
use crate::v1::problem::{Problem, ProblemResponse};
use crate::v1::responses::{ConversationResponse, MessageResponse, UserResponse};
use crate::websocket::Frame;

/// Any frame of the server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::v1) enum ServerFrame<'a> {
    /// The socket is authenticated. Holds your inbox.
    #[schema(examples(json!({
        "type": "hello", "epoch": "0190d1f0-0000-7abc-8def-0123456789ab",
        "user": {"id": 7, "username": "ann"}, "conversations": [], "more": false,
        "invitations": 0, "online": ["ann", "bob"]
    })))]
    Hello {
        /// The epoch of the database; part of every cursor.
        epoch: String,
        /// Your account.
        user: UserResponse<'a>,
        /// Your conversations, the most recently active first.
        conversations: Vec<ConversationResponse<'a>>,
        /// Whether there are more conversations, which REST lists.
        more: bool,
        /// The number of your open invitations.
        invitations: i64,
        /// The usernames of everyone online.
        online: Vec<&'a str>,
    },
    /// The command was carried out.
    #[schema(examples(json!({"type": "ack", "ref": "17"})))]
    Ack {
        /// The `ref` of the frame that this answers.
        #[serde(rename = "ref")]
        reference: &'a str,
        /// The message, in its newest form.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        message: Option<MessageResponse<'a>>,
        /// Your read marker.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        read_no: Option<i64>,
    },
    /// The command was refused.
    #[schema(examples(json!({
        "type": "error", "ref": "17", "problem": {
            "type": "/api/v1/problems/forbidden", "title": "You may not do this.", "status": 403
        }
    })))]
    Error {
        /// The `ref` of the frame that this answers; `null` if it could not be read.
        #[serde(rename = "ref")]
        #[schema(required)]
        reference: Option<&'a str>,
        /// Why the command was refused.
        problem: ProblemResponse<'a>,
    },
    /// Something changed in a conversation that you subscribe to.
    #[schema(examples(json!({
        "type": "event", "conversation": 12, "seq": 58, "kind": "member", "data": {
            "user": {"id": 8, "username": "bob"}, "role": "member", "status": "active",
            "silenced_until": null, "seq": 58
        }
    })))]
    Event {
        /// The id of the conversation.
        conversation: i64,
        #[serde(flatten)]
        change: ChangeResponse<'a>,
    },
    /// Something changed that you may not see. Your cursor moves all the same.
    #[schema(examples(json!({"type": "skip", "conversation": 12, "seq": 59})))]
    Skip {
        /// The id of the conversation.
        conversation: i64,
        /// The `seq` of your cursor from now on.
        seq: i64,
    },
    /// A page of the changes after your cursor.
    #[schema(examples(json!({
        "type": "changes", "ref": "17", "conversation": 12, "from": 58, "to": 58, "changes": [],
        "more": false, "reset": false, "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0
    })))]
    Changes {
        /// The `ref` of the `subscribe` that this answers.
        #[serde(rename = "ref")]
        reference: &'a str,
        /// The id of the conversation.
        conversation: i64,
        #[serde(flatten)]
        changes: ChangesResponse<'a>,
    },
    /// Something changed in a conversation, and you were not sent the events. Subscribe with
    /// your cursor to get them.
    #[schema(examples(json!({"type": "gap", "conversation": 12, "seq": 60, "msg_no": 38})))]
    Gap {
        /// The id of the conversation.
        conversation: i64,
        /// The newest change.
        seq: i64,
        /// The number of the newest message that you were not sent; absent if there is none.
        #[serde(skip_serializing_if = "is_zero")]
        msg_no: i64,
        /// The number of the newest of your own messages among them; absent if there is none.
        #[serde(skip_serializing_if = "is_zero")]
        read_no: i64,
    },
    /// Your copy of a conversation is invalid. Fetch the conversation again.
    #[schema(examples(json!({
        "type": "reset", "conversation": 12, "epoch": "0190d1f0-0000-7abc-8def-0123456789ab",
        "view_version": 1, "seq": 60
    })))]
    Reset {
        /// The `ref` of the `subscribe` that this answers, if it answers one.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The id of the conversation.
        conversation: i64,
        /// The `epoch` of your next cursor.
        epoch: String,
        /// The `view_version` of your next cursor.
        view_version: i64,
        /// The `seq` of your next cursor, once you have fetched the conversation.
        seq: i64,
    },
    /// Your entry of a conversation has changed: for example, you joined, read or muted it on
    /// another device.
    #[schema(examples(json!({"type": "conversation", "conversation": {
        "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
        "deleted_at": null, "other": null, "role": "owner", "silenced_until": null, "seq": 58,
        "msg_no": 37, "last_at": "2026-11-24T09:15:32.375945Z", "read_no": 37, "unread": 0,
        "unread_mentions": 0, "muted": false, "view_version": 0
    }})))]
    Conversation {
        /// The entry as it is now.
        conversation: ConversationResponse<'a>,
    },
    /// The number of your open invitations has changed.
    #[schema(examples(json!({"type": "invitations", "count": 1})))]
    Invitations {
        /// The number of your open invitations.
        count: i64,
    },
    /// You are no longer in a conversation.
    #[schema(examples(json!({"type": "left", "conversation": 12})))]
    Left {
        /// The id of the conversation.
        conversation: i64,
    },
    /// Another member is typing in a conversation that you subscribe to.
    #[schema(examples(json!({
        "type": "typing", "conversation": 12, "user": {"id": 8, "username": "bob"}
    })))]
    Typing {
        /// The id of the conversation.
        conversation: i64,
        /// The member.
        user: UserResponse<'a>,
    },
    /// The read receipt of another member in a conversation that you subscribe to.
    #[schema(examples(json!({
        "type": "read", "conversation": 12, "user": {"id": 8, "username": "bob"}, "msg_no": 37
    })))]
    Read {
        /// The id of the conversation.
        conversation: i64,
        /// The member.
        user: UserResponse<'a>,
        /// The number of the newest message that the member has read.
        msg_no: i64,
    },
    /// Your profile has changed, perhaps on another device.
    #[schema(examples(json!({
        "type": "me", "display_name": "Ann", "about": null, "hide_presence": false,
        "added_by": "everyone"
    })))]
    Me {
        #[serde(flatten)]
        profile: ProfileResponse<'a>,
    },
    /// A user came online, or went offline.
    #[schema(examples(json!({"type": "presence", "username": "bob", "online": true})))]
    Presence {
        /// The username.
        username: &'a str,
        /// Whether the user is online now.
        online: bool,
    },
    /// The list of everyone online, in place of many changes.
    #[schema(examples(json!({"type": "online", "usernames": ["ann", "bob"]})))]
    Online {
        /// The usernames of everyone online.
        usernames: Vec<&'a str>,
    },
    /// The answer to `ping`.
    #[schema(examples(json!({"type": "pong", "ref": "17"})))]
    Pong {
        /// The `ref` of the frame that this answers.
        #[serde(rename = "ref")]
        reference: &'a str,
    },
}

impl<'a> ServerFrame<'a> {
    pub(super) fn encode(&self, budget: &Budget) -> Frame {
        Frame::text(budget, 512, |out| {
            // Neither writing to memory nor serialising these types can fail.
            let _ = serde_json::to_writer(out, self);
        })
    }

    pub(super) fn online(users: &'a [Username]) -> Self {
        Self::Online { usernames: users.iter().map(Username::as_str).collect() }
    }

    pub(super) fn error(reference: Option<&'a str>, problem: &'a Problem) -> Self {
        Self::Error { reference, problem: problem.view() }
    }

    pub(super) fn reset(
        reference: Option<&'a str>,
        conversation: ConversationId,
        head: Cursor,
    ) -> Self {
        Self::Reset {
            reference,
            conversation: conversation.get(),
            epoch: uuid(head.epoch.get()),
            view_version: head.view_version,
            seq: head.seq.get(),
        }
    }
}

impl<'a> From<&'a Change> for ServerFrame<'a> {
    fn from(change: &'a Change) -> Self {
        Self::Event { conversation: change.conversation().get(), change: change.into() }
    }
}

impl<'a> ServerFrame<'a> {
    /// The frame for other members, if they get one.
    pub(super) fn ephemeral(event: &'a EphemeralEvent) -> Option<Self> {
        let conversation = event.conversation.get();
        let user = UserResponse::new(event.user, &event.username);
        match event.kind {
            EphemeralKind::Typing => Some(Self::Typing { conversation, user }),
            EphemeralKind::Receipt(up_to) => {
                Some(Self::Read { conversation, user, msg_no: up_to.get() })
            }
            EphemeralKind::ChangeRefused => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
