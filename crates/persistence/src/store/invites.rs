//! Invitations and the audit log.

use application::ports::{AuditId, AuditLog, BackendError, InviteStore, StoreError};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{AuditEntry, ConversationId, Invite, InviteCode, Role, Timestamp};

use super::Store;
use crate::rows::{AuditRow, InviteRow, code_bytes};
use crate::schema::{audit_log, invites};

#[async_trait]
impl InviteStore for Store {
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError> {
        self.write("store an invitation", async move |conn| {
            let row = InviteRow::from(&invite);
            diesel::insert_into(invites::table).values(row).execute(conn).await?;
            Ok(())
        })
        .await
    }

    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError> {
        self.read("read an invitation", async move |conn| {
            let row: Option<InviteRow> = invites::table
                .find(code_bytes(code).to_vec())
                .select(InviteRow::as_select())
                .first(conn)
                .await
                .optional()?;
            Ok(row.map(Invite::try_from).transpose()?)
        })
        .await
    }

    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError> {
        let roles = Role::ALL.iter().filter(|role| **role < below);
        let roles: Vec<_> = roles.map(|role| role.as_str()).collect();
        let (at, code) =
            before.map_or((i64::MAX, [0; 16]), |(at, code)| (at.micros(), code_bytes(code)));
        self.read("read invitations", async move |conn| {
            let is_older = invites::created_at
                .lt(at)
                .or(invites::created_at.eq(at).and(invites::code.lt(code.to_vec())));
            let rows: Vec<InviteRow> = invites::table
                .filter(invites::conversation_id.eq(conversation.get()))
                .filter(invites::role.eq_any(roles))
                .filter(invites::revoked.eq(false))
                .filter(is_older)
                .order((invites::created_at.desc(), invites::code.desc()))
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select(InviteRow::as_select())
                .load(conn)
                .await?;
            Ok(rows.into_iter().map(Invite::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError> {
        self.write("revoke an invitation", async move |conn| {
            let invite = invites::table
                .find(code_bytes(code).to_vec())
                .filter(invites::conversation_id.eq(conversation.get()))
                .filter(invites::revoked.eq(false));
            let rows = diesel::update(invite).set(invites::revoked.eq(true)).execute(conn).await?;
            Ok(rows > 0)
        })
        .await
    }
}

#[async_trait]
impl AuditLog for Store {
    async fn audited(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, BackendError> {
        self.read("read the audit log", async move |conn| {
            let rows: Vec<AuditRow> = audit_log::table
                .filter(audit_log::id.lt(before.map_or(i64::MAX, |AuditId(id)| id)))
                .order(audit_log::id.desc())
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select(AuditRow::as_select())
                .load(conn)
                .await?;
            Ok(rows.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?)
        })
        .await
    }
}
