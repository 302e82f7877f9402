//! Accounts.

use application::ports::{
    AccountVersions, InboxVersion, NewAccount, SessionState, StoredAccount, Taken,
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    About, Account, AuthVersion, DisplayName, Email, PasswordHash, Profile, SessionId, Timestamp,
    UserId, Username,
};

use super::{Conn, dialect};
use crate::failure::Failure;
use crate::rows::{AccountRow, session_number};
use crate::schema::{accounts, sessions};

/// Registers an account, unless its name or address is taken. Within a transaction.
pub(super) async fn create(
    conn: &mut Conn,
    new: &NewAccount,
    now: Timestamp,
) -> Result<Result<Account, Taken>, Failure> {
    let username = accounts::username.eq(new.username.as_str());
    let email = accounts::email.eq(new.email.as_ref().map(Email::as_str));
    // Asked of the indexes, and not beforehand: whoever races is found out too.
    let created: Option<AccountRow> = diesel::insert_into(accounts::table)
        .values((
            username,
            email,
            accounts::password.eq(new.password.as_str()),
            accounts::active.eq(true),
            accounts::superuser.eq(new.superuser),
            accounts::valid_from.eq(0),
            accounts::auth_version.eq(AuthVersion::FIRST.get()),
            accounts::created_at.eq(now.micros()),
        ))
        .on_conflict_do_nothing()
        .returning(AccountRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    if let Some(row) = created {
        return Ok(Ok(Account::try_from(row)?));
    }
    Ok(Err(taken(conn, Some(&new.username), new.email.as_ref()).await?))
}

pub(super) async fn taken(
    conn: &mut Conn,
    username: Option<&Username>,
    email: Option<&Email>,
) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    if let Some(username) = username {
        let others = accounts::table.filter(accounts::username.eq(username.as_str()));
        taken.username = diesel::select(diesel::dsl::exists(others)).get_result(conn).await?;
    }
    if let Some(email) = email {
        let others = accounts::table.filter(accounts::email.eq(email.as_str()));
        taken.email = diesel::select(diesel::dsl::exists(others)).get_result(conn).await?;
    }
    Ok(taken)
}

pub(super) async fn by_username(
    conn: &mut Conn,
    username: &str,
) -> Result<Option<StoredAccount>, Failure> {
    // No name has it, and not every database takes it in a text.
    if username.contains('\0') {
        return Ok(None);
    }
    let found: Option<(AccountRow, String)> = accounts::table
        .filter(accounts::username.eq(username))
        .select((AccountRow::as_select(), accounts::password))
        .first(conn)
        .await
        .optional()?;
    let Some((row, password)) = found else { return Ok(None) };
    let account = Account::try_from(row)?;
    Ok(Some(StoredAccount { account, password: PasswordHash::new(password) }))
}

pub(super) async fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<Account>, Failure> {
    let row: Option<AccountRow> = accounts::table
        .find(id.get())
        .select(AccountRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Account::try_from).transpose()?)
}

pub(super) async fn by_ids(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<Account>, Failure> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(dialect::CHUNK) {
        let rows: Vec<AccountRow> = accounts::table
            .filter(accounts::id.eq_any(chunk))
            .select(AccountRow::as_select())
            .load(conn)
            .await?;
        found.extend(rows);
    }
    Ok(found.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
}

/// The account, and whether `session` is one of its own and lives.
pub(super) async fn standing(
    conn: &mut Conn,
    id: UserId,
    session: SessionId,
) -> Result<Option<(Account, SessionState)>, Failure> {
    let found: Option<(AccountRow, Option<bool>)> = accounts::table
        .find(id.get())
        .left_join(
            sessions::table.on(sessions::session_id
                .eq(session_number(session))
                .and(sessions::user_id.eq(accounts::id))),
        )
        .select((AccountRow::as_select(), sessions::revoked.nullable()))
        .first(conn)
        .await
        .optional()?;
    let Some((row, revoked)) = found else { return Ok(None) };
    let state = match revoked {
        None => SessionState::Unknown,
        Some(false) => SessionState::Live,
        Some(true) => SessionState::Revoked,
    };
    Ok(Some((Account::try_from(row)?, state)))
}

/// Replaces the password if it still is `expected`; says whether it did.
pub(super) async fn rehash(
    conn: &mut Conn,
    id: UserId,
    expected: &PasswordHash,
    new: &PasswordHash,
) -> QueryResult<bool> {
    let unchanged = accounts::table.find(id.get()).filter(accounts::password.eq(expected.as_str()));
    let rows =
        diesel::update(unchanged).set(accounts::password.eq(new.as_str())).execute(conn).await?;
    Ok(rows > 0)
}

pub(super) async fn set_password(
    conn: &mut Conn,
    id: UserId,
    new: &PasswordHash,
) -> QueryResult<()> {
    diesel::update(accounts::table.find(id.get()))
        .set(accounts::password.eq(new.as_str()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends the tokens from before `valid_from`; never makes older ones good again.
pub(super) async fn end_tokens(
    conn: &mut Conn,
    id: UserId,
    valid_from: Timestamp,
) -> QueryResult<()> {
    let account = accounts::table.find(id.get());
    diesel::update(account.filter(accounts::valid_from.lt(valid_from.micros())))
        .set(accounts::valid_from.eq(valid_from.micros()))
        .execute(conn)
        .await?;
    raise_auth_version(conn, id).await
}

/// Alters a profile, and what the account alone is shown. Within a transaction.
pub(super) async fn set_profile(conn: &mut Conn, id: UserId, profile: &Profile) -> QueryResult<()> {
    diesel::update(accounts::table.find(id.get()))
        .set((
            accounts::display_name.eq(profile.display_name.as_ref().map(DisplayName::as_str)),
            accounts::about.eq(profile.about.as_ref().map(About::as_str)),
            accounts::hide_presence.eq(profile.hides_presence),
            accounts::inbox_version.eq(accounts::inbox_version + 1),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn set_active(conn: &mut Conn, id: UserId, active: bool) -> QueryResult<()> {
    diesel::update(accounts::table.find(id.get()))
        .set((accounts::active.eq(active), accounts::auth_version.eq(accounts::auth_version + 1)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Live connections of the account have to prove themselves again.
pub(super) async fn raise_auth_version(conn: &mut Conn, id: UserId) -> QueryResult<()> {
    diesel::update(accounts::table.find(id.get()))
        .set(accounts::auth_version.eq(accounts::auth_version + 1))
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn versions(conn: &mut Conn, ids: &[UserId]) -> QueryResult<Vec<AccountVersions>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let mut versions = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(dialect::CHUNK) {
        let rows: Vec<(i64, i64, i64)> = accounts::table
            .filter(accounts::id.eq_any(chunk))
            .select((accounts::id, accounts::auth_version, accounts::inbox_version))
            .load(conn)
            .await?;
        versions.extend(rows.into_iter().map(|(user, auth, inbox)| AccountVersions {
            user: UserId::new(user),
            auth: AuthVersion::new(auth),
            inbox: InboxVersion(inbox),
        }));
    }
    Ok(versions)
}
