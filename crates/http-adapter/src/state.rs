//! The shared state of the handlers of REST and of the pages.

use std::sync::Arc;

use application::accounts::Accounts;
use application::ports::{IdSource, SnapshotLimit};
use application::{Chat, Snapshots};
use bytes::Bytes;
use time::UtcOffset;

use crate::budget::Budget;
use crate::cors::AllowedOrigins;
use crate::health::Readiness;
use crate::proxies::TrustedProxies;
use crate::reads::Reads;
use crate::sockets::SocketTimeouts;

/// Shared by all workers.
pub struct State {
    pub settings: CompatSettings,
    /// The longest text of a message of v1, in Unicode scalar values.
    pub message_chars: usize,
    pub accounts: Accounts,
    pub chat: Chat,
    /// The newest messages as a JSON array, which [`crate::list_renderer`] renders.
    pub list: Snapshots<Bytes>,
    pub ids: Arc<dyn IdSource>,
    pub readiness: Readiness,
    /// Bounds the bytes of all request bodies, and of answers that wait for their clients. Shared
    /// with the sockets.
    pub budget: Budget,
    pub reads: Reads,
    pub proxies: TrustedProxies,
    pub origins: AllowedOrigins,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompatSettings {
    /// Bounds the message list and history frames.
    pub history: SnapshotLimit,
    /// The offset of times in responses and frames.
    pub utc_offset: UtcOffset,
    /// Whether to resend the history to clients that may have lost rows.
    pub heal: bool,
    /// The React client does not reconnect, so it is given more time than others.
    pub timeouts: SocketTimeouts,
    /// The longest text of a message, in bytes of UTF-8.
    pub message_bytes: usize,
    /// The longest request body, in bytes.
    pub body_bytes: usize,
}
