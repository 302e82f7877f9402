//! Sockets, independent of the protocol. A [`Protocol`] adds frames and commands.

mod admission;
mod byte_rate;
mod delivery_loop;
mod fanout;
mod heartbeat;
mod reader;
mod session_end;
mod subscription;
mod user_socket;
mod worker;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use application::accounts::Accounts;
use application::ports::IdSource;
use application::{Batcher, Chat, Connections, Limits, Presence};
use tokio::sync::watch;

pub use self::fanout::Fanout;

pub(crate) use self::admission::{accept, permit_for};
pub(crate) use self::byte_rate::ByteRate;
pub(crate) use self::reader::{Data, Reader};
pub(crate) use self::session_end::{SessionEnd, until_closed};
pub(crate) use self::subscription::{Attempt, Batch, CaughtUp, Delivered, Sent, Subscription};
pub(crate) use self::user_socket::{Registration, UserSocket};
pub(crate) use self::worker::{ClientsBy, Protocol, WorkerSockets};

use self::delivery_loop::DeliveryLoop;
use crate::budget::Budget;
use crate::websocket::{QueueLimits, SocketLimits};

/// The services that all sockets of the process share.
pub struct SocketServices {
    pub accounts: Accounts,
    pub chat: Chat,
    pub batcher: Batcher,
    pub presence: Presence,
    pub connections: Connections,
    /// Creates client ids for messages without one.
    pub ids: Arc<dyn IdSource>,
    pub budget: Budget,
    pub limits: Limits,
    pub settings: SocketSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketSettings {
    /// The interval of pings to a silent client.
    pub ping_interval: Duration,
    /// A protocol may have others.
    pub timeouts: SocketTimeouts,
    /// Over this many queued bytes, ephemeral events are omitted.
    pub queue_soft_bytes: usize,
    /// Over this many queued bytes, nothing more is queued and the client must catch up.
    pub queue_hard_bytes: usize,
}

/// When the server closes a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketTimeouts {
    /// It leaves a ping unanswered for this long.
    pub pong: Duration,
    /// It reads nothing for this long.
    pub stall: Duration,
}

impl SocketSettings {
    fn socket_limits(&self, message_bytes: usize) -> SocketLimits {
        SocketLimits {
            queue: QueueLimits { soft: self.queue_soft_bytes, hard: self.queue_hard_bytes },
            message_bytes,
            close_timeout: self.timeouts.stall,
        }
    }

    /// The interval of heartbeat checks.
    fn check_interval(&self, timeouts: SocketTimeouts) -> Duration {
        let shortest = self.ping_interval.min(timeouts.pong).min(timeouts.stall);
        (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

/// The sockets of one protocol on one worker, with the loop that delivers to them.
pub(crate) struct Worker<P: Protocol> {
    pub(crate) sockets: Rc<WorkerSockets<P>>,
    _delivery_loop: DeliveryLoop,
}

impl<P: Protocol> Worker<P> {
    /// Must be called on the worker. Once `stopping` is true or its sender is dropped, every socket
    /// sends its queue and closes with 1001.
    pub(crate) fn start(
        services: Arc<SocketServices>,
        protocol: P,
        fanout: &Fanout,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let sockets = Rc::new(WorkerSockets::new(services, protocol));
        let flusher = Rc::clone(&sockets.flusher);
        let delivery_loop =
            DeliveryLoop::start(Rc::clone(&sockets), flusher, fanout.attach(), stopping);
        Self { sockets, _delivery_loop: delivery_loop }
    }
}
