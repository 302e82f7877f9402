//! Other people, and what superusers did to them.

use actix_web::{HttpRequest, HttpResponse};
use application::ports::AuditId;
use domain::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::conversations::narrow;
use super::cursor::{self, List};
use super::problem::{Kind, Problem};
use super::request::{Query, Signed, limit, part};
use super::views::{AuditView, Page, UserView};

/// `GET /users/{user}`
pub(crate) async fn show(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let found = signed.state.accounts.find.execute(user(&request)?).await;
    let found = found.map_err(|error| Problem::backend(&error))?;
    let account = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
    Ok(HttpResponse::Ok().json(UserView::new(account.id, &account.username)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameIn {
    /// Exactly this name.
    username: String,
}

/// Some people.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"items": [{"id": 7, "username": "ann"}]})))]
pub(crate) struct UsersView<'a> {
    /// In no order that is promised.
    items: Vec<UserView<'a>>,
}

/// `GET /users?username=`: who has exactly this name, if anybody.
pub(crate) async fn find(
    signed: Signed,
    Query(query): Query<NameIn>,
) -> Result<HttpResponse, Problem> {
    let found = signed.state.accounts.find.by_username(&query.username).await;
    let found = found.map_err(|error| Problem::backend(&error))?;
    let items = found.iter().map(|account| UserView::new(account.id, &account.username));
    Ok(HttpResponse::Ok().json(UsersView { items: items.collect() }))
}

/// `GET /me/blocks`
pub(crate) async fn blocks(signed: Signed) -> Result<HttpResponse, Problem> {
    let blocked = signed.state.chat.blocked(signed.account()).await?;
    let items = blocked.iter().map(|(id, username)| UserView::new(*id, username));
    Ok(HttpResponse::Ok().json(UsersView { items: items.collect() }))
}

/// `PUT /me/blocks/{user}`
pub(crate) async fn block(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    signed.state.chat.set_blocked(signed.account(), user(&request)?, true).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE` of the same.
pub(crate) async fn unblock(signed: Signed, request: HttpRequest) -> Result<HttpResponse, Problem> {
    signed.state.chat.set_blocked(signed.account(), user(&request)?, false).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn user(request: &HttpRequest) -> Result<UserId, Problem> {
    part(request, "user").map(UserId::new)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageIn {
    /// The `next` of the page before.
    #[param(min_length = 1)]
    before: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// `GET /moderation-log`
pub(crate) async fn moderation_log(
    signed: Signed,
    Query(query): Query<PageIn>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let before = query.before.as_deref();
    let before = before.map(|text| cursor::decode(List::Moderation, "before", text));
    let before = before.transpose()?.map(|[id]| AuditId(narrow(id)));
    let entries = signed.state.chat.moderation_log(signed.account(), before, limit).await?;
    let last = entries.last().filter(|_| entries.len() == limit);
    let next = last.map(|(AuditId(id), _)| cursor::encode(List::Moderation, &[(*id).into()]));
    let items = entries.iter().map(|(_, entry)| AuditView::from(entry)).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}
