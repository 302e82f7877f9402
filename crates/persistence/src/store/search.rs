//! Full-text search.

use std::cmp::Reverse;
use std::collections::HashMap;

use application::ports::{SearchIndex, SearchPage, SearchRequest, StoreError};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use domain::{ConversationId, MessageId, MsgNo, UserId};

use super::{Conn, Store, messages as message_queries, search_index};
use crate::failure::Failure;
use crate::rows::{FoundRow, MessageRow};
use crate::schema::messages;

/// Conversations in one statement.
const CONVERSATIONS: usize = 500;

/// Matches that one page examines, visible or not.
const EXAMINED: usize = 500;

#[async_trait]
impl SearchIndex for Store {
    async fn index_new(&self, limit: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write("index new messages", async move |conn| {
            let queued = search_index::queued(conn, limit).await?;
            let lengths: Vec<(i64, i32)> =
                queued.iter().map(|row| (row.message_id, row.length)).collect();
            // Writes wait for this transaction, and a text may have 8 MiB.
            let taken = message_queries::page_length(&lengths, lengths.len());
            let ids: Vec<i64> = lengths.iter().take(taken).map(|(id, _)| *id).collect();
            if !ids.is_empty() {
                search_index::index(conn, &ids).await?;
            }
            Ok(ids.len())
        })
        .await
    }
}

/// One page of results. Within a snapshot.
pub(super) async fn search(
    conn: &mut Conn,
    search: &SearchRequest,
    limit: usize,
) -> Result<SearchPage, Failure> {
    let limit = limit.max(1);
    let found = found(conn, search).await?;
    let mut messages = Vec::new();
    let mut bytes = 0_usize;
    let mut examined = found.iter().take(EXAMINED);
    let mut last = None;
    while messages.len() < limit && bytes <= message_queries::PAGE_BYTES {
        let mut taken = Vec::new();
        while taken.len() < limit - messages.len()
            && bytes <= message_queries::PAGE_BYTES
            && let Some(row) = examined.next()
        {
            last = Some(row.id);
            if is_visible(search, row) {
                taken.push(row.id);
                bytes = bytes.saturating_add(usize::try_from(row.length).unwrap_or(0));
            }
        }
        if taken.is_empty() {
            break;
        }
        let rows: Vec<MessageRow> = messages::table
            .filter(messages::id.eq_any(taken))
            .order(messages::id.desc())
            .select(MessageRow::as_select())
            .load(conn)
            .await?;
        let found = message_queries::with_authors(conn, rows, HashMap::new()).await?;
        // A text may have all terms of a query and still not contain it.
        let matching =
            found.into_iter().filter(|message| search.query.finds(message.body.as_str()));
        messages.extend(matching);
    }
    let is_last = found.last().map(|row| row.id) == last;
    let next = last.filter(|_| !is_last).map(MessageId::new);
    Ok(SearchPage { messages, next })
}

/// The newest matches of all conversations, one more than a page examines.
async fn found(conn: &mut Conn, search: &SearchRequest) -> QueryResult<Vec<FoundRow>> {
    let before = search.before.map_or(i64::MAX, MessageId::get);
    let most = i64::try_from(EXAMINED + 1).unwrap_or(i64::MAX);
    let within: Vec<i64> = search.within.keys().map(|id| id.get()).collect();
    let mut found: Vec<FoundRow> = Vec::new();
    for chunk in within.chunks(CONVERSATIONS) {
        let matching = diesel::sql_query(search_index::FIND)
            .bind::<Text, _>(search_index::expression(&search.query, chunk))
            .bind::<BigInt, _>(before)
            .bind::<BigInt, _>(most);
        found.append(&mut matching.load(conn).await?);
    }
    found.sort_unstable_by_key(|row| Reverse(row.id));
    Ok(found)
}

fn is_visible(search: &SearchRequest, row: &FoundRow) -> bool {
    let reader = search.within.get(&ConversationId::new(row.conversation_id));
    let (number, author) = (MsgNo::new(row.msg_no), UserId::new(row.author_id));
    reader.is_some_and(|reader| reader.may_see(number, author))
}
