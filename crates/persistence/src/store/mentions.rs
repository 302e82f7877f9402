//! Who is called by which message.

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::Message;

use super::{Conn, dialect};
use crate::rows::NewMentionRow;
use crate::schema::mentions;

/// Stands for everybody.
pub(super) const EVERYBODY: i64 = 0;

/// Keeps whom these messages call now. Within a transaction.
pub(super) async fn replace(
    conn: &mut Conn,
    created: &[Arc<Message>],
    updated: &[Arc<Message>],
) -> QueryResult<()> {
    // Nothing but an edit or a deletion alters what a message says.
    let is_reworded = |message: &&Arc<Message>| message.is_edited() || message.is_deleted();
    let reworded = || updated.iter().filter(is_reworded);
    for message in reworded() {
        let of_message = mentions::table
            .filter(mentions::conversation_id.eq(message.conversation.get()))
            .filter(mentions::msg_no.eq(message.msg_no.get()));
        diesel::delete(of_message).execute(conn).await?;
    }
    let rows = created.iter().chain(reworded()).flat_map(|message| rows(message)).collect();
    dialect::insert_mentions(conn, rows).await
}

/// Who is among everybody has no row of its own, so that rows can be counted.
fn rows(message: &Message) -> Vec<NewMentionRow> {
    let users: BTreeSet<i64> = if message.mentions.all {
        BTreeSet::from([EVERYBODY])
    } else {
        message.mentions.users.iter().map(|user| user.get()).collect()
    };
    let (conversation_id, msg_no) = (message.conversation.get(), message.msg_no.get());
    let author_id = message.author.id.get();
    let row = |user_id| NewMentionRow { author_id, conversation_id, msg_no, user_id };
    users.into_iter().map(row).collect()
}
