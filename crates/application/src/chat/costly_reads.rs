//! Search and export: costly reads, limited to one at a time per account.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{
    Account, ConversationId, Message, MessageId, MsgNo, Refusal, SearchQuery, UserId, Viewer,
};
use tokio::time::timeout;

use super::{Chat, ChatError};
use crate::ports::{
    BackendError, First, InboxEntry, PageRange, RetryAfter, SearchPage, SearchRequest,
};

/// Concurrent searches per node; others wait, so that reads and writes do not.
pub(super) const MAX_SEARCHES: usize = 2;
/// How long a search waits for others.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Messages per page of an export.
const EXPORT_PAGE: usize = 100;
/// `Retry-After` of a refused request.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Chat {
    /// Returns messages that match a query and are visible to the caller, newest first, in one
    /// conversation or in all of the caller's. Search is expensive: it counts against the message
    /// rate, and runs once at a time per account.
    pub async fn search(
        &self,
        caller: &Account,
        within: Option<ConversationId>,
        query: SearchQuery,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<SearchPage, ChatError> {
        self.limits.message_by(caller.id).await?;
        let _own = self.searching.enter(caller.id)?;
        let permit = timeout(MAX_WAIT, self.searches.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(BackendError::new("search", "too many searches are running").into());
        };
        let within = match within {
            Some(id) => BTreeMap::from([(id, self.view(caller, id).await?.1)]),
            None => self.all_viewers(caller).await?,
        };
        Ok(self.ports.conversations.search(SearchRequest { query, within, before }, limit).await?)
    }

    async fn all_viewers(
        &self,
        caller: &Account,
    ) -> Result<BTreeMap<ConversationId, Viewer>, ChatError> {
        let inbox = self.conversations(caller, None, usize::MAX).await?;
        let viewer =
            |entry: &InboxEntry| Some((entry.conversation.id, inbox.viewer(caller.id, entry)?));
        Ok(inbox.entries.iter().filter_map(viewer).collect())
    }

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
        let (chat, caller) = (self.clone(), caller.clone());
        Ok(Export { chat, caller, conversation, range, has_ended: false, _guard: guard })
    }
}

/// A conversation's messages until the start of the export, page by page.
pub struct Export {
    chat: Chat,
    caller: Account,
    conversation: ConversationId,
    range: PageRange,
    has_ended: bool,
    _guard: PerUserGuard,
}

impl Export {
    /// Returns the next messages, ascending, at least one; `None` at the end. Checks each time
    /// whether the caller may still read.
    pub async fn next(&mut self) -> Result<Option<Vec<Arc<Message>>>, ChatError> {
        while !self.has_ended {
            let accounts = &self.chat.ports.accounts;
            self.caller = accounts.by_id(self.caller.id).await?.ok_or(Refusal::NoAccount)?;
            let page =
                self.chat.page(&self.caller, self.conversation, self.range, EXPORT_PAGE).await?;
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

/// The accounts with a running request. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PerUserGuards(Arc<Mutex<HashSet<UserId>>>);

/// Marks a request of an account as running until it is dropped.
#[derive(Debug)]
pub(super) struct PerUserGuard {
    guards: PerUserGuards,
    user: UserId,
}

impl PerUserGuards {
    pub(super) fn enter(&self, user: UserId) -> Result<PerUserGuard, RetryAfter> {
        if !self.users().insert(user) {
            return Err(RetryAfter(RETRY_AFTER));
        }
        Ok(PerUserGuard { guards: self.clone(), user })
    }

    /// Never held across an await.
    fn users(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PerUserGuard {
    fn drop(&mut self) {
        self.guards.users().remove(&self.user);
    }
}
