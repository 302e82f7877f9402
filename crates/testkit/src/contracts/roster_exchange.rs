//! The contract of [`application::ports::RosterExchange`].

pub mod announcing;
pub mod leasing;

use std::sync::Arc;

use application::ports::{NodeId, Roster, RosterExchange, RosterMoves};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::values::username;

/// Three nodes at one healthy exchange, each with its id.
pub type Nodes = Vec<(NodeId, Arc<dyn RosterExchange>)>;

/// Runs every case of the contract as its own test.
///
/// `$linked` is an `async fn() -> Nodes` that makes three nodes at one healthy
/// exchange, which hear each other.
#[macro_export]
macro_rules! roster_exchange_contract {
    ($linked:ident) => {
        $crate::contract_cases! { roster_exchange, $linked,
            leasing: {
                a_renewal_brings_the_rosters_of_all_others,
                a_renewal_takes_the_place_of_the_one_before,
                a_roster_that_was_withdrawn_is_gone_until_it_is_renewed,
                rosters_of_many_and_strange_names_are_read_as_they_were_written,
                all_nodes_see_the_same_instance_for_as_long_as_it_lives,
                nodes_that_renew_at_once_miss_nobody,
            }
            announcing: {
                every_other_node_hears_of_moves_and_whose_they_are,
                moves_are_heard_in_their_order,
                as_many_moves_as_one_likes_are_heard_whole,
                a_version_alone_is_heard,
                giving_up_waiting_loses_nothing,
                telling_never_waits_for_those_who_do_not_listen,
            }
        }
    };
}

fn roster(version: u64, online: &[(&str, u32)]) -> Roster {
    let online = online.iter().map(|(name, count)| (username(name), *count)).collect();
    Roster { version, online }
}

fn coming(version: u64, name: &str) -> RosterMoves {
    RosterMoves { version, moves: vec![(username(name), true)] }
}

/// The next hint.
async fn hear(node: &dyn RosterExchange) -> (NodeId, RosterMoves) {
    timeout(PATIENCE, node.next()).await.expect("nothing was heard")
}
