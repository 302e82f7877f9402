//! Conversations.

use crate::v1::changes::ChangesResponse;
use crate::v1::conversations::{
    ChangesRequest, DetailsRequest, NewGroupRequest, PositionResponse, ReadRequest, ReadResponse,
    ReaderResponse,
};
use crate::v1::document::operation::{Operation, delete, get, patch, post, put};
use crate::v1::problem::Kind;
use crate::v1::request;
use crate::v1::views::EntryResponse;

pub(super) fn all() -> Vec<Operation> {
    const ONE: &str = "/conversations/{conversation}";
    const MUTE: &str = "/conversations/{conversation}/mute";
    vec![
        get("/conversations", "list_conversations", "One's conversations")
            .query::<request::PageRequest>()
            .answers_page::<EntryResponse<'_>>("The most recently active first."),
        post("/conversations", "open_group", "Open a group")
            .body::<NewGroupRequest>()
            .answers::<EntryResponse<'_>>(201, "The group; one is its owner.")
            .with("Location", "Where the group is.")
            .refuses(&[Kind::NotFound, Kind::Blocked, Kind::TooManyRequests]),
        put("/direct/{user}", "open_direct", "The conversation with somebody")
            .answers::<EntryResponse<'_>>(200, "It was there.")
            .answers::<EntryResponse<'_>>(201, "It is new.")
            .refuses(&[Kind::Forbidden, Kind::Blocked, Kind::TooManyRequests]),
        get(ONE, "show_conversation", "A conversation")
            .answers::<EntryResponse<'_>>(200, "As one sees it."),
        patch(ONE, "alter_group", "Alter a group; by owners and admins")
            .body::<DetailsRequest>()
            .answers::<EntryResponse<'_>>(200, "As it is now.")
            .refuses(&[Kind::Forbidden, Kind::TooManyRequests]),
        delete(ONE, "delete_group", "Delete a group; by owners")
            .does(204, "It is gone.")
            .refuses(&[Kind::Forbidden, Kind::TooManyRequests]),
        put("/conversations/{conversation}/read", "mark_read", "Say how far one has read")
            .body::<ReadRequest>()
            .answers::<ReadResponse>(200, "Where the marker is.")
            .refuses(&[Kind::TooManyRequests]),
        get("/conversations/{conversation}/readers", "list_readers", "How far others have read")
            .answers_page::<ReaderResponse<'_>>("Each who takes part.")
            .refuses(&[Kind::ReceiptsHidden]),
        put(MUTE, "mute", "Want no notice of it")
            .does(204, "It is muted.")
            .refuses(&[Kind::TooManyRequests]),
        delete(MUTE, "unmute", "Want notice of it again")
            .does(204, "It is not muted.")
            .refuses(&[Kind::TooManyRequests]),
        get("/conversations/{conversation}/changes", "list_changes", "What changed since a cursor")
            .query::<ChangesRequest>()
            .answers::<ChangesResponse<'_>>(200, "The oldest first."),
        get("/conversations/{conversation}/position", "show_position", "Where it stands")
            .answers::<PositionResponse>(200, "A cursor to begin with."),
    ]
}
