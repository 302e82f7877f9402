//! Socket options of client connections.

use std::error::Error;
use std::io;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use socket2::SockRef;

/// The requested send buffer of one client, in bytes.
const SEND_BUFFER: usize = 128 * 1024;

/// Bounds the send buffer, and sets `TCP_USER_TIMEOUT`: the kernel drops a peer that acknowledges
/// nothing for this long.
pub(super) fn tune(connection: &TcpStream, user_timeout: Duration) {
    // The server's own timeouts still apply if this fails.
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
