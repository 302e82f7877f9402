//! The API of this server: REST under `/api/v1`.

mod accounts;
mod changes;
mod conversations;
mod cursor;
mod document;
mod export;
mod input;
mod invites;
mod members;
mod messages;
mod problem;
mod problems;
mod profile;
mod request;
mod search;
mod sessions;
mod socket;
mod time;
mod users;
mod views;

use actix_web::ResponseError as _;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, delete, get, patch, post, put, resource};

pub use self::document::{asyncapi_document, openapi_document};
pub use self::socket::V1Sockets;

use self::problem::{Kind, Problem};

/// Where it is.
pub(crate) const ROOT: &str = "/api/v1";

/// What is told of a fault of ours.
pub(crate) fn internal_error() -> actix_web::HttpResponse {
    Problem::new(Kind::Internal).error_response()
}

/// How v1 behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V1Settings {
    /// Longest text of a message, in Unicode scalar values.
    pub message_chars: usize,
}

/// Routes of the API.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope(ROOT)
            .configure(account_routes)
            .configure(conversation_routes)
            .configure(search_routes)
            .configure(message_routes)
            .configure(member_routes)
            .service(at("/ws", "GET").route(get().to(socket::open)))
            .service(at("/problems/{name}", "GET").route(get().to(problems::show)))
            .service(at("/openapi.json", "GET").route(get().to(document::show_openapi)))
            .service(at("/asyncapi.json", "GET").route(get().to(document::show_asyncapi)))
            .configure(document::page)
            .default_service(web::to(conversations::unknown)),
    );
}

/// A path, and the methods that it is to be given; others are 405.
fn at(path: &str, methods: &'static str) -> actix_web::Resource {
    #[cfg(test)]
    tests::note(path, methods);
    resource(path).default_service(web::to(move || async move {
        let mut answer = Problem::new(Kind::MethodNotAllowed).error_response();
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        answer
    }))
}

fn account_routes(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/accounts", "POST").route(post().to(accounts::sign_up)))
        .service(
            at("/sessions", "GET, POST, DELETE")
                .route(get().to(sessions::list))
                .route(post().to(accounts::sign_in))
                .route(delete().to(sessions::end_all)),
        )
        .service(at("/sessions/refresh", "POST").route(post().to(accounts::refresh)))
        .service(at("/sessions/current", "DELETE").route(delete().to(sessions::end_current)))
        .service(at("/sessions/{session}", "DELETE").route(delete().to(sessions::end)))
        .service(
            at("/me", "GET, PATCH").route(get().to(profile::me)).route(patch().to(profile::alter)),
        )
        .service(at("/me/password", "PUT").route(put().to(accounts::change_password)))
        .service(at("/me/blocks", "GET").route(get().to(users::blocks)))
        .service(
            at("/me/blocks/{user}", "PUT, DELETE")
                .route(put().to(users::block))
                .route(delete().to(users::unblock)),
        )
        .service(at("/users", "GET").route(get().to(users::find)))
        .service(at("/users/{user}", "GET").route(get().to(users::show)))
        .service(at("/moderation-log", "GET").route(get().to(users::moderation_log)));
}

fn conversation_routes(cfg: &mut web::ServiceConfig) {
    cfg.service(
        at("/conversations", "GET, POST")
            .route(get().to(conversations::list))
            .route(post().to(conversations::open_group)),
    )
    .service(at("/direct/{user}", "PUT").route(put().to(conversations::open_direct)))
    .service(
        at("/conversations/{conversation}", "GET, PATCH, DELETE")
            .route(get().to(conversations::show))
            .route(patch().to(conversations::alter))
            .route(delete().to(conversations::close)),
    )
    .service(
        at("/conversations/{conversation}/read", "PUT").route(put().to(conversations::mark_read)),
    )
    .service(
        at("/conversations/{conversation}/readers", "GET").route(get().to(conversations::readers)),
    )
    .service(
        at("/conversations/{conversation}/mute", "PUT, DELETE")
            .route(put().to(conversations::mute))
            .route(delete().to(conversations::unmute)),
    )
    .service(
        at("/conversations/{conversation}/changes", "GET").route(get().to(conversations::changes)),
    )
    .service(
        at("/conversations/{conversation}/position", "GET")
            .route(get().to(conversations::position)),
    );
}

/// Before messages: none of them is named "search".
fn search_routes(cfg: &mut web::ServiceConfig) {
    const CONVERSATION: &str = "/conversations/{conversation}";
    cfg.service(at("/messages/search", "GET").route(get().to(search::everywhere)))
        .service(
            at(&format!("{CONVERSATION}/messages/search"), "GET").route(get().to(search::within)),
        )
        .service(at(&format!("{CONVERSATION}/export"), "GET").route(get().to(export::export)));
}

fn message_routes(cfg: &mut web::ServiceConfig) {
    const MESSAGE: &str = "/conversations/{conversation}/messages/{message}";
    cfg.service(
        at("/conversations/{conversation}/messages", "GET, POST")
            .route(get().to(messages::list))
            .route(post().to(messages::send)),
    )
    .service(
        at(MESSAGE, "GET, PATCH, DELETE")
            .route(get().to(messages::show))
            .route(patch().to(messages::edit))
            .route(delete().to(messages::delete)),
    )
    .service(
        at(&format!("{MESSAGE}/reactions/{{emoji}}"), "PUT, DELETE")
            .route(put().to(messages::react))
            .route(delete().to(messages::unreact)),
    )
    .service(
        at(&format!("{MESSAGE}/pin"), "PUT, DELETE")
            .route(put().to(messages::pin))
            .route(delete().to(messages::unpin)),
    )
    .service(at("/conversations/{conversation}/pins", "GET").route(get().to(messages::pins)));
}

fn member_routes(cfg: &mut web::ServiceConfig) {
    const MEMBER: &str = "/conversations/{conversation}/members/{user}";
    cfg.service(
        at("/conversations/{conversation}/members", "GET, POST")
            .route(get().to(members::list))
            .route(post().to(members::add)),
    )
    .service(
        at(MEMBER, "PATCH, DELETE")
            .route(patch().to(members::set_role))
            .route(delete().to(members::remove)),
    )
    .service(
        at(&format!("{MEMBER}/ban"), "PUT, DELETE")
            .route(put().to(members::ban))
            .route(delete().to(members::unban)),
    )
    .service(
        at(&format!("{MEMBER}/silence"), "PUT, DELETE")
            .route(put().to(members::silence))
            .route(delete().to(members::unsilence)),
    )
    .service(at("/conversations/{conversation}/owner", "PUT").route(put().to(members::hand_over)))
    .service(
        at("/conversations/{conversation}/invites", "GET, POST")
            .route(get().to(invites::list))
            .route(post().to(invites::make)),
    )
    .service(
        at("/conversations/{conversation}/invites/{code}", "DELETE")
            .route(delete().to(invites::revoke)),
    )
    .service(at("/invites/{code}", "GET").route(get().to(invites::show)))
    .service(at("/invites/{code}/join", "POST").route(post().to(invites::join)));
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use actix_web::App;

    thread_local! {
        static ROUTES: RefCell<BTreeSet<(String, String)>> = RefCell::default();
    }

    /// Remembers a path that was registered.
    pub(super) fn note(path: &str, methods: &str) {
        let routes = methods.split(", ").map(|method| (path.to_owned(), method.to_owned()));
        ROUTES.with_borrow_mut(|all| all.extend(routes));
    }

    #[test]
    fn every_route_is_documented_and_everything_documented_is_a_route() {
        let _app = App::new().configure(super::configure);

        let registered = ROUTES.take();

        assert_eq!(super::document::documented_routes(), registered);
    }
}
