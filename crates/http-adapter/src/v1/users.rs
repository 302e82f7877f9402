//! Other users, and the log of what superusers did.

use actix_web::HttpResponse;
use application::ports::AuditId;
use domain::UserId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::cursor::{self, List, Page, narrow};
use super::formats::parse_integer;
use super::problem::{Kind, Problem};
use super::request::{Authenticated, PageRequest, Query};
use super::responses::{AuditResponse, UserProfileResponse, UserProfilesResponse};

/// Maximum number of ids in one look-up.
const MAX_IDS: usize = 100;

/// Returns a user.
#[utoipa::path(
    get, path = "/users/{user}",
    responses((status = 200, description = "The user, as others see it.", body = UserProfileResponse)),
)]
pub(crate) async fn get_user(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let found = caller.state.accounts.user(caller.account().id, caller.user()?).await?;
    let user = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
    Ok(HttpResponse::Ok().json(UserProfileResponse::from(&user)))
}

/// The users to look up: give either `username` or `ids`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindUsersRequest {
    /// A username. The exact name counts first, then the only one that is equal.
    username: Option<String>,
    /// Up to 100 ids, separated by commas.
    ids: Option<String>,
}

/// Finds a user by name, or several by id.
#[utoipa::path(
    get, path = "/users", params(FindUsersRequest),
    responses((status = 200, description = "The users that exist, in the order of the request.", body = UserProfilesResponse)),
)]
pub(crate) async fn find_users(
    caller: Authenticated,
    Query(query): Query<FindUsersRequest>,
) -> Result<HttpResponse, Problem> {
    let (accounts, viewer) = (&caller.state.accounts, caller.account().id);
    let found = match (query.username, query.ids) {
        (Some(name), None) => accounts.user_by_name(viewer, &name).await?.into_iter().collect(),
        (None, Some(ids)) => accounts.users(viewer, &user_ids(&ids)?).await?,
        (None, None) => return Err(Problem::field("username", "required", "or ids is required")),
        (Some(_), Some(_)) => {
            return Err(Problem::field("ids", "alone", "cannot be combined with username"));
        }
    };
    let items = found.iter().map(UserProfileResponse::from).collect();
    Ok(HttpResponse::Ok().json(UserProfilesResponse { items }))
}

fn user_ids(text: &str) -> Result<Vec<UserId>, Problem> {
    let ids: Vec<&str> = text.split(',').take(MAX_IDS + 1).collect();
    if ids.len() > MAX_IDS {
        return Err(Problem::field("ids", "max_length", format!("has at most {MAX_IDS} ids")));
    }
    let ids: Option<_> = ids.into_iter().map(|id| parse_integer(id).map(UserId::new)).collect();
    ids.ok_or_else(|| Problem::field("ids", "ids", "must be ids such as 1,2,3"))
}

type AuditPage = Page<AuditResponse>;

/// Lists what superusers did, the newest first. For superusers only.
#[utoipa::path(
    get, path = "/moderation-log", tag = "moderation", params(PageRequest),
    responses((status = 200, description = "A page of the log.", body = AuditPage)),
    extensions(("x-problems" = json!([Kind::Forbidden]))),
)]
pub(crate) async fn list_moderation_log(
    caller: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let (limit, before) = (query.limit()?, query.before(List::Moderation)?);
    let before = before.map(|[id]| AuditId(narrow(id)));
    let entries = caller.chat().moderation_log(caller.account(), before, limit).await?;
    let last = cursor::last(&entries, limit);
    let next = last.map(|(AuditId(id), _)| cursor::encode(List::Moderation, [*id]));
    Ok(AuditPage::respond(entries.iter().map(|(_, entry)| entry), next))
}
