//! What the storage ports promise together, checked through [`application::Chat`]
//! against a model: a client that applies changes knows what a client that
//! fetches everything sees.
//!
//! - `random_actions` proposes what users do,
//! - `state` and `conversation` predict the rows from the answers that users get,
//! - `client` is a client that is written as the documentation says,
//! - `system` runs the use cases on the stores under test,
//! - `run` puts them together.

mod client;
mod conversation;
mod random_actions;
mod run;
mod state;
mod system;

pub use run::applying_changes_equals_fetching_everything;

/// Runs the case as a test. `$fresh` is as for the contracts of the ports.
#[macro_export]
macro_rules! model_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { model, $fresh,
            applying_changes_equals_fetching_everything,
        }
    };
}
