//! Finding messages by their words.

use actix_web::{HttpRequest, HttpResponse};
use domain::{ConversationId, MessageId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::conversations::{named, narrow};
use super::cursor::{self, List};
use super::input::{self, Checks};
use super::problem::Problem;
use super::request::{Query, Signed, limit};
use super::views::{MessageView, Page};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchIn {
    /// 1 to 10 words, each of which begins a word of what is found.
    #[param(min_length = 1)]
    q: String,
    /// The `next` of the page before.
    #[param(min_length = 1)]
    before: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// `GET /conversations/{conversation}/messages/search`
pub(crate) async fn within(
    signed: Signed,
    request: HttpRequest,
    Query(query): Query<SearchIn>,
) -> Result<HttpResponse, Problem> {
    search(&signed, Some(named(&request)?), query).await
}

/// `GET /messages/search`: in all of one's conversations.
pub(crate) async fn everywhere(
    signed: Signed,
    Query(query): Query<SearchIn>,
) -> Result<HttpResponse, Problem> {
    search(&signed, None, query).await
}

async fn search(
    signed: &Signed,
    within: Option<ConversationId>,
    query: SearchIn,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let before = query.before.as_deref().map(|text| cursor::decode(List::Search, "before", text));
    let before = before.transpose()?.map(|[id]| MessageId::new(narrow(id)));
    let mut checks = Checks::default();
    let words = checks.take(input::search_query(&query.q));
    let words = checks.finish(words)?;
    let chat = &signed.state.chat;
    let found = chat.search(signed.account(), within, words, before, limit).await?;
    let next = found.next.map(|id| cursor::encode(List::Search, &[id.get().into()]));
    let items: Vec<MessageView<'_>> =
        found.messages.iter().map(|message| (&**message).into()).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}
