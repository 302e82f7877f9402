//! Test clients: a regular one, and one that sends any bytes.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use testkit::TEST_TIMEOUT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::described::Described;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Frame(Value),
    Ping,
    Pong(Vec<u8>),
    /// `None` if the connection ended without a close frame.
    Closed(Option<u16>),
}

pub(crate) struct Client {
    stream: WebSocketStream<TcpStream>,
    /// Every text frame received so far.
    pub(crate) frames: Vec<Value>,
    /// Checks the frames of v1 against the AsyncAPI document.
    described: Option<Described>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        Self::try_connect(address, path).await.expect("the handshake succeeds")
    }

    /// The status of a refused handshake.
    pub(crate) async fn refused(address: SocketAddr, path: &str) -> u16 {
        Self::try_connect(address, path).await.err().expect("the handshake is refused")
    }

    async fn try_connect(address: SocketAddr, path: &str) -> Result<Self, u16> {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let request = format!("ws://{address}{path}").into_client_request().unwrap();
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .max_message_size(None)
            .max_frame_size(None);
        match client_async_with_config(request, tcp, Some(config)).await {
            Ok((stream, _)) => {
                let described = (path == "/api/v1/ws").then(Described::default);
                Ok(Self { stream, frames: Vec::new(), described })
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("no answer to the handshake: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        if let (Some(described), Message::Text(text)) = (&mut self.described, &message) {
            described.check_client_frame(text);
        }
        self.stream.send(message).await.unwrap();
    }

    /// Sends a message; returns whether the server was still connected.
    pub(crate) async fn try_say(&mut self, text: &str) -> bool {
        if let Some(described) = &mut self.described {
            described.check_client_frame(text);
        }
        let sending = timeout(TEST_TIMEOUT, self.stream.send(Message::text(text)));
        sending.await.expect("the message is neither read nor refused").is_ok()
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn next(&mut self) -> Seen {
        let next = timeout(TEST_TIMEOUT, self.stream.next()).await.expect("nothing came");
        match next {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if let Some(described) = &mut self.described {
                    described.check_server_frame(&frame);
                }
                self.frames.push(frame.clone());
                Seen::Frame(frame)
            }
            Some(Ok(Message::Ping(_))) => Seen::Ping,
            Some(Ok(Message::Pong(payload))) => Seen::Pong(payload.to_vec()),
            Some(Ok(Message::Close(frame))) => Seen::Closed(frame.map(|frame| frame.code.into())),
            Some(Ok(other)) => panic!("unexpected: {other:?}"),
            Some(Err(_)) | None => Seen::Closed(None),
        }
    }

    /// The next text frame; panics if the socket is closed.
    pub(crate) async fn frame(&mut self) -> Value {
        loop {
            match self.next().await {
                Seen::Frame(frame) => return frame,
                Seen::Closed(code) => panic!("closed with {code:?}"),
                Seen::Ping | Seen::Pong(_) => {}
            }
        }
    }

    /// Reads until a frame of this type.
    pub(crate) async fn wait(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Reads until a message with this text.
    pub(crate) async fn wait_message(&mut self, text: &str) -> Value {
        loop {
            let frame = self.wait("chat_message").await;
            if frame["message"]["content"] == text {
                return frame["message"].clone();
            }
        }
    }

    /// Reads until the list of online users matches.
    pub(crate) async fn wait_online(&mut self, matches: impl Fn(&[&str]) -> bool) {
        loop {
            let frame = self.wait("online_info").await;
            let users = frame["users_online"].as_array().unwrap();
            let users: Vec<&str> = users.iter().map(|user| user.as_str().unwrap()).collect();
            if matches(&users) {
                return;
            }
        }
    }

    /// Reads until this message is shown and these users are online, in any order.
    pub(crate) async fn wait_state(&mut self, text: &str, online: &[&str]) {
        let matches = |client: &Self| {
            let list = client.frames.iter().rfind(|frame| frame["type"] == "online_info");
            let is_online = list.is_some_and(|list| list["users_online"] == json!(online));
            is_online && client.shown().iter().any(|shown| shown == text)
        };
        while !matches(self) {
            self.frame().await;
        }
    }

    /// Reads until the socket is closed, and returns the close code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Seen::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// The texts that the React client would show if it rendered every frame.
    pub(crate) fn shown(&self) -> Vec<String> {
        let mut shown: Vec<(i64, String)> = Vec::new();
        let text = |message: &Value| {
            (message["id"].as_i64().unwrap(), message["content"].as_str().unwrap().to_owned())
        };
        for frame in &self.frames {
            match frame["type"].as_str().unwrap() {
                "message_history" => {
                    shown = frame["messages"].as_array().unwrap().iter().map(text).collect();
                }
                "chat_message" => shown.push(text(&frame["message"])),
                "message_updated" => {
                    let (id, new) = text(&frame["message"]);
                    let updated = shown.iter_mut().find(|(shown, _)| *shown == id);
                    updated.expect("an update of a message that is shown").1 = new;
                }
                "message_deleted" => {
                    let id = frame["message_id"].as_i64().unwrap();
                    let count = shown.len();
                    shown.retain(|(shown, _)| *shown != id);
                    assert_eq!(shown.len(), count - 1, "a deletion of a message that is shown");
                }
                _ => {}
            }
        }
        shown.into_iter().map(|(_, text)| text).collect()
    }

    /// The number of frames of this type.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.frames.iter().filter(|frame| frame["type"] == kind).count()
    }
}

/// A raw connection after its handshake.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr, token: &str) -> Self {
        Self::begin(TcpStream::connect(address).await.unwrap(), token).await
    }

    pub(crate) async fn begin(stream: TcpStream, token: &str) -> Self {
        let mut raw = Self(stream);
        let request = format!(
            "GET /ws/chat/?access_token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        raw.send(request.as_bytes()).await;
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        raw
    }

    /// The head of the next response.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(TEST_TIMEOUT, self.0.read_u8()).await.unwrap().unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The opcode and payload of the next frame; `None` if the connection ended.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let reading = async {
            let opcode = self.0.read_u8().await? & 0x0f;
            let length = match self.0.read_u8().await? {
                126 => u64::from(self.0.read_u16().await?),
                127 => self.0.read_u64().await?,
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await?;
            std::io::Result::Ok((opcode, payload))
        };
        timeout(TEST_TIMEOUT, reading).await.expect("nothing came").ok()
    }

    /// Reads until the close frame, and returns its code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        while let Some((opcode, payload)) = self.frame().await {
            if opcode == 8 {
                return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
        }
        None
    }
}

/// A client frame with a mask of zeros.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | 127];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
