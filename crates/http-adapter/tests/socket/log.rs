use serde_json::json;
use testkit::{Fault, Operation, PlainSigner};

use crate::client::Client;
use crate::world::{LOBBY, Options, World, until};

impl World {
    /// The only error of the workers, once there is one.
    async fn only_error(&self) -> String {
        until(|| !self.log.errors().is_empty()).await;
        let errors = self.log.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.into_iter().next().unwrap()
    }
}

#[actix_web::test]
async fn a_failed_frame_logs_its_cause_once_and_never_shows_it() {
    let world = World::start(Options::default_profile());
    let (mut client, _) = world.hello(&world.account("ann").await).await;
    world.store.fail_next(Operation::Commit, Fault::Unreachable);
    // Also shows what the use cases log, which run on this thread.
    let watched = world.log.watch();

    let send = json!({"type": "send", "conversation": LOBBY.get(), "body": "private"});
    let answer = client.ask(send).await;
    drop(watched);

    assert_eq!(answer["problem"]["type"], "/api/v1/problems/unavailable");
    assert!(!answer.to_string().contains("fault"), "{answer}");
    let error = world.only_error().await;
    assert!(error.contains("inject a fault failed") && error.contains("Unreachable"), "{error}");
    assert!(!error.contains("private"), "{error}");
}

#[actix_web::test]
async fn a_socket_closed_by_a_failure_logs_its_cause_once() {
    let world = World::start(Options::parity());
    let mut ann = world.enter("ann").await;
    world.store.fail_next(Operation::Commit, Fault::Failed);
    ann.say("private").await;
    assert_eq!(ann.closed().await, Some(1013));
    let error = world.only_error().await;
    assert!(error.contains("inject a fault failed") && error.contains("Failed"), "{error}");
    assert!(!error.contains("private"), "{error}");

    let world = World::start(Options::default_profile());
    let token = PlainSigner::for_v1(&world.token(&world.account("ann").await));
    world.store.fail_next(Operation::Heads, Fault::Unreachable);
    let mut ann = Client::connect(world.address, "/api/v1/ws").await;
    ann.send_json(json!({"type": "auth", "ref": "0", "token": token})).await;
    assert_eq!(ann.closed().await, Some(1013));
    let error = world.only_error().await;
    assert!(error.contains("inject a fault failed") && error.contains("Unreachable"), "{error}");
}
