//! The policy for text.

mod equality;
mod visibility;
