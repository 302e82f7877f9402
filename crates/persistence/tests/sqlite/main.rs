//! The storage ports on SQLite.

mod contracts;
mod corruption;
mod expired_sessions;
mod large_batches;
mod opening;
mod search_index;
mod threads;
mod two_programs;
