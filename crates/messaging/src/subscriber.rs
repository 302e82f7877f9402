//! Keeps a connection that is subscribed to the channels of this node.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::BusEvent;
use domain::ConversationId;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, RedisResult, Value};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, interval, sleep};

use crate::redis_link::{REDIS_TIMEOUT, Shared};
use crate::wire::{self, Hint};

/// Pushes that may wait to be handled. Later ones are dropped.
const MAX_WAITING_PUSHES: usize = 8192;
/// Without a heartbeat of its own for this long, a node counts as disconnected.
/// The publisher sends two each second.
const HEARTBEAT_OVERDUE: Duration = Duration::from_secs(1);
/// Without a heartbeat for this long, the connection is replaced.
const CONNECTION_DEAD: Duration = Duration::from_secs(4);
const HEARTBEAT_CHECK: Duration = Duration::from_millis(250);
const RECONNECT_DELAY: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
enum SubscriberError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis closed the connection")]
    Closed,
    #[error("the connection to Redis is silent")]
    Silent,
}

/// Never returns.
pub(crate) async fn run(shared: &Shared) {
    loop {
        let Err(error) = Subscriber::run(shared).await;
        shared.disconnected(&error);
        sleep(RECONNECT_DELAY).await;
    }
}

struct Subscriber<'a> {
    shared: &'a Shared,
    connection: MultiplexedConnection,
    own_channel: String,
    presence_channel: String,
    pushes: mpsc::Receiver<PushInfo>,
    pushes_dropped: Arc<AtomicBool>,
    subscribed: HashSet<ConversationId>,
    last_heartbeat: Instant,
}

impl<'a> Subscriber<'a> {
    /// Connects, and handles pushes until the connection fails.
    async fn run(shared: &'a Shared) -> Result<Infallible, SubscriberError> {
        let (sender, pushes) = mpsc::channel(MAX_WAITING_PUSHES);
        let pushes_dropped = Arc::new(AtomicBool::new(false));
        let dropped = Arc::clone(&pushes_dropped);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT))
            .set_push_sender(move |push| match sender.try_send(push) {
                Err(TrySendError::Full(_)) => {
                    dropped.store(true, Ordering::Relaxed);
                    Ok(())
                }
                sent => sent,
            });
        let mut connection =
            shared.client.get_multiplexed_async_connection_with_config(&config).await?;
        let [own_channel, presence_channel] =
            [shared.channels.node(shared.node), shared.channels.presence()];
        connection.subscribe(&[&own_channel, &presence_channel][..]).await?;
        let mut this = Self {
            shared,
            connection,
            own_channel,
            presence_channel,
            pushes,
            pushes_dropped,
            subscribed: HashSet::new(),
            last_heartbeat: Instant::now(),
        };
        this.update_channels().await?;
        this.handle_pushes().await
    }

    async fn handle_pushes(&mut self) -> Result<Infallible, SubscriberError> {
        let mut checks = interval(HEARTBEAT_CHECK);
        loop {
            tokio::select! {
                push = self.pushes.recv() => match push {
                    Some(push) if push.kind != PushKind::Disconnection => self.handle(&push),
                    _ => return Err(SubscriberError::Closed),
                },
                () = self.shared.subscriptions_changed.notified() => self.update_channels().await?,
                _ = checks.tick() => {
                    let silence = self.last_heartbeat.elapsed();
                    if silence > CONNECTION_DEAD {
                        return Err(SubscriberError::Silent);
                    }
                    if self.pushes_dropped.swap(false, Ordering::Relaxed) {
                        self.shared.push_state();
                    }
                    if silence > HEARTBEAT_OVERDUE {
                        self.shared.disconnected(&SubscriberError::Silent);
                    }
                }
            }
        }
    }

    /// Subscribes and unsubscribes what changed, with one command each.
    async fn update_channels(&mut self) -> RedisResult<()> {
        let wanted = self.shared.subscribed();
        let channels = |ids: Vec<&ConversationId>| -> Vec<String> {
            ids.into_iter().map(|id| self.shared.channels.conversation(*id)).collect()
        };
        let added = channels(wanted.difference(&self.subscribed).collect());
        let removed = channels(self.subscribed.difference(&wanted).collect());
        if !added.is_empty() {
            self.connection.subscribe(added).await?;
        }
        if !removed.is_empty() {
            self.connection.unsubscribe(removed).await?;
        }
        self.subscribed = wanted;
        Ok(())
    }

    fn handle(&mut self, push: &PushInfo) {
        if push.kind != PushKind::Message {
            return;
        }
        let [Value::BulkString(channel), Value::BulkString(payload)] = push.data.as_slice() else {
            return;
        };
        let (shared, channel) = (self.shared, channel.as_slice());
        if channel == self.own_channel.as_bytes() {
            self.last_heartbeat = Instant::now();
            shared.connected();
        } else if channel == self.presence_channel.as_bytes() {
            if let Some((node, moves)) = wire::read_moves(payload)
                && node != shared.node
            {
                // An overflow needs no report: the version of the next moves reveals the loss.
                shared.roster_moves.push((node, moves), 0);
            }
        } else {
            match wire::read_hint(payload, shared.node) {
                Some(Hint::Changed(changes)) => shared.push_event(BusEvent::Changed(changes)),
                Some(Hint::HeadAdvanced(id, seq)) => {
                    shared.push_event(BusEvent::HeadAdvanced(id, seq));
                }
                Some(Hint::Ephemeral(event)) => {
                    shared.events.push_ephemeral(BusEvent::Ephemeral(event), 0);
                }
                None => {}
            }
        }
    }
}
