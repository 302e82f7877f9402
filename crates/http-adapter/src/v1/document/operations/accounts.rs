//! Accounts, sessions, and other people.

use crate::v1::accounts::{
    CredentialsRequest, NewAccountRequest, PasswordRequest, RefreshRequest, TokensResponse,
};
use crate::v1::document::operation::{Operation, delete, get, patch, post, put};
use crate::v1::problem::Kind;
use crate::v1::profile::{MeResponse, ProfileRequest};
use crate::v1::request::PageRequest;
use crate::v1::sessions::SessionResponse;
use crate::v1::users::{PeopleResponse, UsersResponse, WhomRequest};
use crate::v1::views::{AuditResponse, PersonResponse};

pub(super) fn all() -> Vec<Operation> {
    vec![
        post("/accounts", "sign_up", "Sign up")
            .open()
            .body::<NewAccountRequest>()
            .answers::<TokensResponse>(201, "The first session of the new account.")
            .refuses(&[Kind::Taken, Kind::TooManyRequests]),
        post("/sessions", "sign_in", "Sign in")
            .open()
            .body::<CredentialsRequest>()
            .answers::<TokensResponse>(201, "A new session.")
            .refuses(&[Kind::WrongCredentials, Kind::TooManyRequests]),
        post("/sessions/refresh", "refresh", "Go on with a session")
            .open()
            .body::<RefreshRequest>()
            .answers::<TokensResponse>(200, "The next pair; the one before is worth nothing now.")
            .refuses(&[Kind::SpentToken]),
        delete("/sessions/current", "sign_out", "Sign out")
            .does(204, "The tokens and sockets of this session have ended."),
        get("/sessions", "list_sessions", "Where one is signed in")
            .query::<PageRequest>()
            .answers_page::<SessionResponse>("The most recently used first."),
        delete("/sessions/{session}", "end_session", "Sign out elsewhere")
            .does(204, "Its tokens and sockets have ended."),
        delete("/sessions", "end_sessions", "Sign out everywhere")
            .does(204, "Every token that one ever got is worth nothing now."),
        get("/me", "show_me", "Who one is").answers::<MeResponse<'_>>(200, "Oneself."),
        patch("/me", "alter_me", "Say what one shows of oneself")
            .body::<ProfileRequest>()
            .answers::<MeResponse<'_>>(200, "As one is now.")
            .refuses(&[Kind::TooManyRequests]),
        put("/me/password", "change_password", "Take another password")
            .body::<PasswordRequest>()
            .answers::<TokensResponse<'_>>(200, "A new session; all others have ended.")
            .refuses(&[Kind::TooManyRequests]),
        get("/me/blocks", "list_blocks", "Whom one does not want to hear from")
            .answers::<UsersResponse<'_>>(200, "All of them."),
        put("/me/blocks/{user}", "block", "Hear no more from somebody")
            .does(204, "They are blocked.")
            .refuses(&[Kind::Forbidden, Kind::Full, Kind::TooManyRequests]),
        delete("/me/blocks/{user}", "unblock", "Hear from somebody again")
            .does(204, "They are not blocked.")
            .refuses(&[Kind::Forbidden, Kind::TooManyRequests]),
        get("/users", "find_users", "Find somebody by name, or some by id")
            .query::<WhomRequest>()
            .answers::<PeopleResponse<'_>>(200, "Who has exactly this name, or those of these ids."),
        get("/users/{user}", "show_user", "Somebody")
            .answers::<PersonResponse<'_>>(200, "As others see them."),
        get("/moderation-log", "list_moderation", "What superusers did; for superusers")
            .query::<PageRequest>()
            .answers_page::<AuditResponse>("The newest first.")
            .refuses(&[Kind::Forbidden]),
    ]
}
