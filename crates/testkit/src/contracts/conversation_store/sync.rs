//! Reading the changes of a conversation.

mod client;

use std::sync::Arc;

use application::ports::{ConversationStore, StoreError};
use domain::{
    Action, Change, ConversationId, Emoji, HistoryRule, Intent, MemberStatus, MessageId, MsgNo,
    Outcome, Refusal, Role, Seq, Title, Update, UserId,
};
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use self::client::Client;
use crate::Fixture;
use crate::values::{self, at, ban, body, client_id, delete, edit, leave, send};

const LOBBY: ConversationId = ConversationId::LOBBY;
const MEBIBYTE: usize = 1024 * 1024;

async fn send_all(fixture: &Fixture, user: UserId, texts: &[&str]) -> Vec<MessageId> {
    let sends = texts.iter().enumerate().map(|(n, text)| send(LOBBY, user, n as u128, text));
    let answers = fixture.commit(sends.collect()).await;
    answers.into_iter().map(|answer| answer.unwrap().message().unwrap().id).collect()
}

/// Together they contain everything once.
pub async fn pages_are_ordered_bounded_and_disjoint(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    send_all(&fixture, ada, &["a", "b", "c", "d", "e"]).await;

    let mut pages = Vec::new();
    let mut since = Seq::ZERO;
    // Bounded, so that a store that ignores `since` fails instead of hanging.
    for _ in 0..4 {
        let page = fixture.conversations.changes_since(LOBBY, since, 2).await.unwrap();
        assert_eq!(page.from, since);
        since = page.to;
        let numbers: Vec<i64> = page.changes.iter().map(|change| change.seq().get()).collect();
        pages.push((numbers, page.to.get(), page.more));
    }

    let want =
        [(vec![1, 2], 2, true), (vec![3, 4], 4, true), (vec![5], 5, false), (vec![], 5, false)];
    assert_eq!(pages, want);
}

/// Also for a client that claims to be ahead of it.
pub async fn the_last_page_ends_at_the_head(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    send_all(&fixture, ada, &["a", "b", "c"]).await;
    let page = async |since, limit| {
        let since = Seq::new(since);
        let page = fixture.conversations.changes_since(LOBBY, since, limit).await.unwrap();
        (page.changes.len(), page.to.get(), page.more)
    };

    assert_eq!(page(0, 3).await, (3, 3, false));
    assert_eq!(page(0, usize::MAX).await, (3, 3, false));
    assert_eq!(page(3, 3).await, (0, 3, false));
    assert_eq!(page(9, 3).await, (0, 3, false));
    assert_eq!(page(i64::MAX, 3).await, (0, 3, false));
}

/// With an empty page, a client would never get ahead.
pub async fn a_page_has_at_least_one_row(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    send_all(&fixture, ada, &["a", "b"]).await;

    let page = fixture.conversations.changes_since(LOBBY, Seq::ZERO, 0).await.unwrap();

    assert_eq!((page.changes.len(), page.to, page.more), (1, Seq::new(1), true));
}

/// The row that exceeds it is included, so that the largest text passes too.
pub async fn a_page_ends_beyond_a_mebibyte(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let half = "é".repeat(MEBIBYTE / 4);
    let large = "a".repeat(MEBIBYTE + 1);
    send_all(&fixture, ada, &[&half, &half, "", "x", "y", &large, "z"]).await;

    let mut pages = Vec::new();
    let mut since = Seq::ZERO;
    for _ in 0..3 {
        let page = fixture.conversations.changes_since(LOBBY, since, 100).await.unwrap();
        since = page.to;
        pages.push((page.changes.len(), page.to.get(), page.more));
    }

    assert_eq!(pages, [(4, 4, true), (2, 6, true), (1, 7, false)]);
}

/// Like a page of changes.
pub async fn a_page_of_pins_ends_beyond_a_mebibyte(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let large = "a".repeat(MEBIBYTE + 1);
    for (n, text) in ["x", &large, "y", "z"].into_iter().enumerate() {
        let message = fixture.message(send(group, ada, n as u128, text)).await.id;
        let action = Action::Pin { message, pinned: true };
        fixture.message(values::intent(group, ada, action)).await;
    }

    let mut pages = Vec::new();
    let mut before = None;
    for _ in 0..3 {
        let page = fixture.conversations.pinned(group, MsgNo::ZERO, before, 2).await.unwrap();
        before = page.messages.last().and_then(|message| message.pinned_at);
        let numbers = page.messages.iter().map(|message| message.msg_no.get());
        pages.push((numbers.collect::<Vec<_>>(), page.more));
    }
    let all = fixture.conversations.pinned(group, MsgNo::ZERO, None, 100).await.unwrap();

    assert_eq!(pages, [(vec![4, 3], true), (vec![2], true), (vec![1], false)]);
    assert_eq!((all.messages.len(), all.more), (3, true));
}

/// In the order of the newest changes.
pub async fn each_row_is_returned_once_in_its_newest_form(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let ids = send_all(&fixture, ada, &["a", "b", "c"]).await;
    let deleted = fixture.message(delete(LOBBY, ada, ids[0])).await;
    fixture.message(edit(LOBBY, ada, ids[1], Some("bb"))).await;
    let edited = fixture.message(edit(LOBBY, ada, ids[1], Some("bbb"))).await;

    let page = fixture.conversations.changes_since(LOBBY, Seq::ZERO, 100).await.unwrap();
    let later = fixture.conversations.changes_since(LOBBY, Seq::new(4), 100).await.unwrap();

    let third = fixture.conversations.message(LOBBY, ids[2]).await.unwrap().unwrap();
    let edited = Change::Message(edited);
    assert_eq!(page.changes, [Change::Message(third), Change::Message(deleted), edited.clone()]);
    assert_eq!((page.to, page.more), (Seq::new(6), false));
    assert_eq!(later.changes, [edited]);
}

/// In order between the messages.
pub async fn changes_contain_members(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let eve = fixture.user("eve").await;
    let members = [(ada, Role::Owner), (bob, Role::Member), (eve, Role::Member)];
    let group = fixture.group(&members).await;

    let answers = fixture
        .commit(vec![
            send(group, bob, 1, "bye"),
            leave(group, bob),
            send(group, ada, 1, "who next?"),
            ban(group, ada, eve),
        ])
        .await;

    let want: Vec<Change> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(Outcome::Applied(change)) => change,
            other => panic!("not applied: {other:?}"),
        })
        .collect();
    let mut seen = Vec::new();
    let mut since = Seq::ZERO;
    for _ in 0..want.len() {
        let page = fixture.conversations.changes_since(group, since, 1).await.unwrap();
        since = page.to;
        seen.extend(page.changes);
    }
    assert_eq!(seen, want);
    assert!(matches!(&seen[3], Change::Member(member) if member.status == MemberStatus::Banned));
}

/// No change is skipped because it was committed late.
pub async fn reading_during_writes_misses_nothing(fixture: Fixture) {
    let mut writers = Vec::new();
    for name in ["ada", "bob", "eve"] {
        let user = fixture.user(name).await;
        let store = Arc::clone(&fixture.conversations);
        writers.push(tokio::spawn(async move {
            for n in 0..30 {
                let answers = commit_with_retries(&*store, send(LOBBY, user, n, "x")).await;
                let id = answers[0].as_ref().unwrap().message().unwrap().id;
                let second = if n % 3 == 0 {
                    delete(LOBBY, user, id)
                } else {
                    edit(LOBBY, user, id, Some("y"))
                };
                commit_with_retries(&*store, second).await;
            }
        }));
    }

    let mut client = Client::default();
    loop {
        let is_last = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let more = client.pull(&fixture, LOBBY, 3).await;
        if is_last && !more {
            break;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }

    client.assert_equals_fetching_again(&fixture, LOBBY).await;
}

/// Commits, and retries while others hold the lock for too long.
async fn commit_with_retries(
    store: &dyn ConversationStore,
    intent: Intent,
) -> Vec<Result<Outcome, Refusal>> {
    loop {
        match store.commit(vec![intent.clone()]).await {
            Err(StoreError::Unreachable(_)) => {}
            answers => return answers.unwrap(),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize, String),
    Edit(usize, usize, Option<String>),
    Delete(usize, usize),
    React(usize, usize, bool),
    Pin(usize, usize, bool),
    Reply(usize, usize),
    Add(usize, usize),
    Remove(usize, usize),
    SetRole(usize, usize, Role),
    Ban(usize, usize),
    Unban(usize, usize),
    Silence(usize, usize, bool),
    SetTitle(usize, Option<String>),
    SetHistory(usize, bool),
    Leave(usize),
}

/// A batch, and how many rows a client pulls after it.
type Round = (Vec<Step>, Option<usize>);

fn history() -> impl Strategy<Value = Vec<Round>> {
    let (actor, target, index) = (0..4_usize, 0..4_usize, 0..40_usize);
    let text = "[a-c]{0,3}( @(ada|bob|all))?";
    let role = prop::sample::select(vec![Role::Owner, Role::Admin, Role::Member, Role::Reader]);
    let flag = any::<bool>;
    let step = proptest::prop_oneof![
        6 => (actor.clone(), text).prop_map(|(actor, text)| Step::Send(actor, text)),
        3 => (actor.clone(), index.clone(), prop::option::of(text))
            .prop_map(|(actor, index, text)| Step::Edit(actor, index, text)),
        3 => (actor.clone(), index.clone()).prop_map(|(actor, index)| Step::Delete(actor, index)),
        3 => (actor.clone(), index.clone(), flag())
            .prop_map(|(actor, index, present)| Step::React(actor, index, present)),
        2 => (actor.clone(), index.clone(), flag())
            .prop_map(|(actor, index, pinned)| Step::Pin(actor, index, pinned)),
        1 => (actor.clone(), index).prop_map(|(actor, index)| Step::Reply(actor, index)),
        2 => (actor.clone(), target.clone()).prop_map(|(actor, target)| Step::Add(actor, target)),
        1 => (actor.clone(), target.clone()).prop_map(|(actor, target)| Step::Remove(actor, target)),
        2 => (actor.clone(), target.clone(), role)
            .prop_map(|(actor, target, role)| Step::SetRole(actor, target, role)),
        1 => (actor.clone(), target.clone()).prop_map(|(actor, target)| Step::Ban(actor, target)),
        1 => (actor.clone(), target.clone()).prop_map(|(actor, target)| Step::Unban(actor, target)),
        1 => (actor.clone(), target, flag())
            .prop_map(|(actor, target, silenced)| Step::Silence(actor, target, silenced)),
        1 => (actor.clone(), prop::option::of("[A-C]{1,3}"))
            .prop_map(|(actor, title)| Step::SetTitle(actor, title)),
        1 => (actor.clone(), flag()).prop_map(|(actor, all)| Step::SetHistory(actor, all)),
        1 => actor.prop_map(Step::Leave),
    ];
    let pull = prop::option::of(1..5_usize);
    prop::collection::vec((prop::collection::vec(step, 1..8), pull), 1..10)
}

/// Random histories, read in pages of random sizes at random times.
pub async fn applying_changes_equals_fetching_again(fixture: Fixture) {
    let mut users = Vec::new();
    for name in ["ada", "bob", "eve", "joe"] {
        users.push(fixture.user(name).await);
    }
    let config =
        Config { cases: 40, max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    let runtime = Handle::current();
    let result = tokio::task::block_in_place(|| {
        let strategy = (history(), any::<bool>(), 1..6_usize);
        TestRunner::new(config).run(&strategy, |(history, single_owner, page)| {
            runtime.block_on(assert_clients_follow(&fixture, &users, history, single_owner, page));
            Ok(())
        })
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

async fn assert_clients_follow(
    fixture: &Fixture,
    users: &[UserId],
    history: Vec<Round>,
    single_owner: bool,
    page: usize,
) {
    let second = if single_owner { Role::Member } else { Role::Owner };
    let roles = [Role::Owner, second, Role::Member, Role::Admin];
    let members: Vec<_> = users.iter().copied().zip(roles).collect();
    let group = fixture.group(&members).await;
    let (mut partial, mut complete) = (Client::default(), Client::default());
    let mut sent: Vec<MessageId> = Vec::new();
    let mut client_id = 0;
    for (steps, pull) in history {
        let intents = steps.into_iter().filter_map(|step| {
            client_id += 1;
            intent(group, users, &sent, client_id, step)
        });
        let answers = fixture.commit(intents.collect()).await;
        sent.extend(answers.iter().filter_map(|answer| match answer {
            Ok(Outcome::Applied(Change::Message(message))) => Some(message.id),
            _ => None,
        }));
        sent.sort();
        sent.dedup();
        if let Some(limit) = pull {
            partial.pull(fixture, group, limit).await;
            complete.pull_all(fixture, group, limit).await;
            complete.assert_equals_fetching_again(fixture, group).await;
        }
    }

    let mut late = Client::default();
    for client in [&mut partial, &mut complete, &mut late] {
        client.pull_all(fixture, group, page).await;
        client.assert_equals_fetching_again(fixture, group).await;
    }
}

fn intent(
    group: ConversationId,
    users: &[UserId],
    sent: &[MessageId],
    n: u128,
    step: Step,
) -> Option<Intent> {
    let by = |actor: usize, action| values::intent(group, users[actor], action);
    let message = |index: usize| (!sent.is_empty()).then(|| sent[index % sent.len()]);
    Some(match step {
        Step::Send(actor, text) => send(group, users[actor], n, &text),
        Step::Edit(actor, index, text) => {
            edit(group, users[actor], message(index)?, text.as_deref())
        }
        Step::Delete(actor, index) => delete(group, users[actor], message(index)?),
        Step::React(actor, index, present) => {
            let emoji = Emoji::parse("👍").unwrap();
            by(actor, Action::React { message: message(index)?, emoji, present })
        }
        Step::Pin(actor, index, pinned) => {
            by(actor, Action::Pin { message: message(index)?, pinned })
        }
        Step::Reply(actor, index) => {
            let (client_id, body) = (client_id(n), body("re"));
            let reply_to = Some(message(index)?);
            by(actor, Action::Send { client_id, body, marked_edited: false, reply_to })
        }
        Step::Add(actor, target) => {
            by(actor, Action::Add { user: users[target], role: Role::Member })
        }
        Step::Remove(actor, target) => by(actor, Action::Remove { user: users[target] }),
        Step::SetRole(actor, target, role) => {
            by(actor, Action::SetRole { user: users[target], role })
        }
        Step::Ban(actor, target) => by(actor, Action::Ban { user: users[target] }),
        Step::Unban(actor, target) => by(actor, Action::Unban { user: users[target] }),
        Step::Silence(actor, target, silenced) => {
            let until = silenced.then_some(at(i64::from(i32::MAX)));
            by(actor, Action::Silence { user: users[target], until })
        }
        Step::SetTitle(actor, title) => {
            let title = Update::Set(title.map(|title| Title::parse(&title).unwrap()));
            by(actor, Action::SetDetails { title, topic: Update::Keep, history: None })
        }
        Step::SetHistory(actor, all) => {
            let history = if all { HistoryRule::All } else { HistoryRule::SinceJoined };
            let (title, topic) = (Update::Keep, Update::Keep);
            by(actor, Action::SetDetails { title, topic, history: Some(history) })
        }
        Step::Leave(actor) => by(actor, Action::Leave),
    })
}
