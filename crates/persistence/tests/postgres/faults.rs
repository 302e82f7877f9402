//! Lost connections, dropped callers, and errors of the database.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{AccountStore, ConversationStore as _, SnapshotLimit, StoreError};
use domain::{ConversationId, Seq};
use persistence::{PostgresChat, PostgresOptions};
use testkit::values::{new_account, send};
use testkit::{Line, ManualClock, TEST_TIMEOUT, TcpProxy};
use tokio::time::{Instant, sleep, timeout};

use crate::database::Database;

const LOBBY: ConversationId = ConversationId::LOBBY;

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced_unnoticed() {
    let database = Database::create().await;
    let chat = database.open().await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    chat.commit(vec![send(LOBBY, ada, 1, "before")]).await.unwrap();

    let other = database.connect().await;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity \
                where datname = current_database() and pid <> pg_backend_pid()";
    other.batch_execute(kill).await.unwrap();

    // Must succeed whether the loss is noticed before the next use or by it.
    let answers = chat.commit(vec![send(LOBBY, ada, 2, "after")]).await.unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_completes_although_its_caller_is_dropped() {
    let database = Database::create().await;
    let chat = database.open_with(1).await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    let other = database.connect().await;
    let hold = "begin; select 1 from conversation_heads where conversation_id = 1 for update";
    other.batch_execute(hold).await.unwrap();

    let mut commit = Box::pin(chat.commit(vec![send(LOBBY, ada, 1, "left")]));
    let waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' \
                   and datname = current_database()";
    let watcher = database.connect().await;
    timeout(TEST_TIMEOUT, async {
        while watcher.query(waiting, &[]).await.unwrap().is_empty() {
            assert!(futures_util::poll!(&mut commit).is_pending());
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    drop(commit);
    other.batch_execute("rollback").await.unwrap();

    // There is only one connection, so this runs after the commit.
    assert_eq!(chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_violates_a_check_fails_and_the_connection_goes_on() {
    let database = Database::create().await;
    let chat = database.open_with(1).await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    let other = database.connect().await;
    other.batch_execute("alter table messages add check (body <> 'poison')").await.unwrap();

    let poison = chat.commit(vec![send(LOBBY, ada, 1, "poison")]).await.unwrap_err();
    let good = chat.commit(vec![send(LOBBY, ada, 2, "good")]).await.unwrap();

    assert!(matches!(poison, application::ports::StoreError::Failed(_)), "{poison:?}");
    assert!(good[0].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_classified_by_sqlstate_in_any_language() {
    let database = Database::create().await;
    let ada = AccountStore::create(&*database.open().await, new_account("ada")).await.unwrap().id;
    let refuse = "create function refuse() returns trigger language plpgsql as \
                  $$ begin raise exception 'Fehler: Sperre nicht erhalten' using errcode = new.body; end $$; \
                  create trigger refuse before insert on messages \
                  for each row execute function refuse()";
    database.connect().await.batch_execute(refuse).await.unwrap();
    for sslmode in ["disable", "require"] {
        let mut url = url::Url::parse(&database.url).unwrap();
        url.set_query(Some(&format!("sslmode={sslmode}")));
        let (clock, options) =
            (Arc::new(ManualClock::default()), PostgresOptions { connections: 1 });
        let chat = PostgresChat::open(url.as_str(), clock, options).await.unwrap();

        for transient in ["40001", "40P01", "53100", "55P03", "57014", "58030"] {
            let error = chat.commit(vec![send(LOBBY, ada, 1, transient)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Unreachable(_)), "{transient}: {error:?}");
        }
        for lasting in ["22021", "42P01", "54000", "P0001"] {
            let error = chat.commit(vec![send(LOBBY, ada, 1, lasting)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Failed(_)), "{lasting}: {error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_statement_times_out_and_the_connection_goes_on() {
    let database = Database::create().await;
    let chat = database.open_with(1).await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    let other = database.connect().await;
    let stuck = "create function stand_still() returns trigger language plpgsql as \
                 $$ begin perform pg_sleep(60); return new; end $$; \
                 create trigger stuck before insert on messages \
                 for each row execute function stand_still()";
    other.batch_execute(stuck).await.unwrap();

    let began = Instant::now();
    let given_up = chat.commit(vec![send(LOBBY, ada, 1, "held")]).await.unwrap_err();
    let took = began.elapsed();

    assert!(matches!(given_up, StoreError::Unreachable(_)), "{given_up:?}");
    assert!((9..=15).contains(&took.as_secs()), "{took:?}");
    other.batch_execute("drop trigger stuck on messages").await.unwrap();
    assert!(chat.commit(vec![send(LOBBY, ada, 1, "held")]).await.unwrap()[0].is_ok());
    assert_eq!(chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_server_times_out_and_is_used_again_later() {
    let database = Database::create().await;
    let (proxy, chat) = behind_proxy(&database).await;
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;

    proxy.set(Line::Held);
    let began = Instant::now();
    let given_up = chat.commit(vec![send(LOBBY, ada, 1, "held")]).await.unwrap_err();
    let took = began.elapsed();

    assert!(matches!(given_up, StoreError::Unreachable(_)), "{given_up:?}");
    assert!(took <= Duration::from_secs(35), "{took:?}");
    proxy.set(Line::Delayed(Duration::ZERO));
    assert!(chat.commit(vec![send(LOBBY, ada, 1, "held")]).await.unwrap()[0].is_ok());
    assert_eq!(chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_give_up_silent_connections_and_replace_them() {
    let database = Database::create().await;
    let (proxy, chat) = behind_proxy(&database).await;
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    chat.commit(vec![send(LOBBY, ada, 1, "before")]).await.unwrap()[0].as_ref().unwrap();

    proxy.set(Line::Lost);
    let began = Instant::now();
    chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap_err();
    let given_up = began.elapsed();
    proxy.set(Line::Delayed(Duration::ZERO));
    let found = chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap();
    let again = chat.commit(vec![send(LOBBY, ada, 2, "after")]).await.unwrap();

    // Once for the connection in use, and once for a new one.
    assert!(given_up < Duration::from_secs(5), "{given_up:?}");
    assert_eq!(found.messages.len(), 1);
    assert!(again[0].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_over_a_slow_line_take_few_round_trips() {
    const ROUND_TRIP: Duration = Duration::from_secs(1);
    let database = Database::create().await;
    let (proxy, chat) = behind_proxy(&database).await;
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    chat.commit(vec![send(LOBBY, ada, 1, "x")]).await.unwrap()[0].as_ref().unwrap();
    let heads = async || chat.heads(&[LOBBY]).await.unwrap();
    let changes = async || chat.changes_since(LOBBY, Seq::ZERO, 10).await.unwrap();
    // Prepares the statements.
    heads().await;
    changes().await;

    proxy.set(Line::Delayed(ROUND_TRIP / 2));
    let began = Instant::now();
    heads().await;
    let one = began.elapsed();
    changes().await;
    let three = began.elapsed().saturating_sub(one);

    assert!(one < 2 * ROUND_TRIP, "{one:?}");
    assert!(three < 4 * ROUND_TRIP, "{three:?}");
}

/// Two connections over a proxy.
async fn behind_proxy(database: &Database) -> (TcpProxy, PostgresChat) {
    let mut url = url::Url::parse(&database.url).unwrap();
    let proxy = TcpProxy::start(url.port().unwrap()).await;
    url.set_port(Some(proxy.port())).unwrap();
    let (clock, options) = (Arc::new(ManualClock::default()), PostgresOptions { connections: 2 });
    let chat = PostgresChat::open(url.as_str(), clock, options).await.unwrap();
    (proxy, chat)
}
