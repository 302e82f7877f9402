//! A client that only applies what it is told ends where a fresh one begins.

use std::collections::BTreeMap;

use domain::{Action, ConversationId, MessageId, Role};
use proptest::prelude::{Strategy, any, prop};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{Options, World};

/// Random histories; each has up to 60 steps.
const CASES: usize = 60;

/// What a client knows of a conversation, by what it was told alone.
#[derive(Debug, Default)]
struct Known {
    cursor: i64,
    view_no: i64,
    messages: BTreeMap<i64, Value>,
}

impl Known {
    fn apply(&mut self, change: &Value) {
        if change["kind"] != "message" {
            return;
        }
        let message = change["data"].clone();
        let number = message["msg_no"].as_i64().unwrap();
        if message["deleted_at"].is_null() {
            self.messages.insert(number, message);
        } else {
            self.messages.remove(&number);
        }
    }

    /// Takes in a frame; says whether the conversation has to be opened again.
    fn take(&mut self, frame: &Value) -> bool {
        match frame["type"].as_str().unwrap() {
            "event" => {
                let seq = frame["seq"].as_i64().unwrap();
                assert!(seq > self.cursor, "told twice: {frame} after {}", self.cursor);
                self.apply(frame);
                self.cursor = seq;
            }
            "skip" => self.cursor = frame["seq"].as_i64().unwrap(),
            "changes" => {
                // Events may have been on their way while it asked.
                assert!(frame["from"].as_i64().unwrap() <= self.cursor, "a hole: {frame}");
                frame["changes"].as_array().unwrap().iter().for_each(|change| self.apply(change));
                self.cursor = self.cursor.max(frame["to"].as_i64().unwrap());
            }
            "gap" => return true,
            "reset" => {
                *self = Self { view_no: frame["view_no"].as_i64().unwrap(), ..Self::default() };
                return true;
            }
            _ => {}
        }
        false
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Edit(usize, usize),
    Delete(usize, usize),
    React(usize, usize),
    History(bool),
    Rejoin(usize),
    Drop,
    Close,
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let (who, which) = (0..3_usize, 0..30_usize);
    let step = proptest::prop_oneof![
        8 => who.clone().prop_map(Step::Send),
        3 => (who.clone(), which.clone()).prop_map(|(who, which)| Step::Edit(who, which)),
        2 => (who.clone(), which.clone()).prop_map(|(who, which)| Step::Delete(who, which)),
        2 => (who.clone(), which).prop_map(|(who, which)| Step::React(who, which)),
        1 => any::<bool>().prop_map(Step::History),
        1 => (1..3_usize).prop_map(Step::Rejoin),
        2 => proptest::strategy::Just(Step::Drop),
        1 => proptest::strategy::Just(Step::Close),
    ];
    prop::collection::vec(step, 1..60)
}

#[actix_web::test]
async fn applying_what_is_told_through_drops_and_gaps_equals_fetching_again() {
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..CASES {
        let steps = history().new_tree(&mut runner).unwrap().current();
        follow(steps).await;
    }
}

async fn follow(steps: Vec<Step>) {
    let world = World::start(Options::default_profile());
    let mut accounts = Vec::new();
    for name in ["ann", "bob", "eve"] {
        accounts.push(world.account(name).await);
    }
    let roles = [Role::Owner, Role::Member, Role::Member];
    let members: Vec<_> = accounts.iter().zip(roles).collect();
    let group = world.group(&members).await;
    // Bob only listens; what he is told is all that he knows.
    let reader = accounts[1].clone();
    let (mut client, hello) = world.hello(&reader).await;
    let epoch = hello["epoch"].clone();
    let mut view = Known::default();
    open(&mut client, group, &view, &epoch).await;
    let mut sent: Vec<MessageId> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let by = |who: usize| accounts[who].id;
        let which = |which: usize| (!sent.is_empty()).then(|| sent[which % sent.len()]);
        let wish = match step {
            Step::Send(who) => Some((by(*who), super::values_send(n as u128, "text"))),
            Step::Edit(who, at) => which(*at).map(|message| {
                let body = Some(testkit::values::body("edited"));
                (by(*who), Action::Edit { message, body, expected_edits: None })
            }),
            Step::Delete(who, at) => {
                which(*at).map(|message| (by(*who), Action::Delete { message }))
            }
            Step::React(who, at) => which(*at).map(|message| {
                let emoji = domain::Emoji::parse("x").unwrap();
                (by(*who), Action::React { message, emoji, present: true })
            }),
            Step::History(all) => {
                let history =
                    if *all { domain::HistoryRule::All } else { domain::HistoryRule::SinceJoined };
                let (title, topic) = (domain::Update::Keep, domain::Update::Keep);
                Some((by(0), Action::SetDetails { title, topic, history: Some(history) }))
            }
            Step::Rejoin(who) => {
                let user = by(*who);
                act(&world, group, by(0), Action::Remove { user }).await;
                Some((by(0), Action::Add { user, role: Role::Member }))
            }
            Step::Drop => {
                let (again, _) = world.hello(&reader).await;
                client = again;
                open(&mut client, group, &view, &epoch).await;
                None
            }
            Step::Close => {
                client
                    .tell(json!({"type": "close", "ref": "c", "conversation": group.get()}))
                    .await;
                open(&mut client, group, &view, &epoch).await;
                None
            }
        };
        if let Some((actor, action)) = wish
            && let Some(id) = act(&world, group, actor, action).await
            && !sent.contains(&id)
        {
            sent.push(id);
        }
        if n % 7 == 0 {
            catch_up(&mut client, group, &mut view, &epoch).await;
        }
    }
    catch_up(&mut client, group, &mut view, &epoch).await;

    let chat = &world.services.chat;
    let range = application::ports::PageRange {
        after: domain::MsgNo::ZERO,
        before: None,
        first: application::ports::First::Oldest,
    };
    let page = chat.page(&reader, group, range, 1_000).await.unwrap();
    let fresh: Vec<(i64, String)> = page
        .messages
        .iter()
        .map(|message| (message.msg_no.get(), message.body.as_str().to_owned()))
        .collect();
    let known: Vec<(i64, String)> = view
        .messages
        .iter()
        .map(|(number, message)| (*number, message["body"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(known, fresh, "{steps:?}");
}

async fn act(
    world: &World,
    group: ConversationId,
    actor: domain::UserId,
    action: Action,
) -> Option<MessageId> {
    let intent = domain::Intent { conversation: group, actor, action };
    let answer = world.services.batcher.submit(vec![intent]).await.pop().unwrap();
    answer.ok()?.message().map(|message| message.id)
}

async fn open(client: &mut Client, group: ConversationId, view: &Known, epoch: &Value) {
    let open = json!({
        "type": "open",
        "ref": "open",
        "conversation": group.get(),
        "since": view.cursor,
        "epoch": epoch,
        "view_no": view.view_no,
    });
    client.tell(open).await;
}

/// Reads until the client knows everything up to the head, opening again
/// whenever it is told to.
async fn catch_up(client: &mut Client, group: ConversationId, view: &mut Known, epoch: &Value) {
    loop {
        let mut is_behind = false;
        client.tell(json!({"type": "ping", "ref": "sync"})).await;
        loop {
            let frame = client.frame().await;
            if frame["type"] == "pong" {
                break;
            }
            let is_here = frame["conversation"] == group.get();
            if is_here {
                is_behind |= view.take(&frame);
            } else if frame["type"] == "error" || frame["type"] == "left" {
                is_behind = true;
            }
        }
        // Ask for what there may be besides; an answer without changes ends it.
        let before = view.cursor;
        client.tell(json!({"type": "close", "ref": "c", "conversation": group.get()})).await;
        open(client, group, view, epoch).await;
        let answered = loop {
            let frame = client.frame().await;
            match frame["type"].as_str().unwrap() {
                "error" if frame["ref"] == "open" => break false,
                "changes" | "reset" if frame["conversation"] == group.get() => {
                    break !view.take(&frame) && frame["more"] == false;
                }
                _ if frame["conversation"] == group.get() => {
                    is_behind |= view.take(&frame);
                }
                _ => {}
            }
        };
        if answered && !is_behind && before == view.cursor {
            return;
        }
        tokio::task::yield_now().await;
    }
}
