//! Invitations.

use actix_web::{HttpRequest, HttpResponse};
use application::NewInvite;
use domain::{InviteCode, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conversations::{named, narrow};
use super::cursor::{self, List};
use super::input::{self, Checks, RoleRequest, wrong};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, PageRequest, Query, limit};
use super::views::{ConversationResponse, EntryResponse, InviteResponse, Page, role_text};

/// An invitation to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "role": "member", "expires_at": "2026-12-24T12:15:32Z", "max_uses": 10
})))]
pub(crate) struct NewInviteRequest {
    /// What those who use it become; `member` unless said.
    role: Option<RoleRequest>,
    /// When it is to end by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// How often it may be used.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_uses: Option<i64>,
}

/// `POST /conversations/{conversation}/invites`
pub(crate) async fn make(
    signed: Authenticated,
    request: HttpRequest,
    Body(body): Body<NewInviteRequest>,
) -> Result<HttpResponse, Problem> {
    let mut checks = Checks::default();
    let expires_at = body.expires_at.as_deref();
    let expires_at = expires_at.and_then(|text| checks.take(input::moment("expires_at", text)));
    let max_uses = body.max_uses.and_then(|uses| checks.take(max_uses(uses)));
    let role = body.role.map_or(Role::Member, Into::into);
    let new = checks.finish(Some(NewInvite { role, expires_at, max_uses }))?;
    let invite = signed.state.chat.invite(signed.account(), named(&request)?, new).await?;
    Ok(HttpResponse::Created().json(InviteResponse::from(&invite)))
}

fn max_uses(uses: i64) -> Result<u32, super::problem::FieldError> {
    match u32::try_from(uses) {
        Ok(uses @ 1..=1_000_000) => Ok(uses),
        _ => Err(wrong("max_uses", "range", "must be from 1 to 1000000")),
    }
}

/// `GET /conversations/{conversation}/invites`
pub(crate) async fn list(
    signed: Authenticated,
    request: HttpRequest,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let before = query.before.as_deref().map(|text| cursor::decode(List::Invites, "before", text));
    let before = before.transpose()?.map(|[at, code]| {
        (Timestamp::from_micros(narrow(at)), InviteCode::new(code.cast_unsigned()))
    });
    let chat = &signed.state.chat;
    let invites = chat.invites(signed.account(), named(&request)?, before, limit).await?;
    let last = invites.last().filter(|_| invites.len() == limit);
    let next = last.map(|invite| {
        let place = [invite.created_at.micros().into(), invite.code.get().cast_signed()];
        cursor::encode(List::Invites, &place)
    });
    let items = invites.iter().map(InviteResponse::from).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}

/// `DELETE /conversations/{conversation}/invites/{code}`
pub(crate) async fn revoke(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (conversation, code) = (named(&request)?, code(&request)?);
    signed.state.chat.revoke_invite(signed.account(), conversation, code).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn code(request: &HttpRequest) -> Result<InviteCode, Problem> {
    let code = input::invite_code(request.match_info().query("code"));
    code.ok_or_else(|| Problem::new(Kind::NotFound))
}

/// What an invitation leads to.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "conversation": {
        "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
        "deleted_at": null
    },
    "role": "member"
})))]
pub(crate) struct InvitationResponse<'a> {
    /// The group.
    conversation: ConversationResponse<'a>,
    /// What one becomes there.
    #[schema(value_type = RoleRequest)]
    role: &'static str,
}

/// `GET /invites/{code}`
pub(crate) async fn show(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let found = signed.state.chat.invited_to(signed.account(), code(&request)?).await?;
    let (invite, conversation) = &found;
    let role = role_text(invite.role);
    Ok(HttpResponse::Ok().json(InvitationResponse { conversation: conversation.into(), role }))
}

/// `POST /invites/{code}/join`
pub(crate) async fn join(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let entry = signed.state.chat.join(signed.account(), code(&request)?).await?;
    Ok(HttpResponse::Ok().json(EntryResponse::from(&entry)))
}
