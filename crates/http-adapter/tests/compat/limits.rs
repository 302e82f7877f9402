use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use application::LimitRules;
use application::ports::{Backoff, Quota};
use serde_json::json;
use testkit::ManualClock;
use testkit::values::wide_limits;

use crate::world::{Answer, LOGIN, MESSAGES, REGISTER, World, detail, signup};

const MINUTE: Duration = Duration::from_mins(1);
const NO_ACCOUNT: &str = "No active account found with the given credentials";

fn limited(rules: LimitRules) -> (World, Arc<ManualClock>) {
    let clock = Arc::default();
    (World::limited(&clock, rules), clock)
}

/// Signs in from `peer`, as a proxy of `client`.
async fn sign_in(world: &World, peer: &str, client: Option<&str>, password: &str) -> Answer {
    let body = json!({"username": "ann", "password": password});
    let mut request = TestRequest::post().uri(LOGIN).set_json(&body);
    request = request.peer_addr(format!("{peer}:4711").parse().unwrap());
    if let Some(client) = client {
        request = request.insert_header(("x-forwarded-for", client));
    }
    world.send(request).await
}

#[actix_web::test]
async fn a_limited_sign_in_is_a_429_with_the_wait() {
    let backoff = Backoff { free: 2, longest: 30 * MINUTE, forgotten_after: 60 * MINUTE };
    let (world, clock) = limited(LimitRules { failed_sign_ins: backoff, ..wide_limits() });
    world.user("ann").await;
    let cases = [
        (0, "wrong", StatusCode::UNAUTHORIZED, NO_ACCOUNT, None),
        (0, "wrong", StatusCode::UNAUTHORIZED, NO_ACCOUNT, None),
        (
            0,
            "s3cret",
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts. Try again in 1 second.",
            Some("1"),
        ),
        (1, "wrong", StatusCode::UNAUTHORIZED, NO_ACCOUNT, None),
        (
            0,
            "wrong",
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts. Try again in 2 seconds.",
            Some("2"),
        ),
    ];
    for (pause, password, status, text, retry_after) in cases {
        clock.advance(Duration::from_secs(pause));

        let answer = sign_in(&world, "192.0.2.7", None, password).await;

        answer.expect(status, &json!({"detail": text}));
        assert_eq!(answer.header("retry-after"), retry_after);
    }
    clock.advance(2 * MINUTE);
    assert_eq!(sign_in(&world, "192.0.2.7", None, "s3cret").await.status, 200);
}

#[actix_web::test]
async fn long_waits_are_reported_in_minutes() {
    let rare = Quota::new(2, 5 * MINUTE, 1);
    let (world, _) = limited(LimitRules { credentials_by_address: rare, ..wide_limits() });
    assert_eq!(sign_in(&world, "192.0.2.7", None, "wrong").await.status, 401);

    let answer = sign_in(&world, "192.0.2.7", None, "wrong").await;

    let text = "Too many attempts. Try again in 3 minutes.";
    answer.expect(StatusCode::TOO_MANY_REQUESTS, &json!({"detail": text}));
    assert_eq!(answer.header("retry-after"), Some("150"));
}

#[actix_web::test]
async fn only_trusted_proxies_separate_their_clients() {
    let once = Quota::new(1, MINUTE, 1);
    let (world, _) = limited(LimitRules { credentials_by_address: once, ..wide_limits() });
    let cases = [
        ("10.0.0.1", Some("198.51.100.1"), 401),
        ("10.0.0.2", Some("203.0.113.9, 198.51.100.1"), 429),
        ("10.0.0.1", Some("198.51.100.2"), 401),
        ("192.0.2.7", Some("198.51.100.3"), 401),
        ("192.0.2.7", Some("198.51.100.4"), 429),
        ("192.0.2.8", Some("198.51.100.1"), 401),
    ];
    for (peer, forwarded, want) in cases {
        let answer = sign_in(&world, peer, forwarded, "wrong").await;
        assert_eq!(answer.status, want, "{peer} for {forwarded:?}");
    }
}

/// The React client hangs on any other status, and crashes on any other shape.
#[actix_web::test]
async fn a_limited_registration_is_a_field_error() {
    let want = json!({"username": ["Too many attempts. Try again in 60 seconds."]});
    let once = Quota::new(1, MINUTE, 1);
    let by_count = LimitRules { registrations_by_address: once, ..wide_limits() };
    let by_names = LimitRules { credentials_by_address: once, ..wide_limits() };
    let no_password = json!({"username": "bob", "email": "ann@example.com", "password": ""});
    for (rules, first) in
        [(by_count, signup("ann")), (by_count, no_password.clone()), (by_names, no_password)]
    {
        let (world, clock) = limited(rules);
        world.post(REGISTER, &first).await;

        let answer =
            world.post(REGISTER, &json!({"username": "bob", "email": "bob@example.com"})).await;

        answer.expect(StatusCode::BAD_REQUEST, &want);
        clock.advance(MINUTE);
        world.user("bob").await;
    }
}

/// To ask about an address costs a registration.
#[actix_web::test]
async fn forms_without_a_valid_address_do_not_count_as_registrations() {
    let once = Quota::new(1, MINUTE, 1);
    let (world, _) = limited(LimitRules { registrations_by_address: once, ..wide_limits() });
    for _ in 0..20 {
        let answer = world.post(REGISTER, &json!({"username": "ann", "email": "no"})).await;
        assert_eq!(answer.status, 400);
    }

    world.user("ann").await;
}

#[actix_web::test]
async fn exceeding_the_message_rate_is_a_429_and_stores_nothing() {
    let (world, clock) =
        limited(LimitRules { messages_by_account: Quota::new(1, MINUTE, 1), ..wide_limits() });
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let message = world.message(&ann, "first").await;
    let text = json!({"content": "second", "author": ann.id});
    let path = detail(&message);

    for (method, path, body) in [
        (Method::POST, MESSAGES, json!({"content": "second", "author": ann.id})),
        (Method::PUT, path.as_str(), text.clone()),
        (Method::PATCH, path.as_str(), text),
        (Method::DELETE, path.as_str(), json!({})),
    ] {
        let answer = world.json(method.clone(), path, Some(&ann), &body).await;
        let want = json!({"detail": "Too many attempts. Try again in 60 seconds."});
        answer.expect(StatusCode::TOO_MANY_REQUESTS, &want);
        assert_eq!(answer.header("retry-after"), Some("60"), "{method}");
    }

    let list = world.request(Method::GET, MESSAGES, Some(&bob)).await.value();
    assert_eq!(list, json!([message]));
    world.message(&bob, "mine").await;
    clock.advance(MINUTE);
    assert_eq!(world.request(Method::DELETE, &path, Some(&ann)).await.status, 204);
}

#[actix_web::test]
async fn reads_have_a_rate_by_account_and_by_address() {
    let once = Quota::new(1, MINUTE, 1);
    for rules in [
        LimitRules { reads_by_account: once, ..wide_limits() },
        LimitRules { reads_by_address: once, ..wide_limits() },
    ] {
        let (world, clock) = limited(rules);
        let ann = world.user("ann").await;
        assert_eq!(world.request(Method::GET, MESSAGES, Some(&ann)).await.status, 200);

        let refused = world.request(Method::GET, MESSAGES, Some(&ann)).await;
        world.message(&ann, "a write is no read").await;
        clock.advance(MINUTE);

        let text = "Too many attempts. Try again in 60 seconds.";
        refused.expect(StatusCode::TOO_MANY_REQUESTS, &json!({"detail": text}));
        assert_eq!(refused.header("retry-after"), Some("60"));
        assert_eq!(world.request(Method::GET, MESSAGES, Some(&ann)).await.status, 200);
    }
}

#[actix_web::test]
async fn a_network_of_ipv6_reads_four_times_as_fast_as_an_address() {
    let once = Quota::new(1, MINUTE, 1);
    let (world, _) = limited(LimitRules { reads_by_address: once, ..wide_limits() });
    let ann = world.user("ann").await;

    let mut statuses = Vec::new();
    for network in 0..6 {
        let request = TestRequest::get()
            .uri(MESSAGES)
            .insert_header(("authorization", format!("Bearer {}", ann.access)))
            .peer_addr(format!("[2001:db8:0:{network}::1]:4711").parse().unwrap());
        statuses.push(world.send(request).await.status);
    }

    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
}

#[actix_web::test]
async fn texts_cost_what_they_weigh() {
    let two_kib = Quota::new(1, MINUTE, 2);
    for rules in [
        LimitRules { text_by_account: two_kib, ..wide_limits() },
        LimitRules { daily_text_by_account: two_kib, ..wide_limits() },
    ] {
        let (world, clock) = limited(rules);
        let (ann, bob) = (world.user("ann").await, world.user("bob").await);
        let text = json!({"content": "x", "author": ann.id});
        world.message(&ann, &"x".repeat(1_025)).await;

        let refused = world.json(Method::POST, MESSAGES, Some(&ann), &text).await;
        world.message(&bob, "another account").await;
        clock.advance(MINUTE);

        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
        world.message(&ann, "x").await;
    }
}
