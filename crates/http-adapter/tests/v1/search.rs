//! Searching messages.

use std::sync::Arc;
use std::time::Duration;

use application::LimitRules;
use application::ports::Quota;
use futures_util::future::select_all;
use serde_json::{Value, json};
use testkit::{ManualClock, Operation};

use crate::client::Client;
use crate::world::World;

fn bodies(found: &Value) -> Vec<&str> {
    found["items"].as_array().unwrap().iter().map(|item| item["body"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn search_covers_one_or_all_own_conversations() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    ann.send_message(1, "Lunch in the lobby?").await;
    let of_group = ann.send_message(group, "lunch, in the group").await;
    ann.send_message(group, "dinner").await;
    let alone = ann.group(&[]).await;
    ann.send_message(alone, "lunch alone").await;

    let within = bob.get(&format!("/conversations/{group}/messages/search?q=LUN")).await.is(200);
    let everywhere = bob.get("/messages/search?q=in+lunch").await.is(200);

    assert_eq!(within, json!({"items": [of_group], "next": null}));
    assert_eq!(bodies(&everywhere), ["lunch, in the group", "Lunch in the lobby?"]);
    let foreign = bob.get(&format!("/conversations/{alone}/messages/search?q=lunch")).await;
    assert_eq!(foreign.problem(), "not-found");
}

#[actix_web::test]
async fn search_results_come_in_pages_newest_first() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    for n in 0..5 {
        ann.send_message(1, &format!("word {n}")).await;
    }

    let mut path = "/messages/search?q=word&limit=2".to_owned();
    let mut pages = Vec::new();
    while pages.len() < 5 {
        let page = ann.get(&path).await.is(200);
        pages.push(bodies(&page).join(", "));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/messages/search?q=word&limit=2&before={next}");
    }

    assert_eq!(pages, ["word 4, word 3", "word 2, word 1", "word 0"]);
}

#[actix_web::test]
async fn search_omits_blocked_users() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    bob.send_message(1, "a word of bob").await;
    ann.send_message(1, "a word of ann").await;

    ann.put(&format!("/me/blocks/{}", bob.id()), &json!({})).await;

    for path in ["/messages/search?q=word", "/conversations/1/messages/search?q=word"] {
        assert_eq!(bodies(&ann.get(path).await.is(200)), ["a word of ann"]);
        assert_eq!(bodies(&bob.get(path).await.is(200)), ["a word of ann", "a word of bob"]);
    }
}

#[actix_web::test]
async fn invalid_searches_are_reported_by_field_and_rule() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let long = format!("/messages/search?q={}", "x".repeat(65));
    let many = format!("/messages/search?q={}", "x+".repeat(11));
    ann.send_message(1, "one").await;
    ann.send_message(1, "two").await;
    let page = ann.get("/conversations/1/messages?limit=1").await.is(200);
    let of_another_list =
        format!("/messages/search?q=x&before={}", page["before"].as_str().unwrap());
    let cases = [
        ("/messages/search", "q", "required"),
        ("/messages/search?q=", "q", "blank"),
        ("/messages/search?q=%22*%22", "q", "blank"),
        (&long, "q", "max_length"),
        (&many, "q", "max_words"),
        ("/messages/search?q=x&limit=0", "limit", "range"),
        ("/messages/search?q=x&before=x", "before", "cursor"),
        (&of_another_list, "before", "cursor"),
        ("/messages/search?q=x&after=x", "after", "unknown"),
    ];

    for (path, field, rule) in cases {
        let answer = ann.get(path).await;

        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{path}");
    }
}

#[actix_web::test]
async fn searches_of_one_user_wait_for_each_other() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    ann.send_message(1, "a word").await;
    let mut hold = world.store.hold_next(Operation::Search);

    let search = || ann.get("/messages/search?q=word");
    let release = async {
        hold.reached().await;
        assert_eq!(world.store.calls(Operation::Search), 1);
        hold.release();
    };
    let (first, second, third, ()) = tokio::join!(search(), search(), search(), release);

    for page in [first, second, third] {
        assert_eq!(bodies(&page.is(200)), ["a word"]);
    }
}

#[actix_web::test]
async fn searches_and_exports_count_like_messages() {
    let clock = Arc::new(ManualClock::default());
    let messages_by_account = Quota::new(1, Duration::from_mins(1), 2);
    let rules = LimitRules { messages_by_account, ..testkit::values::wide_limits() };
    let world = World::limited(&clock, rules);
    let ann = Client::new(&world, "ann").await;

    ann.get("/messages/search?q=x").await.is(200);
    ann.get("/conversations/1/messages/search?q=x").await.is(200);

    for path in ["/messages/search?q=x", "/conversations/1/export"] {
        let refused = ann.get(path).await;
        assert_eq!(refused.problem(), "too-many-requests");
        assert_eq!(refused.header("retry-after"), Some("60"));
    }
}

#[actix_web::test]
async fn waiting_searches_do_not_hold_up_other_reads() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let _held = world.store.hold_next(Operation::Search);
    let searches = (0..40).map(|_| Box::pin(ann.get("/messages/search?q=word")));

    tokio::select! {
        biased;
        _ = select_all(searches) => panic!("a search ended before another read"),
        me = bob.get("/me") => drop(me.is(200)),
    }
}
