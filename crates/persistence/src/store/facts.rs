//! Loads the facts that a batch needs, with a few statements for the whole batch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{ConversationId, Facts, Head, MessageId, Needs, UserId, Username};

use super::{Conn, dialect, invitations, messages as message_queries};
use crate::failure::Failure;
use crate::rows::{InviteRow, LockedHeadRow, MessageRow, account_facts, code_bytes};
use crate::schema::{accounts, blocks, invites, members, messages};

/// Requires locked heads.
pub(super) async fn load(
    conn: &mut Conn,
    mut needs: Needs,
    heads: Vec<LockedHeadRow>,
    free_ids: Vec<MessageId>,
) -> Result<Facts, Failure> {
    let mut facts = Facts::new(free_ids);
    load_conversations(conn, &needs, heads, &mut facts).await?;
    load_invites(conn, &needs, &mut facts).await?;
    facts.add_makers(&mut needs);
    let mut usernames = load_accounts(conn, &needs, &mut facts).await?;
    let mentioned = load_mentioned(conn, &needs, &mut usernames, &mut facts).await?;
    load_members(conn, &needs, &mentioned, &usernames, &mut facts).await?;
    load_messages(conn, &needs, usernames, &mut facts).await?;
    load_blocks(conn, &needs, &mut facts).await?;
    load_additions(conn, &needs, &mut facts).await?;
    facts.mark_loaded(needs);
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
            .inner_join(accounts::table)
            .filter(members::conversation_id.eq_any(chunk))
            .filter(members::role.eq("owner"))
            .filter(members::status.eq("active"))
            .filter(accounts::active.eq(true))
            .group_by(members::conversation_id)
            .select((members::conversation_id, diesel::dsl::count_star()))
            .load(conn)
            .await?;
        owners.extend(counted);
    }
    for (row, conversation) in heads {
        let head = Head::from(row);
        let owners = owners.get(&head.conversation.get()).copied().unwrap_or(0);
        facts.add_conversation(
            conversation.try_into()?,
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
        let rows = dialect::accounts_among(conn, chunk).await?;
        for row in rows {
            let (id, account) = account_facts(row)?;
            usernames.insert(id, account.username.clone());
            facts.add_account(id, account);
        }
    }
    Ok(usernames)
}

/// Loads the accounts that messages mention by name, and returns them with their conversations.
async fn load_mentioned(
    conn: &mut Conn,
    needs: &Needs,
    usernames: &mut HashMap<UserId, Username>,
    facts: &mut Facts,
) -> Result<BTreeSet<(ConversationId, UserId)>, Failure> {
    let keys: BTreeSet<&str> = needs.names.iter().map(|(_, key)| key.as_str()).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut ids: HashMap<String, Vec<UserId>> = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(dialect::CHUNK) {
        let rows: Vec<(i64, String, bool, bool)> = accounts::table
            .filter(accounts::username_key.eq_any(chunk))
            .select((accounts::id, accounts::username, accounts::active, accounts::superuser))
            .load(conn)
            .await?;
        for row in rows {
            let (id, account) = account_facts(row)?;
            ids.entry(account.username.key()).or_default().push(id);
            usernames.insert(id, account.username.clone());
            facts.add_account(id, account);
        }
    }
    let pairs = |(conversation, key): &(ConversationId, String)| {
        let users = ids.get(key).into_iter().flatten();
        users.map(|user| (*conversation, *user)).collect::<Vec<_>>()
    };
    Ok(needs.names.iter().flat_map(pairs).collect())
}

async fn load_members(
    conn: &mut Conn,
    needs: &Needs,
    mentioned: &BTreeSet<(ConversationId, UserId)>,
    usernames: &HashMap<UserId, Username>,
    facts: &mut Facts,
) -> Result<(), Failure> {
    let keys = needs.members.union(mentioned);
    let keys: Vec<[i64; 2]> =
        keys.map(|(conversation, user)| [conversation.get(), user.get()]).collect();
    for chunk in keys.chunks(dialect::CHUNK) {
        for row in dialect::members_among(conn, chunk).await? {
            let username = usernames.get(&UserId::new(row.user_id));
            facts.add_member(row.parse(username)?);
        }
    }
    Ok(())
}

async fn load_invites(conn: &mut Conn, needs: &Needs, facts: &mut Facts) -> Result<(), Failure> {
    let codes: Vec<[u8; 16]> = needs.invites.iter().map(|code| code_bytes(*code)).collect();
    for chunk in codes.chunks(dialect::CHUNK) {
        let chunk = chunk.iter().map(<[u8; 16]>::as_slice);
        let rows: Vec<InviteRow> = invites::table
            .filter(invites::code.eq_any(chunk))
            .select(InviteRow::as_select())
            .load(conn)
            .await?;
        for row in rows {
            facts.add_invite(row.try_into()?);
        }
    }
    Ok(())
}

async fn load_blocks(conn: &mut Conn, needs: &Needs, facts: &mut Facts) -> Result<(), Failure> {
    let wanted = facts.blocks_to_load(needs);
    let keys: Vec<(i64, i64)> = wanted.iter().map(|(by, user)| (by.get(), user.get())).collect();
    for chunk in keys.chunks(dialect::CHUNK) {
        let (blockers, blocked): (Vec<i64>, Vec<i64>) = chunk.iter().copied().unzip();
        // Finds every blocker with every blocked user. Extra pairs are harmless.
        let rows: Vec<(i64, i64)> = blocks::table
            .filter(blocks::blocker_id.eq_any(blockers))
            .filter(blocks::blocked_id.eq_any(blocked))
            .select((blocks::blocker_id, blocks::blocked_id))
            .load(conn)
            .await?;
        for (by, blocked) in rows {
            facts.add_block(UserId::new(by), UserId::new(blocked));
        }
    }
    Ok(())
}

async fn load_additions(conn: &mut Conn, needs: &Needs, facts: &mut Facts) -> Result<(), Failure> {
    let mut by_adder: BTreeMap<UserId, Vec<UserId>> = BTreeMap::new();
    for (user, by) in &needs.additions {
        by_adder.entry(*by).or_default().push(*user);
    }
    for (by, users) in by_adder {
        for addition in invitations::additions(conn, by, &users).await? {
            facts.add_addition(by, addition);
        }
    }
    Ok(())
}

/// Loads messages that intents name by id, and messages already sent under the same client ids.
async fn load_messages(
    conn: &mut Conn,
    needs: &Needs,
    usernames: HashMap<UserId, Username>,
    facts: &mut Facts,
) -> Result<(), Failure> {
    let mut ids: Vec<i64> = needs.messages.iter().map(|id| id.get()).collect();
    let names = needs.sends.iter().map(|(conversation, author, client_id)| {
        (conversation.get(), author.get(), client_id.get().to_be_bytes())
    });
    let names: Vec<(i64, i64, [u8; 16])> = names.collect();
    for chunk in names.chunks(dialect::CHUNK) {
        ids.append(&mut dialect::sent_before(conn, chunk).await?);
    }
    let mut rows: Vec<MessageRow> = Vec::new();
    for chunk in ids.chunks(dialect::CHUNK) {
        let found = messages::table.filter(messages::id.eq_any(chunk));
        rows.append(&mut found.select(MessageRow::as_select()).load(conn).await?);
    }
    for message in message_queries::with_authors(conn, rows, usernames).await? {
        facts.add_message(message);
    }
    Ok(())
}
