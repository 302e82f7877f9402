//! Typing notifications, read receipts, and refused changes.

use domain::{
    Account, ConversationId, ConversationKind, EphemeralEvent, EphemeralKind, Refusal, policy,
};

use super::{Chat, ChatError};
use crate::ports::ReadMarker;

impl Chat {
    /// Shows the others that the caller is typing, unless they saw it just before or the caller
    /// hides presence.
    ///
    /// # Errors
    ///
    /// [`ChatError`]: only users who may send a message can type.
    pub async fn show_typing(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(), ChatError> {
        self.limits.message_by(caller.id).await?;
        let now = self.ports.clock.now();
        if self.typing_throttle.has(conversation, caller.id, now) {
            return Ok(());
        }
        let (view, _) = self.view(caller, conversation).await?;
        let is_blocked = match view.conversation.kind {
            ConversationKind::Direct(pair) => {
                let other = pair.other_than(caller.id);
                let status = self.ports.inbox.contact_statuses(caller.id, &[other]).await?;
                status.iter().any(|status| status.blocks)
            }
            ConversationKind::Lobby | ConversationKind::Group => false,
        };
        policy::may_type(&view.conversation, view.member.as_ref(), is_blocked, now)?;
        let is_present = policy::shows_presence(view.hides_presence);
        if is_present && self.typing_throttle.admit(conversation, caller.id, now) {
            self.publish_ephemeral(caller, conversation, EphemeralKind::Typing);
        }
        Ok(())
    }

    /// Returns the members' read markers, except of members whom the caller blocks or who hide their
    /// presence.
    ///
    /// # Errors
    ///
    /// [`ChatError`], unless [`policy::shows_read_receipts`] allows it.
    pub async fn read_markers(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Vec<ReadMarker>, ChatError> {
        let (view, viewer) = self.view(caller, conversation).await?;
        let enough = policy::SMALL_GROUP.saturating_add(1);
        let mut markers = self.ports.inbox.markers(conversation, enough).await?;
        if !policy::shows_read_receipts(view.conversation.kind, markers.len()) {
            return Err(Refusal::ReceiptsHidden.into());
        }
        markers.retain(|marker| {
            let is_present = policy::shows_presence(marker.hides_presence);
            marker.user == caller.id || (is_present && !viewer.blocks(marker.user))
        });
        Ok(markers)
    }

    /// Tells the caller's sockets that a change was refused. A client that shows its changes at once
    /// then shows what is not so.
    pub fn change_refused(&self, caller: &Account, conversation: ConversationId) {
        self.publish_ephemeral(caller, conversation, EphemeralKind::ChangeRefused);
    }

    pub(super) fn publish_ephemeral(
        &self,
        caller: &Account,
        conversation: ConversationId,
        kind: EphemeralKind,
    ) {
        let (user, username) = (caller.id, caller.username.clone());
        self.hub.publish_ephemeral(EphemeralEvent { conversation, user, username, kind });
    }
}
