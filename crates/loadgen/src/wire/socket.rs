//! A WebSocket client that uses little processor time.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::frame::{self, Kind};

/// Bytes of one read.
const CHUNK: usize = 64 * 1024;

thread_local! {
    static CHUNK_OF_THREAD: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Credentials<'a> {
    /// As the React client sends it.
    Query(&'a str),
    /// As a client of v1 sends it.
    Header(&'a str),
    /// For the baseline.
    None,
}

/// One connection after its handshake.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Rc<TcpStream>,
    /// The beginning of a frame that is not complete.
    partial: Vec<u8>,
}

/// The sending half of a socket. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sender(Rc<TcpStream>);

impl Socket {
    pub(crate) async fn open(
        address: SocketAddr,
        path: &str,
        credentials: Credentials<'_>,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        Self::over(stream, path, credentials).await
    }

    pub(crate) async fn over(
        mut stream: TcpStream,
        path: &str,
        credentials: Credentials<'_>,
    ) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        let address = stream.peer_addr()?;
        let (query, header) = match credentials {
            Credentials::Query(token) => (format!("?access_token={token}"), String::new()),
            Credentials::Header(token) => {
                (String::new(), format!("Authorization: Bearer {token}\r\n"))
            }
            Credentials::None => Default::default(),
        };
        let head = format!(
            "GET {path}{query} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{header}\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut read = Vec::with_capacity(512);
        let end = loop {
            if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut read).await? == 0 {
                bail!("the connection ended in the handshake");
            }
        };
        if !read.starts_with(b"HTTP/1.1 101") {
            bail!("the server refused the upgrade: {}", String::from_utf8_lossy(&read));
        }
        Ok(Self { stream: Rc::new(stream), partial: read.split_off(end) })
    }

    pub(crate) fn sender(&self) -> Sender {
        Sender(Rc::clone(&self.stream))
    }

    /// Waits for text frames and passes on each. Answers pings. Returns false once the connection has ended.
    pub(crate) async fn receive(&mut self, mut on_text: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        if !self.partial.is_empty() {
            let taken = self.take(&self.partial, &mut on_text)?;
            self.partial.drain(..taken);
        }
        self.stream.readable().await?;
        CHUNK_OF_THREAD.with_borrow_mut(|chunk| {
            let count = match self.stream.try_read(chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error.into()),
            };
            let read = chunk.get(..count).unwrap_or_default();
            if self.partial.is_empty() {
                let taken = self.take(read, &mut on_text)?;
                self.partial = read.get(taken..).unwrap_or_default().to_vec();
            } else {
                self.partial.extend_from_slice(read);
                let taken = self.take(&self.partial, &mut on_text)?;
                self.partial = self.partial.split_off(taken);
            }
            Ok(true)
        })
    }

    /// Handles the whole frames in `bytes`; returns how many bytes they are.
    fn take(&self, bytes: &[u8], on_text: &mut impl FnMut(&[u8])) -> anyhow::Result<usize> {
        let mut rest = bytes;
        while let Some((kind, payload, length)) = frame::first(rest) {
            match kind {
                Kind::Text => on_text(payload),
                Kind::Ping => {
                    // If the buffer is full, the server is not reading pongs either.
                    let _ = self.stream.try_write(&frame::masked_pong(payload));
                }
                Kind::Close => bail!("the server closed with {payload:?}"),
                Kind::Other => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(bytes.len() - rest.len())
    }
}

impl Sender {
    pub(crate) async fn send(&self, text: &[u8]) -> anyhow::Result<()> {
        self.write(&frame::masked_text(text)).await
    }

    /// Writes encoded frames.
    pub(crate) async fn write(&self, mut frames: &[u8]) -> anyhow::Result<()> {
        while !frames.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(frames) {
                Ok(count) => frames = frames.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
