//! Keeps a connection that is subscribed to what this node wants to hear.

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

use crate::link::{PATIENCE, Shared};
use crate::wire::{self, Received};

/// Pushes that may wait to be looked at; what comes after is dropped.
const PUSHES: usize = 8192;
/// One's own heartbeat, told twice a second, is missed after as much.
const OVERDUE: Duration = Duration::from_secs(1);
/// A connection that is silent for so long is given up.
const DEAD: Duration = Duration::from_secs(4);
/// How often overdue heartbeats are looked for.
const LOOK: Duration = Duration::from_millis(250);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(500);

/// Why a subscription is of no use.
#[derive(Debug, thiserror::Error)]
enum Loss {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis has closed the connection")]
    Closed,
    #[error("nothing is heard over the connection")]
    Silent,
}

/// Never ends.
pub(crate) async fn run(shared: &Shared) {
    loop {
        let Err(loss) = Subscription::open(shared).await;
        shared.disconnected(&loss);
        sleep(RETRY).await;
    }
}

struct Subscription<'a> {
    shared: &'a Shared,
    connection: MultiplexedConnection,
    own_channel: String,
    presence_channel: String,
    pushes: mpsc::Receiver<PushInfo>,
    /// Whether some of them were.
    dropped: Arc<AtomicBool>,
    subscribed: HashSet<ConversationId>,
    heard: Instant,
}

impl<'a> Subscription<'a> {
    /// Connects, and listens until the connection is of no use.
    async fn open(shared: &'a Shared) -> Result<Infallible, Loss> {
        let (sender, pushes) = mpsc::channel(PUSHES);
        let dropped = Arc::new(AtomicBool::new(false));
        let drops = Arc::clone(&dropped);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_push_sender(move |push| match sender.try_send(push) {
                Err(TrySendError::Full(_)) => {
                    drops.store(true, Ordering::Relaxed);
                    Ok(())
                }
                sent => sent,
            });
        let mut connection =
            shared.client.get_multiplexed_async_connection_with_config(&config).await?;
        let [own_channel, presence_channel] =
            [shared.channels.node(shared.node), shared.channels.presence()];
        connection.subscribe(&[&own_channel, &presence_channel][..]).await?;
        let subscribed = HashSet::new();
        let heard = Instant::now();
        let mut this = Self {
            shared,
            connection,
            own_channel,
            presence_channel,
            pushes,
            dropped,
            subscribed,
            heard,
        };
        this.follow_wants().await?;
        this.subscribe().await
    }

    async fn subscribe(&mut self) -> Result<Infallible, Loss> {
        let mut looks = interval(LOOK);
        loop {
            tokio::select! {
                push = self.pushes.recv() => match push {
                    Some(push) if push.kind != PushKind::Disconnection => self.hear(&push),
                    _ => return Err(Loss::Closed),
                },
                () = self.shared.wants_changed.notified() => self.follow_wants().await?,
                _ = looks.tick() => {
                    let silent = self.heard.elapsed();
                    if silent > DEAD {
                        return Err(Loss::Silent);
                    }
                    if self.dropped.swap(false, Ordering::Relaxed) {
                        self.shared.tell_state();
                    }
                    if silent > OVERDUE {
                        self.shared.disconnected(&Loss::Silent);
                    }
                }
            }
        }
    }

    /// Subscribes and unsubscribes, with one command each.
    async fn follow_wants(&mut self) -> RedisResult<()> {
        let wanted = self.shared.wanted();
        let channels = |ids: Vec<&ConversationId>| -> Vec<String> {
            ids.into_iter().map(|id| self.shared.channels.conversation(*id)).collect()
        };
        let more = channels(wanted.difference(&self.subscribed).collect());
        let less = channels(self.subscribed.difference(&wanted).collect());
        if !more.is_empty() {
            self.connection.subscribe(more).await?;
        }
        if !less.is_empty() {
            self.connection.unsubscribe(less).await?;
        }
        self.subscribed = wanted;
        Ok(())
    }

    fn hear(&mut self, push: &PushInfo) {
        if push.kind != PushKind::Message {
            return;
        }
        let [Value::BulkString(channel), Value::BulkString(payload)] = push.data.as_slice() else {
            return;
        };
        let (shared, channel) = (self.shared, channel.as_slice());
        if channel == self.own_channel.as_bytes() {
            self.heard = Instant::now();
            shared.connected();
        } else if channel == self.presence_channel.as_bytes() {
            if let Some((node, moves)) = wire::read_moves(payload)
                && node != shared.node
            {
                // A lost move shows in the version of the next one.
                shared.moves.push((node, moves));
            }
        } else {
            match wire::read_hint(payload, shared.node) {
                Some(Received::Changes(changes)) => shared.tell(BusEvent::Changed(changes)),
                Some(Received::Moved(id, to)) => shared.tell(BusEvent::HeadAdvanced(id, to)),
                Some(Received::EphemeralEvent(signal)) => {
                    shared.events.push_ephemeral(BusEvent::Ephemeral(signal));
                }
                None => {}
            }
        }
    }
}
