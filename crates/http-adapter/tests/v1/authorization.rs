//! What each role may do to its own, other and hidden messages, and to members.

use actix_web::http::Method;
use domain::Account;
use serde_json::{Value, json};

use crate::client::Client;
use crate::scene::{ACTORS, ON_REST_AND_SOCKET, SESSION, Scene, outcome};
use crate::world::{User, World};

/// The outcome of a request by this actor, in a new scene.
async fn attempt(actor: usize, method: &str, path: &str, body: &str) -> String {
    let world = World::new();
    let scene = Scene::set(&world.chat).await;
    let client = Client { world: &world, user: user(&world, &scene.users[actor]).await };
    let path = scene.name(actor, path);
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let body: Value = serde_json::from_str(&scene.name(actor, body)).unwrap();
    let answer = match body {
        Value::Null => client.send(method, &path).await,
        body => client.send_json(method, &path, &body).await,
    };
    if answer.status < 300 { "done".to_owned() } else { answer.problem() }
}

/// A user with a token that was issued without a request.
async fn user(world: &World, account: &Account) -> User {
    world.foreign(account.username.as_str(), 0).await
}

/// Tries each request as every actor.
async fn check(rows: &[(&str, &str, Value, &str)]) {
    for (method, path, body, want) in rows {
        let body = body.to_string();
        for (actor, letter) in want.chars().enumerate() {
            let got = attempt(actor, method, path, &body).await;

            assert_eq!(got, outcome(letter), "{} {method} {path} {body}", ACTORS[actor]);
        }
    }
}

#[actix_web::test]
async fn roles_decide_what_both_rest_and_socket_allow() {
    for attempted in ON_REST_AND_SOCKET {
        for (actor, letter) in attempted.want.chars().enumerate() {
            let got = attempt(actor, attempted.method, attempted.path, attempted.body).await;

            assert_eq!(got, outcome(letter), "{} {attempted:?}", ACTORS[actor]);
        }
    }
}

#[actix_web::test]
async fn roles_decide_who_sees_and_changes_messages() {
    const MESSAGES: &str = "/conversations/{group}/messages";
    let at = |which: &str, rest: &str| format!("{MESSAGES}/{{{which}}}{rest}");
    let (foreign, hidden) = (at("foreign", ""), at("hidden", ""));
    let (pin, pin_hidden) = (at("foreign", "/pin"), at("hidden", "/pin"));
    check(&[
        ("GET", MESSAGES, Value::Null, "....nbnn"),
        ("GET", &foreign, Value::Null, "....nbnn"),
        ("PUT", &pin, Value::Null, "..ffnbnn"),
        ("DELETE", &pin, Value::Null, "..ffnbnn"),
        ("GET", &hidden, Value::Null, ".nnnnbnn"),
        ("PUT", &pin_hidden, Value::Null, ".nnnnbnn"),
        ("GET", "/conversations/{group}/pins", Value::Null, "....nbnn"),
        ("GET", "/conversations/{group}/read-receipts", Value::Null, "....nbnn"),
        ("GET", "/conversations/{group}/messages/search?q=said", Value::Null, "....nbnn"),
        ("GET", "/messages/search?q=said", Value::Null, "........"),
        ("GET", "/conversations/{group}/export", Value::Null, "....nbnn"),
        ("PUT", "/conversations/{group}/mute", Value::Null, "....nnnn"),
    ])
    .await;
}

#[actix_web::test]
async fn search_and_export_show_only_visible_messages() {
    let world = World::new();
    let scene = Scene::set(&world.chat).await;
    let number = |name: &str| scene.name(0, name).parse::<i64>().unwrap();
    let own = (0..3).map(|actor| scene.name(actor, "{own}").parse::<i64>().unwrap());
    let since_joined: Vec<i64> = [number("{foreign}")].into_iter().chain(own).collect();
    let all: Vec<i64> = [number("{hidden}")].into_iter().chain(since_joined.clone()).collect();
    for (actor, name) in ACTORS.iter().enumerate() {
        let want = match *name {
            "owner" => &all[..],
            "admin" | "member" | "reader" => &since_joined,
            _ => &[],
        };
        let client = Client { world: &world, user: user(&world, &scene.users[actor]).await };

        let found = client.get("/messages/search?q=said").await.is(200);

        let found = found["items"].as_array().unwrap().clone();
        let found: Vec<i64> = found.iter().rev().map(|item| item["id"].as_i64().unwrap()).collect();
        assert_eq!(found, want, "{name}");
        let path = scene.name(actor, "/conversations/{group}/export");
        let lines = client.get(&path).await.body;
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let exported: Vec<i64> = lines.filter_map(|line| line["id"].as_i64()).collect();
        assert_eq!(exported, want, "{name}");
    }
}

#[actix_web::test]
async fn roles_decide_who_manages_groups_and_members() {
    const GROUP: &str = "/conversations/{group}";
    let at = |rest: &str| format!("{GROUP}{rest}");
    let (members, invites, owner) = (at("/members"), at("/invites"), at("/owner"));
    let target = at("/members/{target}");
    let (ban, silence) = (format!("{target}/ban"), format!("{target}/silence"));
    let world = World::new();
    let scene = Scene::set(&world.chat).await;
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

/// The actors are not invited. Accepting again changes nothing for members.
#[actix_web::test]
async fn only_invited_users_answer_invitations() {
    const INVITATION: &str = "/me/invitations/{group}";
    check(&[
        ("GET", "/me/invitations", Value::Null, "........"),
        ("POST", &format!("{INVITATION}/accept"), json!({}), "....nbnn"),
        ("DELETE", INVITATION, Value::Null, "nnnnnnnn"),
    ])
    .await;
}

#[actix_web::test]
async fn users_manage_only_their_own_account() {
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
