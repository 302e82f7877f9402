//! Members of conversations, and invitations.

use crate::v1::document::operation::{Operation, delete, get, patch, post, put};
use crate::v1::invites::{InvitationResponse, NewInviteRequest};
use crate::v1::members::{
    NewMemberRequest, OwnerRequest, PageRequest, SetRoleRequest, SilenceRequest,
};
use crate::v1::problem::Kind;
use crate::v1::request;
use crate::v1::views::{EntryResponse, InviteResponse, MemberResponse};

/// Why one may not manage.
const MANAGING: [Kind; 2] = [Kind::Forbidden, Kind::TooManyRequests];

pub(super) fn all() -> Vec<Operation> {
    const ALL: &str = "/conversations/{conversation}/members";
    const ONE: &str = "/conversations/{conversation}/members/{user}";
    const BAN: &str = "/conversations/{conversation}/members/{user}/ban";
    const SILENCE: &str = "/conversations/{conversation}/members/{user}/silence";
    let alters = |operation: Operation| {
        operation.answers::<MemberResponse<'_>>(200, "As they are now.").refuses(&MANAGING)
    };
    vec![
        get(ALL, "list_members", "Who takes part")
            .query::<PageRequest>()
            .answers_page::<MemberResponse<'_>>("By id."),
        post(ALL, "add_member", "Add somebody")
            .body::<NewMemberRequest>()
            .answers::<MemberResponse<'_>>(201, "They take part.")
            .refuses(&MANAGING)
            .refuses(&[Kind::Blocked, Kind::AlreadyMember]),
        alters(patch(ONE, "set_role", "Make somebody something else"))
            .body::<SetRoleRequest>()
            .refuses(&[Kind::LastOwner]),
        delete(ONE, "remove_member", "Remove somebody; `me` leaves")
            .does(204, "They take no part.")
            .refuses(&MANAGING)
            .refuses(&[Kind::LastOwner]),
        alters(put(BAN, "ban", "Shut somebody out")),
        alters(delete(BAN, "unban", "Let somebody in again")),
        alters(put(SILENCE, "silence", "Let somebody only read for a time"))
            .body::<SilenceRequest>(),
        alters(delete(SILENCE, "unsilence", "Let somebody write again")),
        put("/conversations/{conversation}/owner", "hand_over", "Hand a group over")
            .body::<OwnerRequest>()
            .does(204, "They are the owner, and one is an admin.")
            .refuses(&MANAGING)
            .refuses(&[Kind::LastOwner]),
    ]
}

pub(super) fn invitations() -> Vec<Operation> {
    const ALL: &str = "/conversations/{conversation}/invites";
    vec![
        get(ALL, "list_invites", "The invitations of a group")
            .query::<request::PageRequest>()
            .answers_page::<InviteResponse>("The newest first.")
            .refuses(&[Kind::Forbidden]),
        post(ALL, "make_invite", "Make an invitation")
            .body::<NewInviteRequest>()
            .answers::<InviteResponse>(201, "It is good from now on.")
            .refuses(&MANAGING),
        delete(
            "/conversations/{conversation}/invites/{code}",
            "revoke_invite",
            "Take an invitation back",
        )
        .does(204, "It is good no longer.")
        .refuses(&[Kind::Forbidden]),
        get("/invites/{code}", "show_invite", "What an invitation leads to")
            .answers::<InvitationResponse<'_>>(200, "The group.")
            .refuses(&[Kind::TooManyRequests]),
        post("/invites/{code}/join", "join", "Take part by an invitation")
            .answers::<EntryResponse<'_>>(200, "The group.")
            .refuses(&[Kind::Banned, Kind::TooManyRequests]),
    ]
}
