//! Accounts.

use std::collections::HashMap;

use application::ports::{
    AccountStore, AccountVersions, BackendError, CreateAccountError, InboxVersion, NewAccount,
    SessionState, StoreError, StoredAccount, Taken,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    About, Account, AuthVersion, ConversationId, DisplayName, Email, NameRule, PasswordHash,
    ProfileUpdate, SessionId, Timestamp, UserId, Username, text,
};

use super::{Conn, Store, dialect, sessions as session_queries};
use crate::failure::Failure;
use crate::rows::{AccountRow, session_number, username};
use crate::schema::{accounts, conversation_heads, sessions};

#[async_trait]
impl AccountStore for Store {
    async fn create(&self, new: NewAccount) -> Result<Account, CreateAccountError> {
        let clock = self.db.clock();
        let created = self
            .write("register an account", async move |conn| {
                let now = dialect::now(conn, &*clock).await?;
                let username_key = new.username.key();
                let email_key = new.email.as_ref().map(Email::key);
                if new.names == NameRule::Folded {
                    dialect::lock_names(conn, &username_key, email_key.as_deref()).await?;
                    let taken =
                        taken(conn, Some(&new.username), new.email.as_ref(), new.names).await?;
                    if taken.any() {
                        return Ok(Err(taken));
                    }
                }
                let lobby_msg_no = conversation_heads::table
                    .find(ConversationId::LOBBY.get())
                    .select(conversation_heads::msg_no)
                    .single_value();
                // The unique indexes decide between concurrent registrations of the exact name.
                let created: Option<AccountRow> = diesel::insert_into(accounts::table)
                    .values((
                        accounts::username.eq(new.username.as_str()),
                        accounts::email.eq(new.email.as_ref().map(Email::as_str)),
                        accounts::password.eq(new.password.as_str()),
                        accounts::active.eq(true),
                        accounts::superuser.eq(new.superuser),
                        accounts::valid_from.eq(new.valid_from.micros()),
                        accounts::auth_version.eq(AuthVersion::FIRST.get()),
                        accounts::created_at.eq(now.micros()),
                        accounts::username_key.eq(username_key),
                        accounts::email_key.eq(email_key),
                        accounts::lobby_msg_no.eq(lobby_msg_no),
                    ))
                    .on_conflict_do_nothing()
                    .returning(AccountRow::as_returning())
                    .get_result(conn)
                    .await
                    .optional()?;
                let Some(row) = created else {
                    let (username, email) = (Some(&new.username), new.email.as_ref());
                    return Ok(Err(taken(conn, username, email, NameRule::Exact).await?));
                };
                let account = Account::try_from(row)?;
                if let Some(session) = new.first_session {
                    session_queries::insert_new(conn, account.id, session).await?;
                }
                Ok(Ok(account))
            })
            .await?;
        created.map_err(CreateAccountError::Taken)
    }

    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
        names: NameRule,
    ) -> Result<Taken, BackendError> {
        let (username, email) = (username.cloned(), email.cloned());
        self.read("look up a name and an address", async move |conn| {
            taken(conn, username.as_ref(), email.as_ref(), names).await
        })
        .await
    }

    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError> {
        // PostgreSQL refuses null characters, which no username contains.
        if username.contains('\0') {
            return Ok(None);
        }
        let username = username.to_owned();
        self.read("read an account by name", async move |conn| by_username(conn, &username).await)
            .await
    }

    async fn by_equal_username(
        &self,
        username: &str,
    ) -> Result<Option<StoredAccount>, BackendError> {
        let key = Username::key_of(username).filter(|_| !username.contains('\0'));
        let Some(key) = key else { return Ok(None) };
        let name = username.to_owned();
        self.read("read an account by an equal name", async move |conn| {
            if let Some(exact) = by_username(conn, &name).await? {
                return Ok(Some(exact));
            }
            // Two rows tell whether one is the only one.
            let mut found: Vec<(AccountRow, String)> = accounts::table
                .filter(accounts::username_key.eq(key))
                .limit(2)
                .select((AccountRow::as_select(), accounts::password))
                .load(conn)
                .await?;
            let only = found.pop().filter(|_| found.is_empty());
            only.map(stored_account).transpose()
        })
        .await
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        self.read("read an account", async move |conn| by_id(conn, id).await).await
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<Account>, BackendError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        self.read("read accounts", async move |conn| {
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
        })
        .await
    }

    async fn by_id_with_session(
        &self,
        id: UserId,
        session: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError> {
        self.read("read an account and its session", async move |conn| {
            let Some(session) = session else {
                let account = by_id(conn, id).await?;
                return Ok(account.map(|account| (account, SessionState::Unknown)));
            };
            let own_session = sessions::session_id
                .eq(session_number(session))
                .and(sessions::user_id.eq(accounts::id));
            let found: Option<(AccountRow, Option<(bool, i64, i64)>)> = accounts::table
                .find(id.get())
                .left_join(sessions::table.on(own_session))
                .select((
                    AccountRow::as_select(),
                    (sessions::revoked, sessions::opened_at, sessions::expires_at).nullable(),
                ))
                .first(conn)
                .await
                .optional()?;
            let Some((row, session)) = found else { return Ok(None) };
            let state = match session {
                None => SessionState::Unknown,
                Some((true, ..)) => SessionState::Revoked,
                Some((false, opened, end)) => SessionState::Live {
                    opened_at: Timestamp::from_micros(opened),
                    expires_at: Timestamp::from_micros(end),
                },
            };
            Ok(Some((Account::try_from(row)?, state)))
        })
        .await
    }

    async fn rehash(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let expected = expected.clone();
        self.write("rewrite a password hash", async move |conn| {
            replace_password(conn, id, Some(&expected), &new).await
        })
        .await
    }

    async fn set_password(&self, id: UserId, new: PasswordHash) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("set a password", async move |conn| {
            dialect::lock_account(conn, id).await?;
            replace_password(conn, id, None, &new).await?;
            session_queries::revoke_all(conn, id, &*clock).await
        })
        .await
    }

    async fn change_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<Option<Account>, StoreError> {
        let (clock, expected) = (self.db.clock(), expected.clone());
        self.write("change a password", async move |conn| {
            dialect::lock_account(conn, id).await?;
            if !replace_password(conn, id, Some(&expected), &new).await? {
                return Ok(None);
            }
            session_queries::revoke_all(conn, id, &*clock).await?;
            by_id(conn, id).await
        })
        .await
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("disable or enable an account", async move |conn| {
            dialect::lock_account(conn, id).await?;
            diesel::update(accounts::table.find(id.get()))
                .set(accounts::active.eq(active))
                .execute(conn)
                .await?;
            if active {
                return Ok(raise_auth_version(conn, id).await?);
            }
            session_queries::revoke_all(conn, id, &*clock).await
        })
        .await
    }

    async fn set_profile(
        &self,
        id: UserId,
        update: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError> {
        self.write("change a profile", async move |conn| {
            let Some(row) = dialect::lock_account(conn, id).await? else { return Ok(None) };
            let account = Account::try_from(row)?;
            let profile = account.profile.updated(&update);
            if profile != account.profile {
                let display_name = profile.display_name.as_ref().map(DisplayName::as_str);
                diesel::update(accounts::table.find(id.get()))
                    .set((
                        accounts::display_name.eq(display_name),
                        accounts::about.eq(profile.about.as_ref().map(About::as_str)),
                        accounts::hide_presence.eq(profile.hides_presence),
                        accounts::added_by.eq(profile.added_by.as_str()),
                        accounts::inbox_version.eq(accounts::inbox_version + 1),
                    ))
                    .execute(conn)
                    .await?;
            }
            Ok(Some(Account { profile, ..account }))
        })
        .await
    }

    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let times: Vec<[i64; 2]> =
            moments.iter().map(|(user, at)| [user.get(), at.micros()]).collect();
        self.write("store last-seen times", async move |conn| {
            for chunk in times.chunks(dialect::CHUNK) {
                dialect::raise_last_seen(conn, chunk).await?;
            }
            Ok(())
        })
        .await
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        self.read("read account versions", async move |conn| {
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
        })
        .await
    }
}

impl Store {
    /// Computes the keys of accounts that an older program made. A server calls this when it
    /// starts.
    pub async fn fill_name_keys(&self) -> Result<(), StoreError> {
        while self.write("compute the keys of names", fill_some_keys).await? > 0 {}
        Ok(())
    }
}

/// Returns how many accounts had no key.
async fn fill_some_keys(conn: &mut Conn) -> Result<usize, Failure> {
    let rows: Vec<(i64, String, Option<String>)> = accounts::table
        .filter(accounts::username_key.is_null())
        .order(accounts::id)
        .limit(i64::try_from(dialect::CHUNK).unwrap_or(i64::MAX))
        .select((accounts::id, accounts::username, accounts::email))
        .load(conn)
        .await?;
    for (id, username, email) in &rows {
        let email_key = email.as_deref().map(text::fold);
        diesel::update(accounts::table.find(id))
            .set((
                accounts::username_key.eq(text::fold(username)),
                accounts::email_key.eq(email_key),
            ))
            .execute(conn)
            .await?;
    }
    Ok(rows.len())
}

async fn by_username(conn: &mut Conn, name: &str) -> Result<Option<StoredAccount>, Failure> {
    let found: Option<(AccountRow, String)> = accounts::table
        .filter(accounts::username.eq(name))
        .select((AccountRow::as_select(), accounts::password))
        .first(conn)
        .await
        .optional()?;
    found.map(stored_account).transpose()
}

fn stored_account((row, password): (AccountRow, String)) -> Result<StoredAccount, Failure> {
    let account = Account::try_from(row)?;
    Ok(StoredAccount { account, password: PasswordHash::new(password) })
}

async fn taken(
    conn: &mut Conn,
    username: Option<&Username>,
    email: Option<&Email>,
    names: NameRule,
) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    if let Some(username) = username {
        taken.username = match names {
            NameRule::Exact => {
                let others = accounts::table.filter(accounts::username.eq(username.as_str()));
                diesel::select(diesel::dsl::exists(others)).get_result(conn).await?
            }
            NameRule::Folded => {
                let others = accounts::table.filter(accounts::username_key.eq(username.key()));
                diesel::select(diesel::dsl::exists(others)).get_result(conn).await?
            }
        };
    }
    if let Some(email) = email {
        taken.email = match names {
            NameRule::Exact => {
                let others = accounts::table.filter(accounts::email.eq(email.as_str()));
                diesel::select(diesel::dsl::exists(others)).get_result(conn).await?
            }
            NameRule::Folded => {
                let others = accounts::table.filter(accounts::email_key.eq(email.key()));
                diesel::select(diesel::dsl::exists(others)).get_result(conn).await?
            }
        };
    }
    Ok(taken)
}

async fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<Account>, Failure> {
    let row: Option<AccountRow> = accounts::table
        .find(id.get())
        .select(AccountRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Account::try_from).transpose()?)
}

/// Replaces the password, unless it differs from a given `expected` one. Returns whether it did.
async fn replace_password(
    conn: &mut Conn,
    id: UserId,
    expected: Option<&PasswordHash>,
    new: &PasswordHash,
) -> Result<bool, Failure> {
    let account = accounts::table.find(id.get());
    let new = accounts::password.eq(new.as_str());
    let rows = match expected {
        Some(expected) => {
            let unchanged = account.filter(accounts::password.eq(expected.as_str()));
            diesel::update(unchanged).set(new).execute(conn).await?
        }
        None => diesel::update(account).set(new).execute(conn).await?,
    };
    Ok(rows > 0)
}

/// The names of the existing accounts among `ids`.
pub(super) async fn usernames(
    conn: &mut Conn,
    ids: &[i64],
) -> Result<HashMap<UserId, Username>, Failure> {
    let mut names = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(dialect::CHUNK) {
        let rows: Vec<(i64, String)> = accounts::table
            .filter(accounts::id.eq_any(chunk))
            .select((accounts::id, accounts::username))
            .load(conn)
            .await?;
        for (id, name) in rows {
            names.insert(UserId::new(id), username(id, &name)?);
        }
    }
    Ok(names)
}

/// Makes open connections of the account authenticate again.
pub(super) async fn raise_auth_version(conn: &mut Conn, id: UserId) -> QueryResult<()> {
    diesel::update(accounts::table.find(id.get()))
        .set(accounts::auth_version.eq(accounts::auth_version + 1))
        .execute(conn)
        .await?;
    Ok(())
}
