//! The socket of v1: JSON envelopes both ways.

mod client;
mod commands;
mod frames;
mod opening;
mod place;
mod rooms;
mod said;
mod session;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use tokio::sync::watch;

pub(super) use self::frames::Frames;
pub(super) use self::said::{REFERENCE_BYTES, envelopes};

use self::rooms::Rooms;
use self::session::Visit;
use super::problem::{Kind, Problem};
use super::request::bearer_token;
use crate::compat::SocketServices;
use crate::fanout::{self, Face as _, Fanout, Pump, Room};
use crate::handshake::{self, NoHandshake};
use crate::state::State;

/// Longest thing that a client may say before it is known, in bytes.
const UNKNOWN_BYTES: usize = 4 * 1024;

/// The sockets of v1 of one worker. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct V1Sockets {
    rooms: Rc<Rooms>,
    _pump: Rc<Pump>,
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
        let pump = Pump::start(Rc::clone(&rooms), fanout.attach(), stopping);
        Self { rooms, _pump: Rc::new(pump) }
    }
}

/// `GET /api/v1/ws`
pub(crate) async fn open(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(V1Sockets { rooms, .. }) = request.app_data::<V1Sockets>() else {
        return Problem::new(Kind::NotFound).error_response();
    };
    let mut response = match handshake::answer(&request) {
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
    let room = Room {
        queue: services.settings.queue_limits(),
        message_bytes: UNKNOWN_BYTES,
        closing: services.settings.stall_timeout,
        budget: services.budget.clone(),
        flusher: Rc::clone(rooms.flusher()),
    };
    let token = bearer_token(request.headers()).ok();
    let visit = Visit { token, place, message_chars: state.v1.message_chars };
    let rooms = Rc::clone(rooms);
    fanout::open(&mut response, room, move |ends| session::run(rooms, ends, visit))
}
