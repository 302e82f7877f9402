//! The contracts of the storage ports.

use std::sync::Arc;

use persistence::{PostgresChat, PostgresOptions};
use testkit::{Fixture, ManualClock};

use crate::database::Database;

async fn fresh() -> Fixture {
    let database = Database::create().await;
    let clock = Arc::new(ManualClock::default());
    let options = PostgresOptions { connections: 4 };
    let chat = PostgresChat::open(&database.url, clock.clone(), options).await.unwrap();
    Fixture::over(Arc::new(chat), clock)
}

testkit::conversation_store_contract!(fresh);
testkit::account_store_contract!(fresh);
testkit::session_store_contract!(fresh);
testkit::inbox_store_contract!(fresh);
testkit::invite_store_contract!(fresh);
testkit::model_contract!(fresh);
testkit::known_address_store_contract!(fresh);
