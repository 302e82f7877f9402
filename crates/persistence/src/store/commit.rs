//! The one write path: facts in, changes out, in one transaction.

use std::collections::BTreeSet;

use application::ports::Clock;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    Conversation, ConversationId, Intent, Invite, Member, Message, MsgNo, Needs, Outcome, Refusal,
    Timestamp, UserId, Writes,
};

use super::{Conn, conversations as conversation_queries, dialect, facts, inbox, mentions};
use crate::failure::Failure;
use crate::rows::{
    LockedHeadRow, NewAuditRow, NewConversationRow, NewMemberRow, code_bytes, mentions_text,
    reactions_text,
};
use crate::schema::{audit_log, conversations, invites, members, messages};

/// What to do about a head that another writer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    WaitFor,
    LeaveOut,
}

/// Judges the intents in order and writes what came of them. Those of
/// conversations that were left out get `None`. Within a transaction.
pub(super) async fn commit(
    conn: &mut Conn,
    intents: &[Intent],
    locked: Locked,
    clock: &dyn Clock,
) -> Result<Vec<Option<Result<Outcome, Refusal>>>, Failure> {
    let wanted: BTreeSet<ConversationId> = intents.iter().map(|i| i.conversation).collect();
    let (heads, held) = lock_heads(conn, &wanted, locked).await?;
    let is_free = |intent: &&Intent| !held.contains(&intent.conversation);
    if held.is_empty() {
        let answers = decide_all(conn, intents, heads, clock).await?;
        return Ok(answers.into_iter().map(Some).collect());
    }
    let free: Vec<Intent> = intents.iter().filter(is_free).cloned().collect();
    let mut answers = decide_all(conn, &free, heads, clock).await?.into_iter();
    let answer = |intent: &Intent| is_free(&intent).then(|| answers.next()).flatten();
    Ok(intents.iter().map(answer).collect())
}

/// The heads of those that exist, and those that another writer holds.
async fn lock_heads(
    conn: &mut Conn,
    wanted: &BTreeSet<ConversationId>,
    locked: Locked,
) -> Result<(Vec<LockedHeadRow>, BTreeSet<ConversationId>), Failure> {
    let ids: Vec<i64> = wanted.iter().map(|id| id.get()).collect();
    let (mut heads, mut held) = (Vec::with_capacity(ids.len()), BTreeSet::new());
    for chunk in ids.chunks(dialect::CHUNK) {
        let found = dialect::lock_heads(conn, chunk, locked).await?;
        if locked == Locked::LeaveOut && found.len() < chunk.len() {
            let found: BTreeSet<i64> = found.iter().map(|(head, _)| head.id()).collect();
            let missing: Vec<_> = chunk.iter().filter(|id| !found.contains(id)).copied().collect();
            let missing: Vec<_> = missing.into_iter().map(ConversationId::new).collect();
            let exist = conversation_queries::heads(conn, &missing).await?;
            held.extend(exist.into_iter().map(|head| head.conversation));
        }
        heads.extend(found);
    }
    Ok((heads, held))
}

async fn decide_all(
    conn: &mut Conn,
    intents: &[Intent],
    heads: Vec<LockedHeadRow>,
    clock: &dyn Clock,
) -> Result<Vec<Result<Outcome, Refusal>>, Failure> {
    if intents.is_empty() {
        return Ok(Vec::new());
    }
    let needs = Needs::of(intents);
    // Under the locks: ids and times ascend with the order of commits.
    let (now, free_ids) = dialect::now_and_ids(conn, needs.sends.len(), clock).await?;
    let mut facts = facts::load(conn, needs, heads, free_ids).await?;
    let answers = facts.decide_all(intents, now)?;
    write(conn, facts.writes()).await?;
    Ok(answers)
}

async fn write(conn: &mut Conn, writes: Writes) -> QueryResult<()> {
    mentions::replace(conn, &writes.created, &writes.updated).await?;
    if !writes.created.is_empty() {
        dialect::insert_messages(conn, writes.created).await?;
    }
    for message in &writes.updated {
        update_message(conn, message).await?;
    }
    for conversation in &writes.conversations {
        update_conversation(conn, conversation).await?;
    }
    for member in &writes.members {
        put_member(conn, member).await?;
    }
    raise_markers(conn, &writes.markers).await?;
    for invite in &writes.invites {
        count_use(conn, invite).await?;
    }
    if !writes.audits.is_empty() {
        let rows = writes.audits.iter().map(NewAuditRow::from);
        for row in rows {
            diesel::insert_into(audit_log::table).values(row).execute(conn).await?;
        }
    }
    for chunk in writes.heads.chunks(dialect::CHUNK) {
        dialect::move_heads(conn, chunk).await?;
    }
    inbox::raise_numbers(conn, writes.members.iter().map(|member| member.user)).await
}

async fn update_message(conn: &mut Conn, message: &Message) -> QueryResult<()> {
    diesel::update(messages::table.find(message.id.get()))
        .set((
            messages::seq_last.eq(message.seq_last.get()),
            messages::body.eq(message.body.as_str()),
            messages::edited_at.eq(message.edited_at.map(Timestamp::micros)),
            messages::deleted_at.eq(message.deleted_at.map(Timestamp::micros)),
            messages::edits.eq(message.edits),
            messages::mentions.eq(mentions_text(&message.mentions)),
            messages::reactions.eq(reactions_text(&message.reactions)),
            messages::pinned_at.eq(message.pinned_at.map(Timestamp::micros)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

async fn update_conversation(conn: &mut Conn, conversation: &Conversation) -> QueryResult<()> {
    diesel::update(conversations::table.find(conversation.id.get()))
        .set(&NewConversationRow::from(conversation))
        .execute(conn)
        .await?;
    Ok(())
}

async fn raise_markers(
    conn: &mut Conn,
    markers: &[(ConversationId, UserId, MsgNo)],
) -> QueryResult<()> {
    let raw = |(conversation, user, no): &(ConversationId, UserId, MsgNo)| {
        (conversation.get(), user.get(), no.get())
    };
    let markers: Vec<(i64, i64, i64)> = markers.iter().map(raw).collect();
    for chunk in markers.chunks(dialect::CHUNK) {
        dialect::raise_markers(conn, chunk).await?;
    }
    Ok(())
}

async fn count_use(conn: &mut Conn, invite: &Invite) -> QueryResult<()> {
    diesel::update(invites::table.find(code_bytes(invite.code).as_slice()))
        .set(invites::uses.eq(i64::from(invite.uses)))
        .execute(conn)
        .await?;
    Ok(())
}

async fn put_member(conn: &mut Conn, member: &Member) -> QueryResult<()> {
    let row = NewMemberRow::from(member);
    diesel::insert_into(members::table)
        .values(&row)
        .on_conflict((members::conversation_id, members::user_id))
        .do_update()
        .set(&row)
        .execute(conn)
        .await?;
    Ok(())
}
