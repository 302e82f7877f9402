//! Statements about many rows, for PostgreSQL. Each is prepared once, because rows are bound as one
//! array for each column. The query builder would prepare a statement for each number of rows.

use diesel::expression::Expression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use crate::rows::NewMessageRow;

type Numbers = Array<BigInt>;

/// A statement about a list of rows of numbers. `Selection` is the columns that it returns, or `()`.
pub(super) struct ListStatement<const N: usize, Selection = ()> {
    verb: &'static str,
    selection: Selection,
    before_list: &'static str,
    lists: [Vec<i64>; N],
    after_list: &'static str,
}

impl<const N: usize> ListStatement<N> {
    /// Inserts the list between both parts of the statement.
    pub(super) fn update(
        update: &'static str,
        rows: &[[i64; N]],
        after_list: &'static str,
    ) -> Self {
        let lists = columns(rows, |row| *row);
        Self { verb: update, selection: (), before_list: "", lists, after_list }
    }
}

impl<const N: usize, Selection> ListStatement<N, Selection> {
    /// Inserts the list between `from` and `after_list`.
    pub(super) fn select(
        selection: Selection,
        from: &'static str,
        rows: &[[i64; N]],
        after_list: &'static str,
    ) -> Self {
        let lists = columns(rows, |row| *row);
        Self { verb: "select ", selection, before_list: from, lists, after_list }
    }
}

impl<const N: usize, Selection: Expression> Query for ListStatement<N, Selection> {
    type SqlType = Selection::SqlType;
}

impl<const N: usize, Selection> QueryId for ListStatement<N, Selection> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const N: usize, Selection: QueryFragment<Pg>> QueryFragment<Pg>
    for ListStatement<N, Selection>
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.verb);
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(self.before_list);
        for (index, list) in self.lists.iter().enumerate() {
            out.push_sql(if index == 0 { " unnest(" } else { ", " });
            out.push_bind_param::<Numbers, _>(list)?;
        }
        out.push_sql(") ");
        out.push_sql(self.after_list);
        Ok(())
    }
}

/// The time in microseconds, and this many ids for new messages.
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

/// Finds the ids of messages that were sent before, each by the unique index. The limit keeps the
/// planner from reading all messages. The sum keeps it from reading a short conversation by another
/// index.
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

#[derive(Debug, Clone)]
pub(super) struct InsertMessages<'a> {
    numbers: [Vec<i64>; 8],
    nullable_numbers: [Vec<Option<i64>>; 4],
    bytes: [Vec<&'a [u8]>; 2],
    texts: [Vec<&'a str>; 3],
}

impl<'a> InsertMessages<'a> {
    pub(super) fn new(rows: &'a [NewMessageRow<'_>]) -> Self {
        Self {
            numbers: columns(rows, |row| row.numbers),
            nullable_numbers: columns(rows, |row| row.nullable_numbers),
            bytes: columns(rows, NewMessageRow::bytes),
            texts: columns(rows, NewMessageRow::texts),
        }
    }
}

/// One list for each column.
pub(super) fn columns<'a, Row, T, const N: usize>(
    rows: &'a [Row],
    cells: impl Fn(&'a Row) -> [T; N],
) -> [Vec<T>; N] {
    let mut columns = std::array::from_fn(|_| Vec::with_capacity(rows.len()));
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(cells(row)) {
            column.push(cell);
        }
    }
    columns
}

impl QueryId for InsertMessages<'_> {
    type QueryId = InsertMessages<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for InsertMessages<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("insert into messages (");
        out.push_sql(NewMessageRow::COLUMNS);
        out.push_sql(") select * from unnest(");
        for (index, list) in self.numbers.iter().enumerate() {
            out.push_sql(if index == 0 { "" } else { ", " });
            out.push_bind_param::<Numbers, _>(list)?;
        }
        for list in &self.nullable_numbers {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<BigInt>>, _>(list)?;
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
