//! The socket of v1: JSON text frames both ways.

mod client;
mod client_frame;
mod commands;
mod protocol;
mod server_frame;
mod session;
mod subscribe;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use tokio::sync::watch;

pub(super) use self::client_frame::{REFERENCE_BYTES, client_frames};
pub(super) use self::server_frame::ServerFrame;

use self::protocol::V1;
use super::problem::{Kind, Problem};
use super::request::bearer_token;
use crate::sockets::{self, Fanout, SocketServices, Worker};
use crate::state::State;
use crate::websocket::NoHandshake;

/// Bytes of the longest message before the client is authenticated.
const UNAUTHENTICATED_BYTES: usize = 4 * 1024;

/// The sockets of v1 of one worker. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct V1Sockets(Rc<Worker<V1>>);

impl V1Sockets {
    /// Must be called once on each worker. Once `stopping` is true or its sender is dropped, every
    /// socket sends its queue and closes with 1001.
    #[must_use]
    pub fn start(
        services: Arc<SocketServices>,
        fanout: &Fanout,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let protocol = V1::new(services.budget.clone());
        Self(Rc::new(Worker::start(services, protocol, fanout, stopping)))
    }
}

/// Opens a WebSocket. See `asyncapi.json` for its frames.
#[utoipa::path(
    get, path = "/ws", tag = "reference", security((), ("token" = [])),
    responses((status = 101, description = "The connection is a WebSocket from now on.")),
    extensions(("x-problems" = json!([Kind::InvalidRequest, Kind::Forbidden, Kind::UpgradeRequired, Kind::TooManyRequests]))),
)]
pub(crate) async fn open_socket(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(V1Sockets(worker)) = request.app_data::<V1Sockets>() else {
        return Problem::new(Kind::NotFound).error_response();
    };
    if !state.origins.may_open_socket(request.headers()) {
        let detail = "Pages of this origin may not open sockets; see http.allowed_origins.";
        return Problem::new(Kind::Forbidden).with_detail(detail).error_response();
    }
    let address = state.proxies.client(&request);
    let token = bearer_token(request.headers()).ok();
    let message_chars = state.message_chars;
    let accepted = sockets::accept(
        &worker.sockets,
        &request,
        address,
        UNAUTHENTICATED_BYTES,
        move |sockets, reader| session::run(sockets, reader, token, message_chars),
    );
    match accepted.await {
        Ok(response) => response,
        Err(NoHandshake::NotRequested | NoHandshake::UnsupportedVersion) => {
            Problem::new(Kind::UpgradeRequired).error_response()
        }
        Err(NoHandshake::Invalid(_)) => {
            let detail = "The handshake does not follow RFC 6455.";
            Problem::new(Kind::InvalidRequest).with_detail(detail).error_response()
        }
        Err(NoHandshake::Limited(wait)) => Problem::from(wait).error_response(),
    }
}
