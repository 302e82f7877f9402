//! Lists, opens and changes conversations.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use application::ports::InboxCursor;
use domain::{
    Action, ClientId, ConversationId, Details, MsgNo, Timestamp, Title, Topic, Update, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cursor::{self, List, Page, narrow};
use super::input::{self, Checks, HistoryRule, given, wrong};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, PageRequest, Query};
use super::responses::{ConversationResponse, UserResponse};
use crate::path::V1_ROOT;

/// Maximum number of members to create a group with; add more one by one.
const MAX_FIRST_MEMBERS: usize = 100;

type ConversationPage<'a> = Page<ConversationResponse<'a>>;

/// Lists your conversations, the most recently active first.
#[utoipa::path(
    get, path = "/conversations", params(PageRequest),
    responses((status = 200, description = "A page of conversations.", body = ConversationPage)),
)]
pub(crate) async fn list_conversations(
    caller: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let (limit, before) = (query.limit()?, query.before(List::Conversations)?);
    let before = before.map(|[at, id]| InboxCursor {
        last_at: Timestamp::from_micros(narrow(at)),
        conversation: ConversationId::new(narrow(id)),
    });
    let page = caller.chat().conversations(caller.account(), before, limit).await?;
    let next = page.entries.last().filter(|_| page.more).map(|entry| {
        let InboxCursor { last_at, conversation } = entry.cursor();
        cursor::encode(List::Conversations, [last_at.micros(), conversation.get()])
    });
    Ok(ConversationPage::respond(&page.entries, next))
}

/// A new group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Lunch", "members": [8, 9]})))]
pub(crate) struct CreateGroupRequest {
    /// The title of the group.
    #[schema(min_length = 1, max_length = 100)]
    title: Option<String>,
    /// The topic of the group.
    #[schema(min_length = 1, max_length = 1_000)]
    topic: Option<String>,
    /// The messages that new members see; `since_joined` by default.
    history: Option<HistoryRule>,
    /// Ids of users who are members from the start.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<i64>,
    /// A UUID that you choose. Send it again with a retry, and only one group is created.
    #[schema(format = "uuid")]
    client_id: Option<String>,
}

/// Creates a group, which you own.
#[utoipa::path(
    post, path = "/conversations", request_body = CreateGroupRequest,
    responses(
        (
            status = 200, description = "A group with this `client_id` was created before.",
            body = ConversationResponse,
            headers(("Location" = String, description = "The path of the group.")),
        ),
        (
            status = 201, description = "The new group.", body = ConversationResponse,
            headers(("Location" = String, description = "The path of the group.")),
        ),
    ),
    extensions(("x-problems" = json!([
        Kind::NotFound, Kind::Blocked, Kind::ClientIdReused, Kind::TooManyRequests
    ]))),
)]
pub(crate) async fn create_group(
    caller: Authenticated,
    Body(body): Body<CreateGroupRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let title = checks.label("title", body.title.as_deref(), Title::parse);
    let topic = checks.label("topic", body.topic.as_deref(), Topic::parse);
    if body.members.len() > MAX_FIRST_MEMBERS {
        let detail = format!("has at most {MAX_FIRST_MEMBERS} ids");
        checks.take::<()>(Err(wrong("members", "max_length", detail)));
    }
    let client_id = body.client_id.as_deref();
    let client_id = client_id.and_then(|text| checks.take(input::uuid("client_id", text)));
    let client_id = client_id.map(ClientId::new);
    let history = body.history.map(Into::into).unwrap_or_default();
    let details = checks.finish(Some(Details { title, topic, history }))?;
    let members = body.members.into_iter().map(UserId::new).collect();
    let opened = caller.chat().open_group(caller.account(), client_id, details, members).await;
    let (entry, is_new) = opened.map_err(|error| Problem::naming("members", error))?;
    let location = format!("{V1_ROOT}/conversations/{}", entry.conversation.id);
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    response.insert_header((LOCATION, location));
    Ok(response.json(ConversationResponse::from(&entry)))
}

/// Opens the direct conversation with a user.
#[utoipa::path(
    put, path = "/direct/{user}",
    responses(
        (status = 200, description = "The conversation existed already.", body = ConversationResponse),
        (status = 201, description = "The conversation is new.", body = ConversationResponse),
    ),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::Blocked, Kind::TooManyRequests]))),
)]
pub(crate) async fn open_direct(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let (entry, is_new) = caller.chat().open_direct(caller.account(), caller.user()?).await?;
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(ConversationResponse::from(&entry)))
}

/// Returns a conversation.
#[utoipa::path(
    get, path = "/conversations/{conversation}",
    responses((status = 200, description = "The conversation, as you see it.", body = ConversationResponse)),
)]
pub(crate) async fn get_conversation(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let entry = caller.chat().conversation(caller.account(), caller.conversation()?).await?;
    Ok(HttpResponse::Ok().json(ConversationResponse::from(&entry)))
}

/// Changes to a group. Fields that you leave out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Lunch", "topic": null})))]
pub(crate) struct UpdateGroupRequest {
    /// The title of the group; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    title: Update<String>,
    /// The topic of the group; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1_000)]
    topic: Update<String>,
    /// The messages that new members see; only an owner can change it.
    history: Option<HistoryRule>,
}

/// Changes a group. For its owners and admins.
#[utoipa::path(
    patch, path = "/conversations/{conversation}", request_body = UpdateGroupRequest,
    responses((status = 200, description = "The group after the change.", body = ConversationResponse)),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::TooManyRequests]))),
)]
pub(crate) async fn update_group(
    caller: Authenticated,
    Body(body): Body<UpdateGroupRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let title = checks.update_label("title", &body.title, Title::parse);
    let topic = checks.update_label("topic", &body.topic, Topic::parse);
    let (title, topic) = checks.finish(Some((title, topic)))?;
    let history = body.history.map(Into::into);
    caller.act(Action::SetDetails { title, topic, history }).await?;
    get_conversation(caller).await
}

/// Deletes a group. For its owners.
#[utoipa::path(
    delete, path = "/conversations/{conversation}",
    responses((status = 204, description = "The group is deleted.")),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::TooManyRequests]))),
)]
pub(crate) async fn delete_group(caller: Authenticated) -> Result<HttpResponse, Problem> {
    caller.act(Action::DeleteConversation).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How far you have read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"msg_no": 37})))]
pub(crate) struct MarkReadRequest {
    /// The number of the last message that you have read.
    msg_no: i64,
}

/// How far you have read.
#[derive(Serialize, ToSchema)]
#[schema(as = ReadMarker, examples(json!({"read_no": 37})))]
pub(crate) struct ReadMarkerResponse {
    /// The number of the last message that you have read. It never decreases.
    read_no: i64,
}

/// Moves your read marker forward.
#[utoipa::path(
    put, path = "/conversations/{conversation}/read", request_body = MarkReadRequest,
    responses((status = 200, description = "Your read marker.", body = ReadMarkerResponse)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn mark_read(
    caller: Authenticated,
    Body(body): Body<MarkReadRequest>,
) -> Result<HttpResponse, Problem> {
    let up_to = MsgNo::new(input::not_negative("msg_no", body.msg_no)?);
    let marker = caller.chat().mark_read(caller.account(), caller.conversation()?, up_to).await?;
    Ok(HttpResponse::Ok().json(ReadMarkerResponse { read_no: marker.get() }))
}

/// How far another member has read.
#[derive(Serialize, ToSchema)]
#[schema(as = ReadReceipt, examples(json!({"user": {"id": 8, "username": "bob"}, "read_no": 37})))]
pub(crate) struct ReadReceiptResponse<'a> {
    /// The member.
    user: UserResponse<'a>,
    /// The number of the last message that the member has read.
    read_no: i64,
}

type ReadReceiptPage<'a> = Page<ReadReceiptResponse<'a>>;

/// Lists how far the members have read.
#[utoipa::path(
    get, path = "/conversations/{conversation}/read-receipts",
    responses((status = 200, description = "One receipt for each member, on one page.", body = ReadReceiptPage)),
    extensions(("x-problems" = json!([Kind::ReceiptsHidden]))),
)]
pub(crate) async fn list_read_receipts(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let markers = caller.chat().read_markers(caller.account(), caller.conversation()?).await?;
    let items = markers.iter().map(|marker| ReadReceiptResponse {
        user: UserResponse::new(marker.user, &marker.username),
        read_no: marker.read_no.get(),
    });
    Ok(ReadReceiptPage::respond(items, None))
}

/// Turns notifications of a conversation off.
#[utoipa::path(
    put, path = "/conversations/{conversation}/mute",
    responses((status = 204, description = "The conversation is muted for you.")),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn mute_conversation(caller: Authenticated) -> Result<HttpResponse, Problem> {
    set_muted(&caller, true).await
}

/// Turns notifications of a conversation on.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/mute",
    responses((status = 204, description = "The conversation is not muted for you.")),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn unmute_conversation(caller: Authenticated) -> Result<HttpResponse, Problem> {
    set_muted(&caller, false).await
}

async fn set_muted(caller: &Authenticated, muted: bool) -> Result<HttpResponse, Problem> {
    caller.chat().set_muted(caller.account(), caller.conversation()?, muted).await?;
    Ok(HttpResponse::NoContent().finish())
}
