//! How long a silent socket lives, and how much may wait for it.

use std::time::Duration;

use super::reader::Reader;

/// How long a silent socket lives, and how much may wait for it: section
/// `[socket]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketSettings {
    pub(crate) ping_interval: Duration,
    /// More than `ping_interval`.
    pub(crate) pong_timeout: Duration,
    /// From here on, ephemera are left out.
    pub(crate) queue_soft_bytes: usize,
    /// From here on, state replaces steps; not less than `queue_soft_bytes`.
    pub(crate) queue_hard_bytes: usize,
    pub(crate) stall_timeout: Duration,
    /// Of all sockets together; not less than `queue_hard_bytes`.
    pub(crate) budget_bytes: usize,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<SocketSettings> {
    let ping_interval = reader.seconds("socket.ping_interval_s", 1..=3600);
    let pong_timeout = reader.seconds("socket.pong_timeout_s", 1..=7200);
    let queue_soft_bytes = reader.integer("socket.queue_soft_bytes", 4096..=1 << 30);
    let queue_hard_bytes = reader.integer("socket.queue_hard_bytes", 4096..=1 << 30);
    let stall_timeout = reader.seconds("socket.stall_timeout_s", 1..=3600);
    let budget_bytes = reader.integer("socket.budget_bytes", 4096..=1 << 40);
    reader.at_least(
        ("socket.queue_hard_bytes", &queue_hard_bytes),
        ("socket.queue_soft_bytes", &queue_soft_bytes),
    );
    reader.at_least(
        ("socket.budget_bytes", &budget_bytes),
        ("socket.queue_hard_bytes", &queue_hard_bytes),
    );
    if let (Some(ping), Some(pong)) = (ping_interval, pong_timeout)
        && pong <= ping
    {
        reader.refuse("socket.pong_timeout_s", &"must be more than socket.ping_interval_s");
    }
    Some(SocketSettings {
        ping_interval: ping_interval?,
        pong_timeout: pong_timeout?,
        queue_soft_bytes: queue_soft_bytes?,
        queue_hard_bytes: queue_hard_bytes?,
        stall_timeout: stall_timeout?,
        budget_bytes: budget_bytes?,
    })
}
