//! Conversations, their heads and the epoch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use application::ports::{
    BackendError, ChangePage, Clock, ConversationStore, ConversationView, Heads, MessagePage,
    PageRange, PinPage, SearchPage, SearchRequest, Snapshot, SnapshotLimit, StoreError,
};
use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;
use domain::{
    BodyHash, Conversation, ConversationId, ConversationKind, Details, Epoch, FirstMember, Head,
    Intent, Member, Message, MessageId, MsgNo, NewGroup, Outcome, Pair, Refusal, Role, Seq,
    Timestamp, UserId,
};

use super::commit::{Locked, commit};
use super::messages::{self as message_queries, page_length, with_authors};
use super::search::search;
use super::{Conn, Store, dialect, inbox};
use crate::failure::{CorruptRow, Failure};
use crate::rows::{
    ConversationRow, HeadRow, MemberRow, MessageRow, NamedMemberRow, WrittenConversationRow,
    view_version,
};
use crate::schema::{
    accounts, blocks, conversation_heads, conversations, created_groups, direct_pairs, members,
    messages, octet_length, server_meta,
};

impl Store {
    async fn decide_all(
        &self,
        intents: Vec<Intent>,
        locked: Locked,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        if intents.is_empty() {
            return Ok(Vec::new());
        }
        let clock = self.db.clock();
        self.write("commit a batch", async move |conn| {
            commit(conn, &intents, locked, &*clock).await
        })
        .await
    }
}

#[async_trait]
impl ConversationStore for Store {
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let answers = self.decide_all(intents, Locked::WaitFor).await?;
        // `WaitFor` skips no intent.
        Ok(answers.into_iter().flatten().collect())
    }

    async fn try_commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        self.decide_all(intents, Locked::LeaveOut).await
    }

    async fn create_group(
        &self,
        new: NewGroup,
    ) -> Result<Result<(ConversationId, bool), Refusal>, StoreError> {
        let clock = self.db.clock();
        self.write("open a group", async move |conn| {
            if let Some(known) = created_group(conn, &new).await? {
                return Ok(known.map(|known| (known, false)));
            }
            let (kind, details) = (ConversationKind::Group, new.details.clone());
            let id = insert(conn, kind, details, new.first_members(), &*clock).await?;
            let is_new = diesel::insert_into(created_groups::table)
                .values((
                    created_groups::creator_id.eq(new.creator.get()),
                    created_groups::client_id.eq(new.client_id.get().to_be_bytes().as_slice()),
                    created_groups::conversation_id.eq(id.get()),
                    created_groups::first_hash.eq(new.hash().as_bytes().as_slice()),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if is_new > 0 {
                let users = new.members.iter().map(|(user, _)| *user);
                inbox::raise_inbox_versions(conn, users).await?;
                return Ok(Ok((id, true)));
            }
            // Another request was faster. The new group is not visible to anyone yet.
            delete(conn, id).await?;
            let known = created_group(conn, &new).await?;
            let known = known.ok_or(diesel::result::Error::NotFound)?;
            Ok(known.map(|known| (known, false)))
        })
        .await
    }

    async fn created_group(
        &self,
        again: &NewGroup,
    ) -> Result<Option<Result<ConversationId, Refusal>>, BackendError> {
        let again = again.clone();
        self.read("read a group by client id", async move |conn| created_group(conn, &again).await)
            .await
    }

    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError> {
        let clock = self.db.clock();
        self.write("open a direct conversation", async move |conn| {
            if let Some(known) = direct(conn, pair).await? {
                return Ok((known, false));
            }
            let members =
                [pair.low(), pair.high()].map(|user| FirstMember::active(user, Role::Member));
            let kind = ConversationKind::Direct(pair);
            let id = insert(conn, kind, Details::default(), members.into_iter(), &*clock).await?;
            let is_new = diesel::insert_into(direct_pairs::table)
                .values((
                    direct_pairs::low_id.eq(pair.low().get()),
                    direct_pairs::high_id.eq(pair.high().get()),
                    direct_pairs::conversation_id.eq(id.get()),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if is_new > 0 {
                return Ok((id, true));
            }
            // Another request was faster. The new conversation is not visible to anyone yet.
            delete(conn, id).await?;
            let known = direct(conn, pair).await?.ok_or(diesel::result::Error::NotFound)?;
            Ok((known, false))
        })
        .await
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Heads, BackendError> {
        let ids = ids.to_vec();
        self.snapshot("read heads", async move |conn| {
            let (first, rest) = ids.split_at(ids.len().min(dialect::CHUNK));
            let (epoch, rows): (Vec<Vec<u8>>, Vec<HeadRow>) = dialect::load_together!(
                conn,
                server_meta::table.select(server_meta::epoch),
                conversation_heads::table
                    .filter(conversation_heads::conversation_id.eq_any(numbers(first)))
                    .select(HeadRow::as_select()),
            );
            let epoch = epoch.into_iter().next().ok_or(diesel::result::Error::NotFound)?;
            let mut all: Vec<Head> = rows.into_iter().map(Head::from).collect();
            all.extend(heads(conn, rest).await?);
            Ok(Heads { epoch: parse_epoch(&epoch)?, heads: all })
        })
        .await
    }

    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError> {
        self.snapshot("read changes", async move |conn| {
            message_queries::changes_since(conn, conversation, since, limit).await
        })
        .await
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        self.snapshot("read the newest messages", async move |conn| {
            let head = head(conn, conversation).await?;
            let rows = message_queries::rows_within(conn, conversation, limit).await?;
            let mut rows: Vec<MessageRow> = messages::table
                .filter(messages::conversation_id.eq(conversation.get()))
                .filter(messages::deleted_at.is_null())
                .order(messages::msg_no.desc())
                .limit(rows)
                .select(MessageRow::as_select())
                .load(conn)
                .await?;
            rows.reverse();
            let messages = with_authors(conn, rows, HashMap::new()).await?;
            Ok(Snapshot { head, messages })
        })
        .await
    }

    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        self.snapshot("read a message", async move |conn| {
            let row: Option<MessageRow> = messages::table
                .find(id.get())
                .filter(messages::conversation_id.eq(conversation.get()))
                .filter(messages::deleted_at.is_null())
                .select(MessageRow::as_select())
                .first(conn)
                .await
                .optional()?;
            Ok(with_authors(conn, row.into_iter().collect(), HashMap::new()).await?.pop())
        })
        .await
    }

    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError> {
        self.snapshot("read a page of messages", async move |conn| {
            let limit = limit.max(1);
            let head = head(conn, conversation).await?;
            let measured = message_queries::measured(conn, conversation, range, limit).await?;
            let taken = page_length(&measured, limit);
            let more = taken < measured.len();
            let numbers = || measured.iter().take(taken).map(|(number, _)| *number);
            let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else {
                return Ok(MessagePage { head, messages: Vec::new(), more });
            };
            let rows: Vec<MessageRow> = messages::table
                .filter(messages::conversation_id.eq(conversation.get()))
                .filter(messages::deleted_at.is_null())
                .filter(messages::msg_no.ge(first))
                .filter(messages::msg_no.le(last))
                .order(messages::msg_no)
                .select(MessageRow::as_select())
                .load(conn)
                .await?;
            let messages = with_authors(conn, rows, HashMap::new()).await?;
            Ok(MessagePage { head, messages, more })
        })
        .await
    }

    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<PinPage, BackendError> {
        self.snapshot("read pinned messages", async move |conn| {
            let limit = limit.max(1);
            let pinned = messages::table
                .filter(messages::conversation_id.eq(conversation.get()))
                .filter(messages::pinned_at.is_not_null())
                .filter(messages::pinned_at.lt(before.map_or(i64::MAX, Timestamp::micros)))
                .filter(messages::msg_no.gt(hidden.get()))
                .order(messages::pinned_at.desc());
            let lengths: Vec<(i64, i32)> = pinned
                .limit(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX))
                .select((messages::msg_no, octet_length(messages::body)))
                .load(conn)
                .await?;
            let taken = page_length(&lengths, limit);
            let rows: Vec<MessageRow> = pinned
                .limit(i64::try_from(taken).unwrap_or(i64::MAX))
                .select(MessageRow::as_select())
                .load(conn)
                .await?;
            let messages = with_authors(conn, rows, HashMap::new()).await?;
            Ok(PinPage { messages, more: taken < lengths.len() })
        })
        .await
    }

    async fn reacted_by(
        &self,
        conversation: ConversationId,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<MessageId>, BackendError> {
        self.read("read the reactions of a user", async move |conn| {
            // A line for each emoji, with the ids of its users after spaces.
            let theirs = sql::<Bool>("replace(reactions, '\n', ' ') || ' ' LIKE ")
                .bind::<Text, _>(format!("% {} %", user.get()));
            let ids: Vec<i64> = messages::table
                .filter(messages::conversation_id.eq(conversation.get()))
                // Written out, because the index has this condition.
                .filter(sql::<Bool>("reactions <> ''"))
                .filter(theirs)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select(messages::id)
                .load(conn)
                .await?;
            Ok(ids.into_iter().map(MessageId::new).collect())
        })
        .await
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError> {
        self.read("read members", async move |conn| {
            let rows: Vec<NamedMemberRow> = members::table
                .inner_join(accounts::table)
                .filter(members::conversation_id.eq(conversation.get()))
                .filter(members::user_id.gt(after.map_or(i64::MIN, UserId::get)))
                .order(members::user_id)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select(NamedMemberRow::as_select())
                .load(conn)
                .await?;
            Ok(rows.into_iter().map(Member::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn view(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationView>, BackendError> {
        self.read("read a conversation", async move |conn| view(conn, conversation, user).await)
            .await
    }

    async fn search(
        &self,
        wanted: SearchRequest,
        limit: usize,
    ) -> Result<SearchPage, BackendError> {
        self.slow_snapshot("search messages", async move |conn| search(conn, &wanted, limit).await)
            .await
    }

    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.write("start a new epoch", async move |conn| {
            diesel::update(server_meta::table)
                .set(server_meta::epoch.eq(epoch.get().to_be_bytes().as_slice()))
                .execute(conn)
                .await?;
            Ok(())
        })
        .await
    }
}

/// The head, or the head of an empty conversation if there is none.
pub(super) async fn head(conn: &mut Conn, id: ConversationId) -> QueryResult<Head> {
    Ok(heads(conn, &[id]).await?.pop().unwrap_or_else(|| Head::new(id)))
}

/// The heads of the existing conversations.
pub(super) async fn heads(conn: &mut Conn, ids: &[ConversationId]) -> QueryResult<Vec<Head>> {
    let mut heads = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(dialect::CHUNK) {
        let rows: Vec<HeadRow> = conversation_heads::table
            .filter(conversation_heads::conversation_id.eq_any(numbers(chunk)))
            .select(HeadRow::as_select())
            .load(conn)
            .await?;
        heads.extend(rows.into_iter().map(Head::from));
    }
    Ok(heads)
}

fn numbers(ids: &[ConversationId]) -> Vec<i64> {
    ids.iter().map(|id| id.get()).collect()
}

async fn created_group(
    conn: &mut Conn,
    again: &NewGroup,
) -> Result<Option<Result<ConversationId, Refusal>>, Failure> {
    let client_id = again.client_id.get().to_be_bytes();
    let found: Option<(i64, Vec<u8>)> = created_groups::table
        .find((again.creator.get(), client_id.as_slice()))
        .select((created_groups::conversation_id, created_groups::first_hash))
        .first(conn)
        .await
        .optional()?;
    let Some((id, hash)) = found else { return Ok(None) };
    let hash = <[u8; 32]>::try_from(hash.as_slice());
    let corrupt =
        |_| CorruptRow { table: "created_groups", id: id.to_string(), reason: "first_hash" };
    let hash = BodyHash::new(hash.map_err(corrupt)?);
    Ok(Some(again.check_retry(hash).map(|()| ConversationId::new(id))))
}

async fn direct(conn: &mut Conn, pair: Pair) -> QueryResult<Option<ConversationId>> {
    let found: Option<i64> = direct_pairs::table
        .find((pair.low().get(), pair.high().get()))
        .select(direct_pairs::conversation_id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(ConversationId::new))
}

async fn delete(conn: &mut Conn, id: ConversationId) -> QueryResult<()> {
    let id = id.get();
    let (heads, members) = (conversation_heads::table, members::table);
    diesel::delete(members.filter(members::conversation_id.eq(id))).execute(conn).await?;
    diesel::delete(heads.find(id)).execute(conn).await?;
    diesel::delete(conversations::table.find(id)).execute(conn).await?;
    Ok(())
}

async fn insert(
    conn: &mut Conn,
    kind: ConversationKind,
    details: Details,
    members: impl Iterator<Item = FirstMember>,
    clock: &dyn Clock,
) -> Result<ConversationId, Failure> {
    let now = dialect::now(conn, clock).await?;
    // A placeholder: the database assigns the id.
    let new = Conversation::new(ConversationId::LOBBY, kind, details);
    let id: i64 = diesel::insert_into(conversations::table)
        .values(&WrittenConversationRow::from(&new))
        .returning(conversations::id)
        .get_result(conn)
        .await?;
    let id = ConversationId::new(id);
    diesel::insert_into(conversation_heads::table)
        .values(&HeadRow::from(Head { last_at: now, ..Head::new(id) }))
        .execute(conn)
        .await?;
    let rows = members.map(|member| MemberRow::first(id, member)).collect();
    dialect::insert_members(conn, rows).await?;
    Ok(id)
}

/// One statement, so that it is one snapshot and one round trip.
pub(super) async fn view(
    conn: &mut Conn,
    id: ConversationId,
    user: UserId,
) -> Result<Option<ConversationView>, Failure> {
    let member_of_user =
        members::conversation_id.eq(conversations::id).and(members::user_id.eq(user.get()));
    let row: Option<ViewRow> = conversations::table
        .inner_join(conversation_heads::table)
        .left_join(members::table.on(member_of_user))
        .left_join(accounts::table.on(accounts::id.eq(user.get())))
        .filter(conversations::id.eq(id.get()))
        .select((
            ConversationRow::as_select(),
            HeadRow::as_select(),
            Option::<NamedMemberRow>::as_select(),
            (accounts::view_version, accounts::hide_presence).nullable(),
            server_meta::table.select(server_meta::epoch).single_value(),
            blocks::table
                .filter(blocks::blocker_id.eq(user.get()))
                .select(dialect::id_list(blocks::blocked_id))
                .single_value(),
        ))
        .first(conn)
        .await
        .optional()?;
    let Some((conversation, head, member, account, epoch, blocked)) = row else {
        return Ok(None);
    };
    let (account_view_version, hides_presence) = account.unwrap_or((0, false));
    let conversation: Conversation = conversation.try_into()?;
    let member: Option<Member> = member.map(Member::try_from).transpose()?;
    Ok(Some(ConversationView {
        epoch: parse_epoch(&epoch.unwrap_or_default())?,
        view_version: view_version(account_view_version, &conversation, member.as_ref()),
        hides_presence,
        conversation,
        head: head.into(),
        member,
        blocked: blocked_ids(user, blocked)?,
    }))
}

type ViewRow = (
    ConversationRow,
    HeadRow,
    Option<NamedMemberRow>,
    Option<(i64, bool)>,
    Option<Vec<u8>>,
    Option<dialect::IdList>,
);

pub(super) fn blocked_ids(
    blocker: UserId,
    list: Option<dialect::IdList>,
) -> Result<Arc<HashSet<UserId>>, CorruptRow> {
    let Some(list) = list else { return Ok(Arc::default()) };
    let corrupt = || CorruptRow { table: "blocks", id: blocker.to_string(), reason: "blocked_id" };
    let ids = dialect::ids(&list).ok_or_else(corrupt)?;
    Ok(Arc::new(ids.into_iter().map(UserId::new).collect()))
}

pub(super) fn parse_epoch(bytes: &[u8]) -> Result<Epoch, CorruptRow> {
    let bytes = <[u8; 16]>::try_from(bytes);
    let corrupt = |_| CorruptRow { table: "server_meta", id: "1".to_owned(), reason: "epoch" };
    Ok(Epoch::new(u128::from_be_bytes(bytes.map_err(corrupt)?)))
}
