//! One order under concurrent commits and whatever the clock shows.

use std::sync::Arc;

use domain::{Change, ConversationId, Intent, Message, Outcome, Role, UserId};
use futures_util::future::{join_all, poll_immediate};
use tokio::task::yield_now;

use crate::Fixture;
use crate::values::{at, edit, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

async fn users<const N: usize>(fixture: &Fixture) -> [UserId; N] {
    let names: Vec<String> = (0..N).map(|n| format!("user{n}")).collect();
    let users = join_all(names.iter().map(|name| fixture.user(name))).await;
    users.try_into().unwrap()
}

/// Ten commits of four messages from each of eight senders at once.
async fn race(fixture: &Fixture) -> Vec<Arc<Message>> {
    let users = users::<8>(fixture).await;
    let senders = users.map(|user| {
        let store = Arc::clone(&fixture.conversations);
        tokio::spawn(async move {
            let mut sent = Vec::new();
            for first in (0..40_u128).step_by(4) {
                let client_ids = first..first + 4;
                let batch = client_ids.map(|n| send(LOBBY, user, n, &n.to_string())).collect();
                sent.extend(store.commit(batch).await.unwrap());
            }
            sent
        })
    });
    let answers = join_all(senders).await.into_iter().flat_map(|sent| sent.unwrap());
    answers.map(|answer| answer.unwrap().message().unwrap().clone()).collect()
}

/// No `seq` or `msg_no` is missing or given twice, and ids and times ascend with them.
pub async fn numbers_are_dense_under_concurrent_commits(fixture: Fixture) {
    let mut answered = race(&fixture).await;

    answered.sort_by_key(|message| message.msg_no);
    let snapshot = fixture.everything(LOBBY).await;
    assert_eq!(snapshot.messages, answered);
    assert_eq!((snapshot.head.seq.get(), snapshot.head.msg_no.get()), (320, 320));
    assert!(answered.iter().map(|message| message.msg_no.get()).eq(1..=320));
    assert!(answered.iter().map(|message| message.seq_created.get()).eq(1..=320));
    let ascends =
        |pair: &[Arc<Message>]| pair[0].id < pair[1].id && pair[0].created_at < pair[1].created_at;
    assert!(answered.windows(2).all(ascends), "ids or times do not ascend");
}

/// Within a batch and across batches.
pub async fn the_order_of_each_sender_is_kept(fixture: Fixture) {
    race(&fixture).await;

    let messages = fixture.everything(LOBBY).await.messages;
    let mut senders: Vec<UserId> = messages.iter().map(|message| message.author.id).collect();
    senders.sort();
    senders.dedup();
    assert_eq!(senders.len(), 8);
    for sender in senders {
        let own = messages.iter().filter(|message| message.author.id == sender);
        let texts: Vec<_> = own.map(|message| message.body.as_str().to_owned()).collect();
        assert!(texts.iter().cloned().eq((0..40).map(|n: u8| n.to_string())), "{texts:?}");
    }
}

/// Only one of them is applied.
pub async fn racing_retries_store_one_message(fixture: Fixture) {
    let ada = fixture.user("ada").await;

    let tries = (0..12).map(|_| {
        let store = Arc::clone(&fixture.conversations);
        tokio::spawn(async move { store.commit(vec![send(LOBBY, ada, 1, "once")]).await.unwrap() })
    });
    let answers: Vec<_> =
        join_all(tries).await.into_iter().flat_map(|answers| answers.unwrap()).collect();

    let applied = answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Applied(_))));
    assert_eq!(applied.count(), 1);
    let stored = fixture.everything(LOBBY).await.messages;
    assert_eq!(stored.len(), 1);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().message() == stored.first()));
}

/// Also in stores whose database has its own clock.
pub async fn timestamps_ascend_while_the_clock_goes_back(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let mut stamps = Vec::new();

    for (n, clock) in [2_000, 1_000, 1_000, 0, 3_000, 2_999].into_iter().enumerate() {
        fixture.clock.set(at(clock));
        let client_id = 2 * n as u128;
        let batch = vec![send(LOBBY, ada, client_id, "a"), send(LOBBY, ada, client_id + 1, "b")];
        for answer in fixture.commit(batch).await {
            stamps.push(answer.unwrap().message().unwrap().created_at);
        }
        let last = fixture.everything(LOBBY).await.messages.pop().unwrap();
        let edited = fixture.message(edit(LOBBY, ada, last.id, None)).await;
        stamps.push(edited.edited_at.unwrap());
        assert_eq!(Some(fixture.head(LOBBY).await.last_at), edited.edited_at);
    }

    assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]), "{stamps:?}");
}

/// Dropped after a few polls or none. A retry completes it.
pub async fn a_dropped_commit_stores_all_or_nothing(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let stored = async |prefix: &str| {
        let texts = fixture.texts(LOBBY).await;
        texts.into_iter().filter(|text| text.starts_with(prefix)).count()
    };
    for round in 0..30_u128 {
        let prefix = format!("{round}/");
        let client_id = |n| round * 5 + n;
        let batch: Vec<Intent> =
            (0..5).map(|n| send(LOBBY, ada, client_id(n), &format!("{prefix}{n}"))).collect();

        let mut commit = fixture.conversations.commit(batch.clone());
        for _ in 0..round % 6 {
            if poll_immediate(&mut commit).await.is_some() {
                break;
            }
            yield_now().await;
        }
        drop(commit);
        let seen = stored(&prefix).await;
        let answers = fixture.commit(batch).await;

        assert!(seen == 0 || seen == 5, "{seen} of 5 were stored");
        let applied = answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Applied(_))));
        let applied = applied.count();
        assert!(applied == 0 || applied == 5, "the retry found {applied} of 5 missing");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(stored(&prefix).await, 5);
    }
}

/// Heads are locked in one order, whatever the order of the intents.
pub async fn overlapping_batches_do_not_deadlock(fixture: Fixture) {
    let users = users::<4>(&fixture).await;
    let members: Vec<_> = users.iter().map(|user| (*user, Role::Member)).collect();
    let mut groups = Vec::new();
    for _ in 0..4 {
        groups.push(fixture.group(&members).await);
    }

    let writers = users.into_iter().enumerate().map(|(n, user)| {
        let store = Arc::clone(&fixture.conversations);
        let mut groups = groups.clone();
        groups.rotate_left(n);
        if n % 2 == 1 {
            groups.reverse();
        }
        tokio::spawn(async move {
            for n in 0..20_u128 {
                let batch = groups.iter().map(|group| send(*group, user, n, "x")).collect();
                let answers = store.commit(batch).await.unwrap();
                let is_change = |answer: &Result<_, _>| {
                    matches!(answer, Ok(Outcome::Applied(Change::Message(_))))
                };
                assert!(answers.iter().all(is_change), "{answers:?}");
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }

    for group in groups {
        assert_eq!(fixture.head(group).await.msg_no.get(), 80);
    }
}
