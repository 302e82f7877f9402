//! Accounts and tokens, over stores in memory.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod authenticate;
mod limits;
mod manage_accounts;
mod refresh;
mod register;
mod sign_in;
mod verify_token;
mod world;
