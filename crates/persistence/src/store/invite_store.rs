//! [`InviteStore`] over the queries.

use application::ports::{BackendError, InviteStore, StoreError};
use async_trait::async_trait;
use domain::{ConversationId, Invite, InviteCode, Role, Timestamp};

use super::{Store, invites};

#[async_trait]
impl InviteStore for Store {
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError> {
        self.write("keep an invitation", async move |conn| Ok(invites::add(conn, &invite).await?))
            .await
    }

    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError> {
        self.read("read an invitation", async move |conn| invites::find(conn, code).await).await
    }

    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError> {
        self.read("read invitations", async move |conn| {
            invites::of_conversation(conn, conversation, below, before, limit).await
        })
        .await
    }

    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError> {
        self.write("take an invitation back", async move |conn| {
            Ok(invites::revoke(conn, conversation, code).await?)
        })
        .await
    }
}
