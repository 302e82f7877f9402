//! Conversations that another node has locked.

use std::time::{Duration, Instant};

use application::ports::{AccountStore, ConversationStore, SnapshotLimit, StoreError};
use domain::{ConversationId, Role};
use futures_util::future::join_all;
use testkit::values::{new_account, new_group, send};

use crate::database::Database;

const LOBBY: ConversationId = ConversationId::LOBBY;

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_locked_for_3_s_delays_no_other() {
    let database = Database::create().await;
    let chat = database.open().await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    let new = new_group(vec![(ada, Role::Owner)]);
    let (group, _) = ConversationStore::create_group(&*chat, new).await.unwrap().unwrap();
    let other = database.connect().await;
    let hold = "begin; select 1 from conversation_heads where conversation_id = 1 for update";
    other.batch_execute(hold).await.unwrap();
    let began = Instant::now();

    let both = vec![send(LOBBY, ada, 1, "held"), send(group, ada, 2, "free")];
    let answers = chat.try_commit(both).await.unwrap();
    assert!(answers[0].is_none());
    assert!(matches!(answers[1], Some(Ok(_))));

    let waiting = tokio::spawn({
        let chat = chat.clone();
        async move {
            let waited = Instant::now();
            let answer = chat.commit(vec![send(LOBBY, ada, 1, "held")]).await;
            (answer, waited.elapsed())
        }
    });
    let (mut n, mut beside) = (10, 0);
    while began.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        let answers = chat.try_commit(vec![send(group, ada, n, "goes on")]).await.unwrap();
        assert!(matches!(answers[..], [Some(Ok(_))]));
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
        beside += usize::from(!waiting.is_finished());
        n += 1;
    }
    assert!(beside > 3, "{beside} commits beside the one that waits");
    let (answer, waited) = waiting.await.unwrap();
    assert!(matches!(answer, Err(StoreError::Unreachable(_))), "{answer:?}");
    assert!(waited < Duration::from_millis(2_500), "{waited:?}");
    other.batch_execute("rollback").await.unwrap();
    let answers = chat.try_commit(vec![send(LOBBY, ada, 1, "held")]).await.unwrap();
    assert!(matches!(answers[..], [Some(Ok(_))]));
    assert_eq!(chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_writing_to_one_conversation_leave_no_gaps() {
    const EACH: u128 = 200;
    let database = Database::create().await;
    let (one, two) = (database.open().await, database.open().await);
    let ada = AccountStore::create(&*one, new_account("ada")).await.unwrap().id;

    let nodes = [(one.clone(), 0), (two, 1)].map(|(chat, node)| {
        tokio::spawn(async move {
            for n in 0..EACH {
                let id = n * 2 + node;
                chat.commit(vec![send(LOBBY, ada, id, &id.to_string())]).await.unwrap();
            }
        })
    });
    for node in join_all(nodes).await {
        node.unwrap();
    }

    let messages = one.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages;
    let numbers: Vec<i64> = messages.iter().map(|message| message.msg_no.get()).collect();
    assert_eq!(numbers, (1..=2 * i64::try_from(EACH).unwrap()).collect::<Vec<_>>());
    assert!(messages.is_sorted_by(|a, b| a.id < b.id && a.created_at < b.created_at));
}
