//! What the kernel may hold, and for how long.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::SockRef;

/// Bytes that the kernel is asked to hold for one client.
const SEND_BUFFER: usize = 128 * 1024;

/// Bounds the kernel's share of a connection: little waits there, and a peer
/// that acknowledges nothing for `silence`, or reads nothing, is given up.
/// To be called for each accepted connection.
///
/// # Errors
///
/// What the kernel said.
pub(super) fn tune(connection: &impl AsFd, silence: Duration) -> io::Result<()> {
    let socket = SockRef::from(connection);
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(silence))?;
    #[cfg(not(target_os = "linux"))]
    let _ = silence;
    Ok(())
}
