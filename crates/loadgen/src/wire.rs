//! HTTP requests and WebSocket frames.

pub(crate) mod frame;
mod rest;
mod socket;

pub(crate) use rest::Rest;
pub(crate) use socket::{Credentials, Sender, Socket};
