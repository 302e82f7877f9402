//! The least that a broadcast can cost: a frame is encoded once, and written to each socket with a write of its own.
//! Nothing is stored and no client is authenticated.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::wire::frame::{self, Kind};

type Sockets = Rc<RefCell<Vec<Rc<TcpStream>>>>;

/// Runs until it is killed.
pub(crate) fn run(address: SocketAddr) -> anyhow::Result<()> {
    crate::bench::raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(address).await?;
        let sockets = Sockets::default();
        loop {
            let (stream, _) = listener.accept().await?;
            let sockets = Rc::clone(&sockets);
            // A client that has left is dropped by the next write.
            tokio::task::spawn_local(async move { serve(stream, &sockets).await });
        }
    })
}

async fn serve(mut stream: TcpStream, sockets: &Sockets) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.starts_with("GET /health/") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(());
    }
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.context("no key")?.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let stream = Rc::new(stream);
    sockets.borrow_mut().push(Rc::clone(&stream));

    let mut bytes = Vec::new();
    loop {
        stream.readable().await?;
        match stream.try_read_buf(&mut bytes) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                return Err(error.into());
            }
            Ok(_) | Err(_) => {}
        }
        while let Some((kind, payload, length)) = frame::first(&bytes) {
            if kind == Kind::Text {
                let frame = frame::text(payload);
                sockets.borrow_mut().retain(|socket| socket.try_write(&frame).is_ok());
            }
            bytes.drain(..length);
        }
    }
}
