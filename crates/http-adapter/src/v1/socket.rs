//! The socket of v1: JSON text frames both ways.

mod client;
mod client_frame;
mod commands;
mod registration;
mod server_frame;
mod session;
mod subscribe;
mod worker;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use tokio::sync::watch;

pub(super) use self::client_frame::{REFERENCE_BYTES, client_frames};
pub(super) use self::server_frame::ServerFrame;

use self::session::Visit;
use self::worker::Rooms;
use super::problem::{Kind, Problem};
use super::request::bearer_token;
use crate::compat::SocketServices;
use crate::sockets::{DeliveryLoop, Fanout, Protocol as _};
use crate::state::State;
use crate::websocket::{self, NoHandshake, SocketLimits};

/// Longest thing that a client may say before it is known, in bytes.
const UNKNOWN_BYTES: usize = 4 * 1024;

/// The sockets of v1 of one worker. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct V1Sockets {
    rooms: Rc<Rooms>,
    _delivery_loop: Rc<DeliveryLoop>,
}

impl V1Sockets {
    /// To be called once on each worker. When `stopping` becomes true, or its
    /// sender is dropped, every socket is closed with 1001, after what waits for it.
    #[must_use]
    pub fn start(
        services: Arc<SocketServices>,
        fanout: &Fanout,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let rooms = Rc::new(Rooms::new(services));
        let delivery_loop = DeliveryLoop::start(Rc::clone(&rooms), fanout.attach(), stopping);
        Self { rooms, _delivery_loop: Rc::new(delivery_loop) }
    }
}

/// `GET /api/v1/ws`
pub(crate) async fn open(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(V1Sockets { rooms, .. }) = request.app_data::<V1Sockets>() else {
        return Problem::new(Kind::NotFound).error_response();
    };
    let mut response = match websocket::answer(&request) {
        Ok(response) => response,
        Err(NoHandshake::NotAsked) => {
            let detail = "This is a WebSocket: ask for an upgrade.";
            return Problem::field("Upgrade", "websocket", detail).error_response();
        }
        Err(NoHandshake::Wrong(_)) => {
            let detail = "The handshake is not as RFC 6455 asks.";
            return Problem::new(Kind::InvalidRequest).with_detail(detail).error_response();
        }
    };
    let services = Arc::clone(rooms.services());
    let address = state.proxies.client(&request);
    if let Err(wait) = services.limits.handshake(address).await {
        return Problem::from(wait).error_response();
    }
    let place = services.limits.socket_from(address).await;
    let room = SocketLimits {
        queue: services.settings.queue_limits(),
        message_bytes: UNKNOWN_BYTES,
        closing: services.settings.stall_timeout,
        budget: services.budget.clone(),
        flusher: Rc::clone(rooms.flusher()),
    };
    let token = bearer_token(request.headers()).ok();
    let visit = Visit { token, place, message_chars: state.v1.message_chars };
    let rooms = Rc::clone(rooms);
    websocket::open(&mut response, room, move |ends| session::run(rooms, ends, visit))
}
