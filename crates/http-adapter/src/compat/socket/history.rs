//! Reading histories for one client.

use tokio::time::Instant;

use super::client::{Client, Reason};
use super::lobby::Lobby;
use super::retry::Retry;
use super::view::Shown;
use domain::ConversationId;

/// The store was away for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp;

/// Shows a client the history: the one way of all of them. Deliveries wait
/// from before the read until after it, so there is neither gap nor double.
pub(super) async fn show_history(
    lobby: &Lobby,
    client: &Client,
    reason: Reason,
) -> Result<(), GivenUp> {
    let mut patience = Retry::new();
    loop {
        if client.is_lost() {
            client.outbox.drained().await;
        }
        client.hold();
        let limit = lobby.history_limit(client.rows());
        let history = lobby.services().histories.read(ConversationId::LOBBY, limit).await;
        if client.take_reset() {
            continue;
        }
        match history {
            Ok(history) => match client.show(&history, lobby.frames(), Instant::now()) {
                Shown::Told(_) => {
                    lobby.note_history(&history);
                    return Ok(());
                }
                Shown::Lost | Shown::TooOld => {}
            },
            Err(_) if reason == Reason::Heal && client.release(lobby.frames(), Instant::now()) => {
                return Ok(());
            }
            Err(_) if patience.wait().await => {}
            Err(_) => return Err(GivenUp),
        }
    }
}

/// Reads histories whenever one is wanted, and sends the lists that were left
/// out, for as long as the store answers.
pub(super) async fn run(lobby: &Lobby, client: &Client) -> GivenUp {
    loop {
        if let Some(reason) = client.news().await {
            if let Err(given_up) = Box::pin(show_history(lobby, client, reason)).await {
                return given_up;
            }
        } else {
            client.outbox.drained().await;
            client.show_online(&lobby.online());
        }
    }
}
