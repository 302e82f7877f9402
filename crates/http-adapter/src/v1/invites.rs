//! Invitations to groups.

use actix_web::HttpResponse;
use application::NewInvite;
use domain::{InviteCode, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cursor::{self, List, Page, narrow};
use super::input::{self, Checks, Role, wrong};
use super::problem::{FieldError, Kind, Problem};
use super::request::{Authenticated, Body, PageRequest, Query};
use super::responses::{ConversationResponse, DetailsResponse, InviteResponse};

/// A new invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "role": "member", "expires_at": "2026-12-24T12:15:32Z", "max_uses": 10
})))]
pub(crate) struct CreateInviteRequest {
    /// The role of users who join with it; `member` by default.
    role: Option<Role>,
    /// When it expires; never by default.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// How often it can be used; any number of times by default.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_uses: Option<i64>,
}

/// Creates an invitation.
#[utoipa::path(
    post, path = "/conversations/{conversation}/invites", request_body = CreateInviteRequest,
    responses((status = 201, description = "The invitation.", body = InviteResponse)),
    extensions(("x-problems" = json!([Kind::Forbidden, Kind::TooManyRequests]))),
)]
pub(crate) async fn create_invite(
    caller: Authenticated,
    Body(body): Body<CreateInviteRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let expires_at = body.expires_at.as_deref();
    let expires_at = expires_at.and_then(|text| checks.take(input::moment("expires_at", text)));
    let max_uses = body.max_uses.and_then(|uses| checks.take(max_uses(uses)));
    let role = body.role.map_or(domain::Role::Member, Into::into);
    let new = checks.finish(Some(NewInvite { role, expires_at, max_uses }))?;
    let invite = caller.chat().invite(caller.account(), caller.conversation()?, new).await;
    let invite = invite.map_err(|error| Problem::naming("expires_at", error))?;
    Ok(HttpResponse::Created().json(InviteResponse::from(&invite)))
}

fn max_uses(uses: i64) -> Result<u32, FieldError> {
    match u32::try_from(uses) {
        Ok(uses @ 1..=1_000_000) => Ok(uses),
        _ => Err(wrong("max_uses", "range", "must be from 1 to 1000000")),
    }
}

type InvitePage = Page<InviteResponse>;

/// Lists the invitations of a group, the newest first.
#[utoipa::path(
    get, path = "/conversations/{conversation}/invites", params(PageRequest),
    responses((status = 200, description = "A page of invitations.", body = InvitePage)),
    extensions(("x-problems" = json!([Kind::Forbidden]))),
)]
pub(crate) async fn list_invites(
    caller: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let (limit, before) = (query.limit()?, query.before(List::Invites)?);
    let before = before.map(|[at, code]| {
        (Timestamp::from_micros(narrow(at)), InviteCode::new(code.cast_unsigned()))
    });
    let conversation = caller.conversation()?;
    let invites = caller.chat().invites(caller.account(), conversation, before, limit).await?;
    let next = cursor::last(&invites, limit).map(|invite| {
        let numbers = [invite.created_at.micros().into(), invite.code.get().cast_signed()];
        cursor::encode(List::Invites, numbers)
    });
    Ok(InvitePage::respond(&invites, next))
}

/// Revokes an invitation.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/invites/{code}",
    responses((status = 204, description = "The invitation is no longer valid.")),
    extensions(("x-problems" = json!([Kind::Forbidden]))),
)]
pub(crate) async fn revoke_invite(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let (conversation, code) = (caller.conversation()?, code(&caller)?);
    caller.chat().revoke_invite(caller.account(), conversation, code).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Parses exactly 32 hexadecimal digits. Any other text is 404.
fn code(caller: &Authenticated) -> Result<InviteCode, Problem> {
    let text = caller.text("code");
    let is_code = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = is_code.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
    code.map(InviteCode::new).ok_or_else(|| Problem::new(Kind::NotFound))
}

/// What an invitation leads to.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitePreview, examples(json!({
    "conversation": {
        "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
        "deleted_at": null
    },
    "role": "member"
})))]
pub(crate) struct InvitePreviewResponse<'a> {
    /// The group.
    conversation: DetailsResponse<'a>,
    /// The role that you get when you join.
    role: Role,
}

/// Returns what an invitation leads to.
#[utoipa::path(
    get, path = "/invites/{code}",
    responses((status = 200, description = "The group and the role.", body = InvitePreviewResponse)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn get_invite(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let found = caller.chat().invited_to(caller.account(), code(&caller)?).await?;
    let (invite, conversation) = &found;
    let role = invite.role.into();
    Ok(HttpResponse::Ok().json(InvitePreviewResponse { conversation: conversation.into(), role }))
}

/// Joins a group with an invitation.
#[utoipa::path(
    post, path = "/invites/{code}/join",
    responses((status = 200, description = "The group.", body = ConversationResponse)),
    extensions(("x-problems" = json!([Kind::Banned, Kind::TooManyRequests]))),
)]
pub(crate) async fn join_by_invite(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let entry = caller.chat().join(caller.account(), code(&caller)?).await?;
    Ok(HttpResponse::Ok().json(ConversationResponse::from(&entry)))
}
