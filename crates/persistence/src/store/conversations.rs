//! Conversations, their heads and the epoch.

use std::collections::HashSet;
use std::sync::Arc;

use application::ports::{Clock, ConversationView};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    Conversation, ConversationId, ConversationKind, Details, Epoch, Head, Member, NewGroup, Pair,
    Role, UserId,
};

use super::{Conn, dialect, inbox};
use crate::failure::{CorruptRow, Failure};
use crate::rows::{
    ConversationRow, HeadRow, MemberRow, NamedMemberRow, WrittenConversationRow, view_version,
};
use crate::schema::{
    accounts, blocks, conversation_heads, conversations, direct_pairs, members, server_meta,
};

/// The head, or the head of an empty conversation if there is none.
pub(super) async fn head(conn: &mut Conn, id: ConversationId) -> QueryResult<Head> {
    Ok(heads(conn, &[id]).await?.pop().unwrap_or_else(|| Head::new(id)))
}

/// The heads of the existing conversations.
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
    Ok(parse_epoch(&bytes)?)
}

pub(super) async fn set_epoch(conn: &mut Conn, epoch: Epoch) -> QueryResult<()> {
    diesel::update(server_meta::table)
        .set(server_meta::epoch.eq(epoch.get().to_be_bytes().as_slice()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Within a transaction.
pub(super) async fn create_group(
    conn: &mut Conn,
    new: NewGroup,
    clock: &dyn Clock,
) -> Result<ConversationId, Failure> {
    open(conn, ConversationKind::Group, new.details, &new.members, clock).await
}

/// The direct conversation, and whether it is new. Within a transaction.
pub(super) async fn open_direct(
    conn: &mut Conn,
    pair: Pair,
    clock: &dyn Clock,
) -> Result<(ConversationId, bool), Failure> {
    if let Some(known) = direct(conn, pair).await? {
        return Ok((known, false));
    }
    let members = [pair.low(), pair.high()].map(|user| (user, Role::Member));
    let kind = ConversationKind::Direct(pair);
    let id = open(conn, kind, Details::default(), &members, clock).await?;
    let is_new = diesel::insert_into(direct_pairs::table)
        .values((
            direct_pairs::low_id.eq(pair.low().get()),
            direct_pairs::high_id.eq(pair.high().get()),
            direct_pairs::conversation_id.eq(id.get()),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if is_new > 0 {
        return Ok((id, true));
    }
    // Another request was faster. The new conversation is not visible to anyone yet.
    delete(conn, id).await?;
    let known = direct(conn, pair).await?.ok_or(diesel::result::Error::NotFound)?;
    Ok((known, false))
}

async fn direct(conn: &mut Conn, pair: Pair) -> QueryResult<Option<ConversationId>> {
    let found: Option<i64> = direct_pairs::table
        .find((pair.low().get(), pair.high().get()))
        .select(direct_pairs::conversation_id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(ConversationId::new))
}

async fn delete(conn: &mut Conn, id: ConversationId) -> QueryResult<()> {
    let id = id.get();
    let (heads, members) = (conversation_heads::table, members::table);
    diesel::delete(members.filter(members::conversation_id.eq(id))).execute(conn).await?;
    diesel::delete(heads.find(id)).execute(conn).await?;
    diesel::delete(conversations::table.find(id)).execute(conn).await?;
    Ok(())
}

async fn open(
    conn: &mut Conn,
    kind: ConversationKind,
    details: Details,
    members: &[(UserId, Role)],
    clock: &dyn Clock,
) -> Result<ConversationId, Failure> {
    let now = dialect::now(conn, clock).await?;
    // A placeholder: the database assigns the id.
    let new = Conversation::new(ConversationId::LOBBY, kind, details);
    let id: i64 = diesel::insert_into(conversations::table)
        .values(&WrittenConversationRow::from(&new))
        .returning(conversations::id)
        .get_result(conn)
        .await?;
    let id = ConversationId::new(id);
    diesel::insert_into(conversation_heads::table)
        .values(&HeadRow::from(Head { last_at: now, ..Head::new(id) }))
        .execute(conn)
        .await?;
    let rows = members.iter().map(|(user, role)| MemberRow::first(id, *user, *role));
    dialect::insert_members(conn, rows.collect()).await?;
    inbox::raise_inbox_versions(conn, members.iter().map(|(user, _)| *user)).await?;
    Ok(id)
}

/// One statement, so that it is one snapshot and one round trip.
pub(super) async fn view(
    conn: &mut Conn,
    id: ConversationId,
    user: UserId,
) -> Result<Option<ConversationView>, Failure> {
    let member_of_user =
        members::conversation_id.eq(conversations::id).and(members::user_id.eq(user.get()));
    let row: Option<ViewRow> = conversations::table
        .inner_join(conversation_heads::table)
        .left_join(members::table.on(member_of_user))
        .left_join(accounts::table.on(accounts::id.eq(user.get())))
        .filter(conversations::id.eq(id.get()))
        .select((
            ConversationRow::as_select(),
            HeadRow::as_select(),
            Option::<NamedMemberRow>::as_select(),
            accounts::view_version.nullable(),
            server_meta::table.select(server_meta::epoch).single_value(),
            blocks::table
                .filter(blocks::blocker_id.eq(user.get()))
                .select(dialect::id_list(blocks::blocked_id))
                .single_value(),
        ))
        .first(conn)
        .await
        .optional()?;
    let Some((conversation, head, member, account_view_version, epoch, blocked)) = row else {
        return Ok(None);
    };
    let conversation: Conversation = conversation.try_into()?;
    let member: Option<Member> = member.map(Member::try_from).transpose()?;
    Ok(Some(ConversationView {
        epoch: parse_epoch(&epoch.unwrap_or_default())?,
        view_version: view_version(
            account_view_version.unwrap_or(0),
            &conversation,
            member.as_ref(),
        ),
        conversation,
        head: head.into(),
        member,
        blocked: blocked_ids(blocked),
    }))
}

type ViewRow = (
    ConversationRow,
    HeadRow,
    Option<NamedMemberRow>,
    Option<i64>,
    Option<Vec<u8>>,
    Option<dialect::IdList>,
);

pub(super) fn blocked_ids(list: Option<dialect::IdList>) -> Arc<HashSet<UserId>> {
    let ids = list.map(|list| dialect::ids(&list)).unwrap_or_default();
    Arc::new(ids.into_iter().map(UserId::new).collect())
}

pub(super) fn parse_epoch(bytes: &[u8]) -> Result<Epoch, CorruptRow> {
    let bytes = <[u8; 16]>::try_from(bytes);
    let corrupt = |_| CorruptRow { table: "server_meta", id: "1".to_owned(), reason: "epoch" };
    Ok(Epoch::new(u128::from_be_bytes(bytes.map_err(corrupt)?)))
}

pub(super) async fn members(
    conn: &mut Conn,
    id: ConversationId,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<Member>, Failure> {
    let rows: Vec<NamedMemberRow> = members::table
        .inner_join(accounts::table)
        .filter(members::conversation_id.eq(id.get()))
        .filter(members::user_id.gt(after.map_or(i64::MIN, UserId::get)))
        .order(members::user_id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(NamedMemberRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Member::try_from).collect::<Result<_, _>>()?)
}
