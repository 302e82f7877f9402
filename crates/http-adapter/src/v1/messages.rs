//! Messages of a conversation: reading, writing, searching and exporting them.

use std::error::Error;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_DISPOSITION, ETAG};
use actix_web::{HttpResponse, HttpResponseBuilder};
use application::ports::{First, PageRange};
use bytes::Bytes;
use domain::{Action, ClientId, ConversationId, Message, MessageId, MsgNo, Outcome, Timestamp};
use futures_util::stream::try_unfold;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cursor::{self, List, Page, narrow};
use super::if_match;
use super::input::{self, Checks};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, PageRequest, Query, limit};
use super::responses::MessageResponse;
use crate::reads;

/// Why a write to a conversation can be refused.
const WRITING: [Kind; 4] = [Kind::Forbidden, Kind::Silenced, Kind::Blocked, Kind::TooManyRequests];

/// The page of messages that the client asks for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListMessagesRequest {
    /// The `before` of a page, to get the messages before it.
    #[param(min_length = 1)]
    before: Option<String>,
    /// The `after` of a page, to get the messages after it. Not together with `before`.
    #[param(min_length = 1)]
    after: Option<String>,
    /// Maximum number of messages.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
}

/// A page of the history of a conversation.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageHistory, examples(json!({
    "items": [], "before": null, "after": null, "seq": 58, "msg_no": 37
})))]
pub(crate) struct MessageHistoryResponse<'a> {
    /// Ascending by `msg_no`.
    items: Vec<MessageResponse<'a>>,
    /// The cursor for older messages; `null` if there are none.
    #[schema(required)]
    before: Option<String>,
    /// The cursor for newer messages; `null` if there are none yet.
    #[schema(required)]
    after: Option<String>,
    /// The change up to which the page is current.
    seq: i64,
    /// The number of the newest message of the conversation.
    msg_no: i64,
}

/// Lists messages: the newest, or those before or after a page.
#[utoipa::path(
    get, path = "/conversations/{conversation}/messages", params(ListMessagesRequest),
    responses((status = 200, description = "A page of messages.", body = MessageHistoryResponse)),
)]
pub(crate) async fn list_messages(
    caller: Authenticated,
    Query(query): Query<ListMessagesRequest>,
) -> Result<HttpResponse, Problem> {
    let conversation = caller.conversation()?;
    let limit = limit(query.limit.as_deref())?;
    let msg_no = |field, text: Option<String>| {
        let numbers = cursor::decode(List::Messages, field, text.as_deref())?;
        Ok::<_, Problem>(numbers.map(|[number]| MsgNo::new(narrow(number))))
    };
    let (before, after) = (msg_no("before", query.before)?, msg_no("after", query.after)?);
    if before.is_some() && after.is_some() {
        return Err(Problem::field("after", "exclusive", "cannot be combined with \"before\""));
    }
    let first = if after.is_some() { First::Oldest } else { First::Newest };
    let range = PageRange { after: after.unwrap_or(MsgNo::ZERO), before, first };
    let page = caller.chat().page(caller.account(), conversation, range, limit).await?;

    let cursor = |number: MsgNo| cursor::encode(List::Messages, [number.get()]);
    let (low, high) = page.span;
    let has_older = first == First::Oldest || page.more;
    let has_newer = high < page.head.msg_no && (first == First::Newest || page.more);
    Ok(HttpResponse::Ok().json(MessageHistoryResponse {
        items: page.messages.iter().map(|message| (&**message).into()).collect(),
        before: has_older.then(|| cursor(low)),
        after: has_newer.then(|| cursor(high)),
        seq: page.head.seq.get(),
        msg_no: page.head.msg_no.get(),
    }))
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "body": "Lunch at noon, @bob?", "client_id": "0190d1f0-0000-7abc-8def-0123456789ab"
})))]
pub(crate) struct SendMessageRequest {
    /// The text: not blank, without U+0000, and at most as long as the server allows.
    #[schema(min_length = 1)]
    pub(crate) body: String,
    /// A UUID that you choose. Send it again with a retry, and the message is stored only once.
    #[schema(format = "uuid")]
    pub(crate) client_id: Option<String>,
    /// The id of the message that this one replies to.
    pub(crate) reply_to: Option<i64>,
}

impl SendMessageRequest {
    /// The action; `new_id` provides a client id if the client has sent none.
    pub(crate) fn action(
        &self,
        max_chars: usize,
        new_id: impl FnOnce() -> ClientId,
    ) -> Result<Action, Problem> {
        let mut checks = Checks::default();
        let body = checks.take(input::body(&self.body, max_chars));
        let client_id = match &self.client_id {
            Some(text) => checks.take(input::uuid("client_id", text)).map(ClientId::new),
            None => Some(new_id()),
        };
        let (body, client_id) = checks.finish(body.zip(client_id))?;
        let reply_to = self.reply_to.map(MessageId::new);
        Ok(Action::Send { client_id, body, marked_edited: false, reply_to })
    }
}

/// Sends a message.
#[utoipa::path(
    post, path = "/conversations/{conversation}/messages", request_body = SendMessageRequest,
    responses(
        (status = 200, description = "A message with this `client_id` was stored before.", body = MessageResponse),
        (status = 201, description = "The message is stored.", body = MessageResponse),
    ),
    extensions(("x-problems" = json!([WRITING.as_slice(), &[Kind::ClientIdReused]].concat()))),
)]
pub(crate) async fn send_message(
    caller: Authenticated,
    Body(body): Body<SendMessageRequest>,
) -> Result<HttpResponse, Problem> {
    let state = &caller.state;
    let action = body.action(state.message_chars, || state.ids.client_id())?;
    let outcome = caller.act(action).await?;
    let is_new = matches!(outcome, Outcome::Applied(_));
    let response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    show_outcome(&caller, response, &outcome).await
}

async fn show_outcome(
    caller: &Authenticated,
    response: HttpResponseBuilder,
    outcome: &Outcome,
) -> Result<HttpResponse, Problem> {
    let none = || Problem::internal("show a message", "the outcome has none");
    let message = Arc::clone(outcome.message().ok_or_else(none)?);
    Ok(show(response, &*caller.chat().show(caller.account(), message).await?))
}

fn show(mut response: HttpResponseBuilder, message: &Message) -> HttpResponse {
    let etag = if_match::etag(message.edits);
    response.insert_header((ETAG, etag)).json(MessageResponse::from(message))
}

/// Returns a message.
#[utoipa::path(
    get, path = "/conversations/{conversation}/messages/{message}",
    responses((status = 200, description = "The message.", body = MessageResponse)),
)]
pub(crate) async fn get_message(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let (conversation, id) = (caller.conversation()?, caller.message()?);
    let message = caller.chat().read(caller.account(), conversation, id).await?;
    Ok(show(HttpResponse::Ok(), &message))
}

/// A new text for a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"body": "Lunch at one, @bob?"})))]
pub(crate) struct EditMessageRequest {
    /// The new text; the rules of sending apply.
    #[schema(min_length = 1)]
    body: String,
}

/// Edits a message that you wrote.
#[utoipa::path(
    patch, path = "/conversations/{conversation}/messages/{message}",
    request_body = EditMessageRequest,
    params((
        "If-Match" = Option<String>, Header, example = "\"0\"",
        description = "The `ETag` of the version that you edit, or several; 412 if the message \
            has none of them.",
    )),
    responses((status = 200, description = "The message after the edit.", body = MessageResponse)),
    extensions(("x-problems" = json!([WRITING.as_slice(), &[Kind::Outdated]].concat()))),
)]
pub(crate) async fn edit_message(
    caller: Authenticated,
    Body(body): Body<EditMessageRequest>,
) -> Result<HttpResponse, Problem> {
    let message = caller.message()?;
    let body = Some(input::body(&body.body, caller.state.message_chars)?);
    let expected = if_match::expected_edits(caller.request.headers())?;
    alter(&caller, Action::Edit { message, body, expected }).await
}

async fn alter(caller: &Authenticated, action: Action) -> Result<HttpResponse, Problem> {
    show_outcome(caller, HttpResponse::Ok(), &caller.act(action).await?).await
}

/// Deletes a message that you wrote, or as a moderator.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/messages/{message}",
    params((
        "If-Match" = Option<String>, Header, example = "\"0\"",
        description = "The `ETag` of the version that you delete, or several; 412 if the message \
            has none of them.",
    )),
    responses((status = 204, description = "The text is deleted; a tombstone remains.")),
    extensions(("x-problems" = json!([WRITING.as_slice(), &[Kind::Outdated]].concat()))),
)]
pub(crate) async fn delete_message(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let expected = if_match::expected_edits(caller.request.headers())?;
    caller.act(Action::Delete { message: caller.message()?, expected }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Adds your reaction to a message.
#[utoipa::path(
    put, path = "/conversations/{conversation}/messages/{message}/reactions/{emoji}",
    responses((status = 200, description = "The message with the reaction.", body = MessageResponse)),
    extensions(("x-problems" = json!([WRITING.as_slice(), &[Kind::InvalidRequest, Kind::Full]].concat()))),
)]
pub(crate) async fn add_reaction(caller: Authenticated) -> Result<HttpResponse, Problem> {
    set_reaction(&caller, true).await
}

/// Removes your reaction from a message.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/messages/{message}/reactions/{emoji}",
    responses((status = 200, description = "The message without the reaction.", body = MessageResponse)),
    extensions(("x-problems" = json!([WRITING.as_slice(), &[Kind::InvalidRequest]].concat()))),
)]
pub(crate) async fn remove_reaction(caller: Authenticated) -> Result<HttpResponse, Problem> {
    set_reaction(&caller, false).await
}

/// Removes a reaction of another user, as a moderator.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/messages/{message}/reactions/{emoji}/{user}",
    responses((status = 204, description = "The user has no such reaction.")),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::InvalidRequest, Kind::TooManyRequests]))),
)]
pub(crate) async fn remove_reaction_of(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let (message, user) = (caller.message()?, caller.user()?);
    let emoji = Some(input::emoji(&caller.text("emoji"), false)?);
    caller.act(Action::Unreact { message, user, emoji }).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set_reaction(caller: &Authenticated, present: bool) -> Result<HttpResponse, Problem> {
    let (message, emoji) = (caller.message()?, input::emoji(&caller.text("emoji"), present)?);
    alter(caller, Action::React { message, emoji, present }).await
}

/// Pins a message.
#[utoipa::path(
    put, path = "/conversations/{conversation}/messages/{message}/pin",
    responses((status = 200, description = "The pinned message.", body = MessageResponse)),
    extensions(("x-problems" = json!(WRITING))),
)]
pub(crate) async fn pin_message(caller: Authenticated) -> Result<HttpResponse, Problem> {
    alter(&caller, Action::Pin { message: caller.message()?, pinned: true }).await
}

/// Unpins a message.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/messages/{message}/pin",
    responses((status = 200, description = "The message, no longer pinned.", body = MessageResponse)),
    extensions(("x-problems" = json!(WRITING))),
)]
pub(crate) async fn unpin_message(caller: Authenticated) -> Result<HttpResponse, Problem> {
    alter(&caller, Action::Pin { message: caller.message()?, pinned: false }).await
}

type MessagePage<'a> = Page<MessageResponse<'a>>;

/// Lists pinned messages, the most recently pinned first.
#[utoipa::path(
    get, path = "/conversations/{conversation}/pins", params(PageRequest),
    responses((status = 200, description = "A page of pinned messages.", body = MessagePage)),
)]
pub(crate) async fn list_pins(
    caller: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let conversation = caller.conversation()?;
    let (limit, before) = (query.limit()?, query.before(List::Pins)?);
    let before = before.map(|[at]| Timestamp::from_micros(narrow(at)));
    let pins = caller.chat().pinned(caller.account(), conversation, before, limit).await?;
    let next = pins.next.map(|at| cursor::encode(List::Pins, [at.micros()]));
    Ok(page(&pins.messages, next))
}

fn page(messages: &[Arc<Message>], next: Option<String>) -> HttpResponse {
    MessagePage::respond(messages.iter().map(|message| &**message), next)
}

/// What to search for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchRequest {
    /// 1 to 10 words. A message matches if each of them is the beginning of one of its words.
    #[param(min_length = 1)]
    q: String,
    /// The `next` of the previous page; leave it out for the first page.
    #[param(min_length = 1)]
    before: Option<String>,
    /// Maximum number of messages.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
}

/// Searches the messages of a conversation, the newest first.
#[utoipa::path(
    get, path = "/conversations/{conversation}/messages/search", params(SearchRequest),
    responses((status = 200, description = "A page of matching messages.", body = MessagePage)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn search_conversation(
    caller: Authenticated,
    Query(query): Query<SearchRequest>,
) -> Result<HttpResponse, Problem> {
    search(&caller, Some(caller.conversation()?), query).await
}

/// Searches the messages of all your conversations, the newest first.
#[utoipa::path(
    get, path = "/messages/search", params(SearchRequest),
    responses((status = 200, description = "A page of matching messages.", body = MessagePage)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn search_messages(
    caller: Authenticated,
    Query(query): Query<SearchRequest>,
) -> Result<HttpResponse, Problem> {
    search(&caller, None, query).await
}

async fn search(
    caller: &Authenticated,
    within: Option<ConversationId>,
    query: SearchRequest,
) -> Result<HttpResponse, Problem> {
    reads::waits_for_its_turn(&caller.request);
    let limit = limit(query.limit.as_deref())?;
    let before = cursor::decode(List::Search, "before", query.before.as_deref())?;
    let before = before.map(|[id]| MessageId::new(narrow(id)));
    let words = input::search_query(&query.q)?;
    let found = caller.chat().search(caller.account(), within, words, before, limit).await?;
    let next = found.next.map(|id| cursor::encode(List::Search, [id.get()]));
    Ok(page(&found.messages, next))
}

/// Exports the messages of a conversation.
///
/// The response streams; one that ends without its last chunk is incomplete.
#[utoipa::path(
    get, path = "/conversations/{conversation}/export",
    responses((
        status = 200, description = "One line of JSON for each message, the oldest first.",
        headers(("Content-Disposition" = String, description = "A suggested file name.")),
        body = String, content_type = "application/jsonl",
        example = json!("{\"id\":4211,\"conversation\":12,\"msg_no\":37}\n"),
    )),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn export_messages(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let conversation = caller.conversation()?;
    let export = caller.chat().export(caller.account(), conversation).await?;
    let Authenticated { state, caller, .. } = caller;
    // The export ends when the session does.
    let pages = try_unfold((state, caller, export), |(state, caller, mut export)| async move {
        let caller = state.accounts.recheck(&caller).await.map_err(Problem::from)?;
        let page = export.next(&caller.account).await.map_err(Problem::from)?;
        let lines = page.map(|messages| lines(&messages)).transpose()?;
        Ok::<_, Box<dyn Error>>(lines.map(|lines| (lines, (state, caller, export))))
    });
    let name = format!("attachment; filename=\"conversation-{conversation}.jsonl\"");
    let mut response = HttpResponse::Ok();
    response.content_type("application/jsonl").insert_header((CONTENT_DISPOSITION, name));
    Ok(response.streaming(pages))
}

fn lines(messages: &[Arc<Message>]) -> serde_json::Result<Bytes> {
    let mut lines = Vec::new();
    for message in messages {
        serde_json::to_writer(&mut lines, &MessageResponse::from(&**message))?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}
