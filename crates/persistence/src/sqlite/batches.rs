//! Statements about all rows of a batch.
//!
//! SQLite prepares one for each number of rows. They are filled up to a power of two
//! by rows of nulls, which equal nothing, so that few are prepared, and each once.

use std::iter::repeat_n;
use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

use crate::rows::NewMessageRow;

/// A statement about rows of numbers, which stand in it as `VALUES`.
pub(super) struct AboutRows<'a, const N: usize, Columns = Untyped> {
    before: &'static str,
    rows: &'a [[i64; N]],
    after: &'static str,
    columns: PhantomData<Columns>,
}

impl<'a, const N: usize, Columns> AboutRows<'a, N, Columns> {
    pub(super) fn new(before: &'static str, rows: &'a [[i64; N]], after: &'static str) -> Self {
        Self { before, rows, after, columns: PhantomData }
    }
}

impl<const N: usize, Columns> Query for AboutRows<'_, N, Columns> {
    type SqlType = Columns;
}

impl<const N: usize, Columns> QueryId for AboutRows<'_, N, Columns> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const N: usize> diesel::query_dsl::RunQueryDsl<SqliteConnection> for AboutRows<'_, N> {}

impl<const N: usize, Columns> QueryFragment<Sqlite> for AboutRows<'_, N, Columns> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(self.before);
        out.push_sql(" (VALUES ");
        for (index, row) in filled(self.rows).enumerate() {
            out.push_sql(if index == 0 { "(" } else { "), (" });
            for place in 0..N {
                out.push_sql(if place == 0 { "" } else { ", " });
                number(&mut out, row.and_then(|row| row.get(place)))?;
            }
        }
        out.push_sql(")) ");
        out.push_sql(self.after);
        Ok(())
    }
}

/// What a sender calls a message: its conversation, its author and its client id.
pub(super) type SentName = (i64, i64, [u8; 16]);

/// The ids of those messages that are there. A join looks up each by the unique index.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentBefore<'a>(pub(super) &'a [SentName]);

impl Query for SentBefore<'_> {
    type SqlType = BigInt;
}

impl QueryId for SentBefore<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Sqlite> for SentBefore<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("WITH wanted (conversation_id, author_id, client_id) AS (VALUES ");
        for (index, name) in filled(self.0).enumerate() {
            out.push_sql(if index == 0 { "(" } else { "), (" });
            number(&mut out, name.map(|(conversation, _, _)| conversation))?;
            out.push_sql(", ");
            number(&mut out, name.map(|(_, author, _)| author))?;
            out.push_sql(", ");
            bytes(&mut out, name.map(|(_, _, client_id)| client_id.as_slice()))?;
        }
        out.push_sql(
            ")) SELECT id FROM wanted CROSS JOIN messages \
             USING (client_id, author_id, conversation_id)",
        );
        Ok(())
    }
}

/// New messages.
#[derive(Clone, Copy)]
pub(super) struct InsertMessages<'a>(pub(super) &'a [NewMessageRow<'a>]);

impl QueryId for InsertMessages<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl diesel::query_dsl::RunQueryDsl<SqliteConnection> for InsertMessages<'_> {}

impl QueryFragment<Sqlite> for InsertMessages<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO messages (id, conversation_id, msg_no, seq_created, seq_last, author_id, \
             created_at, edits, edited_at, deleted_at, reply_to, pinned_at, client_id, first_hash, \
             body, mentions, reactions) SELECT * FROM (VALUES ",
        );
        for (index, row) in filled(self.0).enumerate() {
            out.push_sql(if index == 0 { "(" } else { "), (" });
            message(&mut out, row)?;
        }
        out.push_sql(")) AS created WHERE column1 IS NOT NULL");
        Ok(())
    }
}

fn message<'b>(out: &mut Pass<'_, 'b>, row: Option<&'b NewMessageRow<'_>>) -> QueryResult<()> {
    number(out, row.map(|row| &row.id))?;
    let numbers = row.map_or([None; 11], |row| {
        [
            Some(&row.conversation_id),
            Some(&row.msg_no),
            Some(&row.seq_created),
            Some(&row.seq_last),
            Some(&row.author_id),
            Some(&row.created_at),
            Some(&row.edits),
            row.edited_at.as_ref(),
            row.deleted_at.as_ref(),
            row.reply_to.as_ref(),
            row.pinned_at.as_ref(),
        ]
    });
    for value in numbers {
        out.push_sql(", ");
        number(out, value)?;
    }
    for value in [row.map(|row| row.client_id.as_slice()), row.map(|row| row.first_hash)] {
        out.push_sql(", ");
        bytes(out, value)?;
    }
    let texts = [
        row.map(|row| row.body),
        row.map(|row| row.mentions.as_str()),
        row.map(|row| row.reactions.as_str()),
    ];
    for value in texts {
        out.push_sql(", ");
        text(out, value)?;
    }
    Ok(())
}

type Pass<'a, 'b> = AstPass<'a, 'b, Sqlite>;

fn number<'b>(out: &mut Pass<'_, 'b>, number: Option<&'b i64>) -> QueryResult<()> {
    match number {
        Some(number) => out.push_bind_param::<BigInt, _>(number),
        None => out.push_bind_param::<Nullable<BigInt>, _>(&None::<i64>),
    }
}

fn bytes<'b>(out: &mut Pass<'_, 'b>, bytes: Option<&'b [u8]>) -> QueryResult<()> {
    match bytes {
        Some(bytes) => out.push_bind_param::<Binary, _>(bytes),
        None => out.push_bind_param::<Nullable<Binary>, _>(&None::<&[u8]>),
    }
}

fn text<'b>(out: &mut Pass<'_, 'b>, text: Option<&'b str>) -> QueryResult<()> {
    match text {
        Some(text) => out.push_bind_param::<Text, _>(text),
        None => out.push_bind_param::<Nullable<Text>, _>(&None::<&str>),
    }
}

/// The rows, and what fills them up.
fn filled<Row>(rows: &[Row]) -> impl Iterator<Item = Option<&Row>> {
    let fillers = rows.len().next_power_of_two() - rows.len();
    rows.iter().map(Some).chain(repeat_n(None, fillers))
}
