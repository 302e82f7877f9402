//! Bounds on the kernel's share of a connection.

use std::error::Error;
use std::io;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use socket2::SockRef;

/// Bytes that the kernel is asked to buffer for one client.
const SEND_BUFFER: usize = 128 * 1024;

/// Keeps the send buffer small, and lets the kernel drop a peer that acknowledges nothing
/// for `user_timeout`.
pub(super) fn tune(connection: &TcpStream, user_timeout: Duration) {
    // The socket's own time-outs still apply if this fails.
    if let Err(error) = try_tune(&SockRef::from(connection), user_timeout) {
        tracing::debug!(
            error = &error as &dyn Error,
            "cannot set the options of a connection; it keeps the kernel's defaults"
        );
    }
}

fn try_tune(socket: &SockRef<'_>, user_timeout: Duration) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    Ok(())
}
