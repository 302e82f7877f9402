//! Groups that ask you to join them, because you do not let their members add you.

use actix_web::HttpResponse;
use application::ports::Invitation;
use serde::Serialize;
use utoipa::ToSchema;

use super::cursor::Page;
use super::input::Role;
use super::problem::{Kind, Problem};
use super::request::Authenticated;
use super::responses::{ConversationResponse, DetailsResponse, UserResponse};

/// A group that asks you to join it.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation, examples(json!({
    "conversation": {
        "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
        "deleted_at": null
    },
    "role": "member", "invited_by": {"id": 7, "username": "ann"}
})))]
pub(crate) struct InvitationResponse<'a> {
    /// The group.
    conversation: DetailsResponse<'a>,
    /// The role that you get when you accept.
    role: Role,
    /// The member who wants to add you.
    invited_by: UserResponse<'a>,
}

impl<'a> From<&'a Invitation> for InvitationResponse<'a> {
    fn from(invitation: &'a Invitation) -> Self {
        let (by, username) = &invitation.invited_by;
        Self {
            conversation: (&invitation.conversation).into(),
            role: invitation.role.into(),
            invited_by: UserResponse::new(*by, username),
        }
    }
}

type InvitationPage<'a> = Page<InvitationResponse<'a>>;

/// Lists your open invitations. There are at most 50, so this is one page.
#[utoipa::path(
    get, path = "/me/invitations",
    responses((status = 200, description = "Your open invitations.", body = InvitationPage)),
)]
pub(crate) async fn list_invitations(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let invitations = caller.chat().invitations(caller.account()).await?;
    Ok(InvitationPage::respond(&invitations, None))
}

/// Accepts an invitation.
#[utoipa::path(
    post, path = "/me/invitations/{conversation}/accept",
    responses((status = 200, description = "The group.", body = ConversationResponse)),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn accept_invitation(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let entry = caller.chat().accept_invitation(caller.account(), caller.conversation()?).await?;
    Ok(HttpResponse::Ok().json(ConversationResponse::from(&entry)))
}

/// Declines an invitation.
#[utoipa::path(
    delete, path = "/me/invitations/{conversation}",
    responses((status = 204, description = "The invitation is gone.")),
    extensions(("x-problems" = json!([Kind::TooManyRequests]))),
)]
pub(crate) async fn decline_invitation(caller: Authenticated) -> Result<HttpResponse, Problem> {
    caller.chat().decline_invitation(caller.account(), caller.conversation()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
