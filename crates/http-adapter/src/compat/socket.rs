//! The socket of the lobby.

mod client;
mod heal;
mod history;
mod lobby;
mod packet;
mod receive;
mod retry;
mod session;
mod token;
mod view;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use application::Snapshots;
use application::ports::SnapshotLimit;
use time::UtcOffset;
use tokio::sync::watch;

use self::lobby::Lobby;
use super::frames::History;
use crate::compat::Failure;
use crate::error_pages;
use crate::sockets::{self, Fanout, NotAccepted, SocketServices, Worker};
use crate::state::State;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompatSocketSettings {
    /// Bounds a history frame.
    pub history: SnapshotLimit,
    /// The offset of times in frames.
    pub utc_offset: UtcOffset,
    /// Whether to resend the history to clients that may have lost rows.
    pub heal: bool,
    /// Bytes of the longest message.
    pub message_bytes: usize,
}

/// The sockets of one worker. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct CompatSockets(Rc<Worker<Lobby>>);

impl CompatSockets {
    /// Must be called once on each worker. `histories` must use [`crate::history_renderer`].
    /// Once `stopping` is true or its sender is dropped, every socket sends its queue and closes
    /// with 1001.
    #[must_use]
    pub fn start(
        services: Arc<SocketServices>,
        histories: Arc<Snapshots<History>>,
        settings: CompatSocketSettings,
        fanout: &Fanout,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let lobby = Lobby::new(histories, settings, services.budget.clone());
        Self(Rc::new(Worker::start(services, lobby, fanout, stopping)))
    }
}

/// Adds the routes of the socket. They require [`CompatSockets`] in the application data.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(["/ws/chat/", "/ws/chat/{room:.+}"]).to(open));
}

/// All paths lead to the lobby.
async fn open(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(CompatSockets(worker)) = request.app_data::<CompatSockets>() else {
        return error_pages::not_found().await;
    };
    let address = state.proxies.client(&request);
    let token = token::access_token(request.query_string());
    let message_bytes = worker.sockets.protocol.settings.message_bytes;
    let accepted =
        sockets::accept(&worker.sockets, &request, address, message_bytes, |lobby, ends| {
            session::run(lobby, ends, token)
        });
    match accepted.await {
        Ok(response) | Err(NotAccepted::Invalid(response)) => response,
        Err(NotAccepted::NotRequested) => error_pages::not_found().await,
        Err(NotAccepted::Limited(wait)) => Failure::Limited(wait).response(),
    }
}
