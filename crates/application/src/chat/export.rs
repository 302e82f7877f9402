//! Exporting messages.

use std::sync::Arc;

use domain::{Account, ConversationId, Message, MsgNo};

use super::per_user_guard::PerUserGuard;
use super::{Chat, ChatError};
use crate::ports::{First, PageRange};

/// Messages per page.
const PAGE: usize = 100;

/// A conversation's messages until the start of the export, page by page.
pub struct Export {
    chat: Chat,
    conversation: ConversationId,
    range: PageRange,
    has_ended: bool,
    _guard: PerUserGuard,
}

impl Chat {
    /// Starts an export of everything the caller may see of a conversation. One at a time per
    /// account; counts against the message rate.
    pub async fn export(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Export, ChatError> {
        self.limits.message_by(caller.id).await?;
        let guard = self.exports.enter(caller.id)?;
        let (view, _) = self.view(caller, conversation).await?;
        let end = view.head.msg_no.next();
        let range = PageRange { after: MsgNo::ZERO, before: Some(end), first: First::Oldest };
        let chat = self.clone();
        Ok(Export { chat, conversation, range, has_ended: false, _guard: guard })
    }
}

impl Export {
    /// Returns the next messages, ascending, at least one; `None` at the end. Checks each time
    /// whether the caller, whose session must have been checked just before, may still read.
    pub async fn next(&mut self, caller: &Account) -> Result<Option<Vec<Arc<Message>>>, ChatError> {
        while !self.has_ended {
            let page = self.chat.page(caller, self.conversation, self.range, PAGE).await?;
            let (_, last) = page.span;
            self.range.after = last;
            self.has_ended = !page.more;
            if !page.messages.is_empty() {
                return Ok(Some(page.messages));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("conversation", &self.conversation).finish_non_exhaustive()
    }
}
