//! What changed since a client last looked.

use domain::{Account, Change, ConversationId, Epoch, Seq, Viewer};

use super::{Chat, ChatError};
use crate::ports::ChangePage;

/// Where a client stands in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Of the database, as far as it knows.
    pub epoch: Epoch,
    /// Of its view of the conversation, likewise.
    pub view_version: i64,
    /// Up to here it was told everything.
    pub seq: Seq,
}

/// What became of a client that wants to catch up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatchUp {
    /// It is told what changed.
    Changes(ChangePage),
    /// What it knows counts for nothing: it is to fetch anew, and go on from here.
    Reset(Cursor),
}

/// A conversation that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What its reader may see of it.
    pub reader: Viewer,
    /// Where it stands.
    pub head: Cursor,
}

impl Chat {
    /// Of the store.
    pub async fn epoch(&self) -> Result<Epoch, ChatError> {
        Ok(self.ports.conversations.heads(&[]).await?.epoch)
    }

    /// Where a conversation stands, and what the caller may see of it.
    pub async fn reading(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Reading, ChatError> {
        let entry = self.conversation(caller, conversation).await?;
        // After the view's number: with a newer one, it is read again.
        let blocked = self.blocked_ids(caller.id).await?;
        let epoch = self.epoch().await?;
        let reader = Viewer::new(caller.id, &entry.conversation, entry.member.as_ref(), &blocked);
        let head = Cursor { epoch, view_version: entry.view_version, seq: entry.head.seq };
        Ok(Reading { reader, head })
    }

    /// What changed since a position, at most `limit` rows of it. What the caller
    /// may not see is left out, and passed all the same.
    pub async fn catch_up(
        &self,
        caller: &Account,
        conversation: ConversationId,
        position: Cursor,
        limit: usize,
    ) -> Result<CatchUp, ChatError> {
        let reading = self.reading(caller, conversation).await?;
        self.changes(&reading, conversation, position, limit).await
    }

    /// The second half of [`Self::catch_up`]. Ends with the change that makes the
    /// reader's view another.
    pub async fn changes(
        &self,
        reading: &Reading,
        conversation: ConversationId,
        position: Cursor,
        limit: usize,
    ) -> Result<CatchUp, ChatError> {
        let Reading { reader, head } = reading;
        let is_other = position.epoch != head.epoch || position.view_version != head.view_version;
        if is_other || position.seq > head.seq {
            return Ok(CatchUp::Reset(*head));
        }
        let store = &self.ports.conversations;
        let mut page = store.changes_since(conversation, position.seq, limit).await?;
        if let Some(last) = page.changes.iter().position(|change| reader.is_stale_after(change)) {
            page.changes.truncate(last.saturating_add(1));
            page.to = page.changes.last().map_or(page.to, Change::seq);
            page.more = true;
        }
        page.changes.retain(|change| reader.can_see_change(change));
        Ok(CatchUp::Changes(page))
    }
}
