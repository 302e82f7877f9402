//! Accounts, sessions, and other people.

use crate::v1::accounts::{CredentialsIn, NewAccountIn, PasswordIn, RefreshIn, TokensView};
use crate::v1::document::operation::{Operation, delete, get, patch, post, put};
use crate::v1::problem::Kind;
use crate::v1::profile::{MeView, ProfileIn};
use crate::v1::request::PageIn;
use crate::v1::sessions::SessionView;
use crate::v1::users::{PeopleView, UsersView, WhomIn};
use crate::v1::views::{AuditView, PersonView};

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
        get("/sessions", "list_sessions", "Where one is signed in")
            .query::<PageIn>()
            .answers_page::<SessionView>("The most recently used first."),
        delete("/sessions/{session}", "end_session", "Sign out elsewhere")
            .does(204, "Its tokens and sockets have ended."),
        delete("/sessions", "end_sessions", "Sign out everywhere")
            .does(204, "Every token that one ever got is worth nothing now."),
        get("/me", "show_me", "Who one is").answers::<MeView<'_>>(200, "Oneself."),
        patch("/me", "alter_me", "Say what one shows of oneself")
            .body::<ProfileIn>()
            .answers::<MeView<'_>>(200, "As one is now.")
            .refuses(&[Kind::TooManyRequests]),
        put("/me/password", "change_password", "Take another password")
            .body::<PasswordIn>()
            .answers::<TokensView<'_>>(200, "A new session; all others have ended.")
            .refuses(&[Kind::TooManyRequests]),
        get("/me/blocks", "list_blocks", "Whom one does not want to hear from")
            .answers::<UsersView<'_>>(200, "All of them."),
        put("/me/blocks/{user}", "block", "Hear no more from somebody")
            .does(204, "They are blocked.")
            .refuses(&[Kind::Forbidden, Kind::Full, Kind::TooManyRequests]),
        delete("/me/blocks/{user}", "unblock", "Hear from somebody again")
            .does(204, "They are not blocked.")
            .refuses(&[Kind::Forbidden, Kind::TooManyRequests]),
        get("/users", "find_users", "Find somebody by name, or some by id")
            .query::<WhomIn>()
            .answers::<PeopleView<'_>>(200, "Who has exactly this name, or those of these ids."),
        get("/users/{user}", "show_user", "Somebody")
            .answers::<PersonView<'_>>(200, "As others see them."),
        get("/moderation-log", "list_moderation", "What superusers did; for superusers")
            .query::<PageIn>()
            .answers_page::<AuditView>("The newest first.")
            .refuses(&[Kind::Forbidden]),
    ]
}
