//! Members of a conversation.

use actix_web::{HttpResponse, HttpResponseBuilder};
use domain::{Action, Change, Outcome, UserId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::cursor::{self, List, Page, narrow};
use super::input::{self, Role};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, Query, limit};
use super::responses::MemberResponse;

/// Why a change of the members can be refused.
const MANAGING: [Kind; 2] = [Kind::Forbidden, Kind::TooManyRequests];
const MANAGING_OWNERS: [Kind; 3] = [Kind::Forbidden, Kind::TooManyRequests, Kind::LastOwner];

/// The page of members that the client asks for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListMembersRequest {
    /// The `next` of the previous page; leave it out for the first page.
    #[param(min_length = 1)]
    after: Option<String>,
    /// Maximum number of members.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
}

type MemberPage<'a> = Page<MemberResponse<'a>>;

/// Lists the members of a conversation, by id.
#[utoipa::path(
    get, path = "/conversations/{conversation}/members", params(ListMembersRequest),
    responses((status = 200, description = "A page of members.", body = MemberPage)),
)]
pub(crate) async fn list_members(
    caller: Authenticated,
    Query(query): Query<ListMembersRequest>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit.as_deref())?;
    let after = cursor::decode(List::Members, "after", query.after.as_deref())?;
    let after = after.map(|[id]| UserId::new(narrow(id)));
    let conversation = caller.conversation()?;
    let page = caller.chat().members(caller.account(), conversation, after, limit).await?;
    let next = page.next.map(|user| cursor::encode(List::Members, [user.get()]));
    Ok(MemberPage::respond(&page.members, next))
}

/// A user to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user": 8, "role": "member"})))]
pub(crate) struct AddMemberRequest {
    /// The id of the user.
    user: i64,
    /// The role of the new member; `member` by default.
    role: Option<Role>,
}

/// Adds a member.
///
/// The answer has the status `invited` if the user wants to be asked first: see `added_by` of the
/// profile. The user has at most 50 open invitations; beyond it, this answers `full`.
#[utoipa::path(
    post, path = "/conversations/{conversation}/members", request_body = AddMemberRequest,
    responses((status = 201, description = "The new member.", body = MemberResponse)),
    extensions(("x-problems" = json!([MANAGING.as_slice(), &[Kind::Blocked, Kind::AlreadyMember, Kind::Full]].concat()))),
)]
pub(crate) async fn add_member(
    caller: Authenticated,
    Body(body): Body<AddMemberRequest>,
) -> Result<HttpResponse, Problem> {
    let role = body.role.map_or(domain::Role::Member, Into::into);
    let action = Action::Add { user: UserId::new(body.user), role };
    let added = caller.chat().act(caller.account(), caller.conversation()?, action).await;
    show(HttpResponse::Created(), added.map_err(|error| Problem::naming("user", error))?)
}

fn show(mut response: HttpResponseBuilder, outcome: Outcome) -> Result<HttpResponse, Problem> {
    match outcome {
        Outcome::Applied(Change::Member(m)) => Ok(response.json(MemberResponse::from(&m))),
        _ => Err(Problem::internal("show a member", "the outcome has none")),
    }
}

async fn alter(caller: &Authenticated, action: Action) -> Result<HttpResponse, Problem> {
    show(HttpResponse::Ok(), caller.act(action).await?)
}

/// A role for a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"role": "admin"})))]
pub(crate) struct SetRoleRequest {
    /// The new role, at most your own.
    role: Role,
}

/// Changes the role of a member.
///
/// A superuser may make a member the owner of a group whose owners have left or are disabled.
#[utoipa::path(
    patch, path = "/conversations/{conversation}/members/{user}", request_body = SetRoleRequest,
    responses((status = 200, description = "The member after the change.", body = MemberResponse)),
    extensions(("x-problems" = json!(MANAGING_OWNERS))),
)]
pub(crate) async fn set_role(
    caller: Authenticated,
    Body(body): Body<SetRoleRequest>,
) -> Result<HttpResponse, Problem> {
    alter(&caller, Action::SetRole { user: caller.user()?, role: body.role.into() }).await
}

/// Removes a member, or leaves the group if the member is you. Withdraws the invitation of a user
/// who is invited.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/members/{user}",
    responses((status = 204, description = "The user is not a member.")),
    extensions(("x-problems" = json!(MANAGING_OWNERS))),
)]
pub(crate) async fn remove_member(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let own = caller.account().id;
    let user = if caller.text("user") == "me" { own } else { caller.user()? };
    caller.act(if user == own { Action::Leave } else { Action::Remove { user } }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Bans a user from the group.
#[utoipa::path(
    put, path = "/conversations/{conversation}/members/{user}/ban",
    responses((status = 200, description = "The member after the change.", body = MemberResponse)),
    extensions(("x-problems" = json!(MANAGING))),
)]
pub(crate) async fn ban_member(caller: Authenticated) -> Result<HttpResponse, Problem> {
    alter(&caller, Action::Ban { user: caller.user()? }).await
}

/// Lifts a ban. The user may join again.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/members/{user}/ban",
    responses((status = 200, description = "The member after the change.", body = MemberResponse)),
    extensions(("x-problems" = json!(MANAGING))),
)]
pub(crate) async fn unban_member(caller: Authenticated) -> Result<HttpResponse, Problem> {
    alter(&caller, Action::Unban { user: caller.user()? }).await
}

/// How long to silence a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"until": "2026-11-24T12:15:32Z"})))]
pub(crate) struct SilenceRequest {
    /// When the silence ends.
    #[schema(format = DateTime)]
    until: String,
}

/// Silences a member, who can read but not write until then.
#[utoipa::path(
    put, path = "/conversations/{conversation}/members/{user}/silence",
    request_body = SilenceRequest,
    responses((status = 200, description = "The member after the change.", body = MemberResponse)),
    extensions(("x-problems" = json!(MANAGING))),
)]
pub(crate) async fn silence_member(
    caller: Authenticated,
    Body(body): Body<SilenceRequest>,
) -> Result<HttpResponse, Problem> {
    let until = Some(input::moment("until", &body.until)?);
    let action = Action::Silence { user: caller.user()?, until };
    let silenced = caller.chat().act(caller.account(), caller.conversation()?, action).await;
    show(HttpResponse::Ok(), silenced.map_err(|error| Problem::naming("until", error))?)
}

/// Ends the silence of a member.
#[utoipa::path(
    delete, path = "/conversations/{conversation}/members/{user}/silence",
    responses((status = 200, description = "The member after the change.", body = MemberResponse)),
    extensions(("x-problems" = json!(MANAGING))),
)]
pub(crate) async fn unsilence_member(caller: Authenticated) -> Result<HttpResponse, Problem> {
    alter(&caller, Action::Silence { user: caller.user()?, until: None }).await
}

/// The next owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user": 8})))]
pub(crate) struct TransferOwnershipRequest {
    /// The id of a member.
    user: i64,
}

/// Transfers the ownership of a group to another member. You become an admin.
#[utoipa::path(
    put, path = "/conversations/{conversation}/owner", request_body = TransferOwnershipRequest,
    responses((status = 204, description = "The member is the owner, and you are an admin.")),
    extensions(("x-problems" = json!(MANAGING_OWNERS))),
)]
pub(crate) async fn transfer_ownership(
    caller: Authenticated,
    Body(body): Body<TransferOwnershipRequest>,
) -> Result<HttpResponse, Problem> {
    let (conversation, user) = (caller.conversation()?, UserId::new(body.user));
    let result = caller.chat().transfer_ownership(caller.account(), conversation, user).await;
    result.map_err(|error| Problem::naming("user", error))?;
    Ok(HttpResponse::NoContent().finish())
}
