//! The lobby's socket.

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
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::Authenticate;
use application::ports::{IdSource, SnapshotLimit};
use application::{Batcher, Chat, Hub, LastSeen, Limits, Presence, Snapshots};
use domain::UserId;
use time::UtcOffset;
use tokio::sync::watch;

use self::lobby::Lobby;
use self::session::Visit;
use super::frames::History;
use crate::budget::Budget;
use crate::compat::Failure;
use crate::error_pages;
use crate::sockets::{DeliveryLoop, Fanout, HeartbeatSettings, Protocol as _};
use crate::state::State;
use crate::websocket::{self, NoHandshake, QueueLimits, SocketLimits};

/// What sockets work with. Shared by all workers.
pub struct SocketServices {
    /// Whose token it is.
    pub authenticate: Authenticate,
    /// Who may enter.
    pub chat: Chat,
    /// Takes what is said.
    pub batcher: Batcher,
    /// Says what happened.
    pub hub: Hub,
    /// Who is there.
    pub presence: Presence,
    /// When people were last there.
    pub last_seen: LastSeen,
    /// What was said before; rendered by [`crate::history_renderer`].
    pub histories: Snapshots<History>,
    /// Names what is said.
    pub ids: Arc<dyn IdSource>,
    /// Bounds what all sockets hold.
    pub budget: Budget,
    /// How fast they are opened and heard, and how many there are.
    pub limits: Limits,
    /// How they behave.
    pub settings: SocketSettings,
}

/// How sockets behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketSettings {
    /// How much of the history is shown to who comes.
    pub history: SnapshotLimit,
    /// Of the times in frames.
    pub utc_offset: UtcOffset,
    /// Whether a client that may have lost rows is sent the history again.
    pub heal: bool,
    /// Longest message, in bytes.
    pub message_bytes: usize,
    /// A silent client is pinged this often.
    pub ping_interval: Duration,
    /// A client that leaves a ping unanswered for so long is given up.
    pub pong_timeout: Duration,
    /// A client that reads nothing for so long is given up.
    pub stall_timeout: Duration,
    /// Bytes waiting for a client from which on presence is left out.
    pub queue_soft_bytes: usize,
    /// Bytes waiting for a client from which on it gets a history instead.
    pub queue_hard_bytes: usize,
}

impl SocketSettings {
    /// How long a client may do nothing.
    pub(crate) fn heartbeat(&self) -> HeartbeatSettings {
        HeartbeatSettings {
            ping_interval: self.ping_interval,
            pong_timeout: self.pong_timeout,
            stall_timeout: self.stall_timeout,
        }
    }

    /// How much may wait for a client.
    pub(crate) fn queue_limits(&self) -> QueueLimits {
        QueueLimits { soft: self.queue_soft_bytes, hard: self.queue_hard_bytes }
    }

    /// How often that is looked at.
    pub(crate) fn check_interval(&self) -> Duration {
        let shortest = self.ping_interval.min(self.pong_timeout).min(self.stall_timeout);
        (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

impl SocketServices {
    /// A connection of this account has ended, for which [`Hub::connected`] was told.
    pub(crate) fn disconnected(&self, user: UserId) {
        if self.hub.disconnected(user) {
            self.last_seen.left(user);
        }
    }
}

/// The sockets of one worker. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct Sockets {
    lobby: Rc<Lobby>,
    _delivery_loop: Rc<DeliveryLoop>,
}

impl Sockets {
    /// To be called once on each worker. When `stopping` becomes true, or its
    /// sender is dropped, every socket is closed with 1001, after what waits for
    /// it; clients that do not read it are left to the server's own limit.
    #[must_use]
    pub fn start(
        services: Arc<SocketServices>,
        fanout: &Fanout,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let lobby = Rc::new(Lobby::new(services));
        let delivery_loop = DeliveryLoop::start(Rc::clone(&lobby), fanout.attach(), stopping);
        Self { lobby, _delivery_loop: Rc::new(delivery_loop) }
    }
}

/// Routes of the socket. They need [`Sockets`] among the data of the application.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(["/ws/chat/", "/ws/chat/{room:.+}"]).to(open));
}

/// Every room is the lobby.
async fn open(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(Sockets { lobby, .. }) = request.app_data::<Sockets>() else {
        return error_pages::not_found().await;
    };
    let mut response = match websocket::answer(&request) {
        Ok(response) => response,
        Err(NoHandshake::NotAsked) => return error_pages::not_found().await,
        Err(NoHandshake::Wrong(answer)) => return *answer,
    };
    let SocketServices { limits, settings, .. } = lobby.services();
    let address = state.proxies.client(&request);
    if let Err(wait) = limits.handshake(address).await {
        return Failure::Limited(wait).response();
    }
    let place = limits.socket_from(address).await;
    let room = SocketLimits {
        queue: settings.queue_limits(),
        message_bytes: settings.message_bytes,
        closing: settings.stall_timeout,
        budget: lobby.services().budget.clone(),
        flusher: Rc::clone(lobby.flusher()),
    };
    let token = token::access_token(request.query_string());
    let visit = Visit { token, place };
    let lobby = Rc::clone(lobby);
    websocket::open(&mut response, room, move |ends| session::run(lobby, ends, visit))
}
