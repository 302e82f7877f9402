//! Statements about all rows of a batch, each of which is prepared once: what the
//! query builder is given as rows, or as text, it prepares again and again.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Untyped};

use crate::rows::NewMessageRow;

type Numbers = Array<BigInt>;
type MaybeNumbers = Array<Nullable<BigInt>>;

/// A statement about rows of numbers, which stand in it as a list for each column.
pub(super) struct AboutRows<const N: usize, Columns = Untyped> {
    before: &'static str,
    lists: [Vec<i64>; N],
    after: &'static str,
    columns: PhantomData<Columns>,
}

impl<const N: usize, Columns> AboutRows<N, Columns> {
    pub(super) fn new(before: &'static str, lists: [Vec<i64>; N], after: &'static str) -> Self {
        Self { before, lists, after, columns: PhantomData }
    }
}

impl<const N: usize, Columns> Query for AboutRows<N, Columns> {
    type SqlType = Columns;
}

impl<const N: usize, Columns> QueryId for AboutRows<N, Columns> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const N: usize, Columns> QueryFragment<Pg> for AboutRows<N, Columns> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.before);
        for (index, list) in self.lists.iter().enumerate() {
            out.push_sql(if index == 0 { " unnest(" } else { ", " });
            out.push_bind_param::<Numbers, _>(list)?;
        }
        out.push_sql(") ");
        out.push_sql(self.after);
        Ok(())
    }
}

/// The time in microseconds, and ids for so many new messages.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct NowAndIds(pub(super) i64);

impl Query for NowAndIds {
    type SqlType = (BigInt, Numbers);
}

impl QueryFragment<Pg> for NowAndIds {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "select (extract(epoch from clock_timestamp()) * 1000000)::int8, \
             array(select nextval(ids.name) \
                   from (select pg_get_serial_sequence('messages', 'id')::regclass offset 0) \
                   as ids (name), generate_series(1, ",
        );
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql("))");
        Ok(())
    }
}

/// The ids of those messages that are there, by what their senders call them. Each is
/// looked up by the unique index: the limit keeps the planner from reading all instead,
/// and the sum from reading a conversation by another index, as it would while that is short.
#[derive(Debug, Clone)]
pub(super) struct SentBefore<'a> {
    pub(super) conversations: Vec<i64>,
    pub(super) authors: Vec<i64>,
    pub(super) client_ids: Vec<&'a [u8]>,
}

impl Query for SentBefore<'_> {
    type SqlType = BigInt;
}

impl QueryId for SentBefore<'_> {
    type QueryId = SentBefore<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for SentBefore<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select found.id from unnest(");
        out.push_bind_param::<Numbers, _>(&self.conversations)?;
        out.push_sql(", ");
        out.push_bind_param::<Numbers, _>(&self.authors)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Binary>, _>(&self.client_ids)?;
        out.push_sql(
            ") as wanted (conversation_id, author_id, client_id) cross join lateral (\
             select id from messages where client_id = wanted.client_id and author_id = wanted.author_id \
             and conversation_id + 0 = wanted.conversation_id limit 1) as found",
        );
        Ok(())
    }
}

/// New messages.
#[derive(Debug, Clone)]
pub(super) struct InsertMessages<'a> {
    numbers: [Vec<i64>; 8],
    maybe_numbers: [Vec<Option<i64>>; 4],
    bytes: [Vec<&'a [u8]>; 2],
    texts: [Vec<&'a str>; 3],
}

impl<'a> InsertMessages<'a> {
    pub(super) fn new(rows: &'a [NewMessageRow<'_>]) -> Self {
        Self {
            numbers: [
                rows.iter().map(|row| row.id).collect(),
                rows.iter().map(|row| row.conversation_id).collect(),
                rows.iter().map(|row| row.msg_no).collect(),
                rows.iter().map(|row| row.seq_created).collect(),
                rows.iter().map(|row| row.seq_last).collect(),
                rows.iter().map(|row| row.author_id).collect(),
                rows.iter().map(|row| row.created_at).collect(),
                rows.iter().map(|row| row.edits).collect(),
            ],
            maybe_numbers: [
                rows.iter().map(|row| row.edited_at).collect(),
                rows.iter().map(|row| row.deleted_at).collect(),
                rows.iter().map(|row| row.reply_to).collect(),
                rows.iter().map(|row| row.pinned_at).collect(),
            ],
            bytes: [
                rows.iter().map(|row| row.client_id.as_slice()).collect(),
                rows.iter().map(|row| row.first_hash).collect(),
            ],
            texts: [
                rows.iter().map(|row| row.body).collect(),
                rows.iter().map(|row| row.mentions.as_str()).collect(),
                rows.iter().map(|row| row.reactions.as_str()).collect(),
            ],
        }
    }
}

impl QueryId for InsertMessages<'_> {
    type QueryId = InsertMessages<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for InsertMessages<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "insert into messages (id, conversation_id, msg_no, seq_created, seq_last, author_id, \
             created_at, edits, edited_at, deleted_at, reply_to, pinned_at, client_id, first_hash, \
             body, mentions, reactions) select * from unnest(",
        );
        for (index, list) in self.numbers.iter().enumerate() {
            out.push_sql(if index == 0 { "" } else { ", " });
            out.push_bind_param::<Numbers, _>(list)?;
        }
        for list in &self.maybe_numbers {
            out.push_sql(", ");
            out.push_bind_param::<MaybeNumbers, _>(list)?;
        }
        for list in &self.bytes {
            out.push_sql(", ");
            out.push_bind_param::<Array<Binary>, _>(list)?;
        }
        for list in &self.texts {
            out.push_sql(", ");
            out.push_bind_param::<Array<Text>, _>(list)?;
        }
        out.push_sql(")");
        Ok(())
    }
}
