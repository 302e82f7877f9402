//! [`InboxStore`] over the queries.

use application::ports::{
    BackendError, ContactStatus, InboxCursor, InboxEntry, InboxPage, InboxStore, MarkedRead,
    ReadMarker, StoreError,
};
use async_trait::async_trait;
use domain::{ConversationId, MsgNo, UserId, Username};

use super::{Store, inbox};

#[async_trait]
impl InboxStore for Store {
    async fn conversations(
        &self,
        user: UserId,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage, BackendError> {
        self.snapshot("read conversations", async move |conn| {
            inbox::page(conn, user, before, limit).await
        })
        .await
    }

    async fn conversation(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<InboxEntry>, BackendError> {
        self.snapshot("read a conversation", async move |conn| {
            inbox::entry(conn, user, conversation).await
        })
        .await
    }

    async fn mark_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<Option<MarkedRead>, StoreError> {
        self.write("move a read marker", async move |conn| {
            inbox::mark_read(conn, user, conversation, up_to).await
        })
        .await
    }

    async fn markers(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<ReadMarker>, BackendError> {
        self.read("read markers", async move |conn| inbox::markers(conn, conversation, limit).await)
            .await
    }

    async fn set_muted(
        &self,
        user: UserId,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        self.write("mute a conversation", async move |conn| {
            inbox::set_muted(conn, user, conversation, muted).await
        })
        .await
    }

    async fn set_blocked(
        &self,
        by: UserId,
        blocked: UserId,
        present: bool,
    ) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("block an account", async move |conn| {
            inbox::set_blocked(conn, by, blocked, present, &*clock).await
        })
        .await
    }

    async fn contact_statuses(
        &self,
        user: UserId,
        others: &[UserId],
    ) -> Result<Vec<ContactStatus>, BackendError> {
        let others = others.to_vec();
        self.read("read who may be approached", async move |conn| {
            Ok(inbox::contact_statuses(conn, user, &others).await?)
        })
        .await
    }

    async fn blocked_by(&self, by: UserId) -> Result<Vec<(UserId, Username)>, BackendError> {
        self.read("read blocks", async move |conn| inbox::blocked_by(conn, by).await).await
    }
}
