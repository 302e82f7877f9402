//! The exchange within a process keeps its contract, and forgets what is not renewed.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{Roster, RosterExchange as _};
use memory::InProcessRosters;
use testkit::contracts::roster_exchange::Nodes;
use tokio::time::sleep;

fn linked() -> Ready<Nodes> {
    let end = |end: InProcessRosters| (end.node(), Arc::new(end) as _);
    ready(InProcessRosters::linked(3).into_iter().map(end).collect())
}

testkit::roster_exchange_contract!(linked);

#[tokio::test(start_paused = true)]
async fn a_lease_expires_unless_renewed() {
    let [one, two] = <[_; 2]>::try_from(InProcessRosters::linked(2)).unwrap();
    one.renew(&Roster::default()).await.unwrap();

    sleep(Duration::from_secs(11)).await;
    let before = two.renew(&Roster::default()).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let after = two.renew(&Roster::default()).await.unwrap();

    assert_eq!((before.others.len(), after.others.len()), (1, 0));
}

#[tokio::test]
async fn an_unreachable_exchange_fails_and_a_replaced_one_is_empty() {
    let [one, two] = <[_; 2]>::try_from(InProcessRosters::linked(2)).unwrap();
    let first = one.renew(&Roster::default()).await.unwrap();

    one.go_away(true);
    assert!(two.renew(&Roster::default()).await.is_err());
    one.go_away(false);
    one.start_over();
    let anew = two.renew(&Roster::default()).await.unwrap();

    assert_eq!(anew.others, []);
    assert_ne!(anew.instance, first.instance);
}

#[test]
fn a_single_node_has_no_others() {
    assert!(!InProcessRosters::single().has_others());
    assert!(InProcessRosters::linked(2).iter().all(InProcessRosters::has_others));
}
