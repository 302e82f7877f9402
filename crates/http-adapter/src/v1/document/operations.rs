//! Every operation, in the order of `v1.rs`.

mod accounts;
mod conversations;
mod members;
mod messages;

use super::operation::{Operation, get};
use crate::v1::problem::Kind;
use crate::v1::problems::ProblemKindResponse;

/// All of them.
pub(super) fn all() -> Vec<Operation> {
    let groups = [
        accounts::all(),
        conversations::all(),
        messages::all(),
        members::all(),
        members::invitations(),
        about(),
    ];
    groups.into_iter().flatten().collect()
}

fn about() -> Vec<Operation> {
    vec![
        get("/ws", "open_socket", "Open the socket, which asyncapi.json describes")
            .open_or_signed()
            .does(101, "Frames from now on.")
            .refuses(&[Kind::InvalidRequest, Kind::TooManyRequests]),
        get("/problems/{name}", "show_problem", "What a kind of problem means")
            .open()
            .answers::<ProblemKindResponse>(200, "The kind."),
        get("/openapi.json", "show_openapi", "This document")
            .open()
            .answers_document("OpenAPI 3.1."),
        get("/asyncapi.json", "show_asyncapi", "The same of the socket")
            .open()
            .answers_document("AsyncAPI 3.0."),
    ]
}
