//! Bans remove the reactions of the banned user.

use std::sync::Arc;

use application::{Batcher, Chat, ChatPorts, Hub, HubTiming, Limits, SearchIndexer};
use domain::{Action, Emoji, MessageId, Role};
use memory::{InMemoryChat, InProcessBus};
use testkit::values::{intent, leave, send};
use testkit::{
    FaultyStore, Fixture, ManualClock, Operation, RecordingBroadcast, SequentialIds, TEST_TIMEOUT,
};
use tokio::time::timeout;

struct World {
    chat: Chat,
    store: Arc<FaultyStore>,
    fixture: Fixture,
}

fn world() -> World {
    let clock = Arc::<ManualClock>::default();
    let memory = Arc::new(InMemoryChat::new(clock.clone()));
    let fixture = Fixture::over(memory, clock.clone());
    let store = Arc::new(FaultyStore::around(fixture.conversations.clone()));
    let bus = Arc::new(InProcessBus::linked(1).remove(0));
    let (hub, hub_task) = Hub::new(
        store.clone(),
        fixture.accounts.clone(),
        bus.clone(),
        Arc::new(RecordingBroadcast::default()),
        HubTiming::default(),
    );
    let (indexer, _) = SearchIndexer::new(fixture.search_index.clone());
    let (batcher, writer) = Batcher::new(store.clone(), hub.clone(), bus, indexer);
    tokio::spawn(hub_task.run());
    tokio::spawn(writer.run());
    let ports = ChatPorts {
        conversations: store.clone(),
        inbox: fixture.inbox.clone(),
        invites: fixture.invites.clone(),
        audits: fixture.audits.clone(),
        accounts: fixture.accounts.clone(),
        clock,
        ids: Arc::new(SequentialIds::default()),
    };
    World { chat: Chat::new(ports, batcher, hub, Limits::off()), store, fixture }
}

#[tokio::test]
async fn a_moderator_who_leaves_during_a_ban_ends_the_clearing() {
    let World { chat, store, fixture } = world();
    let (ann, bob) = (fixture.user("ann").await, fixture.account("bob").await);
    let eve = fixture.user("eve").await;
    let group =
        fixture.group(&[(ann, Role::Owner), (bob.id, Role::Owner), (eve, Role::Member)]).await;
    let message: MessageId = fixture.message(send(group, ann, 1, "x")).await.id;
    let emoji = Emoji::parse("👍").unwrap();
    let react = Action::React { message, emoji, present: true };
    fixture.commit(vec![intent(group, eve, react)]).await.remove(0).unwrap();
    let mut reading = store.hold_next(Operation::Page);

    let banning = tokio::spawn(async move {
        chat.act(&bob, group, Action::Ban { user: eve }).await.map(|_| bob.id)
    });
    reading.reached().await;
    let bob = fixture.accounts.by_username("bob").await.unwrap().unwrap().account.id;
    fixture.commit(vec![leave(group, bob)]).await.remove(0).unwrap();
    reading.release();

    timeout(TEST_TIMEOUT, banning).await.expect("the clearing ends").unwrap().unwrap();
}
