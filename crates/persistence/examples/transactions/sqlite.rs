//! The rows in SQLite: one cached statement for each table.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::Sqlite;

use crate::workload::{MessageRow, Rows};

pub(crate) fn connect(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute(
            "pragma synchronous = full; pragma foreign_keys = on; pragma secure_delete = fast;
             pragma cache_size = -65536; pragma temp_store = memory;
             pragma wal_autocheckpoint = 4000; pragma journal_size_limit = 67108864",
        )
        .unwrap();
    connection
}

pub(crate) fn write(connection: &mut SqliteConnection, rows: &Rows) {
    connection.batch_execute("begin immediate").unwrap();
    Messages(&rows.messages).execute(connection).unwrap();
    Heads(&rows.heads).execute(connection).unwrap();
    Markers(&rows.markers).execute(connection).unwrap();
    connection.batch_execute("commit").unwrap();
}

#[derive(Clone, Copy)]
struct Messages<'a>(&'a [MessageRow]);

impl QueryFragment<Sqlite> for Messages<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "insert into messages (id, conversation_id, msg_no, seq_created, seq_last, author_id, \
             client_id, first_hash, body, created_at) values ",
        );
        for (index, row) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            for number in [&row.id, &row.conversation, &row.msg_no, &row.seq, &row.seq, &row.author]
            {
                out.push_bind_param::<BigInt, _>(number)?;
                out.push_sql(", ");
            }
            out.push_bind_param::<Binary, _>(row.client_id.as_slice())?;
            out.push_sql(", ");
            out.push_bind_param::<Binary, _>(row.first_hash.as_bytes().as_slice())?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(row.body.as_str())?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(&row.at)?;
            out.push_sql(")");
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Heads<'a>(&'a [(i64, i64, i64, i64)]);

impl QueryFragment<Sqlite> for Heads<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("with moved (id, seq, msg_no, last_at) as (values ");
        for (index, (id, seq, msg_no, last_at)) in self.0.iter().enumerate() {
            numbers(&mut out, index, [id, seq, msg_no, last_at])?;
        }
        out.push_sql(
            ") update conversation_heads set seq = moved.seq, msg_no = moved.msg_no, \
             last_at = moved.last_at from moved where conversation_id = moved.id",
        );
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Markers<'a>(&'a [(i64, i64, i64)]);

impl QueryFragment<Sqlite> for Markers<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("with raised (conversation, reader, read_no) as (values ");
        for (index, (conversation, user, number)) in self.0.iter().enumerate() {
            numbers(&mut out, index, [conversation, user, number])?;
        }
        out.push_sql(
            ") update members set read_no = raised.read_no from raised \
             where conversation_id = raised.conversation and user_id = raised.reader",
        );
        Ok(())
    }
}

fn numbers<'b, const N: usize>(
    out: &mut AstPass<'_, 'b, Sqlite>,
    index: usize,
    numbers: [&'b i64; N],
) -> QueryResult<()> {
    out.push_sql(if index == 0 { "(" } else { ", (" });
    for (column, number) in numbers.into_iter().enumerate() {
        out.push_sql(if column == 0 { "" } else { ", " });
        out.push_bind_param::<BigInt, _>(number)?;
    }
    out.push_sql(")");
    Ok(())
}

macro_rules! cached_by_text {
    ($($statement:ident),*) => {$(
        impl QueryId for $statement<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl RunQueryDsl<SqliteConnection> for $statement<'_> {}
    )*};
}

cached_by_text!(Messages, Heads, Markers);
