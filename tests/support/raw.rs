//! A bare TCP connection, for bytes that no library would send.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{server::Server, soon, user::User};

/// First byte of a whole text frame.
pub(crate) const TEXT: u8 = 0x81;
/// First byte of a whole binary frame.
pub(crate) const BINARY: u8 = 0x82;

pub(crate) struct Raw {
    stream: TcpStream,
    /// Received and not yet consumed.
    pending: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a close frame.
    fn close_code(&self) -> Option<u16> {
        match (self.opcode, self.payload.as_slice()) {
            (8, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

impl Raw {
    pub(crate) async fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        Self { stream, pending: Vec::new() }
    }

    /// Connects with the smallest receive buffer there is.
    pub(crate) async fn connect_narrow(server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        let stream = socket.connect(server.address()).await.unwrap();
        Self { stream, pending: Vec::new() }
    }

    /// Requests a lobby socket, without waiting for the answer.
    pub(crate) async fn ask_for_socket(&mut self, user: &User) {
        let head = format!(
            "GET /ws/chat/?access_token={} HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            user.access
        );
        self.send(head.as_bytes()).await;
    }

    /// Opens a socket on the lobby.
    pub(crate) async fn upgrade(mut self, user: &User) -> Self {
        self.ask_for_socket(user).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        self
    }

    /// Ignores errors: a lost connection shows when reading.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = soon("the server reads bytes", self.stream.write_all(bytes)).await;
    }

    /// Sends a frame with the given first byte, masked as a client must.
    pub(crate) async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = head(first, payload.len(), 0x80);
        // A mask of zeros leaves the payload as it is.
        frame.extend([0; 4]);
        frame.extend(payload);
        self.send(&frame).await;
    }

    /// The head of an answer with its empty line, or what arrived before the connection ended.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            let end = self.pending.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.pending.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            if !self.fill().await {
                return String::from_utf8_lossy(&self.pending).into_owned();
            }
        }
    }

    /// The head of an answer, and its body, which must be JSON with a `Content-Length`.
    pub(crate) async fn answer(&mut self) -> (String, Value) {
        let head = self.head().await.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap_or_else(|| panic!("no length: {head}")).parse().unwrap();
        while self.pending.len() < length && self.fill().await {}
        let body: Vec<u8> = self.pending.drain(..length).collect();
        (head, serde_json::from_slice(&body).unwrap())
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let opcode = self.take(1).await?[0] & 0x0f;
        let length = match self.take(1).await?[0] {
            126 => u64::from(u16::from_be_bytes(self.take(2).await?.try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).await?.try_into().unwrap()),
            short => u64::from(short),
        };
        let payload = self.take(usize::try_from(length).unwrap()).await?;
        Some(Frame { opcode, payload })
    }

    /// Reads until the server closes the socket; `None` when it sent no close code.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            let frame = self.frame().await?;
            if frame.opcode == 8 {
                return frame.close_code();
            }
        }
    }

    /// Reads until the server ends the connection.
    pub(crate) async fn end(&mut self) {
        while self.fill().await {
            self.pending.clear();
        }
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.pending.len() < count {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.pending.drain(..count).collect())
    }

    /// Waits for more bytes; false at the end of the connection.
    async fn fill(&mut self) -> bool {
        self.pending.reserve(64 * 1024);
        let read = soon("bytes from the server", self.stream.read_buf(&mut self.pending)).await;
        read.is_ok_and(|count| count > 0)
    }
}

/// The head of a frame, without a mask; `masked` is 0x80 when one follows.
pub(crate) fn head(first: u8, length: usize, masked: u8) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(u8::try_from(length).unwrap() | masked),
        126..=65_535 => {
            head.push(0x7e | masked);
            head.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            head.push(0x7f | masked);
            head.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    head
}
