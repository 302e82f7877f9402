//! Users who are added to a group, and invitations to those who want to be asked.

use std::collections::{HashMap, HashSet};

use application::ports::{ACQUAINTANCE_MESSAGES, Invitation};
use diesel::dsl::{self, exists};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{AddedBy, AdditionFacts, ConversationId, Role, UserId};

use super::{Conn, dialect};
use crate::failure::{CorruptRow, Failure};
use crate::rows::{ConversationRow, added_by, username};
use crate::schema::{accounts, blocks, conversation_heads, conversations, members, messages};

/// Reads as little as the users' settings allow: by default, everyone may add them.
pub(super) async fn additions(
    conn: &mut Conn,
    by: UserId,
    users: &[UserId],
) -> Result<Vec<AdditionFacts>, Failure> {
    let mut found = Vec::with_capacity(users.len());
    let ids: Vec<i64> = users.iter().map(|user| user.get()).collect();
    for chunk in ids.chunks(dialect::CHUNK) {
        let rows: Vec<(i64, String)> = accounts::table
            .filter(accounts::id.eq_any(chunk))
            .select((accounts::id, accounts::added_by))
            .load(conn)
            .await?;
        found.extend(rows.into_iter().map(|(id, setting)| (id, added_by(&setting))));
    }
    let with = |is_wanted: fn(AddedBy) -> bool| -> Vec<i64> {
        let wanted = found.iter().filter(|(_, setting)| is_wanted(*setting));
        wanted.map(|(id, _)| *id).collect()
    };
    let selective = with(|setting| setting == AddedBy::Acquaintances);
    let acquaintances = acquaintances(conn, by.get(), &selective).await?;
    let counts = counts(conn, &with(|setting| setting != AddedBy::Everyone)).await?;
    let facts = |(id, added_by)| AdditionFacts {
        user: UserId::new(id),
        added_by,
        is_acquaintance: acquaintances.contains(&id),
        invitations: counts.get(&id).copied().unwrap_or(0),
    };
    Ok(found.into_iter().map(facts).collect())
}

/// Returns those of `users` who share a group with `by`, or have written to `by` directly.
async fn acquaintances(conn: &mut Conn, by: i64, users: &[i64]) -> Result<HashSet<i64>, Failure> {
    let mut found = HashSet::new();
    let own = diesel::alias!(members as own);
    let is_own = own
        .field(members::conversation_id)
        .eq(members::conversation_id)
        .and(own.field(members::user_id).eq(by))
        .and(own.field(members::status).eq("active"));
    let has_written = exists(
        messages::table
            .filter(messages::conversation_id.eq(members::conversation_id))
            .filter(messages::author_id.eq(members::user_id))
            .filter(messages::msg_no.gt(conversation_heads::msg_no - ACQUAINTANCE_MESSAGES)),
    );
    for chunk in users.chunks(dialect::CHUNK) {
        let among: Vec<i64> = members::table
            .inner_join(own.on(is_own))
            .inner_join(conversations::table.inner_join(conversation_heads::table))
            .filter(members::user_id.eq_any(chunk))
            .filter(members::status.eq("active"))
            .filter(conversations::kind.eq("group"))
            .filter(conversations::deleted_at.is_null())
            .filter(conversations::direct_low.is_null().or(has_written))
            .select(members::user_id)
            .distinct()
            .load(conn)
            .await?;
        found.extend(among);
    }
    Ok(found)
}

/// Returns how many open invitations each user has who has any.
async fn counts(conn: &mut Conn, users: &[i64]) -> Result<HashMap<i64, usize>, Failure> {
    let mut found = HashMap::new();
    for chunk in users.chunks(dialect::CHUNK) {
        let counted: Vec<(i64, i64)> = open()
            .filter(members::user_id.eq_any(chunk))
            .group_by(members::user_id)
            .select((members::user_id, dsl::count_star()))
            .load(conn)
            .await?;
        let counted = counted.into_iter();
        found.extend(counted.map(|(id, n)| (id, usize::try_from(n).unwrap_or(usize::MAX))));
    }
    Ok(found)
}

/// Returns the users whom a conversation has invited.
pub(super) async fn invited(
    conn: &mut Conn,
    conversation: ConversationId,
) -> QueryResult<Vec<UserId>> {
    let users: Vec<i64> = members::table
        .filter(members::conversation_id.eq(conversation.get()))
        .filter(members::status.eq("left"))
        .filter(members::invited_by.is_not_null())
        .select(members::user_id)
        .load(conn)
        .await?;
    Ok(users.into_iter().map(UserId::new).collect())
}

/// The rows of invited users, without invitations by users whom they block.
#[dsl::auto_type]
fn open() -> _ {
    members::table
        .inner_join(conversations::table)
        .filter(members::status.eq("left"))
        .filter(members::invited_by.is_not_null())
        .filter(conversations::deleted_at.is_null())
        .filter(dsl::not(exists(
            blocks::table
                .filter(blocks::blocker_id.eq(members::user_id))
                .filter(members::invited_by.eq(blocks::blocked_id.nullable())),
        )))
}

#[dsl::auto_type(no_type_alias)]
pub(super) fn count_of(user: UserId) -> _ {
    let id: i64 = user.get();
    open().filter(members::user_id.eq(id)).count()
}

pub(super) async fn of_user(
    conn: &mut Conn,
    user: UserId,
    limit: usize,
) -> Result<Vec<Invitation>, Failure> {
    let rows: Vec<(ConversationRow, String, i64, String)> = open()
        .inner_join(accounts::table.on(members::invited_by.eq(accounts::id.nullable())))
        .filter(members::user_id.eq(user.get()))
        .order(members::conversation_id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((ConversationRow::as_select(), members::role, accounts::id, accounts::username))
        .load(conn)
        .await?;
    let invitation = |(conversation, role, by, name): (ConversationRow, String, i64, String)| {
        let role = Role::parse(&role).ok_or(CorruptRow {
            table: "members",
            id: user.get().to_string(),
            reason: "role",
        })?;
        let invited_by = (UserId::new(by), username(by, &name)?);
        Ok(Invitation { conversation: conversation.try_into()?, role, invited_by })
    };
    rows.into_iter().map(invitation).collect()
}
