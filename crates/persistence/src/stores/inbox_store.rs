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
        self.db
            .read(move |conn| Box::pin(async move { inbox::page(conn, user, before, limit).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read conversations"))
    }

    async fn conversation(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<InboxEntry>, BackendError> {
        self.db
            .read(move |conn| Box::pin(async move { inbox::entry(conn, user, conversation).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read a conversation"))
    }

    async fn mark_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<Option<MarkedRead>, StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { inbox::mark_read(conn, user, conversation, up_to).await })
            })
            .await
            .map_err(|failure| failure.into_store_error("move a read marker"))
    }

    async fn markers(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<ReadMarker>, BackendError> {
        self.db
            .look(move |conn| {
                Box::pin(async move { inbox::markers(conn, conversation, limit).await })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read markers"))
    }

    async fn set_muted(
        &self,
        user: UserId,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { inbox::set_muted(conn, user, conversation, muted).await })
            })
            .await
            .map_err(|failure| failure.into_store_error("mute a conversation"))
    }

    async fn set_blocked(
        &self,
        by: UserId,
        blocked: UserId,
        present: bool,
    ) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.db
            .write(move |conn| {
                Box::pin(
                    async move { inbox::set_blocked(conn, by, blocked, present, &*clock).await },
                )
            })
            .await
            .map_err(|failure| failure.into_store_error("block an account"))
    }

    async fn contact_statuses(
        &self,
        user: UserId,
        others: &[UserId],
    ) -> Result<Vec<ContactStatus>, BackendError> {
        let others = others.to_vec();
        self.db
            .look(move |conn| {
                Box::pin(async move { Ok(inbox::contact_statuses(conn, user, &others).await?) })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read who may be approached"))
    }

    async fn blocked_by(&self, by: UserId) -> Result<Vec<(UserId, Username)>, BackendError> {
        self.db
            .look(move |conn| Box::pin(async move { inbox::blocked_by(conn, by).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read blocks"))
    }
}
