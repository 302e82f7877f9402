//! The policy's decisions on every intent, by actor, role and conversation.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod conversations;
mod invitations;
mod members;
mod mentions;
mod messages;
mod moderation;
mod needs;
mod scene;
