//! Reads of messages and changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use application::ports::{ChangePage, First, PageRange, SnapshotLimit};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{Change, ConversationId, Message, MsgNo, Seq, UserId, Username};

use super::{Conn, accounts as account_queries, dialect};
use crate::failure::Failure;
use crate::rows::{ConversationRow, MessageRow, NamedMemberRow, username};
use crate::schema::{accounts, conversation_heads, conversations, members, messages, octet_length};

/// A page ends once its texts exceed this many bytes.
pub(super) const PAGE_BYTES: usize = 1024 * 1024;

/// The number of newest messages that fit. Reads lengths before any text, because a single text may
/// have 8 MiB.
pub(super) async fn rows_within(
    conn: &mut Conn,
    conversation: ConversationId,
    limit: SnapshotLimit,
) -> QueryResult<i64> {
    let rows = i64::try_from(limit.rows).unwrap_or(i64::MAX);
    if limit.bytes == usize::MAX {
        return Ok(rows);
    }
    let lengths: Vec<i32> = messages::table
        .filter(messages::conversation_id.eq(conversation.get()))
        .filter(messages::deleted_at.is_null())
        .order(messages::msg_no.desc())
        .limit(rows)
        .select(octet_length(messages::body))
        .load(conn)
        .await?;
    let fitting = lengths
        .iter()
        .scan(0_usize, |total, length| {
            *total = total.saturating_add(usize::try_from(*length).unwrap_or(0));
            Some(*total)
        })
        .take_while(|total| *total <= limit.bytes)
        .count();
    Ok(i64::try_from(fitting.max(1)).unwrap_or(i64::MAX).min(rows))
}

/// Rows changed after `since`. Within a snapshot. Takes two round trips, because all nodes read by it
/// what hints missed.
pub(super) async fn changes_since(
    conn: &mut Conn,
    conversation: ConversationId,
    since: Seq,
    limit: usize,
) -> Result<ChangePage, Failure> {
    type Rows = (Vec<(i64, i32)>, Vec<NamedMemberRow>, Vec<(i64, ConversationRow)>);
    let limit = limit.max(1);
    let one_more = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let (lengths, of_members, itself): Rows = dialect::load_together!(
        conn,
        messages::table
            .filter(messages::conversation_id.eq(conversation.get()))
            .filter(messages::seq_last.gt(since.get()))
            .order(messages::seq_last)
            .limit(one_more)
            .select((messages::seq_last, octet_length(messages::body))),
        members::table
            .inner_join(accounts::table)
            .filter(members::conversation_id.eq(conversation.get()))
            .filter(members::seq_last.gt(since.get()))
            .order(members::seq_last)
            .limit(one_more)
            .select(NamedMemberRow::as_select()),
        conversation_heads::table
            .inner_join(conversations::table)
            .filter(conversation_heads::conversation_id.eq(conversation.get()))
            .select((conversation_heads::seq, ConversationRow::as_select())),
    );
    let mut head = Seq::ZERO;
    let mut changes = Vec::with_capacity(lengths.len() + of_members.len() + itself.len());
    for row in of_members {
        changes.push(Change::Member(row.try_into()?));
    }
    for (seq, row) in itself {
        head = Seq::new(seq);
        changes.push(Change::Conversation(Arc::new(row.try_into()?)));
    }
    changes.retain(|change| change.seq() > since);
    let mut numbers = lengths.clone();
    numbers.extend(changes.iter().map(|change| (change.seq().get(), 0)));
    numbers.sort_unstable();
    let taken = page_length(&numbers, limit);
    let more = taken < numbers.len();
    let last = numbers.iter().take(taken).next_back().map_or(since, |(seq, _)| Seq::new(*seq));
    changes.retain(|change| change.seq() <= last);
    if lengths.iter().any(|(seq, _)| *seq <= last.get()) {
        let found = between(conn, conversation, since, last).await?;
        changes.extend(found.into_iter().map(Change::Message));
    }
    changes.sort_by_key(Change::seq);
    Ok(ChangePage { from: since, to: if more { last } else { head }, changes, more })
}

/// The messages whose last change lies after `since`, and not after `last`.
async fn between(
    conn: &mut Conn,
    conversation: ConversationId,
    since: Seq,
    last: Seq,
) -> Result<Vec<Arc<Message>>, Failure> {
    // Looked up for each row, because a join could scan all accounts.
    let author = accounts::table
        .filter(accounts::id.eq(messages::author_id))
        .select(accounts::username)
        .single_value();
    let rows: Vec<(MessageRow, Option<String>)> = messages::table
        .filter(messages::conversation_id.eq(conversation.get()))
        .filter(messages::seq_last.gt(since.get()))
        .filter(messages::seq_last.le(last.get()))
        .order(messages::seq_last)
        .select((MessageRow::as_select(), author))
        .load(conn)
        .await?;
    let parse = |(row, name): (MessageRow, Option<String>)| {
        let name = name.map(|name| username(row.author_id, &name)).transpose()?;
        Ok(Arc::new(row.parse(name.as_ref())?))
    };
    rows.into_iter().map(parse).collect()
}

/// The length of a page of the `(number, length of the text)`.
pub(super) fn page_length(measured: &[(i64, i32)], limit: usize) -> usize {
    let mut bytes = 0_usize;
    let is_full = |(_, length): &(i64, i32)| {
        bytes = bytes.saturating_add(usize::try_from(*length).unwrap_or(0));
        bytes > PAGE_BYTES
    };
    let full = measured.iter().take(limit).position(is_full);
    full.map_or(measured.len().min(limit), |index| index + 1)
}

/// Numbers and lengths of up to `limit + 1` messages.
pub(super) async fn measured(
    conn: &mut Conn,
    conversation: ConversationId,
    PageRange { after, before, first }: PageRange,
    limit: usize,
) -> QueryResult<Vec<(i64, i32)>> {
    let one_more = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let within = messages::table
        .filter(messages::conversation_id.eq(conversation.get()))
        .filter(messages::deleted_at.is_null())
        .filter(messages::msg_no.gt(after.get()))
        .filter(messages::msg_no.lt(before.map_or(i64::MAX, MsgNo::get)))
        .select((messages::msg_no, octet_length(messages::body)))
        .limit(one_more);
    match first {
        First::Newest => within.order(messages::msg_no.desc()).load(conn).await,
        First::Oldest => within.order(messages::msg_no.asc()).load(conn).await,
    }
}

/// Parses rows, and reads the missing names of authors into `usernames`.
pub(super) async fn with_authors(
    conn: &mut Conn,
    rows: Vec<MessageRow>,
    mut usernames: HashMap<UserId, Username>,
) -> Result<Vec<Arc<Message>>, Failure> {
    let unknown: BTreeSet<i64> = rows
        .iter()
        .map(|row| row.author_id)
        .filter(|id| !usernames.contains_key(&UserId::new(*id)))
        .collect();
    let unknown: Vec<i64> = unknown.into_iter().collect();
    usernames.extend(account_queries::usernames(conn, &unknown).await?);
    let parse = |row: MessageRow| {
        let name = usernames.get(&UserId::new(row.author_id));
        Ok(Arc::new(row.parse(name)?))
    };
    rows.into_iter().map(parse).collect()
}
