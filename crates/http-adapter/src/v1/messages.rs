//! Messages of a conversation.

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use application::ports::{First, PageRange};
use domain::{Action, ConversationId, Emoji, Message, MessageId, MsgNo, Outcome, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::conversations::{named, narrow};
use super::cursor::{self, List};
use super::input::{self, Checks};
use super::problem::{Kind, Problem};
use super::request::{self, Authenticated, Body, Query, limit, part};
use super::views::{MessageResponse, Page};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageRequest {
    /// Where the page is to end: the `before` of another.
    #[param(min_length = 1)]
    before: Option<String>,
    /// Where the page is to begin: the `after` of another. Not with `before`.
    #[param(min_length = 1)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// Some messages of a conversation.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"items": [], "before": null, "after": null, "seq": 58, "msg_no": 37})))]
pub(crate) struct MessagePageResponse<'a> {
    /// Ascending by `msg_no`.
    items: Vec<MessageResponse<'a>>,
    /// For what was said before them; `null` if there is nothing.
    #[schema(required)]
    before: Option<String>,
    /// For what was said after them; `null` if there is nothing yet.
    #[schema(required)]
    after: Option<String>,
    /// The change up to which the page is current.
    seq: i64,
    /// The newest message of the conversation.
    msg_no: i64,
}

/// `GET /conversations/{conversation}/messages`
pub(crate) async fn list(
    signed: Authenticated,
    request: HttpRequest,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let conversation = named(&request)?;
    let limit = limit(query.limit)?;
    let before = place(query.before.as_deref(), "before")?;
    let after = place(query.after.as_deref(), "after")?;
    if before.is_some() && after.is_some() {
        return Err(Problem::field("after", "exclusive", "goes without \"before\""));
    }
    let first = if after.is_some() { First::Oldest } else { First::Newest };
    let range = PageRange { after: after.unwrap_or(MsgNo::ZERO), before, first };
    let page = signed.state.chat.page(signed.account(), conversation, range, limit).await?;

    let place = |number: MsgNo| cursor::encode(List::Messages, &[number.get().into()]);
    let (low, high) = page.span;
    let has_older = first == First::Oldest || page.more;
    let has_newer = high < page.head.msg_no && (first == First::Newest || page.more);
    Ok(HttpResponse::Ok().json(MessagePageResponse {
        items: page.messages.iter().map(|message| (&**message).into()).collect(),
        before: has_older.then(|| place(low)),
        after: has_newer.then(|| place(high)),
        seq: page.head.seq.get(),
        msg_no: page.head.msg_no.get(),
    }))
}

fn place(text: Option<&str>, field: &'static str) -> Result<Option<MsgNo>, Problem> {
    let number = text.map(|text| cursor::decode(List::Messages, field, text)).transpose()?;
    Ok(number.map(|[number]| MsgNo::new(narrow(number))))
}

/// Something to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "body": "Lunch at noon, @bob?", "client_id": "0190d1f0-0000-7abc-8def-0123456789ab"
})))]
pub(crate) struct NewMessageRequest {
    /// Not blank, without U+0000, and no longer than the server is set to take.
    #[schema(min_length = 1)]
    pub(crate) body: String,
    /// Names it, so that a retry is no second message.
    #[schema(format = "uuid")]
    pub(crate) client_id: Option<String>,
    /// The message that it answers.
    pub(crate) reply_to: Option<i64>,
}

impl NewMessageRequest {
    /// The wish to send it.
    pub(crate) fn action(
        &self,
        max_chars: usize,
        made: impl FnOnce() -> domain::ClientId,
    ) -> Result<Action, Problem> {
        let mut checks = Checks::default();
        let body = checks.take(input::body(&self.body, max_chars));
        let client_id = match &self.client_id {
            Some(text) => checks.take(input::client_id(text)),
            None => Some(made()),
        };
        let (body, client_id) = checks.finish(body.zip(client_id))?;
        let reply_to = self.reply_to.map(MessageId::new);
        Ok(Action::Send { client_id, body, marked_edited: false, reply_to })
    }
}

/// `POST /conversations/{conversation}/messages`: 201, or 200 for a retry.
pub(crate) async fn send(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<NewMessageRequest>,
) -> Result<HttpResponse, Problem> {
    let conversation = named(&request)?;
    let state = &signed.state;
    let action = body.action(state.v1.message_chars, || state.ids.client_id())?;
    let outcome = state.chat.act(signed.account(), conversation, action).await?;
    let is_new = matches!(outcome, Outcome::Applied(_));
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    shown(&mut answer, &outcome)
}

/// The message that came of something.
fn shown(
    answer: &mut actix_web::HttpResponseBuilder,
    outcome: &Outcome,
) -> Result<HttpResponse, Problem> {
    let message = outcome.message().ok_or_else(|| Problem::new(Kind::Internal))?;
    answer.insert_header((ETAG, etag(message)));
    Ok(answer.json(MessageResponse::from(&**message)))
}

/// Another one means that its text was edited.
fn etag(message: &Message) -> String {
    format!("\"{}\"", message.edits)
}

/// `GET /conversations/{conversation}/messages/{message}`
pub(crate) async fn show(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (conversation, id) = (named(&request)?, message_id(&request)?);
    let message = signed.state.chat.read(signed.account(), conversation, id).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((ETAG, etag(&message)));
    Ok(answer.json(MessageResponse::from(&*message)))
}

fn message_id(request: &HttpRequest) -> Result<MessageId, Problem> {
    part(request, "message").map(MessageId::new)
}

/// What a message is to say instead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"body": "Lunch at one, @bob?"})))]
pub(crate) struct EditRequest {
    /// As when it was said.
    #[schema(min_length = 1)]
    body: String,
}

/// `PATCH /conversations/{conversation}/messages/{message}`
pub(crate) async fn edit(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<EditRequest>,
) -> Result<HttpResponse, Problem> {
    let message = message_id(&request)?;
    let body = Some(input::body(&body.body, signed.state.v1.message_chars)?);
    let expected_edits = if_match(&request)?;
    act_on(&signed, &request, Action::Edit { message, body, expected_edits }).await
}

/// The edit count in `If-Match`; none for any, or without the header.
fn if_match(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(header) = request.headers().get(IF_MATCH) else { return Ok(None) };
    let text = header.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let count = tag.and_then(|tag| tag.parse().ok());
    // An entity tag that was never given matches nothing.
    let never = || tag.is_some_and(|tag| !tag.contains('"')) || text.starts_with("W/");
    match count {
        Some(count) => Ok(Some(count)),
        None if never() => Ok(Some(-1)),
        None => Err(Problem::field("If-Match", "etag", "must be one entity tag, or *")),
    }
}

async fn act_on(
    signed: &Authenticated,
    request: &HttpRequest,
    action: Action,
) -> Result<HttpResponse, Problem> {
    let conversation: ConversationId = named(request)?;
    let outcome = signed.state.chat.act(signed.account(), conversation, action).await?;
    shown(&mut HttpResponse::Ok(), &outcome)
}

/// `DELETE /conversations/{conversation}/messages/{message}`
pub(crate) async fn delete(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (conversation, message) = (named(&request)?, message_id(&request)?);
    let action = Action::Delete { message };
    signed.state.chat.act(signed.account(), conversation, action).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /conversations/{conversation}/messages/{message}/reactions/{emoji}`
pub(crate) async fn react(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    set_reaction(&signed, &request, true).await
}

/// `DELETE` of the same.
pub(crate) async fn unreact(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    set_reaction(&signed, &request, false).await
}

async fn set_reaction(
    signed: &Authenticated,
    request: &HttpRequest,
    present: bool,
) -> Result<HttpResponse, Problem> {
    let message = message_id(request)?;
    let emoji: Emoji = input::emoji(request.match_info().query("emoji"))?;
    act_on(signed, request, Action::React { message, emoji, present }).await
}

/// `PUT /conversations/{conversation}/messages/{message}/pin`
pub(crate) async fn pin(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let action = Action::Pin { message: message_id(&request)?, pinned: true };
    act_on(&signed, &request, action).await
}

/// `DELETE` of the same.
pub(crate) async fn unpin(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let action = Action::Pin { message: message_id(&request)?, pinned: false };
    act_on(&signed, &request, action).await
}

/// `GET /conversations/{conversation}/pins`
pub(crate) async fn pins(
    signed: Authenticated,
    request: HttpRequest,
    Query(query): Query<request::PageRequest>,
) -> Result<HttpResponse, Problem> {
    let conversation = named(&request)?;
    let limit = limit(query.limit)?;
    let before = query.before.as_deref().map(|text| cursor::decode(List::Pins, "before", text));
    let before = before.transpose()?.map(|[at]| Timestamp::from_micros(narrow(at)));
    let chat = &signed.state.chat;
    let pins = chat.pinned(signed.account(), conversation, before, limit).await?;
    let next = pins.next.map(|at| cursor::encode(List::Pins, &[at.micros().into()]));
    let items: Vec<MessageResponse<'_>> =
        pins.messages.iter().map(|message| (&**message).into()).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}
