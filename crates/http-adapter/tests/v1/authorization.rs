//! Who may do what: every role, on what is one's own, another's, or hidden.

use actix_web::http::Method;
use application::ports::{AccountStore, ConversationStore as _, SessionStore as _};
use domain::{
    Action, ConversationId, Details, HistoryRule, Intent, MessageId, NewGroup, Role, SessionId,
    UserId,
};
use serde_json::{Value, json};
use testkit::values;

use crate::client::Client;
use crate::world::{User, World};

/// What somebody may be to a group, in this order in every row of the tables.
const ACTORS: [&str; 8] =
    ["owner", "admin", "member", "reader", "left", "banned", "stranger", "root"];

/// Of the target.
const SESSION: SessionId = SessionId::new(7);

/// What becomes of an attempt: `.` is done, a letter is how it is refused.
fn outcome(letter: char) -> &'static str {
    match letter {
        '.' => "done",
        'f' => "forbidden",
        'n' => "not-found",
        'b' => "banned",
        'o' => "last-owner",
        'm' => "already-member",
        'i' => "invalid-request",
        _ => panic!("no outcome is written {letter}"),
    }
}

/// A group with somebody in every part, and the messages that the tables name.
struct Scene {
    world: World,
    users: Vec<User>,
    group: ConversationId,
    /// Said before all but the owner joined.
    hidden: MessageId,
    /// Said by another member.
    foreign: MessageId,
    /// Said by each who may write.
    own: Vec<MessageId>,
    target: UserId,
    newcomer: UserId,
}

impl Scene {
    async fn set() -> Self {
        let world = World::new();
        let mut users = Vec::new();
        for name in ACTORS {
            users.push(account(&world, name).await);
        }
        world.chat.make_superuser(UserId::new(users[7].id));
        let target = UserId::new(account(&world, "target").await.id);
        let known = world.chat.by_id(target).await.unwrap().unwrap();
        let session = values::new_session(SESSION, 0, i64::from(u32::MAX));
        world.chat.open(&known, session).await.unwrap();
        let newcomer = UserId::new(account(&world, "newcomer").await.id);
        let id = |at: usize| UserId::new(users[at].id);
        let details = Details { history: HistoryRule::SinceJoined, ..Details::default() };
        let new = NewGroup { details, members: vec![(id(0), Role::Owner)] };
        let group = world.chat.create_group(new).await.unwrap();
        let scene = |action, actor| Intent { conversation: group, actor, action };
        let say = |actor, n: u128| values::send(group, actor, 1_000 + n, "said");
        let hidden = commit(&world, say(id(0), 1)).await.unwrap();
        let roles = [Role::Admin, Role::Member, Role::Reader, Role::Member, Role::Member];
        for (at, role) in (1..).zip(roles) {
            commit(&world, scene(Action::Add { user: id(at), role }, id(0))).await;
        }
        commit(&world, scene(Action::Add { user: target, role: Role::Member }, id(0))).await;
        let foreign = commit(&world, say(target, 1)).await.unwrap();
        let mut own = Vec::new();
        for at in 0..3 {
            own.push(commit(&world, say(id(at), 2)).await.unwrap());
        }
        commit(&world, scene(Action::Leave, id(4))).await;
        commit(&world, scene(Action::Ban { user: id(5) }, id(0))).await;
        Self { world, users, group, hidden, foreign, own, target, newcomer }
    }

    /// What becomes of a request by this actor.
    async fn attempt(&self, actor: usize, method: &str, path: &str, body: &Value) -> String {
        let client = Client { world: &self.world, user: self.users[actor].clone() };
        let path = path
            .replace("{group}", &self.group.to_string())
            .replace("{hidden}", &self.hidden.to_string())
            .replace("{foreign}", &self.foreign.to_string())
            .replace("{own}", &self.own.get(actor).unwrap_or(&self.foreign).to_string())
            .replace("{target}", &self.target.to_string());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = match body {
            Value::Null => client.ask(method, &path).await,
            body => client.tell(method, &path, body).await,
        };
        if answer.status < 300 { "done".to_owned() } else { answer.problem() }
    }
}

/// Somebody with an account and a token, made without a request.
async fn account(world: &World, name: &str) -> User {
    AccountStore::create(&*world.chat, values::new_account(name)).await.unwrap();
    world.foreign(name).await
}

async fn commit(world: &World, intent: Intent) -> Option<MessageId> {
    let answer = world.chat.commit(vec![intent]).await.unwrap().pop().unwrap().unwrap();
    answer.message().map(|message| message.id)
}

/// Each request on a scene of its own, by everybody.
async fn check(rows: &[(&str, &str, Value, &str)]) {
    for (method, path, body, want) in rows {
        for (actor, letter) in want.chars().enumerate() {
            let scene = Scene::set().await;

            let got = scene.attempt(actor, method, path, body).await;

            assert_eq!(got, outcome(letter), "{} {method} {path} {body}", ACTORS[actor]);
        }
    }
}

#[actix_web::test]
async fn messages_are_seen_and_altered_by_whom_they_should_be() {
    const MESSAGES: &str = "/conversations/{group}/messages";
    let at = |which: &str, rest: &str| format!("{MESSAGES}/{{{which}}}{rest}");
    let (foreign, own, hidden) = (at("foreign", ""), at("own", ""), at("hidden", ""));
    let (react, pin) = (at("foreign", "/reactions/x"), at("foreign", "/pin"));
    let (react_hidden, pin_hidden) = (at("hidden", "/reactions/x"), at("hidden", "/pin"));
    let text = json!({"body": "other"});
    // The one whom the tables call by the reader's own message wrote none.
    check(&[
        ("GET", MESSAGES, Value::Null, "....nbnn"),
        ("POST", MESSAGES, text.clone(), "...fnbnn"),
        ("GET", &foreign, Value::Null, "....nbnn"),
        ("PATCH", &foreign, text.clone(), "ffffnbnn"),
        ("DELETE", &foreign, Value::Null, "..ffnbn."),
        ("PUT", &react, Value::Null, "...fnbnn"),
        ("DELETE", &react, Value::Null, "...fnbnn"),
        ("PUT", &pin, Value::Null, "..ffnbnn"),
        ("DELETE", &pin, Value::Null, "..ffnbnn"),
        ("PATCH", &own, text.clone(), "...fnbnn"),
        ("DELETE", &own, Value::Null, "...fnbn."),
        ("GET", &hidden, Value::Null, ".nnnnbnn"),
        ("PATCH", &hidden, text.clone(), ".nnnnbnn"),
        ("DELETE", &hidden, Value::Null, ".nnnnbn."),
        ("PUT", &react_hidden, Value::Null, ".nnnnbnn"),
        ("PUT", &pin_hidden, Value::Null, ".nnnnbnn"),
        ("GET", "/conversations/{group}/pins", Value::Null, "....nbnn"),
        ("GET", "/conversations/{group}/position", Value::Null, "....nbnn"),
        ("PUT", "/conversations/{group}/read", json!({"msg_no": 1}), "....nnnn"),
        ("PUT", "/conversations/{group}/mute", Value::Null, "....nnnn"),
    ])
    .await;
}

#[actix_web::test]
async fn groups_and_their_members_are_managed_by_whom_they_should_be() {
    const GROUP: &str = "/conversations/{group}";
    let at = |rest: &str| format!("{GROUP}{rest}");
    let (members, invites, owner) = (at("/members"), at("/invites"), at("/owner"));
    let target = at("/members/{target}");
    let (ban, silence) = (format!("{target}/ban"), format!("{target}/silence"));
    let scene = Scene::set().await;
    let newcomer = json!({"user": scene.newcomer.get()});
    let known = json!({"user": scene.target.get()});
    let until = json!({"until": "2999-01-01T00:00:00Z"});
    check(&[
        ("GET", GROUP, Value::Null, "....nbnn"),
        ("PATCH", GROUP, json!({"title": "New"}), "..ffnbnn"),
        ("PATCH", GROUP, json!({"history": "all"}), ".fffnbnn"),
        ("DELETE", GROUP, Value::Null, ".fffnbnn"),
        ("GET", &members, Value::Null, "....nbnn"),
        ("POST", &members, newcomer, "..ffnbnn"),
        ("POST", &members, known.clone(), "mmffnbnn"),
        ("PATCH", &target, json!({"role": "reader"}), "..ffnbnn"),
        ("PATCH", &target, json!({"role": "admin"}), ".fffnbnn"),
        ("DELETE", &target, Value::Null, "..ffnbnn"),
        ("DELETE", &at("/members/me"), Value::Null, "o...nbnn"),
        ("PUT", &ban, Value::Null, "..ffnbn."),
        ("PUT", &silence, until, "..ffnbn."),
        ("DELETE", &silence, Value::Null, "..ffnbn."),
        ("PUT", &owner, known, ".fffnbnn"),
        ("GET", &invites, Value::Null, "..ffnbnn"),
        ("POST", &invites, json!({}), "..ffnbnn"),
    ])
    .await;
}

#[actix_web::test]
async fn whatever_one_is_to_a_group_one_manages_oneself_and_nobody_else() {
    let session = format!("/sessions/{:016x}", SESSION.get());
    let password = json!({"current": "wrong", "new": "battery staple"});
    check(&[
        ("GET", "/sessions", Value::Null, "........"),
        ("GET", "/me", Value::Null, "........"),
        ("PATCH", "/me", json!({"about": "me"}), "........"),
        ("PUT", "/me/password", password, "iiiiiiii"),
        ("GET", "/users/{target}", Value::Null, "........"),
        ("GET", "/users?ids={target}", Value::Null, "........"),
        ("DELETE", &session, Value::Null, "nnnnnnnn"),
        ("DELETE", "/sessions", Value::Null, "........"),
    ])
    .await;
}
