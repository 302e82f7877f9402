//! Sends histories to one client.

use domain::ConversationId;
use tokio::time::Instant;

use super::client::{Client, Reason};
use super::lobby::LobbySockets;
use super::retry::Retry;
use super::view::Shown;
use crate::sockets::SessionEnd;

/// Reads and sends a history. Deliveries are buffered from before the read until after it, so the
/// client misses no change and gets none twice.
pub(super) async fn send(
    sockets: &LobbySockets,
    client: &Client,
    reason: Reason,
) -> Result<(), SessionEnd> {
    let lobby = &sockets.protocol;
    let mut retry = Retry::new();
    loop {
        if client.is_unsubscribed() {
            client.socket.outbox.drained().await;
        }
        let limit = lobby.history_limit(client.catch_up());
        let history = lobby.histories.read(ConversationId::LOBBY, limit).await;
        if client.take_reset() {
            continue;
        }
        match history {
            Ok(history) => match lobby.show(client, &history, sockets.count()) {
                Shown::Sent(_) => return Ok(()),
                Shown::Lagging | Shown::Behind => {}
            },
            // The client misses nothing, and healing is armed again.
            Err(_) if reason == Reason::Heal && client.resume(&lobby.frames, Instant::now()) => {
                return Ok(());
            }
            Err(cause) => retry.wait(&cause).await?,
        }
    }
}

/// Sends histories on request, and lists of online users in place of omitted presence changes.
/// Returns when the store stays unavailable.
pub(super) async fn run(sockets: &LobbySockets, client: &Client) -> SessionEnd {
    loop {
        if let Some(reason) = client.wanted().await {
            if let Err(end) = Box::pin(send(sockets, client, reason)).await {
                return end;
            }
        } else {
            client.socket.outbox.drained().await;
            client.send_online(&sockets.protocol.online(sockets));
        }
    }
}
