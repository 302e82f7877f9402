//! Presence of other users, and profile changes on the devices of the user.

use application::PresenceTiming;
use application::ports::AccountStore as _;
use domain::{Account, DisplayName, ProfileUpdate, Update};
use serde_json::{Value, json};

use crate::world::{Options, World};

fn hiding(hides: bool) -> ProfileUpdate {
    ProfileUpdate { hides_presence: Some(hides), ..ProfileUpdate::default() }
}

impl World {
    async fn edit(&self, account: &Account, update: ProfileUpdate) {
        self.services.accounts.edit_profile(account, update).await.unwrap();
    }
}

fn presence(name: &str, online: bool) -> Value {
    json!({"type": "presence", "username": name, "online": online})
}

#[actix_web::test]
async fn hiding_presence_takes_effect_at_once_both_ways() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let (mut b, _) = world.hello(&bob).await;
    assert_eq!(b.wait("presence").await, presence("bob", true));
    let (mut one, _) = world.hello(&ann).await;
    let (mut other, _) = world.hello(&ann).await;
    assert_eq!(b.wait("presence").await, presence("ann", true));

    world.edit(&ann, hiding(true)).await;
    assert_eq!(b.wait("presence").await, presence("ann", false));
    let (_, hello) = world.hello(&bob).await;
    let (third, _) = world.hello(&ann).await;
    drop(third);
    world.edit(&ann, hiding(false)).await;
    assert_eq!(b.wait("presence").await, presence("ann", true));

    assert_eq!(hello["online"], json!(["bob"]));
    for device in [&mut one, &mut other] {
        for hides in [true, false] {
            let frame = device.wait("me").await;
            let want = json!({
                "type": "me", "display_name": null, "about": null, "hide_presence": hides,
                "added_by": "everyone",
            });
            assert_eq!(frame, want);
        }
    }
}

#[actix_web::test]
async fn only_the_first_and_the_last_socket_of_a_user_change_presence() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let (mut b, _) = world.hello(&bob).await;
    assert_eq!(b.wait("presence").await, presence("bob", true));

    let (one, _) = world.hello(&ann).await;
    let (other, _) = world.hello(&ann).await;
    assert_eq!(b.wait("presence").await, presence("ann", true));
    drop(one);
    drop(other);

    assert_eq!(b.wait("presence").await, presence("ann", false));
}

/// The compat API shows every connection, as its reference does.
#[actix_web::test]
async fn a_socket_of_either_api_keeps_a_user_online() {
    let world = World::start(Options::parity());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let (mut watching, _) = world.hello(&bob).await;
    let mut lobby = world.enter("eve").await;
    let (one, _) = world.hello(&ann).await;
    while watching.wait("presence").await != presence("ann", true) {}
    let other = world.enter_again(&ann).await;

    drop(one);
    world.wait_connections("ann", 1).await;
    let (again, _) = world.hello(&ann).await;
    drop(other);
    world.wait_connections("ann", 1).await;
    drop(again);

    assert_eq!(watching.wait("presence").await, presence("ann", false));
    lobby.wait_online(|online| !online.contains(&"ann")).await;
    assert_eq!(lobby.count("user_leave"), 3);
    assert_eq!(watching.frames.iter().filter(|frame| frame["username"] == "ann").count(), 2);
}

#[actix_web::test]
async fn the_sweep_finds_changes_of_another_node() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let (mut b, _) = world.hello(&bob).await;
    let (mut a, _) = world.hello(&ann).await;
    while b.wait("presence").await != presence("ann", true) {}
    let display_name = Update::Set(Some(DisplayName::parse("Ann").unwrap()));

    let update = ProfileUpdate { display_name, ..hiding(true) };
    world.chat.set_profile(ann.id, update).await.unwrap();

    while b.wait("presence").await != presence("ann", false) {}
    let frame = a.wait("me").await;
    assert_eq!((&frame["display_name"], &frame["hide_presence"]), (&json!("Ann"), &json!(true)));
}

#[actix_web::test]
async fn a_user_hidden_from_the_start_never_appears() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    world.chat.set_profile(ann.id, hiding(true)).await.unwrap();
    let (mut a, hello) = world.hello(&ann).await;

    let (_b, of_bob) = world.hello(&bob).await;
    let frame = a.wait("presence").await;

    assert_eq!((&hello["online"], &of_bob["online"]), (&json!([]), &json!(["bob"])));
    assert_eq!(frame, presence("bob", true));
}

/// On both sides at once, whichever of the two blocks, and in every kind of frame.
#[actix_web::test]
async fn a_block_hides_presence_on_both_sides() {
    for presence_timing in [PresenceTiming::Coalesced, PresenceTiming::OneByOne] {
        let world =
            World::start(Options { presence: presence_timing, ..Options::default_profile() });
        let (ann, bob) = (world.account("ann").await, world.account("bob").await);
        let (mut a, _) = world.hello(&ann).await;
        let (mut b, _) = world.hello(&bob).await;
        while a.wait("presence").await != presence("bob", true) {}
        let block = async |present| {
            world.services.chat.set_blocked(&ann, bob.id, present).await.unwrap();
        };

        block(true).await;
        assert_eq!(a.wait("presence").await, presence("bob", false));
        while b.wait("presence").await != presence("ann", false) {}
        let (another, hello) = world.hello(&ann).await;
        assert_eq!(hello["online"], json!(["ann"]));
        drop((another, a));
        let (mut a, _) = world.hello(&ann).await;
        let eve = world.account("eve").await;
        let (_eve, _) = world.hello(&eve).await;

        assert_eq!(b.wait("presence").await, presence("eve", true), "nothing about ann");
        block(false).await;
        assert_eq!(b.wait("presence").await, presence("ann", true));
        while a.wait("presence").await != presence("bob", true) {}
    }
}
