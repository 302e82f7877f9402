//! Batches of intents.

use domain::{ConversationId, Head, Intent, MessageId, Outcome, Refusal, Role};

use crate::Fixture;
use crate::values::{ban, body, delete, edit, leave, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

pub async fn an_empty_batch_changes_nothing(fixture: Fixture) {
    assert_eq!(fixture.commit(Vec::new()).await, []);
    assert_eq!(fixture.head(LOBBY).await, Head::new(LOBBY));
}

/// Refused, replayed and applied ones mixed.
pub async fn answers_are_in_the_order_of_their_intents(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let old = fixture.message(send(LOBBY, ada, 100, "old")).await;

    let answers = fixture
        .commit(vec![
            send(LOBBY, ada, 1, "one"),
            delete(LOBBY, ada, MessageId::new(old.id.get() + 1_000)),
            send(LOBBY, bob, 1, "two"),
            send(LOBBY, ada, 100, "old"),
            send(group, bob, 1, "stranger"),
            edit(LOBBY, bob, old.id, Some("foreign")),
            send(group, ada, 1, "three"),
            send(LOBBY, ada, 100, "not old"),
            edit(LOBBY, ada, old.id, Some("new")),
            leave(group, ada),
        ])
        .await;

    let got: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(Outcome::Applied(change)) => {
                let message = Outcome::Applied(change.clone()).message().cloned().unwrap();
                Ok((message.body.as_str().to_owned(), message.msg_no.get()))
            }
            Ok(Outcome::AlreadyStored(message)) => Ok((format!("{:?}", message.id == old.id), 0)),
            Err(refusal) => Err(*refusal),
        })
        .collect();
    let ok = |text: &str, msg_no| Ok((text.to_owned(), msg_no));
    let want = [
        ok("one", 2),
        Err(Refusal::NotFound),
        ok("two", 3),
        ok("true", 0),
        Err(Refusal::NotFound),
        Err(Refusal::Forbidden),
        ok("three", 1),
        Err(Refusal::ClientIdReused),
        ok("new", 1),
        Err(Refusal::LastOwner),
    ];
    assert_eq!(got, want);
    assert_eq!(fixture.texts(LOBBY).await, ["new", "one", "two"]);
    assert_eq!(fixture.texts(group).await, ["three"]);
}

/// As many as a batcher may collect, and more.
pub async fn a_batch_may_be_large(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let mut want = Vec::new();

    for (round, size) in [1_u128, 255, 256, 257, 1_000].into_iter().enumerate() {
        let text = |n: u128| format!("{round}/{n}");
        let client_id = |n: u128| round as u128 * 10_000 + n;
        let answers = fixture
            .commit((0..size).map(|n| send(LOBBY, ada, client_id(n), &text(n))).collect())
            .await;
        let bodies: Vec<_> =
            answers.iter().map(|answer| answer.as_ref().unwrap().message().unwrap()).collect();
        let expected: Vec<String> = (0..size).map(text).collect();
        assert!(bodies.iter().map(|m| m.body.clone()).eq(expected.iter().map(|t| body(t))));
        want.extend(expected);
    }

    assert_eq!(fixture.texts(LOBBY).await, want);
}

/// Each has its own counters, and ids ascend in each.
pub async fn one_batch_changes_many_conversations(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let mut groups = vec![LOBBY];
    for _ in 0..9 {
        groups.push(fixture.group(&[(ada, Role::Owner)]).await);
    }
    let intents: Vec<Intent> = (0..50_u8)
        .map(|n| {
            let group = groups[usize::from(n) * 7 % groups.len()];
            send(group, ada, n.into(), &n.to_string())
        })
        .collect();

    let answers = fixture.commit(intents.clone()).await;

    for group in groups {
        let messages = fixture.everything(group).await.messages;
        let want: Vec<_> = intents
            .iter()
            .zip(&answers)
            .filter(|(intent, _)| intent.conversation == group)
            .map(|(_, answer)| answer.as_ref().unwrap().message().unwrap().clone())
            .collect();
        assert_eq!(messages, want);
        assert!(messages.iter().map(|m| m.msg_no.get()).eq(1..=5), "{messages:?}");
        assert!(messages.is_sorted_by_key(|m| m.id), "{messages:?}");
        assert_eq!(fixture.head(group).await.seq.get(), 5);
    }
}

/// What changes nothing counts nothing.
pub async fn refusals_leave_the_head_unchanged(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    fixture.message(send(LOBBY, ada, 1, "one")).await;
    let head = fixture.head(LOBBY).await;

    let answers = fixture
        .commit(vec![
            send(LOBBY, ada, 1, "one"),
            send(LOBBY, ada, 1, "another"),
            ban(LOBBY, ada, bob),
            leave(LOBBY, ada),
        ])
        .await;

    assert!(matches!(answers[0], Ok(Outcome::AlreadyStored(_))), "{answers:?}");
    assert!(answers[1..].iter().all(Result::is_err), "{answers:?}");
    assert_eq!(fixture.head(LOBBY).await, head);
}
