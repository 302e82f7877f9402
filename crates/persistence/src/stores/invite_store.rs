//! [`InviteStore`] over the queries.

use application::ports::{BackendError, InviteStore, StoreError};
use async_trait::async_trait;
use domain::{ConversationId, Invite, InviteCode, Role, Timestamp};

use super::{Store, invites};

#[async_trait]
impl InviteStore for Store {
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError> {
        self.db
            .write(move |conn| Box::pin(async move { Ok(invites::add(conn, &invite).await?) }))
            .await
            .map_err(|failure| failure.into_store_error("keep an invitation"))
    }

    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError> {
        self.db
            .look(move |conn| Box::pin(async move { invites::find(conn, code).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read an invitation"))
    }

    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError> {
        self.db
            .look(move |conn| {
                Box::pin(async move {
                    invites::of_conversation(conn, conversation, below, before, limit).await
                })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read invitations"))
    }

    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { Ok(invites::revoke(conn, conversation, code).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("take an invitation back"))
    }
}
