//! Lists need no statement for each item.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use persistence::{SqliteChat, SqliteOptions};
use testkit::{Fixture, ManualClock, costs};

static STATEMENTS: AtomicI64 = AtomicI64::new(0);

#[expect(clippy::unnecessary_wraps, reason = "diesel requires this signature")]
fn count() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            STATEMENTS.fetch_add(1, Ordering::SeqCst);
        }
    }))
}

async fn costs_of(count: usize) -> Vec<(&'static str, i64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(&path, clock.clone(), SqliteOptions::default()).unwrap();
    let fixture = Fixture::over(Arc::new(chat), clock);
    costs::of_lists(&fixture, count, async || STATEMENTS.load(Ordering::SeqCst)).await
}

#[tokio::test]
async fn a_list_of_100_needs_as_many_statements_as_a_list_of_1() {
    set_default_instrumentation(count).unwrap();

    let (one, hundred) = (costs_of(1).await, costs_of(100).await);

    assert!(one.iter().all(|(_, statements)| *statements > 0), "{one:?}");
    assert_eq!(one, hundred);
}
