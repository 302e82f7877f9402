//! Paging through what was said.

use std::sync::Arc;

use domain::{Account, ConversationId, Head, Message, MsgNo, Timestamp};

use super::{Chat, ChatError};
use crate::ports::{MessagePage, PageRange};

/// A page of messages as far as its reader may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisiblePage {
    /// The moment of which it is.
    pub head: Head,
    /// Ascending by `msg_no`, without tombstones.
    pub messages: Vec<Arc<Message>>,
    /// Whether the range holds more.
    pub more: bool,
    /// The first and the last message of the page, whether they were left out or
    /// not: another page begins before the one, or after the other.
    pub span: (MsgNo, MsgNo),
}

/// Pinned messages as far as their reader may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisiblePins {
    /// The newest pin first.
    pub messages: Vec<Arc<Message>>,
    /// Where others may follow.
    pub next: Option<Timestamp>,
}

impl Chat {
    /// Messages between two places, as far as the caller may see them.
    pub async fn page(
        &self,
        caller: &Account,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<VisiblePage, ChatError> {
        let reader = self.reader(caller, conversation).await?;
        let range = PageRange { after: range.after.max(reader.hidden_up_to()), ..range };
        let mut page = self.ports.conversations.page(conversation, range, limit).await?;
        let numbers = || page.messages.iter().map(|message| message.msg_no);
        let low = numbers().min().unwrap_or(range.after.next());
        let high = numbers().max().unwrap_or(range.after);
        page.messages.retain(|message| reader.sees(message));
        let MessagePage { head, messages, more } = page;
        Ok(VisiblePage { head, messages, more, span: (low, high) })
    }

    /// Pinned messages, the newest pin first.
    pub async fn pinned(
        &self,
        caller: &Account,
        conversation: ConversationId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<VisiblePins, ChatError> {
        let reader = self.reader(caller, conversation).await?;
        let hidden: MsgNo = reader.hidden_up_to();
        let store = &self.ports.conversations;
        let mut pinned = store.pinned(conversation, hidden, before, limit).await?;
        let last = pinned.last().filter(|_| pinned.len() == limit);
        let next = last.and_then(|message| message.pinned_at);
        pinned.retain(|message| reader.sees(message));
        Ok(VisiblePins { messages: pinned, next })
    }
}
