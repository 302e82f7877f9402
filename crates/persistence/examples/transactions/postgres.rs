//! The rows in PostgreSQL: one prepared statement over arrays for each table.

use tokio_postgres::{Client, NoTls, Statement};

use crate::workload::{MessageRow, Rows};

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) struct Statements {
    client: Client,
    messages: Statement,
    heads: Statement,
    markers: Statement,
}

impl Statements {
    pub(crate) async fn prepare(client: Client) -> Self {
        client.batch_execute("set synchronous_commit = on").await.unwrap();
        let messages = "insert into messages (id, conversation_id, msg_no, seq_created, seq_last, \
            author_id, client_id, first_hash, body, created_at) \
            select id, conversation, msg_no, seq, seq, author, name, hash, body, at \
            from unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::bytea[], \
            $7::bytea[], $8::text[], $9::int8[]) \
            as new (id, conversation, msg_no, seq, author, name, hash, body, at)";
        let heads = "update conversation_heads \
            set seq = moved.seq, msg_no = moved.msg_no, last_at = moved.last_at \
            from unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) \
            as moved (id, seq, msg_no, last_at) where conversation_id = moved.id";
        let markers = "update members set read_no = raised.read_no \
            from unnest($1::int8[], $2::int8[], $3::int8[]) as raised (conversation, reader, read_no) \
            where conversation_id = raised.conversation and user_id = raised.reader";
        Self {
            messages: client.prepare(messages).await.unwrap(),
            heads: client.prepare(heads).await.unwrap(),
            markers: client.prepare(markers).await.unwrap(),
            client,
        }
    }

    pub(crate) async fn write(&self, rows: &Rows) {
        self.client.batch_execute("begin").await.unwrap();
        let of =
            |number: fn(&MessageRow) -> i64| rows.messages.iter().map(number).collect::<Vec<i64>>();
        let names: Vec<&[u8]> = rows.messages.iter().map(|row| row.client_id.as_slice()).collect();
        let hashes: Vec<&[u8]> =
            rows.messages.iter().map(|row| row.first_hash.as_bytes().as_slice()).collect();
        let bodies: Vec<&str> = rows.messages.iter().map(|row| row.body.as_str()).collect();
        self.client
            .execute(
                &self.messages,
                &[
                    &of(|row| row.id),
                    &of(|row| row.conversation),
                    &of(|row| row.msg_no),
                    &of(|row| row.seq),
                    &of(|row| row.author),
                    &names,
                    &hashes,
                    &bodies,
                    &of(|row| row.at),
                ],
            )
            .await
            .unwrap();
        let heads = |number: fn(&(i64, i64, i64, i64)) -> i64| {
            rows.heads.iter().map(number).collect::<Vec<i64>>()
        };
        let (id, seq, no, at) = (heads(|h| h.0), heads(|h| h.1), heads(|h| h.2), heads(|h| h.3));
        self.client.execute(&self.heads, &[&id, &seq, &no, &at]).await.unwrap();
        let markers = |number: fn(&(i64, i64, i64)) -> i64| {
            rows.markers.iter().map(number).collect::<Vec<i64>>()
        };
        let (conversation, reader, no) = (markers(|m| m.0), markers(|m| m.1), markers(|m| m.2));
        self.client.execute(&self.markers, &[&conversation, &reader, &no]).await.unwrap();
        self.client.batch_execute("commit").await.unwrap();
    }
}
