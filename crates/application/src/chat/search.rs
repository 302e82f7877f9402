//! Message search.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Account, ConversationId, MessageId, SearchQuery, Viewer};
use tokio::time::timeout;

use super::{Chat, ChatError};
use crate::page_size::page_length;
use crate::ports::{BackendError, InboxEntry, SearchPage, SearchRequest};

/// Concurrent searches per node; others wait, so that reads and writes do not.
pub(super) const MAX_SEARCHES: usize = 2;

/// How long a search waits for others.
const MAX_WAIT: Duration = Duration::from_secs(5);

impl Chat {
    /// Returns messages that match a query and are visible to the caller, newest first, in one
    /// conversation or in all of the caller's. Search is expensive: it counts against the message
    /// rate, and those of one account run one after the other.
    pub async fn search(
        &self,
        caller: &Account,
        within: Option<ConversationId>,
        query: SearchQuery,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<SearchPage, ChatError> {
        self.limits.message_by(caller.id).await?;
        let _own = self.searching.enter_within(MAX_WAIT, caller.id).await?;
        let permit = timeout(MAX_WAIT, self.searches.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(BackendError::new("search", "too many searches are running").into());
        };
        let within = match within {
            Some(id) => BTreeMap::from([(id, self.view(caller, id).await?.1)]),
            None => self.all_viewers(caller).await?,
        };
        let viewers = within.clone();
        let search = SearchRequest { query, within, before };
        let mut page = self.ports.conversations.search(search, limit).await?;
        let fitting = page_length(page.messages.iter().map(|message| message.json_size()));
        if fitting < page.messages.len() {
            page.messages.truncate(fitting);
            page.next = page.messages.last().map(|message| message.id);
        }
        let shown = page.messages.iter();
        let shown = shown.filter_map(|found| viewers.get(&found.conversation)?.show(found));
        page.messages = shown.collect();
        Ok(page)
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
}
