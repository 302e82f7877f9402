//! Conversations: finding, opening, altering them.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use application::ports::InboxCursor;
use application::{CaughtUp, Position};
use domain::{Action, ConversationId, Details, Epoch, Seq, Timestamp, Update, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cursor::{self, List};
use super::input::{self, Checks, HistoryIn, given, wrong};
use super::problem::{Kind, Problem};
use super::request::{Body, PageIn, Query, Signed, limit, part};
use super::views::{EntryView, Page, UserView, parse_uuid, uuid};

/// Members with whom a group may be opened; more are added one by one.
const FIRST_MEMBERS: usize = 100;

/// The conversation that the path names.
pub(crate) fn named(request: &HttpRequest) -> Result<ConversationId, Problem> {
    part(request, "conversation").map(ConversationId::new)
}

/// `GET /conversations`
pub(crate) async fn list(
    signed: Signed,
    Query(query): Query<PageIn>,
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
    let items = page.entries.iter().map(EntryView::from).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}

pub(crate) fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A group to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Lunch", "members": [8, 9]})))]
pub(crate) struct NewGroupIn {
    /// What it is to be called.
    #[schema(min_length = 1, max_length = 100)]
    title: Option<String>,
    /// What it is to be about.
    #[schema(min_length = 1, max_length = 1_000)]
    topic: Option<String>,
    /// What those who join are to see; `since_joined` unless said.
    history: Option<HistoryIn>,
    /// Accounts that take part from the beginning.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<i64>,
}

/// `POST /conversations`
pub(crate) async fn open_group(
    signed: Signed,
    Body(body): Body<NewGroupIn>,
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
    Ok(HttpResponse::Created().insert_header(("Location", place)).json(EntryView::from(&entry)))
}

/// `PUT /direct/{user}`
pub(crate) async fn open_direct(
    signed: Signed,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let user = part(&request, "user").map(UserId::new)?;
    let (entry, is_new) = signed.state.chat.open_direct(signed.account(), user).await?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(EntryView::from(&entry)))
}

/// `GET /conversations/{conversation}`
pub(crate) async fn show(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    entry(&signed, named(&request)?).await
}

async fn entry(signed: &Signed, id: ConversationId) -> Result<HttpResponse, Problem> {
    let entry = signed.state.chat.conversation(signed.account(), id).await?;
    Ok(HttpResponse::Ok().json(EntryView::from(&entry)))
}

/// What is to become of a group; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Lunch", "topic": null})))]
pub(crate) struct DetailsIn {
    /// Another title; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    title: Update<String>,
    /// Another topic; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1_000)]
    topic: Update<String>,
    /// By owners alone.
    history: Option<HistoryIn>,
}

/// `PATCH /conversations/{conversation}`
pub(crate) async fn alter(
    signed: Signed,
    request: HttpRequest,
    Body(body): Body<DetailsIn>,
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
pub(crate) async fn close(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = named(&request)?;
    signed.state.chat.act(signed.account(), id, Action::Close).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How far one has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"msg_no": 37})))]
pub(crate) struct ReadIn {
    /// The message up to which one has read.
    msg_no: i64,
}

/// How far one has read.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"read_no": 37})))]
pub(crate) struct ReadView {
    /// The message up to which one has read: the marker never goes back.
    read_no: i64,
}

/// `PUT /conversations/{conversation}/read`
pub(crate) async fn mark_read(
    signed: Signed,
    request: HttpRequest,
    Body(body): Body<ReadIn>,
) -> Result<HttpResponse, Problem> {
    let up_to = input::msg_no(body.msg_no)?;
    let marker = signed.state.chat.mark_read(signed.account(), named(&request)?, up_to).await?;
    Ok(HttpResponse::Ok().json(ReadView { read_no: marker.get() }))
}

/// How far somebody has read.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"user": {"id": 8, "username": "bob"}, "read_no": 37})))]
pub(crate) struct ReaderView<'a> {
    /// Who.
    user: UserView<'a>,
    /// Up to this message.
    read_no: i64,
}

/// `GET /conversations/{conversation}/readers`
pub(crate) async fn readers(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let markers = signed.state.chat.readers(signed.account(), named(&request)?).await?;
    let items = markers.iter().map(|marker| ReaderView {
        user: UserView::new(marker.user, &marker.username),
        read_no: marker.read_no.get(),
    });
    Ok(HttpResponse::Ok().json(Page { items: items.collect(), next: None }))
}

/// `PUT /conversations/{conversation}/mute`
pub(crate) async fn mute(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    set_muted(&signed, &request, true).await
}

/// `DELETE /conversations/{conversation}/mute`
pub(crate) async fn unmute(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    set_muted(&signed, &request, false).await
}

async fn set_muted(
    signed: &Signed,
    request: &HttpRequest,
    muted: bool,
) -> Result<HttpResponse, Problem> {
    signed.state.chat.set_muted(signed.account(), named(request)?, muted).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesIn {
    /// One's cursor.
    #[param(minimum = 0)]
    since: i64,
    /// As told with the cursor.
    #[param(format = "uuid")]
    epoch: String,
    /// As told with the cursor.
    view_no: i64,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// `GET /conversations/{conversation}/changes`
pub(crate) async fn changes(
    signed: Signed,
    request: HttpRequest,
    Query(query): Query<ChangesIn>,
) -> Result<HttpResponse, Problem> {
    let id = named(&request)?;
    let limit = limit(query.limit)?;
    let epoch = parse_uuid(&query.epoch).map(Epoch::new);
    let epoch = epoch.ok_or_else(|| Problem::field("epoch", "uuid", "must be a UUID"))?;
    if query.since < 0 {
        return Err(Problem::field("since", "range", "must not be negative"));
    }
    let position = Position { epoch, view_no: query.view_no, seq: Seq::new(query.since) };
    let caught_up = signed.state.chat.catch_up(signed.account(), id, position, limit).await?;
    Ok(HttpResponse::Ok().json(match &caught_up {
        CaughtUp::Changes(page) => super::changes::ChangesView::of(page, position),
        CaughtUp::Reset(head) => super::changes::ChangesView::reset(*head),
    }))
}

/// `GET /conversations/{conversation}/position`
pub(crate) async fn position(
    signed: Signed,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let reading = signed.state.chat.reading(signed.account(), named(&request)?).await?;
    let Position { epoch, view_no, seq } = reading.head;
    Ok(HttpResponse::Ok().json(PositionView { epoch: uuid(epoch.get()), view_no, seq: seq.get() }))
}

/// Where a conversation stands.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epoch": "0190d1f0-0000-7abc-8def-0123456789ab", "view_no": 0, "seq": 58
})))]
pub(crate) struct PositionView {
    /// The time since the database was last set back.
    epoch: String,
    /// Which view of the conversation one has.
    view_no: i64,
    /// Its newest change.
    seq: i64,
}

/// What any path under v1 gets that there is not.
pub(crate) async fn unknown() -> HttpResponse {
    Problem::new(Kind::NotFound).error_response()
}
