//! The verdict on every intent, by who wants it, as what, and where.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conversations;
mod members;
mod mentions;
mod messages;
mod moderation;
mod scene;
