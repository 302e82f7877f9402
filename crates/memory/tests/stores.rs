//! The storage ports in memory keep their contracts.

use std::future::{Ready, ready};
use std::sync::Arc;

use memory::InMemoryChat;
use testkit::{Fixture, ManualClock};

fn fresh() -> Ready<Fixture> {
    let clock = Arc::new(ManualClock::default());
    ready(Fixture::over(Arc::new(InMemoryChat::new(clock.clone())), clock))
}

testkit::conversation_store_contract!(fresh);
testkit::account_store_contract!(fresh);
testkit::session_store_contract!(fresh);
testkit::inbox_store_contract!(fresh);
testkit::invite_store_contract!(fresh);
testkit::model_contract!(fresh);
testkit::known_address_store_contract!(fresh);
