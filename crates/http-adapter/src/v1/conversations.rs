//! Conversations: finding, opening, altering them.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use application::ports::InboxCursor;
use application::{CatchUp, Cursor};
use domain::{Action, ConversationId, Details, Epoch, Seq, Timestamp, Update, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cursor::{self, List};
use super::input::{self, Checks, HistoryRequest, given, wrong};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, PageRequest, Query, limit, part};
use super::views::{EntryResponse, Page, UserResponse, parse_uuid, uuid};

/// Members with whom a group may be opened; more are added one by one.
const FIRST_MEMBERS: usize = 100;

/// The conversation that the path names.
pub(crate) fn named(request: &HttpRequest) -> Result<ConversationId, Problem> {
    part(request, "conversation").map(ConversationId::new)
}

/// `GET /conversations`
pub(crate) async fn list(
    signed: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let before = query.before.as_deref();
    let before = before.map(|text| cursor::decode(List::Conversations, "before", text));
    let before = before.transpose()?.map(|[at, id]| InboxCursor {
        last_at: Timestamp::from_micros(narrow(at)),
        conversation: ConversationId::new(narrow(id)),
    });
    let page = signed.state.chat.conversations(signed.account(), before, limit).await?;
    let next = page.entries.last().filter(|_| page.more).map(|entry| {
        let InboxCursor { last_at, conversation } = entry.cursor();
        let place = [last_at.micros().into(), conversation.get().into()];
        cursor::encode(List::Conversations, &place)
    });
    let items = page.entries.iter().map(EntryResponse::from).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}

pub(crate) fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A group to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Lunch", "members": [8, 9]})))]
pub(crate) struct NewGroupRequest {
    /// What it is to be called.
    #[schema(min_length = 1, max_length = 100)]
    title: Option<String>,
    /// What it is to be about.
    #[schema(min_length = 1, max_length = 1_000)]
    topic: Option<String>,
    /// What those who join are to see; `since_joined` unless said.
    history: Option<HistoryRequest>,
    /// Accounts that take part from the beginning.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<i64>,
}

/// `POST /conversations`
pub(crate) async fn open_group(
    signed: Authenticated,
    Body(body): Body<NewGroupRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let title = body.title.as_deref().and_then(|title| checks.take(input::title(title)));
    let topic = body.topic.as_deref().and_then(|topic| checks.take(input::topic(topic)));
    if body.members.len() > FIRST_MEMBERS {
        let detail = format!("holds at most {FIRST_MEMBERS} accounts");
        checks.refuse(wrong("members", "max_length", detail));
    }
    let history = body.history.map(Into::into).unwrap_or_default();
    let details = checks.finish(Some(Details { title, topic, history }))?;
    let members = body.members.into_iter().map(UserId::new).collect();
    let entry = signed.state.chat.open_group(signed.account(), details, members).await;
    let entry = entry.map_err(|error| Problem::naming("members", error))?;
    let place = format!("/api/v1/conversations/{}", entry.conversation.id);
    Ok(HttpResponse::Created().insert_header(("Location", place)).json(EntryResponse::from(&entry)))
}

/// `PUT /direct/{user}`
pub(crate) async fn open_direct(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let user = part(&request, "user").map(UserId::new)?;
    let (entry, is_new) = signed.state.chat.open_direct(signed.account(), user).await?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(EntryResponse::from(&entry)))
}

/// `GET /conversations/{conversation}`
pub(crate) async fn show(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    entry(&signed, named(&request)?).await
}

async fn entry(signed: &Authenticated, id: ConversationId) -> Result<HttpResponse, Problem> {
    let entry = signed.state.chat.conversation(signed.account(), id).await?;
    Ok(HttpResponse::Ok().json(EntryResponse::from(&entry)))
}

/// What is to become of a group; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Lunch", "topic": null})))]
pub(crate) struct DetailsRequest {
    /// Another title; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    title: Update<String>,
    /// Another topic; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1_000)]
    topic: Update<String>,
    /// By owners alone.
    history: Option<HistoryRequest>,
}

/// `PATCH /conversations/{conversation}`
pub(crate) async fn alter(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<DetailsRequest>,
) -> Result<HttpResponse, Problem> {
    let id = named(&request)?;
    let mut checks = Checks::default();
    let title = checks.update(body.title, input::title);
    let topic = checks.update(body.topic, input::topic);
    let (title, topic) = checks.finish(Some((title, topic)))?;
    let history = body.history.map(Into::into);
    let action = Action::SetDetails { title, topic, history };
    signed.state.chat.act(signed.account(), id, action).await?;
    entry(&signed, id).await
}

/// `DELETE /conversations/{conversation}`
pub(crate) async fn close(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = named(&request)?;
    signed.state.chat.act(signed.account(), id, Action::Close).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How far one has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"msg_no": 37})))]
pub(crate) struct ReadRequest {
    /// The message up to which one has read.
    msg_no: i64,
}

/// How far one has read.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"read_no": 37})))]
pub(crate) struct ReadResponse {
    /// The message up to which one has read: the marker never goes back.
    read_no: i64,
}

/// `PUT /conversations/{conversation}/read`
pub(crate) async fn mark_read(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<ReadRequest>,
) -> Result<HttpResponse, Problem> {
    let up_to = input::msg_no(body.msg_no)?;
    let marker = signed.state.chat.mark_read(signed.account(), named(&request)?, up_to).await?;
    Ok(HttpResponse::Ok().json(ReadResponse { read_no: marker.get() }))
}

/// How far somebody has read.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"user": {"id": 8, "username": "bob"}, "read_no": 37})))]
pub(crate) struct ReaderResponse<'a> {
    /// Who.
    user: UserResponse<'a>,
    /// Up to this message.
    read_no: i64,
}

/// `GET /conversations/{conversation}/readers`
pub(crate) async fn readers(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let markers = signed.state.chat.readers(signed.account(), named(&request)?).await?;
    let items = markers.iter().map(|marker| ReaderResponse {
        user: UserResponse::new(marker.user, &marker.username),
        read_no: marker.read_no.get(),
    });
    Ok(HttpResponse::Ok().json(Page { items: items.collect(), next: None }))
}

/// `PUT /conversations/{conversation}/mute`
pub(crate) async fn mute(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    set_muted(&signed, &request, true).await
}

/// `DELETE /conversations/{conversation}/mute`
pub(crate) async fn unmute(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    set_muted(&signed, &request, false).await
}

async fn set_muted(
    signed: &Authenticated,
    request: &HttpRequest,
    muted: bool,
) -> Result<HttpResponse, Problem> {
    signed.state.chat.set_muted(signed.account(), named(request)?, muted).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesRequest {
    /// One's cursor.
    #[param(minimum = 0)]
    since: i64,
    /// As told with the cursor.
    #[param(format = "uuid")]
    epoch: String,
    /// As told with the cursor.
    view_version: i64,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// `GET /conversations/{conversation}/changes`
pub(crate) async fn changes(
    signed: Authenticated,
    request: HttpRequest,
    Query(query): Query<ChangesRequest>,
) -> Result<HttpResponse, Problem> {
    let id = named(&request)?;
    let limit = limit(query.limit)?;
    let epoch = parse_uuid(&query.epoch).map(Epoch::new);
    let epoch = epoch.ok_or_else(|| Problem::field("epoch", "uuid", "must be a UUID"))?;
    if query.since < 0 {
        return Err(Problem::field("since", "range", "must not be negative"));
    }
    let position = Cursor { epoch, view_version: query.view_version, seq: Seq::new(query.since) };
    let caught_up = signed.state.chat.catch_up(signed.account(), id, position, limit).await?;
    Ok(HttpResponse::Ok().json(match &caught_up {
        CatchUp::Changes(page) => super::changes::ChangesResponse::of(page, position),
        CatchUp::Reset(head) => super::changes::ChangesResponse::reset(*head),
    }))
}

/// `GET /conversations/{conversation}/position`
pub(crate) async fn position(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let reading = signed.state.chat.reading(signed.account(), named(&request)?).await?;
    let Cursor { epoch, view_version, seq } = reading.head;
    Ok(HttpResponse::Ok().json(PositionResponse {
        epoch: uuid(epoch.get()),
        view_version,
        seq: seq.get(),
    }))
}

/// Where a conversation stands.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_version": 0, "seq": 58
})))]
pub(crate) struct PositionResponse {
    /// The time since the database was last set back.
    epoch: String,
    /// Which view of the conversation one has.
    view_version: i64,
    /// Its newest change.
    seq: i64,
}

/// What any path under v1 gets that there is not.
pub(crate) async fn unknown() -> HttpResponse {
    Problem::new(Kind::NotFound).error_response()
}
