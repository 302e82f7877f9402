//! Other people, and what superusers did to them.

use actix_web::{HttpRequest, HttpResponse};
use application::ports::AuditId;
use domain::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::conversations::narrow;
use super::cursor::{self, List};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, PageRequest, Query, limit, part};
use super::views::{AuditResponse, Page, PersonResponse, UserResponse};

/// People who are shown at once.
const PEOPLE: usize = 100;

/// `GET /users/{user}`
pub(crate) async fn show(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let found = signed.state.accounts.people.by_id(signed.account().id, user(&request)?).await;
    let found = found.map_err(|error| Problem::backend(&error))?;
    let person = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
    Ok(HttpResponse::Ok().json(PersonResponse::from(&person)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhomRequest {
    /// Exactly this name.
    username: Option<String>,
    /// Up to 100 ids, with commas between them.
    ids: Option<String>,
}

/// Some people, with what they show of themselves.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"items": [{
    "id": 8, "username": "bob", "display_name": "Bob", "about": null, "online": false,
    "last_seen_at": "2026-11-24T09:15:32.375945Z"
}]})))]
pub(crate) struct PeopleResponse<'a> {
    /// In the order in which they were asked for.
    items: Vec<PersonResponse<'a>>,
}

/// Some people.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"items": [{"id": 7, "username": "ann"}]})))]
pub(crate) struct UsersResponse<'a> {
    /// By id.
    items: Vec<UserResponse<'a>>,
}

/// `GET /users?username=`: who has exactly this name, if anybody; and `GET /users?ids=`:
/// those who have these ids, in this order.
pub(crate) async fn find(
    signed: Authenticated,
    Query(query): Query<WhomRequest>,
) -> Result<HttpResponse, Problem> {
    let (people, viewer) = (&signed.state.accounts.people, signed.account().id);
    let found = match (query.username, query.ids) {
        (Some(name), None) => {
            people.by_username(viewer, &name).await.map(|found| found.into_iter().collect())
        }
        (None, Some(ids)) => people.by_ids(viewer, &listed(&ids)?).await,
        (None, None) => return Err(Problem::field("username", "required", "or ids is required")),
        (Some(_), Some(_)) => {
            return Err(Problem::field("ids", "alone", "cannot be given with username"));
        }
    };
    let found = found.map_err(|error| Problem::backend(&error))?;
    let items = found.iter().map(PersonResponse::from).collect();
    Ok(HttpResponse::Ok().json(PeopleResponse { items }))
}

/// The ids in a list with commas between them.
fn listed(text: &str) -> Result<Vec<UserId>, Problem> {
    let ids: Vec<&str> = text.split(',').take(PEOPLE + 1).collect();
    if ids.len() > PEOPLE {
        return Err(Problem::field("ids", "max_length", format!("holds at most {PEOPLE} ids")));
    }
    let ids: Result<_, _> = ids.into_iter().map(|id| id.parse().map(UserId::new)).collect();
    ids.map_err(|_| Problem::field("ids", "ids", "must be ids such as 1,2,3"))
}

/// `GET /me/blocks`
pub(crate) async fn blocks(signed: Authenticated) -> Result<HttpResponse, Problem> {
    let blocked = signed.state.chat.blocked(signed.account()).await?;
    let items = blocked.iter().map(|(id, username)| UserResponse::new(*id, username));
    Ok(HttpResponse::Ok().json(UsersResponse { items: items.collect() }))
}

/// `PUT /me/blocks/{user}`
pub(crate) async fn block(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    signed.state.chat.set_blocked(signed.account(), user(&request)?, true).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE` of the same.
pub(crate) async fn unblock(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    signed.state.chat.set_blocked(signed.account(), user(&request)?, false).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn user(request: &HttpRequest) -> Result<UserId, Problem> {
    part(request, "user").map(UserId::new)
}

/// `GET /moderation-log`
pub(crate) async fn moderation_log(
    signed: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let before = query.before.as_deref();
    let before = before.map(|text| cursor::decode(List::Moderation, "before", text));
    let before = before.transpose()?.map(|[id]| AuditId(narrow(id)));
    let entries = signed.state.chat.moderation_log(signed.account(), before, limit).await?;
    let last = entries.last().filter(|_| entries.len() == limit);
    let next = last.map(|(AuditId(id), _)| cursor::encode(List::Moderation, &[(*id).into()]));
    let items = entries.iter().map(|(_, entry)| AuditResponse::from(entry)).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}
