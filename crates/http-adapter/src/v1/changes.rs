//! Changes of a conversation, and the cursor to follow them with.

use actix_web::HttpResponse;
use application::ports::ChangePage;
use application::{CatchUp, Cursor};
use domain::{Change, Epoch, Seq};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::formats::uuid;
use super::input;
use super::problem::Problem;
use super::request::{Authenticated, Query, limit};
use super::responses::{DetailsResponse, MemberResponse, MessageResponse};

/// A changed message, member or conversation, in its newest form.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Change, examples(json!({"seq": 58, "kind": "member", "data": {
    "user": {"id": 8, "username": "bob"}, "role": "member", "status": "active",
    "silenced_until": null, "seq": 58
}})))]
pub(crate) struct ChangeResponse<'a> {
    /// The number of the change in the conversation.
    pub(crate) seq: i64,
    #[serde(flatten)]
    pub(crate) row: ChangedResponse<'a>,
}

/// What changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[schema(as = Changed)]
pub(crate) enum ChangedResponse<'a> {
    Message(Box<MessageResponse<'a>>),
    Member(MemberResponse<'a>),
    Conversation(DetailsResponse<'a>),
}

impl<'a> From<&'a Change> for ChangeResponse<'a> {
    fn from(change: &'a Change) -> Self {
        let row = match change {
            Change::Message(message) => ChangedResponse::Message(Box::new((&**message).into())),
            Change::Member(member) => ChangedResponse::Member(member.into()),
            Change::Conversation(conversation) => {
                ChangedResponse::Conversation((&**conversation).into())
            }
        };
        Self { seq: change.seq().get(), row }
    }
}

/// A page of changes, or a reset.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Changes, examples(json!({
    "from": 58, "to": 58, "changes": [], "more": false, "reset": false,
    "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0
})))]
pub(crate) struct ChangesResponse<'a> {
    /// The page holds the changes after this one.
    pub(crate) from: i64,
    /// The page holds the changes up to this one: the `seq` of your next cursor.
    pub(crate) to: i64,
    /// Ascending by `seq`.
    pub(crate) changes: Vec<ChangeResponse<'a>>,
    /// Whether there are more changes after `to`.
    pub(crate) more: bool,
    /// Whether your copy is invalid: fetch the conversation again and continue from `to`.
    pub(crate) reset: bool,
    /// Identifies the history of the database; part of your next cursor.
    pub(crate) epoch: String,
    /// The version of what you may see; part of your next cursor.
    pub(crate) view_version: i64,
}

impl<'a> ChangesResponse<'a> {
    /// The changes after `cursor`.
    pub(crate) fn of(page: &'a ChangePage, cursor: Cursor) -> Self {
        Self {
            from: page.from.get(),
            to: page.to.get(),
            changes: page.changes.iter().map(ChangeResponse::from).collect(),
            more: page.more,
            reset: false,
            epoch: uuid(cursor.epoch.get()),
            view_version: cursor.view_version,
        }
    }

    /// Tells the client to discard its copy and to continue from `head`.
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

/// The cursor to continue from.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListChangesRequest {
    /// The `seq` of your cursor.
    #[param(value_type = i64, minimum = 0)]
    since: String,
    /// The `epoch` of your cursor.
    #[param(format = "uuid")]
    epoch: String,
    /// The `view_version` of your cursor.
    #[param(value_type = i64)]
    view_version: String,
    /// Maximum number of changes.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
}

/// Lists what changed after your cursor, the oldest change first.
#[utoipa::path(
    get, path = "/conversations/{conversation}/changes", tag = "conversations",
    params(ListChangesRequest),
    responses((status = 200, description = "A page of changes.", body = ChangesResponse)),
)]
pub(crate) async fn list_changes(
    caller: Authenticated,
    Query(query): Query<ListChangesRequest>,
) -> Result<HttpResponse, Problem> {
    let conversation = caller.conversation()?;
    let limit = limit(query.limit.as_deref())?;
    let epoch = Epoch::new(input::uuid("epoch", &query.epoch)?);
    let since = input::integer("since", &query.since)?;
    let seq = Seq::new(input::not_negative("since", since)?);
    let view_version = input::integer("view_version", &query.view_version)?;
    let cursor = Cursor { epoch, view_version, seq };
    let caught_up = caller.chat().catch_up(caller.account(), conversation, cursor, limit).await?;
    Ok(HttpResponse::Ok().json(match &caught_up {
        CatchUp::Changes(page) => ChangesResponse::of(page, cursor),
        CatchUp::Reset(head) => ChangesResponse::reset(*head),
    }))
}

/// A position in the changes of a conversation.
#[derive(Serialize, ToSchema)]
#[schema(as = Cursor, examples(json!({
    "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0, "seq": 58
})))]
pub(crate) struct CursorResponse {
    /// Identifies the history of the database; it changes when a backup is restored.
    epoch: String,
    /// The version of what you may see of the conversation.
    view_version: i64,
    /// The number of the newest change.
    seq: i64,
}

/// Returns the current cursor of a conversation.
#[utoipa::path(
    get, path = "/conversations/{conversation}/cursor", tag = "conversations",
    responses((status = 200, description = "The cursor to follow changes from.", body = CursorResponse)),
)]
pub(crate) async fn get_cursor(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let (view, _) = caller.chat().view(caller.account(), caller.conversation()?).await?;
    let Cursor { epoch, view_version, seq } = Cursor::at_head(&view);
    let epoch = uuid(epoch.get());
    Ok(HttpResponse::Ok().json(CursorResponse { epoch, view_version, seq: seq.get() }))
}
