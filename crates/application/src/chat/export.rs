//! Taking along what was said.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Account, ConversationId, Message, MsgNo, UserId};

use super::{Chat, ChatError};
use crate::ports::{First, PageRange, RetryAfter};

/// Messages of a page.
const PAGE: usize = 100;

/// When to ask again while one's own export is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who exports something now.
#[derive(Debug, Clone, Default)]
pub(super) struct Exports(Arc<Mutex<HashSet<UserId>>>);

/// The one export of an account, until it is dropped.
#[derive(Debug)]
struct Turn {
    exports: Exports,
    user: UserId,
}

/// What was said in a conversation until the export began, page by page.
pub struct Export {
    chat: Chat,
    caller: Account,
    conversation: ConversationId,
    range: PageRange,
    has_ended: bool,
    _turn: Turn,
}

impl Chat {
    /// Begins to export what the caller may see of a conversation. One at a time
    /// for each account; it counts like writing.
    ///
    /// # Errors
    ///
    /// See [`ChatError`].
    pub async fn export(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Export, ChatError> {
        self.limits.message_by(caller.id).await?;
        let turn = self.exports.enter(caller.id)?;
        self.enter(caller, conversation).await?;
        let heads = self.ports.conversations.heads(&[conversation]).await?.heads;
        let end = heads.first().map_or(MsgNo::ZERO, |head| head.msg_no);
        let range =
            PageRange { after: MsgNo::ZERO, before: Some(end.next()), first: First::Oldest };
        let (chat, caller) = (self.clone(), caller.clone());
        Ok(Export { chat, caller, conversation, range, has_ended: false, _turn: turn })
    }
}

impl Export {
    /// The next messages, ascending, and at least one; `None` at the end.
    /// Whether the caller may read is asked each time.
    ///
    /// # Errors
    ///
    /// See [`ChatError`].
    pub async fn next(&mut self) -> Result<Option<Vec<Arc<Message>>>, ChatError> {
        while !self.has_ended {
            let page = self.chat.page(&self.caller, self.conversation, self.range, PAGE).await?;
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

impl Exports {
    fn enter(&self, user: UserId) -> Result<Turn, RetryAfter> {
        if !self.users().insert(user) {
            return Err(RetryAfter(PATIENCE));
        }
        Ok(Turn { exports: self.clone(), user })
    }

    /// Never held across an await.
    fn users(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.exports.users().remove(&self.user);
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("conversation", &self.conversation).finish_non_exhaustive()
    }
}
