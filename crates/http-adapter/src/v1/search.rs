//! Finding messages by their words.

use actix_web::{HttpRequest, HttpResponse};
use domain::{ConversationId, MessageId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::conversations::{named, narrow};
use super::cursor::{self, List};
use super::input::{self, Checks};
use super::problem::Problem;
use super::request::{Authenticated, Query, limit};
use super::views::{MessageResponse, Page};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchRequest {
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
    signed: Authenticated,
    request: HttpRequest,
    Query(query): Query<SearchRequest>,
) -> Result<HttpResponse, Problem> {
    search(&signed, Some(named(&request)?), query).await
}

/// `GET /messages/search`: in all of one's conversations.
pub(crate) async fn everywhere(
    signed: Authenticated,
    Query(query): Query<SearchRequest>,
) -> Result<HttpResponse, Problem> {
    search(&signed, None, query).await
}

async fn search(
    signed: &Authenticated,
    within: Option<ConversationId>,
    query: SearchRequest,
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
    let items: Vec<MessageResponse<'_>> =
        found.messages.iter().map(|message| (&**message).into()).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}
