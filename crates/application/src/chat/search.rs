//! Message search.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Account, Conversation, ConversationId, Member, MessageId, SearchQuery, Viewer};
use tokio::time::timeout;

use super::{Chat, ChatError, may_read};
use crate::ports::{BackendError, SearchPage, SearchRequest};

/// Concurrent searches per node; others wait, so that reads and writes do not.
pub(super) const AT_ONCE: usize = 2;

/// How long a search waits for others.
const MAX_WAIT: Duration = Duration::from_secs(5);

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
            Some(id) => BTreeMap::from([(id, self.reader(caller, id).await?)]),
            None => self.all_readers(caller).await?,
        };
        Ok(self.ports.conversations.search(SearchRequest { query, within, before }, limit).await?)
    }

    async fn all_readers(
        &self,
        caller: &Account,
    ) -> Result<BTreeMap<ConversationId, Viewer>, ChatError> {
        let blocked = self.blocked_ids(caller.id).await?;
        let mut memberships = self.ports.conversations.memberships(caller.id).await?;
        memberships.retain(|(found, member)| may_read(caller, found, member.as_ref()).is_ok());
        let reader = |(found, member): &(Conversation, Option<Member>)| {
            (found.id, Viewer::new(caller.id, found, member.as_ref(), &blocked))
        };
        Ok(memberships.iter().map(reader).collect())
    }
}
