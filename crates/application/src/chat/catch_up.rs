//! Changes since a client's cursor.

use domain::{Account, Change, ConversationId, Epoch, Seq, Viewer};

use super::{Chat, ChatError};
use crate::ports::ChangePage;

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

/// A conversation that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub reader: Viewer,
    pub head: Cursor,
}

impl Chat {
    pub async fn epoch(&self) -> Result<Epoch, ChatError> {
        Ok(self.ports.conversations.heads(&[]).await?.epoch)
    }

    /// Returns the current cursor of a conversation, and the caller's view of it.
    pub async fn reading(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Reading, ChatError> {
        let entry = self.conversation(caller, conversation).await?;
        // Read after the view version: if the list changes later, the version does too, and the
        // client reads again.
        let blocked = self.blocked_ids(caller.id).await?;
        let epoch = self.epoch().await?;
        let reader = Viewer::new(caller.id, &entry.conversation, entry.member.as_ref(), &blocked);
        let head = Cursor { epoch, view_version: entry.view_version, seq: entry.head.seq };
        Ok(Reading { reader, head })
    }

    /// Returns up to `limit` rows changed since a cursor. Skips rows that the caller may not see;
    /// the cursor still passes them.
    pub async fn catch_up(
        &self,
        caller: &Account,
        conversation: ConversationId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<CatchUp, ChatError> {
        let reading = self.reading(caller, conversation).await?;
        self.changes(&reading, conversation, cursor, limit).await
    }

    /// The second half of [`Self::catch_up`]. Ends with the change that alters the viewer's view.
    pub async fn changes(
        &self,
        reading: &Reading,
        conversation: ConversationId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<CatchUp, ChatError> {
        let Reading { reader, head } = reading;
        let is_other = cursor.epoch != head.epoch || cursor.view_version != head.view_version;
        if is_other || cursor.seq > head.seq {
            return Ok(CatchUp::Reset(*head));
        }
        let store = &self.ports.conversations;
        let mut page = store.changes_since(conversation, cursor.seq, limit).await?;
        if let Some(last) = page.changes.iter().position(|change| reader.is_stale_after(change)) {
            page.changes.truncate(last.saturating_add(1));
            page.to = page.changes.last().map_or(page.to, Change::seq);
            page.more = true;
        }
        page.changes.retain(|change| reader.can_see_change(change));
        Ok(CatchUp::Changes(page))
    }
}
