//! Invitations and the audit log.

use application::ports::AuditId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{AuditEntry, ConversationId, Invite, InviteCode, Role, Timestamp};

use super::Conn;
use crate::failure::Failure;
use crate::rows::{AuditRow, InviteRow, code_bytes, role_text};
use crate::schema::{audit_log, invites};

pub(super) async fn add(conn: &mut Conn, invite: &Invite) -> QueryResult<()> {
    diesel::insert_into(invites::table).values(InviteRow::from(invite)).execute(conn).await?;
    Ok(())
}

pub(super) async fn find(conn: &mut Conn, code: InviteCode) -> Result<Option<Invite>, Failure> {
    let row: Option<InviteRow> = invites::table
        .find(code_bytes(code).as_slice())
        .select(InviteRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Invite::try_from).transpose()?)
}

pub(super) async fn of_conversation(
    conn: &mut Conn,
    conversation: ConversationId,
    below: Role,
    before: Option<(Timestamp, InviteCode)>,
    limit: usize,
) -> Result<Vec<Invite>, Failure> {
    let roles = [Role::Reader, Role::Member, Role::Admin, Role::Owner].into_iter();
    let roles = roles.filter(|role| *role < below).map(role_text);
    let (at, code) =
        before.map_or((i64::MAX, [0; 16]), |(at, code)| (at.micros(), code_bytes(code)));
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
}

pub(super) async fn revoke(
    conn: &mut Conn,
    conversation: ConversationId,
    code: InviteCode,
) -> QueryResult<bool> {
    let invite = invites::table
        .find(code_bytes(code).to_vec())
        .filter(invites::conversation_id.eq(conversation.get()))
        .filter(invites::revoked.eq(false));
    let rows = diesel::update(invite).set(invites::revoked.eq(true)).execute(conn).await?;
    Ok(rows > 0)
}

pub(super) async fn audited(
    conn: &mut Conn,
    before: Option<AuditId>,
    limit: usize,
) -> Result<Vec<(AuditId, AuditEntry)>, Failure> {
    let rows: Vec<AuditRow> = audit_log::table
        .filter(audit_log::id.lt(before.map_or(i64::MAX, |AuditId(id)| id)))
        .order(audit_log::id.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(AuditRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?)
}
