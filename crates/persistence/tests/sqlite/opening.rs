//! Opening and closing a database file.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{AccountStore, ConversationStore as _, SessionStore, SnapshotLimit};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use domain::{ConversationId, NameRule, SessionId};
use persistence::{OpenError, SqliteChat, SqliteOptions, migrate};
use tempfile::tempdir;
use testkit::{ManualClock, TEST_TIMEOUT, values};

const LOBBY: ConversationId = ConversationId::LOBBY;

fn open(path: &Path) -> Result<SqliteChat, OpenError> {
    SqliteChat::open(path, Arc::new(ManualClock::default()), SqliteOptions::default())
}

fn refusal(path: &Path) -> OpenError {
    open(path).err().unwrap()
}

fn raw(path: &Path, sql: &str) {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // A dropped store closes its connections asynchronously.
    connection.batch_execute("pragma busy_timeout = 10000").unwrap();
    connection.batch_execute(sql).unwrap();
}

#[tokio::test]
async fn commits_are_synchronous() {
    let folder = tempdir().unwrap();

    let chat = open(&folder.path().join("chat.sqlite3")).unwrap();

    assert_eq!(chat.synchronous().await.unwrap(), 2);
}

#[tokio::test]
async fn data_survives_reopening() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("made/for/it/chat.sqlite3");
    let chat = open(&path).unwrap();
    let ada = AccountStore::create(&chat, values::new_account("ada")).await.unwrap();
    let session = values::new_session(SessionId::new(u64::MAX), 0, 100);
    let token = session.first.id.clone();
    SessionStore::open(&chat, &ada, session).await.unwrap();
    chat.revoke(ada.id, SessionId::new(u64::MAX)).await.unwrap();
    chat.commit(vec![values::send(LOBBY, ada.id, u128::MAX, "hello")]).await.unwrap();
    let page = chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap();
    let epoch = chat.heads(&[]).await.unwrap().epoch;
    chat.close().await.unwrap();

    let chat = open(&path).unwrap();

    assert_eq!(page.messages.len(), 1);
    assert_eq!(chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap(), page);
    assert_eq!(chat.heads(&[]).await.unwrap().epoch, epoch);
    assert_eq!(chat.by_id(ada.id).await.unwrap().unwrap().username, ada.username);
    assert!(chat.is_spent(&token).await.unwrap());
}

#[tokio::test]
async fn closing_leaves_one_file_and_refuses_later_requests() {
    let folder = tempdir().unwrap();
    let chat = open(&folder.path().join("chat.sqlite3")).unwrap();
    AccountStore::create(&chat, values::new_account("ada")).await.unwrap();

    chat.close().await.unwrap();

    let files: Vec<_> = folder.path().read_dir().unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["chat.sqlite3"]);
    assert!(chat.by_username("ada").await.is_err());
    assert!(AccountStore::create(&chat, values::new_account("bob")).await.is_err());
}

#[tokio::test]
async fn a_session_without_a_time_of_opening_gets_that_of_its_last_use() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let chat = open(&path).unwrap();
    let ada = AccountStore::create(&chat, values::new_account("ada")).await.unwrap();
    let session = values::new_session(SessionId::new(1), 50, 100);
    SessionStore::open(&chat, &ada, session).await.unwrap();
    chat.close().await.unwrap();
    raw(
        &path,
        "update sessions set opened_at = null;
         delete from __diesel_schema_migrations where version = '20261201100000'",
    );

    let chat = open(&path).unwrap();

    let listed = chat.active_sessions(ada.id, None, values::at(60), 10).await.unwrap();
    assert_eq!(listed[0].opened_at, values::at(50));
}

#[test]
fn every_database_has_an_epoch_of_its_own() {
    let folder = tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let epoch = |name| {
        let chat = open(&folder.path().join(name)).unwrap();
        runtime.block_on(chat.heads(&[])).unwrap().epoch
    };

    assert_ne!(epoch("one"), epoch("two"));
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "Dear diary").unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "Dear diary");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("db.sqlite3");
    raw(&path, "create table auth_user (id integer primary key)");

    let error = refusal(&path);

    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    raw(&path, "create table messages (id integer primary key)");
}

#[test]
fn a_database_of_a_development_version_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    drop(open(&path).unwrap());
    raw(&path, "insert into __diesel_schema_migrations (version) values ('20261125200000')");

    let error = refusal(&path);

    assert!(matches!(error, OpenError::Development { .. }), "{error:?}");
    raw(&path, "delete from sessions");
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    drop(open(&path).unwrap());
    raw(&path, "insert into __diesel_schema_migrations (version) values ('29990101000000')");

    let error = refusal(&path);

    assert!(
        matches!(&error, OpenError::Newer { version, .. } if version == "29990101000000"),
        "{error:?}"
    );
    assert!(matches!(migrate(&path, TEST_TIMEOUT), Err(OpenError::Newer { .. })));
}

#[test]
fn migrating_returns_each_version_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");

    let first = migrate(&path, TEST_TIMEOUT).unwrap();
    let second = migrate(&path, TEST_TIMEOUT).unwrap();

    assert!(!first.is_empty());
    assert_eq!(second, Vec::<String>::new());
}

#[test]
fn programs_that_start_together_migrate_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");

    let added: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..8).map(|_| scope.spawn(|| migrate(&path, TEST_TIMEOUT).unwrap().len())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });

    assert_eq!(added.iter().filter(|added| **added > 0).count(), 1, "{added:?}");
}

#[test]
fn a_folder_that_cannot_be_created_is_reported() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();

    let error = refusal(&folder.path().join("file/data/chat.sqlite3"));

    assert!(matches!(error, OpenError::CreateFolder { .. }), "{error:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_reported() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    std::fs::create_dir(&path).unwrap();

    let error = refusal(&path);

    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_forbids_writing_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write anyway.
    let forbids = std::fs::write(folder.path().join("probe"), "").is_err();

    let opened = open(&path);

    match opened {
        Ok(_) => assert!(!forbids),
        Err(error) => {
            assert!(forbids && matches!(error, OpenError::NotWritable { .. }), "{error:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempdir().unwrap();
    let path = folder.path().join("data/chat.sqlite3");

    let _chat = open(&path).unwrap();

    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in path.parent().unwrap().read_dir().unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn a_locked_database_is_reported_as_locked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    migrate(&path, TEST_TIMEOUT).unwrap();
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("pragma locking_mode = exclusive; begin exclusive").unwrap();

    let busy_timeout = Duration::from_millis(100);
    let options = SqliteOptions { busy_timeout, ..SqliteOptions::default() };
    let error = SqliteChat::open(&path, Arc::new(ManualClock::default()), options).err().unwrap();

    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
}

/// They were made by a program that did not know keys.
#[tokio::test]
async fn missing_keys_of_names_are_computed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let chat = open(&path).unwrap();
    chat.close().await.unwrap();
    raw(
        &path,
        "with recursive n (n) as (values (1) union all select n + 1 from n where n < 1500)
         insert into accounts
             (username, email, password, active, superuser, valid_from, auth_version, created_at)
         select 'Straße' || n, 'Ann' || n || '@Example.com', 'x', 1, 0, 0, 1, 0 from n",
    );
    let chat = open(&path).unwrap();
    let by = async |name: &str| chat.by_equal_username(name).await.unwrap().is_some();

    let before = (by("Straße7").await, by("STRASSE7").await);
    chat.fill_name_keys().await.unwrap();

    assert_eq!(before, (true, false));
    assert!(by("Straße7").await && by("STRASSE7").await && by("strasse1500").await);
    let email = values::email("ann1@example.com");
    let taken = chat.taken(None, Some(&email), NameRule::Folded).await.unwrap();
    assert!(taken.email);
}
