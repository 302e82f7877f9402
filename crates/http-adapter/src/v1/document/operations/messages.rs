//! Messages of a conversation.

use crate::v1::document::operation::{Operation, delete, get, patch, post, put};
use crate::v1::messages::{EditRequest, MessagePageResponse, NewMessageRequest, PageRequest};
use crate::v1::problem::Kind;
use crate::v1::request;
use crate::v1::search::SearchRequest;
use crate::v1::views::MessageResponse;

const ETAG: &str = "The number of edits, in quotes.";
/// Why one may not write.
const WRITING: [Kind; 4] = [Kind::Forbidden, Kind::Silenced, Kind::Blocked, Kind::TooManyRequests];

pub(super) fn all() -> Vec<Operation> {
    const ALL: &str = "/conversations/{conversation}/messages";
    const ONE: &str = "/conversations/{conversation}/messages/{message}";
    const REACTION: &str = "/conversations/{conversation}/messages/{message}/reactions/{emoji}";
    const PIN: &str = "/conversations/{conversation}/messages/{message}/pin";
    let shows = |operation: Operation, description| {
        operation.answers::<MessageResponse<'_>>(200, description).with("ETag", ETAG)
    };
    vec![
        get(ALL, "list_messages", "What was said")
            .query::<PageRequest>()
            .answers::<MessagePageResponse<'_>>(200, "The newest, unless asked otherwise."),
        post(ALL, "send_message", "Say something")
            .body::<NewMessageRequest>()
            .answers::<MessageResponse<'_>>(200, "It was said before under this `client_id`.")
            .answers::<MessageResponse<'_>>(201, "It is said.")
            .with("ETag", ETAG)
            .refuses(&WRITING)
            .refuses(&[Kind::ClientIdReused]),
        shows(get(ONE, "show_message", "A message"), "As it is now."),
        shows(patch(ONE, "edit_message", "Edit what one said"), "As it is now.")
            .body::<EditRequest>()
            .header("If-Match", "The `ETag` of what one edits; another is 412.", "\"0\"")
            .refuses(&WRITING)
            .refuses(&[Kind::Outdated]),
        delete(ONE, "delete_message", "Delete what one said, or what one moderates")
            .does(204, "Its place is left.")
            .refuses(&WRITING),
        shows(put(REACTION, "react", "Put an emoji to a message"), "With the emoji.")
            .refuses(&WRITING)
            .refuses(&[Kind::InvalidRequest, Kind::Full]),
        shows(delete(REACTION, "unreact", "Take one's emoji back"), "Without the emoji.")
            .refuses(&WRITING)
            .refuses(&[Kind::InvalidRequest]),
        shows(put(PIN, "pin", "Pin a message"), "It is pinned.").refuses(&WRITING),
        shows(delete(PIN, "unpin", "Unpin a message"), "It is not pinned.").refuses(&WRITING),
        get("/messages/search", "search", "Find messages by their words, in all conversations")
            .query::<SearchRequest>()
            .answers_page::<MessageResponse<'_>>("The newest first.")
            .refuses(&[Kind::TooManyRequests]),
        get(
            "/conversations/{conversation}/messages/search",
            "search_conversation",
            "Find messages by their words",
        )
        .query::<SearchRequest>()
        .answers_page::<MessageResponse<'_>>("The newest first.")
        .refuses(&[Kind::TooManyRequests]),
        get("/conversations/{conversation}/export", "export", "Take along what was said")
            .answers_lines::<MessageResponse<'_>>(
                "A line of JSON for each message, the oldest first.",
            )
            .with("Content-Disposition", "A name for the file.")
            .refuses(&[Kind::TooManyRequests]),
        get("/conversations/{conversation}/pins", "list_pins", "What is pinned")
            .query::<request::PageRequest>()
            .answers_page::<MessageResponse<'_>>("The last pinned first."),
    ]
}
