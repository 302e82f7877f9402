//! The contract of [`application::ports::Bus`].

pub mod ephemeral;
pub mod hinting;

/// Runs every case of the contract as its own test.
///
/// `$linked` is an `async fn() -> Vec<Arc<dyn Bus>>` that makes three nodes
/// on one healthy bus.
#[macro_export]
macro_rules! bus_contract {
    ($linked:ident) => {
        $crate::contract_cases! { bus, $linked,
            hinting: {
                every_other_node_hears_what_was_committed,
                a_node_does_not_hear_itself,
                changes_are_heard_in_their_order,
                only_what_was_asked_for_is_heard,
                giving_up_waiting_loses_nothing,
                telling_never_waits_for_those_who_do_not_listen,
            }
            ephemeral: {
                every_other_node_that_asked_is_shown_it,
                signals_give_way_to_hints,
            }
        }
    };
}
