//! The inbox: the list of one user's conversations, read markers, mutes and blocks.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use application::ports::{
    BackendError, ContactStatus, ConversationView, InboxCursor, InboxEntry, InboxPage, InboxStore,
    InboxVersion, Invitation, MarkedRead, ReadMarker, StoreError,
};
use async_trait::async_trait;
use diesel::dsl;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    AdditionFacts, Conversation, ConversationId, ConversationKind, FirstMember, MsgNo, Profile,
    Role, UserId, Username, policy,
};

use super::commit::EVERYONE;
use super::hidden_names::{self, HiddenNames};
use super::{
    Conn, Store, accounts as account_queries, conversations as conversation_queries, dialect,
    invitations,
};
use crate::failure::Failure;
use crate::rows::{InboxRow, MemberRow, ProfileRow, username};
use crate::schema::{
    accounts, blocks, conversation_heads, conversations, members, mentions, server_meta,
};

#[async_trait]
impl InboxStore for Store {
    async fn conversations(
        &self,
        user: UserId,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage, BackendError> {
        self.snapshot("read conversations", async move |conn| {
            let empty = empty_page(conn, user).await?;
            let (at, id) = before.map_or((i64::MAX, i64::MAX), |cursor| {
                (cursor.last_at.micros(), cursor.conversation.get())
            });
            let is_below = conversation_heads::last_at.lt(at).or(conversation_heads::last_at
                .eq(at)
                .and(conversation_heads::conversation_id.lt(id)));
            // The rule is `policy::is_listed`.
            let is_listed =
                conversations::direct_low.is_null().or(conversation_heads::msg_no.gt(0));
            let rows: Vec<InboxRow> = members::table
                .inner_join(accounts::table)
                .inner_join(conversations::table.inner_join(conversation_heads::table))
                .filter(members::user_id.eq(user.get()))
                .filter(members::status.eq("active"))
                .filter(conversations::deleted_at.is_null())
                .filter(is_listed)
                .filter(is_below)
                .order((
                    conversation_heads::last_at.desc(),
                    conversation_heads::conversation_id.desc(),
                ))
                .limit(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX))
                .select(InboxRow::as_select())
                .load(conn)
                .await?;
            let mut entries = entries(conn, user, rows).await?;
            if entries.iter().all(|entry| entry.conversation.id != ConversationId::LOBBY) {
                let lobby = lobby_without_row(conn, user).await?;
                let is_below = |entry: &InboxEntry| before.is_none_or(|at| entry.cursor() < at);
                entries.extend(lobby.filter(is_below));
                entries.sort_by_key(|entry| std::cmp::Reverse(entry.cursor()));
            }
            let more = entries.len() > limit;
            entries.truncate(limit);
            Ok(InboxPage { entries, more, ..empty })
        })
        .await
    }

    async fn conversation(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<InboxEntry>, BackendError> {
        self.snapshot("read a conversation", async move |conn| {
            let row: Option<InboxRow> = members::table
                .inner_join(accounts::table)
                .inner_join(conversations::table.inner_join(conversation_heads::table))
                .filter(members::user_id.eq(user.get()))
                .filter(members::conversation_id.eq(conversation.get()))
                .select(InboxRow::as_select())
                .first(conn)
                .await
                .optional()?;
            if row.is_none() && conversation == ConversationId::LOBBY {
                return lobby_without_row(conn, user).await;
            }
            let found = entries(conn, user, row.into_iter().collect()).await?.pop();
            Ok(found.filter(|entry| policy::visible(&entry.conversation, entry.member.as_ref())))
        })
        .await
    }

    async fn mark_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<Option<MarkedRead>, StoreError> {
        self.write("raise a read marker", async move |conn| {
            let Some(view) = visible_with_row(conn, user, conversation).await? else {
                return Ok(None);
            };
            let ConversationView { conversation: found, head, hides_presence, .. } = view;
            let up_to = up_to.min(head.msg_no).get();
            let own = members::table.find((conversation.get(), user.get()));
            let moved = diesel::update(own.filter(members::read_no.lt(up_to)))
                .set(members::read_no.eq(up_to))
                .execute(conn)
                .await?;
            if moved == 0 {
                let read_no: i64 = own.select(members::read_no).first(conn).await?;
                let read_no = MsgNo::new(read_no);
                return Ok(Some(MarkedRead { read_no, has_moved: false, is_shown: false }));
            }
            raise_inbox_versions(conn, [user]).await?;
            let members = match found.kind {
                ConversationKind::Group => {
                    let most = policy::SMALL_GROUP + 1;
                    let some: Vec<i64> = members::table
                        .filter(members::conversation_id.eq(conversation.get()))
                        .filter(members::status.eq("active"))
                        .limit(i64::try_from(most).unwrap_or(i64::MAX))
                        .select(members::user_id)
                        .load(conn)
                        .await?;
                    some.len()
                }
                // The rule does not depend on the size.
                ConversationKind::Lobby | ConversationKind::Direct(_) => 0,
            };
            let is_shown = policy::shows_presence(hides_presence)
                && policy::shows_read_receipts(found.kind, members);
            Ok(Some(MarkedRead { read_no: MsgNo::new(up_to), has_moved: true, is_shown }))
        })
        .await
    }

    async fn markers(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<ReadMarker>, BackendError> {
        self.read("read markers", async move |conn| {
            let rows: Vec<(i64, String, i64, bool)> = members::table
                .inner_join(accounts::table)
                .filter(members::conversation_id.eq(conversation.get()))
                .filter(members::status.eq("active"))
                .order(members::user_id)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select((
                    members::user_id,
                    accounts::username,
                    members::read_no,
                    accounts::hide_presence,
                ))
                .load(conn)
                .await?;
            let marker = |(id, name, read_no, hides_presence): (i64, String, i64, bool)| {
                let (user, username) = (UserId::new(id), username(id, &name)?);
                Ok(ReadMarker { user, username, read_no: MsgNo::new(read_no), hides_presence })
            };
            rows.into_iter().map(marker).collect()
        })
        .await
    }

    async fn set_muted(
        &self,
        user: UserId,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        self.write("mute a conversation", async move |conn| {
            if visible_with_row(conn, user, conversation).await?.is_none() {
                return Ok(false);
            }
            diesel::update(members::table.find((conversation.get(), user.get())))
                .set(members::muted.eq(muted))
                .execute(conn)
                .await?;
            raise_inbox_versions(conn, [user]).await?;
            Ok(true)
        })
        .await
    }

    async fn set_blocked(
        &self,
        by: UserId,
        blocked: UserId,
        present: bool,
    ) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("block an account", async move |conn| {
            let rows = if present {
                let now = dialect::now(conn, &*clock).await?;
                diesel::insert_into(blocks::table)
                    .values((
                        blocks::blocker_id.eq(by.get()),
                        blocks::blocked_id.eq(blocked.get()),
                        blocks::created_at.eq(now.micros()),
                    ))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?
            } else {
                diesel::delete(blocks::table.find((by.get(), blocked.get()))).execute(conn).await?
            };
            if rows > 0 {
                raise_inbox_versions(conn, [by, blocked]).await?;
                diesel::update(accounts::table.find(by.get()))
                    .set(accounts::view_version.eq(accounts::view_version + 1))
                    .execute(conn)
                    .await?;
            }
            Ok(())
        })
        .await
    }

    async fn contact_statuses(
        &self,
        user: UserId,
        others: &[UserId],
    ) -> Result<Vec<ContactStatus>, BackendError> {
        let others: Vec<i64> = others.iter().map(|other| other.get()).collect();
        self.read("read who may be contacted", async move |conn| {
            let own_blocks = diesel::alias!(blocks as own_blocks);
            let mut found = Vec::with_capacity(others.len());
            for chunk in others.chunks(dialect::CHUNK) {
                let blocks_user =
                    blocks::blocker_id.eq(accounts::id).and(blocks::blocked_id.eq(user.get()));
                let is_blocked = own_blocks
                    .field(blocks::blocker_id)
                    .eq(user.get())
                    .and(own_blocks.field(blocks::blocked_id).eq(accounts::id));
                let rows: Vec<(i64, bool, Option<i64>, Option<i64>)> = accounts::table
                    .left_join(blocks::table.on(blocks_user))
                    .left_join(own_blocks.on(is_blocked))
                    .filter(accounts::id.eq_any(chunk))
                    .select((
                        accounts::id,
                        accounts::active,
                        blocks::blocked_id.nullable(),
                        own_blocks.field(blocks::blocked_id).nullable(),
                    ))
                    .load(conn)
                    .await?;
                let status = |(user, is_active, blocks, own): (_, _, Option<_>, Option<_>)| {
                    let (blocks, is_blocked) = (blocks.is_some(), own.is_some());
                    ContactStatus { user: UserId::new(user), is_active, blocks, is_blocked }
                };
                found.extend(rows.into_iter().map(status));
            }
            Ok(found)
        })
        .await
    }

    async fn additions(
        &self,
        by: UserId,
        users: &[UserId],
    ) -> Result<Vec<AdditionFacts>, BackendError> {
        let users = users.to_vec();
        self.snapshot("read who may be added", async move |conn| {
            invitations::additions(conn, by, &users).await
        })
        .await
    }

    async fn invitations(
        &self,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<Invitation>, BackendError> {
        self.read("read the invitations of a user", async move |conn| {
            invitations::of_user(conn, user, limit).await
        })
        .await
    }

    async fn blocked_by(&self, by: UserId) -> Result<Vec<(UserId, Username)>, BackendError> {
        self.read("read blocks", async move |conn| {
            let rows: Vec<(i64, String)> = blocks::table
                .inner_join(accounts::table)
                .filter(blocks::blocker_id.eq(by.get()))
                .order(blocks::blocked_id)
                .select((blocks::blocked_id, accounts::username))
                .load(conn)
                .await?;
            let parse = |(id, name): (i64, String)| Ok((UserId::new(id), username(id, &name)?));
            rows.into_iter().map(parse).collect()
        })
        .await
    }
}

/// The part of an inbox page that does not depend on its entries.
async fn empty_page(conn: &mut Conn, user: UserId) -> Result<InboxPage, Failure> {
    type Row = (
        Vec<u8>,
        Option<i64>,
        Option<ProfileRow>,
        Option<i64>,
        Option<dialect::IdList>,
        Option<String>,
    );
    let (epoch, inbox_version, profile, invitations, blocked, hidden): Row = server_meta::table
        .left_join(accounts::table.on(accounts::id.eq(user.get())))
        .select((
            server_meta::epoch,
            accounts::inbox_version.nullable(),
            Option::<ProfileRow>::as_select(),
            invitations::count_of(user).single_value(),
            blocks::table
                .filter(blocks::blocker_id.eq(user.get()))
                .select(dialect::id_list(blocks::blocked_id))
                .single_value(),
            HiddenNames(user.get()),
        ))
        .first(conn)
        .await?;
    Ok(InboxPage {
        epoch: conversation_queries::parse_epoch(&epoch)?,
        inbox_version: InboxVersion(inbox_version.unwrap_or(0)),
        profile: profile.map(Profile::from).unwrap_or_default(),
        invitations: invitations.unwrap_or(0),
        blocked: conversation_queries::blocked_ids(user, blocked)?,
        hidden_names: Arc::new(hidden_names::parse(user, hidden.as_deref())?),
        entries: Vec::new(),
        more: false,
    })
}

async fn lobby_without_row(conn: &mut Conn, user: UserId) -> Result<Option<InboxEntry>, Failure> {
    let view = conversation_queries::view(conn, ConversationId::LOBBY, user).await?;
    let Some(ConversationView { conversation, head, member: None, view_version, .. }) = view else {
        return Ok(None);
    };
    Ok(Some(InboxEntry {
        conversation,
        head,
        member: None,
        read_no: head.msg_no,
        muted: false,
        unread_mentions: lobby_mentions_since_sign_up(conn, user).await?,
        view_version,
        other: None,
    }))
}

async fn lobby_mentions_since_sign_up(conn: &mut Conn, user: UserId) -> QueryResult<i64> {
    let blocks_author =
        blocks::blocker_id.eq(user.get()).and(blocks::blocked_id.eq(mentions::author_id));
    let since_sign_up = mentions::table
        .left_join(blocks::table.on(blocks_author))
        .filter(mentions::user_id.eq_any([user.get(), EVERYONE]))
        .filter(mentions::conversation_id.eq(ConversationId::LOBBY.get()))
        .filter(mentions::msg_no.nullable().gt(accounts::lobby_msg_no))
        .filter(mentions::author_id.ne(user.get()))
        .filter(blocks::blocked_id.nullable().is_null())
        .select(dsl::count_star());
    let count: Option<Option<i64>> = accounts::table
        .find(user.get())
        .select(since_sign_up.single_value())
        .first(conn)
        .await
        .optional()?;
    Ok(count.flatten().unwrap_or(0))
}

/// Adds data of other tables, with one query each for all entries.
async fn entries(
    conn: &mut Conn,
    user: UserId,
    rows: Vec<InboxRow>,
) -> Result<Vec<InboxEntry>, Failure> {
    let entries: Result<Vec<InboxEntry>, _> = rows.into_iter().map(TryInto::try_into).collect();
    let mut entries = entries?;
    let counts = unread_mentions(conn, user, &entries).await?;
    let others = entries.iter().filter_map(|entry| other(&entry.conversation, user));
    let others: Vec<i64> = others.map(UserId::get).collect();
    let others = account_queries::usernames(conn, &others).await?;
    for entry in &mut entries {
        let id = entry.conversation.id.get();
        entry.unread_mentions = counts.get(&id).copied().unwrap_or(0);
        entry.other = other(&entry.conversation, user)
            .and_then(|other| Some((other, others.get(&other)?.clone())));
    }
    Ok(entries)
}

async fn unread_mentions(
    conn: &mut Conn,
    user: UserId,
    entries: &[InboxEntry],
) -> QueryResult<HashMap<i64, i64>> {
    let behind = entries.iter().filter(|entry| entry.unread() > 0);
    let behind: Vec<i64> = behind.map(|entry| entry.conversation.id.get()).collect();
    let mut counts = HashMap::new();
    for chunk in behind.chunks(dialect::CHUNK) {
        let blocks_author =
            blocks::blocker_id.eq(user.get()).and(blocks::blocked_id.eq(mentions::author_id));
        // One subquery per member reads only the mentions after its read marker.
        let after_marker = mentions::table
            .left_join(blocks::table.on(blocks_author))
            .filter(mentions::user_id.eq_any([user.get(), EVERYONE]))
            .filter(mentions::conversation_id.eq(members::conversation_id))
            .filter(mentions::msg_no.gt(members::read_no))
            .filter(blocks::blocked_id.nullable().is_null())
            .select(dsl::count_star());
        let counted: Vec<(i64, Option<i64>)> = members::table
            .filter(members::user_id.eq(user.get()))
            .filter(members::conversation_id.eq_any(chunk))
            .select((members::conversation_id, after_marker.single_value()))
            .load(conn)
            .await?;
        let counted = counted.into_iter().map(|(id, counts)| (id, counts.unwrap_or(0)));
        counts.extend(counted);
    }
    Ok(counts)
}

fn other(conversation: &Conversation, user: UserId) -> Option<UserId> {
    match conversation.kind {
        ConversationKind::Direct(pair) => Some(pair.other_than(user)),
        ConversationKind::Lobby | ConversationKind::Group => None,
    }
}

/// The conversation, if the user may see it. Adds the user's member row if it is missing. Within a
/// transaction.
async fn visible_with_row(
    conn: &mut Conn,
    user: UserId,
    conversation: ConversationId,
) -> Result<Option<ConversationView>, Failure> {
    let view = conversation_queries::view(conn, conversation, user).await?;
    let is_visible =
        |view: &ConversationView| policy::visible(&view.conversation, view.member.as_ref());
    let Some(view) = view.filter(is_visible) else { return Ok(None) };
    if view.member.is_none() {
        let row = MemberRow::first(conversation, FirstMember::active(user, Role::Member));
        diesel::insert_into(members::table)
            .values((&row, members::read_no.eq(view.head.msg_no.get())))
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
    }
    Ok(Some(view))
}

/// Raises the inbox version of each user once, in the order of ids.
pub(super) async fn raise_inbox_versions(
    conn: &mut Conn,
    users: impl IntoIterator<Item = UserId>,
) -> QueryResult<()> {
    let users: BTreeSet<i64> = users.into_iter().map(UserId::get).collect();
    let users: Vec<i64> = users.into_iter().collect();
    for chunk in users.chunks(dialect::CHUNK) {
        dialect::raise_inbox_versions(conn, chunk).await?;
    }
    Ok(())
}
