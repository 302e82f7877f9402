//! Loads what a batch is judged by, with a few statements for the whole batch.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{Facts, Head, Member, MessageId, Needs, UserId, Username};

use super::{Conn, dialect, messages as message_queries};
use crate::failure::Failure;
use crate::rows::{LockedHeadRow, MessageRow, account_facts, conversation};
use crate::schema::{accounts, members, messages};

/// Of conversations whose heads are locked already.
pub(super) async fn load(
    conn: &mut Conn,
    needs: &Needs,
    heads: Vec<LockedHeadRow>,
    free_ids: Vec<MessageId>,
) -> Result<Facts, Failure> {
    let mut facts = Facts::new(free_ids);
    load_conversations(conn, needs, heads, &mut facts).await?;
    let usernames = load_accounts(conn, needs, &mut facts).await?;
    load_members(conn, needs, &mut facts).await?;
    load_messages(conn, needs, usernames, &mut facts).await?;
    Ok(facts)
}

async fn load_conversations(
    conn: &mut Conn,
    needs: &Needs,
    heads: Vec<LockedHeadRow>,
    facts: &mut Facts,
) -> Result<(), Failure> {
    let asked: Vec<i64> = needs.owner_counts.iter().map(|id| id.get()).collect();
    let mut owners = HashMap::new();
    for chunk in asked.chunks(dialect::CHUNK) {
        let counted: Vec<(i64, i64)> = members::table
            .filter(members::conversation_id.eq_any(chunk))
            .filter(members::role.eq("owner"))
            .filter(members::standing.eq("active"))
            .group_by(members::conversation_id)
            .select((members::conversation_id, diesel::dsl::count_star()))
            .load(conn)
            .await?;
        owners.extend(counted);
    }
    for (row, kind) in heads {
        let head = Head::from(row);
        let id = head.conversation.get();
        let owners = owners.get(&id).copied().unwrap_or(0);
        facts.add_conversation(
            conversation(id, &kind)?,
            head,
            usize::try_from(owners).unwrap_or(usize::MAX),
        );
    }
    Ok(())
}

async fn load_accounts(
    conn: &mut Conn,
    needs: &Needs,
    facts: &mut Facts,
) -> Result<HashMap<UserId, Username>, Failure> {
    let mut usernames = HashMap::with_capacity(needs.accounts.len());
    let wanted: Vec<i64> = needs.accounts.iter().map(|id| id.get()).collect();
    for chunk in wanted.chunks(dialect::CHUNK) {
        let rows: Vec<(i64, String, bool, bool)> = accounts::table
            .filter(accounts::id.eq_any(chunk))
            .select((accounts::id, accounts::username, accounts::active, accounts::superuser))
            .load(conn)
            .await?;
        for row in rows {
            let (id, account) = account_facts(row)?;
            usernames.insert(id, account.username.clone());
            facts.add_account(id, account);
        }
    }
    Ok(usernames)
}

async fn load_members(conn: &mut Conn, needs: &Needs, facts: &mut Facts) -> Result<(), Failure> {
    let keys: Vec<(i64, i64)> =
        needs.members.iter().map(|(conversation, user)| (conversation.get(), user.get())).collect();
    for chunk in keys.chunks(dialect::CHUNK) {
        for row in dialect::members_among(conn, chunk).await? {
            facts.add_member(Member::try_from(row)?);
        }
    }
    Ok(())
}

/// By id, and by client id alone: rows of other senders do no harm, and are as
/// good as never there.
async fn load_messages(
    conn: &mut Conn,
    needs: &Needs,
    usernames: HashMap<UserId, Username>,
    facts: &mut Facts,
) -> Result<(), Failure> {
    let mut rows: Vec<MessageRow> = Vec::new();
    let ids: Vec<i64> = needs.messages.iter().map(|id| id.get()).collect();
    for chunk in ids.chunks(dialect::CHUNK) {
        let found = messages::table.filter(messages::id.eq_any(chunk));
        rows.append(&mut found.select(MessageRow::as_select()).load(conn).await?);
    }
    let client_ids: Vec<[u8; 16]> =
        needs.sends.iter().map(|(_, _, client_id)| client_id.get().to_be_bytes()).collect();
    for chunk in client_ids.chunks(dialect::CHUNK) {
        let chunk = chunk.iter().map(<[u8; 16]>::as_slice);
        let found = messages::table.filter(messages::client_id.eq_any(chunk));
        rows.append(&mut found.select(MessageRow::as_select()).load(conn).await?);
    }
    for message in message_queries::with_authors(conn, rows, usernames).await? {
        facts.add_message(message);
    }
    Ok(())
}
