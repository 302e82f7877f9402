//! Reads conversations and messages.

use std::sync::Arc;

use domain::{
    Account, ConversationId, Head, Member, Message, MessageId, MsgNo, Refusal, Timestamp, UserId,
    Viewer,
};

use super::{Chat, ChatError};
use crate::page_size::page_length;
use crate::ports::{ConversationView, First, InboxEntry, MessagePage, PageRange, PinPage};

impl Chat {
    /// Returns a conversation that the caller may read, and what the caller sees of it.
    pub async fn view(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(ConversationView, Viewer), ChatError> {
        if !caller.active {
            return Err(Refusal::NoAccount.into());
        }
        let view = self.ports.conversations.view(conversation, caller.id).await?;
        let view = view.ok_or(Refusal::NotFound)?;
        let member = view.member.as_ref();
        let viewer = Viewer::new(caller.id, &view.conversation, member, &view.blocked)?;
        Ok((view, viewer))
    }

    pub async fn conversation(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<InboxEntry, ChatError> {
        if let Some(entry) = self.ports.inbox.conversation(caller.id, conversation).await? {
            return Ok(entry);
        }
        // The refusal says why.
        self.view(caller, conversation).await?;
        Err(Refusal::NotFound.into())
    }

    pub async fn read(
        &self,
        caller: &Account,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Arc<Message>, ChatError> {
        let (_, viewer) = self.view(caller, conversation).await?;
        let message = self.ports.conversations.message(conversation, id).await?;
        Ok(message.and_then(|message| viewer.show(&message)).ok_or(Refusal::NotFound)?)
    }

    /// Returns a message that the caller has just acted upon, as the caller sees it.
    pub async fn show(
        &self,
        caller: &Account,
        message: Arc<Message>,
    ) -> Result<Arc<Message>, ChatError> {
        if message.reactions.is_empty() {
            return Ok(message);
        }
        let (_, viewer) = self.view(caller, message.conversation).await?;
        Ok(viewer.show(&message).ok_or(Refusal::NotFound)?)
    }

    /// Returns visible member rows of any status above `after`, ascending by id.
    pub async fn members(
        &self,
        caller: &Account,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<VisibleMembers, ChatError> {
        let (_, viewer) = self.view(caller, conversation).await?;
        let mut members = self.ports.conversations.members(conversation, after, limit).await?;
        let last = members.last().filter(|_| members.len() == limit);
        let next = last.map(|member| member.user);
        members.retain(|member| viewer.sees_member(member));
        Ok(VisibleMembers { members, next })
    }

    /// Returns the messages of a range that the caller may see.
    pub async fn page(
        &self,
        caller: &Account,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<VisiblePage, ChatError> {
        let (_, viewer) = self.view(caller, conversation).await?;
        let range = PageRange { after: range.after.max(viewer.hidden_up_to()), ..range };
        let mut page = self.ports.conversations.page(conversation, range, limit).await?;
        shorten(&mut page, range.first);
        let numbers = || page.messages.iter().map(|message| message.msg_no);
        let low = numbers().min().unwrap_or(range.after.next());
        let high = numbers().max().unwrap_or(range.after);
        let messages = page.messages.iter().filter_map(|message| viewer.show(message)).collect();
        let MessagePage { head, more, .. } = page;
        Ok(VisiblePage { head, messages, more, span: (low, high) })
    }

    /// Returns pinned messages, newest pin first.
    pub async fn pinned(
        &self,
        caller: &Account,
        conversation: ConversationId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<VisiblePins, ChatError> {
        let (_, viewer) = self.view(caller, conversation).await?;
        let hidden: MsgNo = viewer.hidden_up_to();
        let store = &self.ports.conversations;
        let PinPage { mut messages, more } =
            store.pinned(conversation, hidden, before, limit).await?;
        let fitting = page_length(messages.iter().map(|message| message.json_size()));
        let last = messages.get(fitting.saturating_sub(1));
        let next = last.filter(|_| more || fitting < messages.len());
        let next = next.and_then(|message| message.pinned_at);
        messages.truncate(fitting);
        let messages = messages.iter().filter_map(|message| viewer.show(message)).collect();
        Ok(VisiblePins { messages, next })
    }
}

/// Keeps the messages that are asked for first.
fn shorten(page: &mut MessagePage, first: First) {
    let sizes = page.messages.iter().map(|message| message.json_size());
    let (length, fitting) = match first {
        First::Oldest => (sizes.len(), page_length(sizes)),
        First::Newest => (sizes.len(), page_length(sizes.rev())),
    };
    match first {
        First::Oldest => page.messages.truncate(fitting),
        First::Newest => drop(page.messages.drain(..length - fitting)),
    }
    page.more |= fitting < length;
}

/// The messages of a page that the viewer may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisiblePage {
    /// The head in the same snapshot.
    pub head: Head,
    /// Ascending by `msg_no`, without tombstones.
    pub messages: Vec<Arc<Message>>,
    /// Whether the range contains more messages.
    pub more: bool,
    /// The first and last message of the page, including invisible ones. The next page begins
    /// beyond either.
    pub span: (MsgNo, MsgNo),
}

/// The pinned messages that the viewer may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisiblePins {
    /// Newest pin first.
    pub messages: Vec<Arc<Message>>,
    /// Where the next page starts.
    pub next: Option<Timestamp>,
}

/// The member rows that the viewer may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleMembers {
    /// Ascending by id.
    pub members: Vec<Member>,
    /// The next page is above this one.
    pub next: Option<UserId>,
}
