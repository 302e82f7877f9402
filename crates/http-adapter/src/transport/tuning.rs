//! What the kernel may hold, and for how long.

use std::error::Error;
use std::io;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use socket2::SockRef;

/// Bytes that the kernel is asked to hold for one client.
const SEND_BUFFER: usize = 128 * 1024;

/// Bounds the kernel's share of a connection: little waits there, and a peer
/// that acknowledges nothing for `silence`, or reads nothing, is given up.
pub(super) fn tune(connection: &TcpStream, silence: Duration) {
    // Without it the connection is merely watched less closely.
    if let Err(error) = try_tune(&SockRef::from(connection), silence) {
        tracing::debug!(error = &error as &dyn Error, "a connection was not tuned");
    }
}

fn try_tune(socket: &SockRef<'_>, silence: Duration) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(silence))?;
    #[cfg(not(target_os = "linux"))]
    let _ = silence;
    Ok(())
}
