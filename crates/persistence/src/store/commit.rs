//! The one write path: load the facts, decide, and write the changes, in one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use application::ports::Clock;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{ConversationId, Intent, Message, Needs, Outcome, Refusal, Writes};

use super::{Conn, conversations as conversation_queries, dialect, facts, inbox, invitations};
use crate::failure::Failure;
use crate::rows::{
    ChangingRow, LockedHeadRow, MemberRow, NewAuditRow, NewMentionRow, WrittenConversationRow,
    code_bytes,
};
use crate::schema::{audit_log, conversations, invites, members, mentions, messages};

/// Stands for everyone in `mentions`.
pub(super) const EVERYONE: i64 = 0;

/// What to do about a head that another node has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    WaitFor,
    LeaveOut,
}

/// Decides the intents in order and writes the changes. Intents of skipped conversations get `None`.
/// Within a transaction.
pub(super) async fn commit(
    conn: &mut Conn,
    intents: &[Intent],
    locked: Locked,
    clock: &dyn Clock,
) -> Result<Vec<Option<Result<Outcome, Refusal>>>, Failure> {
    let wanted: BTreeSet<ConversationId> = intents.iter().map(|i| i.conversation).collect();
    let (heads, locked_elsewhere) = lock_heads(conn, &wanted, locked).await?;
    let is_free = |intent: &&Intent| !locked_elsewhere.contains(&intent.conversation);
    if locked_elsewhere.is_empty() {
        let answers = decide_all(conn, intents, heads, clock).await?;
        return Ok(answers.into_iter().map(Some).collect());
    }
    let free: Vec<Intent> = intents.iter().filter(is_free).cloned().collect();
    let mut answers = decide_all(conn, &free, heads, clock).await?.into_iter();
    let answer = |intent: &Intent| is_free(&intent).then(|| answers.next()).flatten();
    Ok(intents.iter().map(answer).collect())
}

/// The heads of existing conversations, and the conversations that another node has locked.
async fn lock_heads(
    conn: &mut Conn,
    wanted: &BTreeSet<ConversationId>,
    locked: Locked,
) -> Result<(Vec<LockedHeadRow>, BTreeSet<ConversationId>), Failure> {
    let ids: Vec<i64> = wanted.iter().map(|id| id.get()).collect();
    let (mut heads, mut locked_elsewhere) = (Vec::with_capacity(ids.len()), BTreeSet::new());
    for chunk in ids.chunks(dialect::CHUNK) {
        let found = dialect::lock_heads(conn, chunk, locked).await?;
        if locked == Locked::LeaveOut && found.len() < chunk.len() {
            let found: BTreeSet<i64> = found.iter().map(|(head, _)| head.conversation_id).collect();
            let missing: Vec<_> = chunk.iter().filter(|id| !found.contains(id)).copied().collect();
            let missing: Vec<_> = missing.into_iter().map(ConversationId::new).collect();
            let exist = conversation_queries::heads(conn, &missing).await?;
            locked_elsewhere.extend(exist.into_iter().map(|head| head.conversation));
        }
        heads.extend(found);
    }
    Ok((heads, locked_elsewhere))
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
    // Read under the locks, so that ids and times ascend in the order of commits.
    let (now, free_ids) = dialect::now_and_ids(conn, needs.sends.len(), clock).await?;
    let mut facts = facts::load(conn, needs, heads, free_ids).await?;
    let answers = facts.decide_all(intents, now)?;
    write(conn, facts.writes()).await?;
    Ok(answers)
}

async fn write(conn: &mut Conn, writes: Writes) -> QueryResult<()> {
    replace_mentions(conn, &writes.created, &writes.updated).await?;
    if !writes.created.is_empty() {
        dialect::insert_messages(conn, writes.created).await?;
    }
    for message in &writes.updated {
        diesel::update(messages::table.find(message.id.get()))
            .set(ChangingRow::from(&**message))
            .execute(conn)
            .await?;
    }
    for conversation in &writes.conversations {
        diesel::update(conversations::table.find(conversation.id.get()))
            .set(&WrittenConversationRow::from(&**conversation))
            .execute(conn)
            .await?;
    }
    for member in &writes.members {
        let row = MemberRow::from(member);
        diesel::insert_into(members::table)
            .values(&row)
            .on_conflict((members::conversation_id, members::user_id))
            .do_update()
            .set(&row)
            .execute(conn)
            .await?;
    }
    let markers = writes.markers.iter();
    let markers: Vec<[i64; 3]> = markers
        .map(|(conversation, user, no)| [conversation.get(), user.get(), no.get()])
        .collect();
    for chunk in markers.chunks(dialect::CHUNK) {
        dialect::raise_markers(conn, chunk).await?;
    }
    for invite in &writes.invites {
        diesel::update(invites::table.find(code_bytes(invite.code).as_slice()))
            .set(invites::uses.eq(i64::from(invite.uses)))
            .execute(conn)
            .await?;
    }
    for audit in &writes.audits {
        diesel::insert_into(audit_log::table)
            .values(NewAuditRow::from(audit))
            .execute(conn)
            .await?;
    }
    let heads = writes.heads.iter();
    let heads: Vec<[i64; 4]> = heads
        .map(|h| [h.conversation.get(), h.seq.get(), h.msg_no.get(), h.last_at.micros()])
        .collect();
    for chunk in heads.chunks(dialect::CHUNK) {
        dialect::move_heads(conn, chunk).await?;
    }
    let mut inboxes = writes.inboxes;
    for conversation in writes.conversations.iter().filter(|it| it.deleted_at.is_some()) {
        // Their invitations end, and they do not follow the conversation.
        inboxes.extend(invitations::invited(conn, conversation.id).await?);
    }
    inbox::raise_inbox_versions(conn, inboxes).await
}

async fn replace_mentions(
    conn: &mut Conn,
    created: &[Arc<Message>],
    updated: &[Arc<Message>],
) -> QueryResult<()> {
    // Only an edit or a deletion changes the text.
    let is_reworded = |message: &&Arc<Message>| message.is_edited() || message.is_deleted();
    let reworded = || updated.iter().filter(is_reworded);
    for message in reworded() {
        let of_message = mentions::table
            .filter(mentions::conversation_id.eq(message.conversation.get()))
            .filter(mentions::msg_no.eq(message.msg_no.get()));
        diesel::delete(of_message).execute(conn).await?;
    }
    let rows = created.iter().chain(reworded()).flat_map(|message| mention_rows(message)).collect();
    dialect::insert_mentions(conn, rows).await
}

/// A message that mentions everyone has only that one row, so that counting rows counts messages.
fn mention_rows(message: &Message) -> Vec<NewMentionRow> {
    let users: BTreeSet<i64> = if message.mentions.all {
        BTreeSet::from([EVERYONE])
    } else {
        message.mentions.users.iter().map(|user| user.get()).collect()
    };
    let (conversation_id, msg_no) = (message.conversation.get(), message.msg_no.get());
    let author_id = message.author.id.get();
    let row = |user_id| NewMentionRow { author_id, conversation_id, msg_no, user_id };
    users.into_iter().map(row).collect()
}
