//! Members of a conversation, and what becomes of them.

use actix_web::{HttpRequest, HttpResponse};
use domain::{Action, Change, Outcome, Role, UserId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::conversations::{named, narrow};
use super::cursor::{self, List};
use super::input::{self, RoleRequest};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, Query, limit, part};
use super::views::{MemberResponse, Page};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageRequest {
    /// The `next` of the page before.
    #[param(min_length = 1)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// `GET /conversations/{conversation}/members`
pub(crate) async fn list(
    signed: Authenticated,
    request: HttpRequest,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let after = query.after.as_deref().map(|text| cursor::decode(List::Members, "after", text));
    let after = after.transpose()?.map(|[id]| UserId::new(narrow(id)));
    let chat = &signed.state.chat;
    let members = chat.members(signed.account(), named(&request)?, after, limit).await?;
    let last = members.last().filter(|_| members.len() == limit);
    let next = last.map(|member| cursor::encode(List::Members, &[member.user.get().into()]));
    let items: Vec<MemberResponse<'_>> = members.iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}

/// Who is to take part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user": 8, "role": "member"})))]
pub(crate) struct NewMemberRequest {
    /// Their account.
    user: i64,
    /// What they are to be; `member` unless said.
    role: Option<RoleRequest>,
}

/// `POST /conversations/{conversation}/members`
pub(crate) async fn add(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<NewMemberRequest>,
) -> Result<HttpResponse, Problem> {
    let user = UserId::new(body.user);
    let role = body.role.map_or(Role::Member, Into::into);
    act(&signed, &request, Action::Add { user, role }, HttpResponse::Created()).await
}

/// What somebody is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"role": "admin"})))]
pub(crate) struct SetRoleRequest {
    /// At most what one is oneself.
    role: RoleRequest,
}

/// `PATCH /conversations/{conversation}/members/{user}`
pub(crate) async fn set_role(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<SetRoleRequest>,
) -> Result<HttpResponse, Problem> {
    let action = Action::SetRole { user: user(&request)?, role: body.role.into() };
    act(&signed, &request, action, HttpResponse::Ok()).await
}

/// `DELETE /conversations/{conversation}/members/{user}`; one's own is leaving.
pub(crate) async fn remove(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let is_me = request.match_info().query("user") == "me";
    let user = if is_me { signed.account().id } else { user(&request)? };
    let is_own = user == signed.account().id;
    let action = if is_own { Action::Leave } else { Action::Remove { user } };
    signed.state.chat.act(signed.account(), named(&request)?, action).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /conversations/{conversation}/members/{user}/ban`
pub(crate) async fn ban(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let action = Action::Ban { user: user(&request)? };
    act(&signed, &request, action, HttpResponse::Ok()).await
}

/// `DELETE` of the same.
pub(crate) async fn unban(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let action = Action::Unban { user: user(&request)? };
    act(&signed, &request, action, HttpResponse::Ok()).await
}

/// For how long somebody may only read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"until": "2026-11-24T12:15:32Z"})))]
pub(crate) struct SilenceRequest {
    /// The end of it.
    #[schema(format = DateTime)]
    until: String,
}

/// `PUT /conversations/{conversation}/members/{user}/silence`
pub(crate) async fn silence(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<SilenceRequest>,
) -> Result<HttpResponse, Problem> {
    let until = Some(input::moment("until", &body.until)?);
    let action = Action::Silence { user: user(&request)?, until };
    act(&signed, &request, action, HttpResponse::Ok()).await
}

/// `DELETE` of the same.
pub(crate) async fn unsilence(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let action = Action::Silence { user: user(&request)?, until: None };
    act(&signed, &request, action, HttpResponse::Ok()).await
}

/// Who is to be the owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user": 8})))]
pub(crate) struct OwnerRequest {
    /// Their account; they take part already.
    user: i64,
}

/// `PUT /conversations/{conversation}/owner`
pub(crate) async fn hand_over(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<OwnerRequest>,
) -> Result<HttpResponse, Problem> {
    let (conversation, user) = (named(&request)?, UserId::new(body.user));
    let handed_over = signed.state.chat.hand_over(signed.account(), conversation, user).await;
    handed_over.map_err(|error| Problem::naming("user", error))?;
    Ok(HttpResponse::NoContent().finish())
}

fn user(request: &HttpRequest) -> Result<UserId, Problem> {
    part(request, "user").map(UserId::new)
}

async fn act(
    signed: &Authenticated,
    request: &HttpRequest,
    action: Action,
    mut answer: actix_web::HttpResponseBuilder,
) -> Result<HttpResponse, Problem> {
    let is_named_in_body = matches!(action, Action::Add { .. });
    let outcome = signed.state.chat.act(signed.account(), named(request)?, action).await;
    let problem = |error| {
        if is_named_in_body { Problem::naming("user", error) } else { Problem::from(error) }
    };
    match outcome.map_err(problem)? {
        Outcome::Applied(Change::Member(member)) => Ok(answer.json(MemberResponse::from(&member))),
        _ => Err(Problem::new(Kind::Internal)),
    }
}
