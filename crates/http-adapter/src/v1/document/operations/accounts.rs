//! Accounts, sessions, and other people.

use crate::v1::accounts::{CredentialsIn, MeView, NewAccountIn, RefreshIn, TokensView};
use crate::v1::document::operation::{Operation, delete, get, post, put};
use crate::v1::problem::Kind;
use crate::v1::users::{NameIn, PageIn, UsersView};
use crate::v1::views::{AuditView, UserView};

pub(super) fn all() -> Vec<Operation> {
    vec![
        post("/accounts", "sign_up", "Sign up")
            .open()
            .body::<NewAccountIn>()
            .answers::<TokensView>(201, "The first session of the new account.")
            .refuses(&[Kind::Taken, Kind::TooManyRequests]),
        post("/sessions", "sign_in", "Sign in")
            .open()
            .body::<CredentialsIn>()
            .answers::<TokensView>(201, "A new session.")
            .refuses(&[Kind::WrongCredentials, Kind::TooManyRequests]),
        post("/sessions/refresh", "refresh", "Go on with a session")
            .open()
            .body::<RefreshIn>()
            .answers::<TokensView>(200, "The next pair; the one before is worth nothing now.")
            .refuses(&[Kind::SpentToken]),
        delete("/sessions/current", "sign_out", "Sign out")
            .does(204, "The tokens and sockets of this session have ended."),
        get("/me", "show_me", "Who one is").answers::<MeView>(200, "Oneself."),
        get("/me/blocks", "list_blocks", "Whom one does not want to hear from")
            .answers::<UsersView>(200, "All of them."),
        put("/me/blocks/{user}", "block", "Hear no more from somebody")
            .does(204, "They are blocked.")
            .refuses(&[Kind::Forbidden, Kind::TooManyRequests]),
        delete("/me/blocks/{user}", "unblock", "Hear from somebody again")
            .does(204, "They are not blocked.")
            .refuses(&[Kind::Forbidden, Kind::TooManyRequests]),
        get("/users", "find_user", "Find somebody by name")
            .query::<NameIn>()
            .answers::<UsersView>(200, "Who has exactly this name, if anybody."),
        get("/users/{user}", "show_user", "Somebody")
            .answers::<UserView<'_>>(200, "As others see them."),
        get("/moderation-log", "list_moderation", "What superusers did; for superusers")
            .query::<PageIn>()
            .answers_page::<AuditView>("The newest first.")
            .refuses(&[Kind::Forbidden]),
    ]
}
