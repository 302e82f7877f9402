//! The API that the React client uses, compatible with the server that this one replaces.

mod accounts;
mod authorization;
mod body;
mod call;
mod failure;
mod form;
mod frames;
mod input;
mod json_text;
mod message_view;
mod messages;
mod metadata;
mod negotiation;
mod socket;

use actix_web::{HttpRequest, web};

use self::call::Endpoint;
pub(crate) use self::failure::Failure;
pub use self::frames::{History, history_renderer};
pub use self::message_view::list_renderer;
pub use self::socket::{SocketServices, SocketSettings, Sockets};
use crate::state::State;

/// The paths with and without their final slash, and with the suffix of a format.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    socket::configure(cfg);
    let routes: [(&[&str], Endpoint); 7] = [
        (&["/accounts/api/register", "/accounts/api/register/"], Endpoint::Register),
        (&["/accounts/api/token", "/accounts/api/token/"], Endpoint::Token),
        (&["/accounts/api/token/refresh", "/accounts/api/token/refresh/"], Endpoint::Refresh),
        (&["/accounts/api/verify", "/accounts/api/verify/"], Endpoint::Verify),
        (&["/chat/api", "/chat/api/", "/chat/api/.{format:[a-z0-9]+}"], Endpoint::Root),
        (
            &[
                "/chat/api/messages",
                "/chat/api/messages/",
                "/chat/api/messages.{format:[a-z0-9]+}",
                "/chat/api/messages.{format:[a-z0-9]+}/",
            ],
            Endpoint::List,
        ),
        (
            &[
                "/chat/api/messages/{id:[^/.]+}",
                "/chat/api/messages/{id:[^/.]+}/",
                "/chat/api/messages/{id:[^/.]+}.{format:[a-z0-9]+}",
                "/chat/api/messages/{id:[^/.]+}.{format:[a-z0-9]+}/",
            ],
            Endpoint::Detail,
        ),
    ];
    for (paths, endpoint) in routes {
        let handler =
            move |state: web::Data<State>, request: HttpRequest, payload: web::Payload| {
                call::answer(endpoint, state, request, payload)
            };
        cfg.service(web::resource(paths.to_vec()).to(handler));
    }
}
