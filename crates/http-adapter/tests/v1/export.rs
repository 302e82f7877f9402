//! Exports of conversations.

use std::future::poll_fn;
use std::pin::pin;

use actix_web::App;
use actix_web::body::MessageBody as _;
use actix_web::test::{TestRequest, call_service, init_service};
use application::ports::{AccountStore as _, ConversationStore as _};
use application::{ChatError, ports::RetryAfter};
use domain::{Account, Action, ConversationId, Refusal, UserId};
use http_adapter::configure;
use serde_json::{Value, json};
use testkit::values::{intent, send};

use crate::client::Client;
use crate::world::{World, signed_v1};

/// A group of bob with more messages than fit on three pages.
async fn group(world: &World, bob: &Client<'_>, others: &[&Client<'_>]) -> ConversationId {
    let group = ConversationId::new(bob.group(others).await);
    let sends = (0..350).map(|n| send(group, UserId::new(bob.id()), n, &format!("text {n}")));
    assert!(world.chat.commit(sends.collect()).await.unwrap().iter().all(Result::is_ok));
    group
}

async fn account(world: &World, client: &Client<'_>) -> Account {
    world.chat.by_id(UserId::new(client.id())).await.unwrap().unwrap()
}

#[actix_web::test]
async fn exports_equal_the_pages_oldest_first() {
    let world = World::new();
    let bob = Client::new(&world, "bob").await;
    let group = group(&world, &bob, &[]).await;
    let path = format!("/conversations/{group}/messages");
    let second = bob.get(&format!("{path}/2")).await.is(200);
    bob.delete(&format!("{path}/1")).await;

    let export = bob.get(&format!("/conversations/{group}/export")).await;

    assert_eq!((export.status, export.header("content-type")), (200, Some("application/jsonl")));
    let lines: Vec<Value> =
        export.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<i64> = lines.iter().map(|line| line["msg_no"].as_i64().unwrap()).collect();
    assert_eq!(lines[0], second);
    assert_eq!(numbers, (2..=350).collect::<Vec<_>>());
    assert!(export.body.ends_with('\n'));
}

#[actix_web::test]
async fn exports_of_empty_conversations_are_empty() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;

    let export = ann.get("/conversations/1/export").await;

    assert_eq!((export.status, export.body.as_str()), (200, ""));
}

#[actix_web::test]
async fn exports_omit_blocked_users_and_newer_messages() {
    let world = World::new();
    let (ann, bob) = (Client::new(&world, "ann").await, Client::new(&world, "bob").await);
    let group = group(&world, &bob, &[&ann]).await;
    ann.send_message(group.get(), "mine").await;
    ann.put(&format!("/me/blocks/{}", bob.id()), &json!({})).await;
    let chat = &world.state.chat;
    let caller = account(&world, &ann).await;
    let mut export = chat.export(&caller, group).await.unwrap();
    ann.send_message(group.get(), "too late").await;

    let page = export.next(&caller).await.unwrap().unwrap();

    let bodies: Vec<&str> = page.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["mine"]);
    assert_eq!(export.next(&caller).await.unwrap(), None);
}

#[actix_web::test]
async fn exports_end_when_the_member_is_removed() {
    let world = World::new();
    let (ann, bob) = (Client::new(&world, "ann").await, Client::new(&world, "bob").await);
    let group = group(&world, &bob, &[&ann]).await;
    let ann = account(&world, &ann).await;
    let mut export = world.state.chat.export(&ann, group).await.unwrap();
    assert_eq!(export.next(&ann).await.unwrap().unwrap().len(), 100);

    let removal = intent(group, UserId::new(bob.id()), Action::Remove { user: ann.id });
    world.chat.commit(vec![removal]).await.unwrap().remove(0).unwrap();

    let end = export.next(&ann).await;
    assert!(matches!(end, Err(ChatError::Refused(Refusal::NotFound))), "{end:?}");
}

#[actix_web::test]
async fn exports_end_when_the_session_does() {
    let world = World::new();
    let bob = Client::new(&world, "bob").await;
    let group = group(&world, &bob, &[]).await;
    let state = world.state.clone();
    let app = init_service(App::new().configure(|cfg| configure(cfg, state))).await;
    let request = TestRequest::get().uri(&format!("/api/v1/conversations/{group}/export"));
    let request = signed_v1(request, Some(&bob.user)).to_request();
    let mut body = pin!(call_service(&app, request).await.into_body());
    let first = poll_fn(|context| body.as_mut().poll_next(context)).await;

    assert_eq!(bob.delete("/sessions/current").await.status, 204);

    let second = poll_fn(|context| body.as_mut().poll_next(context)).await;
    assert!(matches!(first, Some(Ok(_))));
    assert!(matches!(second, Some(Err(_))), "{second:?}");
}

#[actix_web::test]
async fn an_account_has_one_export_at_a_time() {
    let world = World::new();
    let (ann, bob) = (Client::new(&world, "ann").await, Client::new(&world, "bob").await);
    let chat = &world.state.chat;
    let first = chat.export(&account(&world, &ann).await, ConversationId::LOBBY).await.unwrap();

    let second = chat.export(&account(&world, &ann).await, ConversationId::LOBBY).await;
    let third = chat.export(&account(&world, &bob).await, ConversationId::LOBBY).await;

    assert!(matches!(second, Err(ChatError::Limited(RetryAfter(_)))), "{second:?}");
    assert!(third.is_ok());
    let refused = ann.get("/conversations/1/export").await;
    assert_eq!(
        (refused.problem().as_str(), refused.header("retry-after")),
        ("too-many-requests", Some("5"))
    );
    drop(first);
    assert_eq!(ann.get("/conversations/1/export").await.status, 200);
}
