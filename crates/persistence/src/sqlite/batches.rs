//! Statements about many rows, for SQLite.
//!
//! SQLite prepares one statement for each number of rows. To limit the number of statements, lists are
//! padded to a power of two with rows of nulls, which match nothing.

use std::iter::repeat_n;

use diesel::expression::Expression;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, HasSqlType, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::rows::NewMessageRow;

/// A statement about a list of rows of numbers. `Selection` is the columns that it returns, or `()`.
pub(super) struct ListStatement<'a, const N: usize, Selection = ()> {
    list_name: &'static str,
    rows: &'a [[i64; N]],
    verb: &'static str,
    selection: Selection,
    rest: &'static str,
}

impl<'a, const N: usize> ListStatement<'a, N> {
    /// `update` may read the list as `list_name`, which is a table name with column names.
    pub(super) fn update(
        list_name: &'static str,
        rows: &'a [[i64; N]],
        update: &'static str,
    ) -> Self {
        Self { list_name, rows, verb: update, selection: (), rest: "" }
    }
}

impl<'a, const N: usize, Selection> ListStatement<'a, N, Selection> {
    /// `from` may read the list as `list_name`, which is a table name with column names.
    pub(super) fn select(
        list_name: &'static str,
        rows: &'a [[i64; N]],
        selection: Selection,
        from: &'static str,
    ) -> Self {
        Self { list_name, rows, verb: "SELECT ", selection, rest: from }
    }
}

impl<const N: usize, Selection: Expression> Query for ListStatement<'_, N, Selection> {
    type SqlType = Selection::SqlType;
}

impl<const N: usize, Selection> QueryId for ListStatement<'_, N, Selection> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const N: usize> diesel::query_dsl::RunQueryDsl<SqliteConnection> for ListStatement<'_, N> {}

impl<const N: usize, Selection: QueryFragment<Sqlite>> QueryFragment<Sqlite>
    for ListStatement<'_, N, Selection>
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("WITH ");
        out.push_sql(self.list_name);
        out.push_sql(" AS (VALUES ");
        for (index, row) in filled(self.rows).enumerate() {
            out.push_sql(if index == 0 { "(" } else { "), (" });
            for column in 0..N {
                out.push_sql(if column == 0 { "" } else { ", " });
                bind::<BigInt, _>(&mut out, row.and_then(|row| row.get(column)))?;
            }
        }
        out.push_sql(")) ");
        out.push_sql(self.verb);
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(self.rest);
        Ok(())
    }
}

/// Identifies a message by its conversation, its author and its client id.
pub(super) type SentName = (i64, i64, [u8; 16]);

/// Finds the ids of messages that were sent before, each by the unique index.
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
            bind::<BigInt, _>(&mut out, name.map(|(conversation, _, _)| conversation))?;
            out.push_sql(", ");
            bind::<BigInt, _>(&mut out, name.map(|(_, author, _)| author))?;
            out.push_sql(", ");
            bind::<Binary, _>(&mut out, name.map(|(_, _, client_id)| client_id.as_slice()))?;
        }
        out.push_sql(
            ")) SELECT id FROM wanted CROSS JOIN messages \
             USING (client_id, author_id, conversation_id)",
        );
        Ok(())
    }
}

#[derive(Clone, Copy)]
pub(super) struct InsertMessages<'a>(pub(super) &'a [NewMessageRow<'a>]);

impl QueryId for InsertMessages<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl diesel::query_dsl::RunQueryDsl<SqliteConnection> for InsertMessages<'_> {}

impl QueryFragment<Sqlite> for InsertMessages<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO messages (");
        out.push_sql(NewMessageRow::COLUMNS);
        out.push_sql(") SELECT * FROM (VALUES ");
        for (index, row) in filled(self.0).enumerate() {
            out.push_sql(if index == 0 { "(" } else { "), (" });
            message(&mut out, row)?;
        }
        out.push_sql(")) AS created WHERE column1 IS NOT NULL");
        Ok(())
    }
}

fn message<'b>(out: &mut Pass<'_, 'b>, row: Option<&'b NewMessageRow<'_>>) -> QueryResult<()> {
    let numbers = row.map_or([None; 8], |row| row.numbers.each_ref().map(Some));
    let nullable = row.map_or([None; 4], |row| row.nullable_numbers.each_ref().map(Option::as_ref));
    for (index, value) in numbers.into_iter().chain(nullable).enumerate() {
        out.push_sql(if index == 0 { "" } else { ", " });
        bind::<BigInt, _>(out, value)?;
    }
    for value in row.map_or([None; 2], |row| row.bytes().map(Some)) {
        out.push_sql(", ");
        bind::<Binary, _>(out, value)?;
    }
    for value in row.map_or([None; 3], |row| row.texts().map(Some)) {
        out.push_sql(", ");
        bind::<Text, _>(out, value)?;
    }
    Ok(())
}

type Pass<'a, 'b> = AstPass<'a, 'b, Sqlite>;

fn bind<'b, Type, Value>(out: &mut Pass<'_, 'b>, value: Option<&'b Value>) -> QueryResult<()>
where
    Sqlite: HasSqlType<Type>,
    Value: ToSql<Type, Sqlite> + ?Sized,
{
    match value {
        Some(value) => out.push_bind_param::<Type, _>(value),
        // SQLite binds nulls of all types alike.
        None => out.push_bind_param::<Nullable<BigInt>, _>(&None::<i64>),
    }
}

/// The rows, padded with nulls.
fn filled<Row>(rows: &[Row]) -> impl Iterator<Item = Option<&Row>> {
    let fillers = rows.len().next_power_of_two() - rows.len();
    rows.iter().map(Some).chain(repeat_n(None, fillers))
}
