//! What all storage ports promise together, as those see it who use
//! [`application::Chat`]: who only applies changes knows what who fetches sees.

mod client;
pub mod histories;
mod record;
mod room;
mod wishes;
mod world;

/// Runs the case as a test; `$fresh` as for the contracts of the ports.
#[macro_export]
macro_rules! following_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { following, $fresh,
            histories: {
                who_applies_changes_ends_where_who_fetches_begins,
            }
        }
    };
}
