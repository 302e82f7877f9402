//! A message bus within this process.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{Bus, BusEvent};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};
use tokio::sync::Notify;

/// One node's end of a bus, with or without other nodes.
#[derive(Debug)]
pub struct InProcessBus {
    index: usize,
    nodes: Arc<[Node]>,
}

#[derive(Debug, Default)]
struct Node {
    inbox: Mutex<Inbox>,
    arrival: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    wanted: HashSet<ConversationId>,
    events: VecDeque<BusEvent>,
    losing: bool,
}

impl InProcessBus {
    /// Publications that may wait for a node. Further ones drop the whole queue, and the node
    /// must sweep.
    pub const CAPACITY: usize = 1_024;

    /// The bus of a single node: it never receives anything.
    #[must_use]
    pub fn single() -> Self {
        Self { index: 0, nodes: Arc::new([Node::default()]) }
    }

    /// Returns the ends of `nodes` nodes on one bus.
    #[must_use]
    pub fn linked(nodes: usize) -> Vec<Self> {
        let nodes: Arc<[Node]> = (0..nodes).map(|_| Node::default()).collect();
        (0..nodes.len()).map(|index| Self { index, nodes: Arc::clone(&nodes) }).collect()
    }

    /// Loses all further hints to this node while `losing`; for tests.
    pub fn lose_hints(&self, losing: bool) {
        if let Some(node) = self.own_node() {
            node.inbox().losing = losing;
        }
    }

    /// Delivers an event to this node itself; for tests.
    pub fn say(&self, event: BusEvent) {
        if let Some(node) = self.own_node() {
            node.inbox().events.push_back(event);
            node.arrival.notify_one();
        }
    }

    fn own_node(&self) -> Option<&Node> {
        self.nodes.get(self.index)
    }

    fn others(&self) -> impl Iterator<Item = &Node> {
        let others = self.nodes.iter().enumerate().filter(|(index, _)| *index != self.index);
        others.map(|(_, node)| node)
    }
}

impl Node {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push_changes(&self, changes: &[Change]) {
        {
            let mut inbox = self.inbox();
            let is_wanted = |change: &&Change| inbox.wanted.contains(&change.conversation());
            let wanted: Vec<Change> = changes.iter().filter(is_wanted).cloned().collect();
            if wanted.is_empty() || inbox.losing {
                return;
            }
            if inbox.events.len() < InProcessBus::CAPACITY {
                inbox.events.push_back(BusEvent::Changed(wanted));
            } else {
                inbox.events.clear();
                inbox.events.push_back(BusEvent::Reconnected);
            }
        }
        self.arrival.notify_one();
    }

    fn push_ephemeral(&self, event: &EphemeralEvent) {
        {
            let mut inbox = self.inbox();
            let is_wanted = inbox.wanted.contains(&event.conversation) && !inbox.losing;
            if !is_wanted || inbox.events.len() >= InProcessBus::CAPACITY / 2 {
                return;
            }
            inbox.events.push_back(BusEvent::Ephemeral(event.clone()));
        }
        self.arrival.notify_one();
    }
}

#[async_trait]
impl Bus for InProcessBus {
    async fn publish(&self, changes: &[Change]) {
        self.others().for_each(|node| node.push_changes(changes));
    }

    async fn publish_ephemeral(&self, event: &EphemeralEvent) {
        self.others().for_each(|node| node.push_ephemeral(event));
    }

    async fn subscribe(&self, conversation: ConversationId, wanted: bool) {
        if let Some(node) = self.own_node() {
            let mut inbox = node.inbox();
            if wanted {
                inbox.wanted.insert(conversation);
            } else {
                inbox.wanted.remove(&conversation);
            }
        }
    }

    fn is_connected(&self) -> bool {
        true
    }

    async fn next(&self) -> BusEvent {
        let Some(node) = self.own_node() else { return std::future::pending().await };
        loop {
            // Keeps a permit if something arrives after the check below.
            let arrival = node.arrival.notified();
            let event = node.inbox().events.pop_front();
            if let Some(event) = event {
                return event;
            }
            arrival.await;
        }
    }
}
