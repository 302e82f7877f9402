//! The use cases on the stores under test.

use std::sync::Arc;

use application::ports::ConversationStore;
use application::{Batcher, Chat, ChatPorts, Hub, HubTiming, Limits, SearchIndexer};
use domain::{Account, AddedBy, ProfileUpdate, UserId};
use tokio::task::JoinSet;

use crate::doubles::SingleNodeBus;
use crate::{Fixture, RecordingBroadcast, SequentialIds};

pub(super) struct System {
    pub(super) chat: Chat,
    /// The last one is a superuser.
    pub(super) accounts: Vec<Account>,
    pub(super) store: Arc<dyn ConversationStore>,
    /// Aborted when it is dropped.
    _tasks: JoinSet<()>,
    _fixture: Fixture,
}

impl System {
    pub(super) async fn new(fixture: Fixture) -> Self {
        let mut accounts = Vec::new();
        for name in ["ann", "ann.lee", "bob", "eve", "joe"] {
            accounts.push(fixture.account(name).await);
        }
        for (at, added_by) in [(3, AddedBy::Nobody), (4, AddedBy::Acquaintances)] {
            let update = ProfileUpdate { added_by: Some(added_by), ..ProfileUpdate::default() };
            let changed = fixture.accounts.set_profile(accounts[at].id, update).await.unwrap();
            accounts[at] = changed.unwrap();
        }
        accounts.push(fixture.superuser("root").await);
        let store = Arc::clone(&fixture.conversations);
        let (bus, local_broadcast) =
            (Arc::new(SingleNodeBus), Arc::new(RecordingBroadcast::default()));
        let people = Arc::clone(&fixture.accounts);
        let (hub, hub_task) = Hub::new(
            store.clone(),
            people.clone(),
            bus.clone(),
            local_broadcast,
            HubTiming::default(),
        );
        let (indexer, _) = SearchIndexer::new(fixture.search_index.clone());
        let (batcher, batcher_task) = Batcher::new(store.clone(), hub.clone(), bus, indexer);
        let mut tasks = JoinSet::new();
        tasks.spawn(hub_task.run());
        tasks.spawn(batcher_task.run());
        let ports = ChatPorts {
            conversations: store.clone(),
            inbox: fixture.inbox.clone(),
            invites: fixture.invites.clone(),
            audits: fixture.audits.clone(),
            accounts: people,
            clock: fixture.clock.clone(),
            ids: Arc::new(SequentialIds::default()),
        };
        let chat = Chat::new(ports, batcher, hub, Limits::off());
        Self { chat, accounts, store, _tasks: tasks, _fixture: fixture }
    }

    pub(super) fn account(&self, user: UserId) -> &Account {
        self.accounts.iter().find(|account| account.id == user).expect("an account of the system")
    }

    pub(super) fn users(&self) -> Vec<UserId> {
        self.accounts.iter().map(|account| account.id).collect()
    }
}
