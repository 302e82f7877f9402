//! The v1 API: REST and a socket under `/api/v1`.

mod accounts;
mod changes;
mod conversations;
mod cursor;
mod document;
mod formats;
mod if_match;
mod input;
mod invitations;
mod invites;
mod json;
mod members;
mod messages;
mod problem;
mod reference;
mod request;
mod responses;
mod sessions;
mod socket;
mod users;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web;
use actix_web::{HttpResponse, Resource, ResponseError as _, Route, guard};
use application::ports::RetryAfter;
use utoipa::OpenApi;

pub use self::document::{asyncapi_document, openapi_document};
pub use self::socket::V1Sockets;

use self::document::Common;
use self::problem::{Kind, Problem, ProblemResponse};
use crate::path::V1_ROOT;

/// The response to a request whose handler panicked.
pub(crate) fn internal_error() -> HttpResponse {
    Problem::new(Kind::Internal).error_response()
}

/// The response to a request that the server has no memory for now.
pub(crate) fn unavailable() -> HttpResponse {
    Problem::unavailable().error_response()
}

/// The response to a request over one connection too many.
pub(crate) fn too_many(wait: RetryAfter) -> HttpResponse {
    Problem::from(wait).error_response()
}

/// The response to a path that is not UTF-8 in percent-encoding.
pub(crate) fn malformed_path() -> HttpResponse {
    Problem::field("path", "encoding", "must be UTF-8 in percent-encoding").error_response()
}

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    let not_found = || async { Problem::new(Kind::NotFound).error_response() };
    cfg.service(
        web::scope(V1_ROOT)
            .configure(routes)
            .configure(reference::configure_swagger)
            .default_service(web::to(not_found)),
    );
}

/// Registers and documents handlers, by path and method.
macro_rules! routes {
    ($($path:literal => $($method:ident $module:ident::$handler:ident),+;)+) => {
        fn routes(cfg: &mut web::ServiceConfig) {
            $(cfg.service(
                at($path, &[$(stringify!($method)),+])
                    $(.route(route(Method::$method).to($module::$handler)))+
            );)+
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Online Chat",
                version = "1",
                description = "Accounts, conversations and messages. Every error response is a \
                    problem as in RFC 9457. Cursors are opaque. Clients must ignore fields that \
                    they do not know; new ones may be added at any time. The WebSocket, which \
                    asyncapi.json describes, delivers what happens.",
                license(name = "MIT", url = "https://spdx.org/licenses/MIT"),
            ),
            servers((url = "/api/v1", description = "This server")),
            tags(
                (name = "accounts", description = "Your account, and the users that you block."),
                (name = "sessions", description = "Signing in and out."),
                (name = "users", description = "Other users."),
                (name = "conversations", description = "The lobby, groups and direct conversations."),
                (name = "messages", description = "Reading, writing and searching."),
                (name = "members", description = "The members of a conversation."),
                (name = "invitations", description = "Groups that ask you to join them."),
                (name = "invites", description = "Invitation codes of groups."),
                (name = "moderation", description = "What superusers did."),
                (name = "reference", description = "For developers of clients."),
            ),
            components(schemas(ProblemResponse)),
            paths($($($module::$handler),+),+),
            modifiers(&Common),
        )]
        struct Documented;
    };
}

routes! {
    "/accounts" => POST accounts::sign_up;
    "/sessions" =>
        GET sessions::list_sessions, POST sessions::sign_in, DELETE sessions::end_sessions;
    "/sessions/refresh" => POST sessions::refresh_session;
    "/sessions/current" => DELETE sessions::sign_out;
    "/sessions/{session}" => DELETE sessions::end_session;
    "/me" => GET accounts::get_me, PATCH accounts::update_me;
    "/me/password" => PUT accounts::change_password;
    "/me/blocks" => GET accounts::list_blocks;
    "/me/blocks/{user}" => PUT accounts::block_user, DELETE accounts::unblock_user;
    "/me/invitations" => GET invitations::list_invitations;
    "/me/invitations/{conversation}" => DELETE invitations::decline_invitation;
    "/me/invitations/{conversation}/accept" => POST invitations::accept_invitation;
    "/users" => GET users::find_users;
    "/users/{user}" => GET users::get_user;
    "/moderation-log" => GET users::list_moderation_log;
    "/conversations" => GET conversations::list_conversations, POST conversations::create_group;
    "/direct/{user}" => PUT conversations::open_direct;
    "/conversations/{conversation}" =>
        GET conversations::get_conversation,
        PATCH conversations::update_group,
        DELETE conversations::delete_group;
    "/conversations/{conversation}/read" => PUT conversations::mark_read;
    "/conversations/{conversation}/read-receipts" => GET conversations::list_read_receipts;
    "/conversations/{conversation}/mute" =>
        PUT conversations::mute_conversation, DELETE conversations::unmute_conversation;
    "/conversations/{conversation}/changes" => GET changes::list_changes;
    "/conversations/{conversation}/cursor" => GET changes::get_cursor;
    "/conversations/{conversation}/export" => GET messages::export_messages;
    "/conversations/{conversation}/pins" => GET messages::list_pins;
    "/conversations/{conversation}/messages" =>
        GET messages::list_messages, POST messages::send_message;
    // Before the path with {message}, which also matches "search".
    "/conversations/{conversation}/messages/search" => GET messages::search_conversation;
    "/messages/search" => GET messages::search_messages;
    "/conversations/{conversation}/messages/{message}" =>
        GET messages::get_message, PATCH messages::edit_message, DELETE messages::delete_message;
    "/conversations/{conversation}/messages/{message}/reactions/{emoji}" =>
        PUT messages::add_reaction, DELETE messages::remove_reaction;
    "/conversations/{conversation}/messages/{message}/reactions/{emoji}/{user}" =>
        DELETE messages::remove_reaction_of;
    "/conversations/{conversation}/messages/{message}/pin" =>
        PUT messages::pin_message, DELETE messages::unpin_message;
    "/conversations/{conversation}/members" => GET members::list_members, POST members::add_member;
    "/conversations/{conversation}/members/{user}" =>
        PATCH members::set_role, DELETE members::remove_member;
    "/conversations/{conversation}/members/{user}/ban" =>
        PUT members::ban_member, DELETE members::unban_member;
    "/conversations/{conversation}/members/{user}/silence" =>
        PUT members::silence_member, DELETE members::unsilence_member;
    "/conversations/{conversation}/owner" => PUT members::transfer_ownership;
    "/conversations/{conversation}/invites" =>
        GET invites::list_invites, POST invites::create_invite;
    "/conversations/{conversation}/invites/{code}" => DELETE invites::revoke_invite;
    "/invites/{code}" => GET invites::get_invite;
    "/invites/{code}/join" => POST invites::join_by_invite;
    "/ws" => GET socket::open_socket;
    "/problems/{name}" => GET reference::get_problem_kind;
    "/openapi.json" => GET reference::get_openapi;
    "/asyncapi.json" => GET reference::get_asyncapi;
}

/// HEAD works wherever GET does; the connection leaves out the body.
fn route(method: Method) -> Route {
    if method == Method::GET {
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::method(method)
    }
}

/// A resource that responds to other methods with 405 and the `Allow` header.
fn at(path: &str, methods: &[&str]) -> Resource {
    #[cfg(test)]
    tests::note(path, methods);
    let allow = methods.join(", ").replace("GET", "GET, HEAD");
    web::resource(path).default_service(web::to(move || {
        let mut response = Problem::new(Kind::MethodNotAllowed).error_response();
        if let Ok(allow) = HeaderValue::from_str(&allow) {
            response.headers_mut().insert(ALLOW, allow);
        }
        std::future::ready(response)
    }))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use actix_web::App;
    use serde_json::Value;

    thread_local! {
        static ROUTES: RefCell<BTreeSet<(String, String)>> = RefCell::default();
    }

    pub(super) fn note(path: &str, methods: &[&str]) {
        let routes = methods.iter().map(|method| (path.to_owned(), method.to_lowercase()));
        ROUTES.with_borrow_mut(|all| all.extend(routes));
    }

    #[test]
    fn routes_and_documented_operations_are_the_same() {
        let _app = App::new().configure(super::configure);
        let document: Value = serde_json::from_slice(super::openapi_document()).unwrap();

        let documented: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| (path.clone(), method.clone()))
            })
            .collect();

        assert_eq!(documented, ROUTES.take());
    }
}
