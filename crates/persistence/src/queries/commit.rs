//! The one write path: facts in, changes out, in one transaction.

use std::sync::Arc;

use application::ports::Clock;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{Head, Intent, Member, Message, Needs, Outcome, Refusal, Timestamp, Writes};

use super::{Conn, dialect, facts};
use crate::failure::Failure;
use crate::rows::{HeadRow, NewMemberRow};
use crate::schema::{conversation_heads, members, messages};

/// Judges the intents in order and writes what came of them. Within a transaction.
pub(super) async fn commit(
    conn: &mut Conn,
    intents: &[Intent],
    clock: &dyn Clock,
) -> Result<Vec<Result<Outcome, Refusal>>, Failure> {
    let mut facts = facts::load(conn, &Needs::of(intents)).await?;
    let now = dialect::now(conn, clock).await?;
    let answers = facts.carry_out(intents, now);
    let Writes { heads, created, updated, members } = facts.writes();
    if !created.is_empty() {
        dialect::insert_messages(conn, created).await?;
    }
    for message in updated {
        update_message(conn, &message).await?;
    }
    for member in members {
        put_member(conn, member).await?;
    }
    for head in heads {
        move_head(conn, head).await?;
    }
    Ok(answers)
}

async fn update_message(conn: &mut Conn, message: &Arc<Message>) -> QueryResult<()> {
    diesel::update(messages::table.find(message.id.get()))
        .set((
            messages::seq_last.eq(message.seq_last.get()),
            messages::body.eq(message.body.as_str()),
            messages::edited_at.eq(message.edited_at.map(Timestamp::micros)),
            messages::deleted_at.eq(message.deleted_at.map(Timestamp::micros)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

async fn put_member(conn: &mut Conn, member: Member) -> QueryResult<()> {
    let row = NewMemberRow::from(member);
    diesel::insert_into(members::table)
        .values(&row)
        .on_conflict((members::conversation_id, members::user_id))
        .do_update()
        .set(&row)
        .execute(conn)
        .await?;
    Ok(())
}

async fn move_head(conn: &mut Conn, head: Head) -> QueryResult<()> {
    diesel::update(conversation_heads::table.find(head.conversation.get()))
        .set(&HeadRow::from(head))
        .execute(conn)
        .await?;
    Ok(())
}
