//! What changed, as clients are told: over REST and the socket alike.

use application::Cursor;
use application::ports::ChangePage;
use domain::Change;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::{ConversationResponse, MemberResponse, MessageResponse, uuid};

/// A row in its newest form.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({"seq": 58, "kind": "member", "data": {
    "user": {"id": 8, "username": "bob"}, "role": "member", "standing": "active",
    "silenced_until": null, "seq": 58
}})))]
pub(crate) struct ChangeResponse<'a> {
    /// Where it stands among the changes of the conversation.
    pub(crate) seq: i64,
    #[serde(flatten)]
    pub(crate) row: RowResponse<'a>,
}

/// What kind of row it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub(crate) enum RowResponse<'a> {
    Message(Box<MessageResponse<'a>>),
    Member(MemberResponse<'a>),
    Conversation(ConversationResponse<'a>),
}

impl<'a> From<&'a Change> for ChangeResponse<'a> {
    fn from(change: &'a Change) -> Self {
        let row = match change {
            Change::Message(message) => RowResponse::Message(Box::new((&**message).into())),
            Change::Member(member) => RowResponse::Member(member.into()),
            Change::Conversation(conversation) => {
                RowResponse::Conversation((&**conversation).into())
            }
        };
        Self { seq: change.seq().get(), row }
    }
}

/// A page of changes, or word that there are none to be had.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "from": 58, "to": 58, "changes": [], "more": false, "reset": false,
    "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0
})))]
pub(crate) struct ChangesResponse<'a> {
    /// The change after which they come.
    pub(crate) from: i64,
    /// The change up to which they tell: one's cursor from now on.
    pub(crate) to: i64,
    /// Ascending by `seq`.
    pub(crate) changes: Vec<ChangeResponse<'a>>,
    /// There are more: ask again, from `to` on.
    pub(crate) more: bool,
    /// What one knows counts for nothing: fetch it anew, and go on from `to`.
    pub(crate) reset: bool,
    /// The time since the database was last set back.
    pub(crate) epoch: String,
    /// Which view of the conversation one has.
    pub(crate) view_version: i64,
}

impl<'a> ChangesResponse<'a> {
    /// What followed a position.
    pub(crate) fn of(page: &'a ChangePage, position: Cursor) -> Self {
        Self {
            from: page.from.get(),
            to: page.to.get(),
            changes: page.changes.iter().map(ChangeResponse::from).collect(),
            more: page.more,
            reset: false,
            epoch: uuid(position.epoch.get()),
            view_version: position.view_version,
        }
    }

    /// What the client knows counts for nothing; it goes on from `head`.
    pub(crate) fn reset(head: Cursor) -> Self {
        Self {
            from: head.seq.get(),
            to: head.seq.get(),
            changes: Vec::new(),
            more: false,
            reset: true,
            epoch: uuid(head.epoch.get()),
            view_version: head.view_version,
        }
    }
}
