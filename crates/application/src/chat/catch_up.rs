//! Changes since a client's cursor.

use std::borrow::Cow;

use domain::{Account, Change, ConversationId, Epoch, Seq, Viewer};

use super::{Chat, ChatError};
use crate::page_size::page_length;
use crate::ports::{ChangePage, ConversationView};

/// What a client knows of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: Epoch,
    pub view_version: i64,
    /// The client knows every change up to here.
    pub seq: Seq,
}

/// The result of catching up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatchUp {
    Changes(ChangePage),
    /// The client's state is outdated: it must fetch anew, and continue from this cursor.
    Reset(Cursor),
}

impl Cursor {
    /// The newest changes.
    #[must_use]
    pub fn at_head(view: &ConversationView) -> Self {
        Self { epoch: view.epoch, view_version: view.view_version, seq: view.head.seq }
    }
}

impl Chat {
    /// Returns up to `limit` rows changed since a cursor. Skips rows that the caller may not see;
    /// the cursor still passes them.
    pub async fn catch_up(
        &self,
        caller: &Account,
        conversation: ConversationId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<CatchUp, ChatError> {
        let (view, viewer) = self.view(caller, conversation).await?;
        self.changes(&view, &viewer, cursor, limit).await
    }

    /// The second half of [`Self::catch_up`]. Ends with the change that alters the viewer's view.
    pub async fn changes(
        &self,
        view: &ConversationView,
        viewer: &Viewer,
        cursor: Cursor,
        limit: usize,
    ) -> Result<CatchUp, ChatError> {
        let head = Cursor::at_head(view);
        let is_other = cursor.epoch != head.epoch || cursor.view_version != head.view_version;
        if is_other || cursor.seq > head.seq {
            return Ok(CatchUp::Reset(head));
        }
        let store = &self.ports.conversations;
        let mut page = store.changes_since(view.conversation.id, cursor.seq, limit).await?;
        let is_last = |change: &Change| viewer.is_stale_after(change);
        let up_to_last = page.changes.iter().position(is_last).map(|last| last.saturating_add(1));
        let fitting = page_length(page.changes.iter().map(json_size));
        let length = up_to_last.map_or(fitting, |length| length.min(fitting));
        if up_to_last.is_some() || fitting < page.changes.len() {
            page.changes.truncate(length);
            page.to = page.changes.last().map_or(page.to, Change::seq);
            page.more = true;
        }
        let shown = page.changes.iter().filter_map(|change| viewer.show_change(change));
        page.changes = shown.map(Cow::into_owned).collect();
        Ok(CatchUp::Changes(page))
    }
}

fn json_size(change: &Change) -> usize {
    match change {
        Change::Message(message) => message.json_size(),
        Change::Member(_) | Change::Conversation(_) => 0,
    }
}
