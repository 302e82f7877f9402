//! What goes over the wire, as a client sees it.

pub(crate) mod frame;
mod rest;
mod socket;

pub(crate) use rest::Rest;
pub(crate) use socket::{Credentials, Socket, Voice};
