//! Conversations, their heads and the epoch.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    Conversation, ConversationId, Epoch, Head, Member, NewConversation, Seq, Standing, UserId,
};

use super::{Conn, dialect};
use crate::failure::{CorruptRow, Failure};
use crate::rows::{HeadRow, MemberRow, NewMemberRow, conversation, kind_text};
use crate::schema::{conversation_heads, conversations, members, server_meta};

/// The head, or that of an empty conversation if there is none.
pub(super) async fn head(conn: &mut Conn, id: ConversationId) -> QueryResult<Head> {
    let row: Option<HeadRow> = conversation_heads::table
        .find(id.get())
        .select(HeadRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map_or_else(|| Head::new(id), Head::from))
}

/// Heads of those conversations that exist.
pub(super) async fn heads(conn: &mut Conn, ids: &[ConversationId]) -> QueryResult<Vec<Head>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let mut heads = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(dialect::CHUNK) {
        let rows: Vec<HeadRow> = conversation_heads::table
            .filter(conversation_heads::conversation_id.eq_any(chunk))
            .select(HeadRow::as_select())
            .load(conn)
            .await?;
        heads.extend(rows.into_iter().map(Head::from));
    }
    Ok(heads)
}

pub(super) async fn epoch(conn: &mut Conn) -> Result<Epoch, Failure> {
    let bytes: Vec<u8> = server_meta::table.select(server_meta::epoch).first(conn).await?;
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| CorruptRow {
        table: "server_meta",
        id: "1".to_owned(),
        reason: "epoch",
    })?;
    Ok(Epoch::new(u128::from_be_bytes(bytes)))
}

pub(super) async fn set_epoch(conn: &mut Conn, epoch: Epoch) -> QueryResult<()> {
    diesel::update(server_meta::table)
        .set(server_meta::epoch.eq(epoch.get().to_be_bytes().as_slice()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Opens a conversation. Within a transaction.
pub(super) async fn create(conn: &mut Conn, new: &NewConversation) -> QueryResult<ConversationId> {
    let id: i64 = diesel::insert_into(conversations::table)
        .values(conversations::kind.eq(kind_text(new.kind)))
        .returning(conversations::id)
        .get_result(conn)
        .await?;
    let id = ConversationId::new(id);
    diesel::insert_into(conversation_heads::table)
        .values(&HeadRow::from(Head::new(id)))
        .execute(conn)
        .await?;
    for (user, role) in &new.members {
        let member = Member {
            conversation: id,
            user: *user,
            role: *role,
            standing: Standing::Active,
            seq_last: Seq::ZERO,
        };
        diesel::insert_into(members::table)
            .values(&NewMemberRow::from(member))
            .execute(conn)
            .await?;
    }
    Ok(id)
}

/// A conversation, and the row of `user` in it.
pub(super) async fn membership(
    conn: &mut Conn,
    id: ConversationId,
    user: UserId,
) -> Result<Option<(Conversation, Option<Member>)>, Failure> {
    let found: Option<(i64, String, Option<MemberRow>)> = conversations::table
        .find(id.get())
        .left_join(members::table.on(
            members::conversation_id.eq(conversations::id).and(members::user_id.eq(user.get())),
        ))
        .select((conversations::id, conversations::kind, Option::<MemberRow>::as_select()))
        .first(conn)
        .await
        .optional()?;
    let Some((id, kind, member)) = found else { return Ok(None) };
    Ok(Some((conversation(id, &kind)?, member.map(Member::try_from).transpose()?)))
}
