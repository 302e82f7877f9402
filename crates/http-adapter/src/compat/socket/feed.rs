//! Reading histories for one client.

use tokio::time::Instant;

use super::lobby::Lobby;
use super::member::{Member, Reason};
use super::patience::Patience;
use super::view::Shown;
use domain::ConversationId;

/// The store was away for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp;

/// Shows a client the history: the one way of all of them. Deliveries wait
/// from before the read until after it, so there is neither gap nor double.
pub(super) async fn show_history(
    lobby: &Lobby,
    member: &Member,
    reason: Reason,
) -> Result<(), GivenUp> {
    let mut patience = Patience::new();
    loop {
        if member.is_lost() {
            member.outbox.drained().await;
        }
        member.hold();
        let limit = lobby.history_limit(member.rows());
        let history = lobby.services().histories.read(ConversationId::LOBBY, limit).await;
        if member.take_reset() {
            continue;
        }
        match history {
            Ok(history) => match member.show(&history, lobby.frames(), Instant::now()) {
                Shown::Told(_) => {
                    lobby.note_history(&history);
                    return Ok(());
                }
                Shown::Lost | Shown::TooOld => {}
            },
            Err(_) if reason == Reason::Heal && member.release(lobby.frames(), Instant::now()) => {
                return Ok(());
            }
            Err(_) if patience.wait().await => {}
            Err(_) => return Err(GivenUp),
        }
    }
}

/// Reads histories whenever one is wanted, and sends the lists that were left
/// out, for as long as the store answers.
pub(super) async fn run(lobby: &Lobby, member: &Member) -> GivenUp {
    loop {
        if let Some(reason) = member.news().await {
            if let Err(given_up) = Box::pin(show_history(lobby, member, reason)).await {
                return given_up;
            }
        } else {
            member.outbox.drained().await;
            member.show_online(&lobby.online());
        }
    }
}
