//! The socket that the server listens on.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Somebody listens there already.
    #[error("{0} is in use by another program; stop it, or set http.bind (CHAT__HTTP__BIND)")]
    InUse(SocketAddr),
    /// A port that only an administrator may take.
    #[error("listening on {0} is not permitted; take a port from 1024 on")]
    NotPermitted(SocketAddr),
    /// No interface of this machine has the address.
    #[error("{0} is not an address of this machine; set http.bind (CHAT__HTTP__BIND)")]
    NotHere(SocketAddr),
    /// Anything else.
    #[error("listening on {address} failed")]
    Other { address: SocketAddr, source: io::Error },
}

/// Connections that may wait to be accepted: many clients come back at once
/// after a restart. The system may cut it down (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Listens on `address`. The listener does not block.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    open(address).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => ListenError::InUse(address),
        ErrorKind::PermissionDenied => ListenError::NotPermitted(address),
        ErrorKind::AddrNotAvailable => ListenError::NotHere(address),
        _ => ListenError::Other { address, source },
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a server before us, closed but not forgotten, do not count.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpStream};

    use super::{ListenError, listen};

    #[test]
    fn clients_reach_the_listener() {
        for any_port in ["127.0.0.1:0", "[::1]:0"] {
            let listener = listen(any_port.parse().unwrap()).unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        }
    }

    #[test]
    fn an_address_in_use_is_told_as_such() {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = listen(any_port).unwrap();
        let address = first.local_addr().unwrap();

        let second = listen(address).unwrap_err();

        assert!(matches!(second, ListenError::InUse(told) if told == address), "{second}");
    }

    #[test]
    fn an_address_of_another_machine_is_told_as_such() {
        // TEST-NET-1, which no machine has.
        let error = listen(SocketAddr::from(([192, 0, 2, 1], 0))).unwrap_err();

        assert!(matches!(error, ListenError::NotHere(_)), "{error}");
    }
}
