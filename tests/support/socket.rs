//! A well-behaved socket that records all frames that it receives.

use std::sync::{Arc, Mutex};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::watch::{self, Ref},
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{described::Described, soon};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open socket. Frames are read as they arrive, whether or not a test waits for them.
pub(crate) struct Socket {
    sink: SplitSink<Stream, Message>,
    received: watch::Receiver<Received>,
    reader: JoinHandle<()>,
    /// Checks the frames of v1 against its document.
    described: Option<Shared>,
}

type Shared = Arc<Mutex<Described>>;

/// The frames that a socket received, in order.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) frames: Vec<Value>,
    pub(crate) end: Option<End>,
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By a close frame with this code.
    Closed(u16),
    /// Without a close frame.
    Dropped,
}

impl Received {
    pub(crate) fn of(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Value> {
        self.frames.iter().filter(move |frame| frame["type"] == kind)
    }

    /// The live message with this text.
    pub(crate) fn message(&self, content: &str) -> Option<&Value> {
        let mut messages = self.of("chat_message").map(|frame| &frame["message"]);
        messages.find(|message| message["content"] == content)
    }

    /// The message with this text, live or in a history.
    pub(crate) fn known(&self, content: &str) -> Option<&Value> {
        let mut messages = self.frames.iter().rev().flat_map(|frame| {
            frame
                .get("message")
                .into_iter()
                .chain(frame["messages"].as_array().into_iter().flatten())
        });
        messages.find(|message| message["content"] == content)
    }

    /// The id of the newest message, live or in a history.
    pub(crate) fn newest(&self) -> Option<i64> {
        let id = |frame: &Value| match frame["type"].as_str()? {
            "chat_message" => frame["message"]["id"].as_i64(),
            "message_history" => frame["messages"].as_array()?.last()?["id"].as_i64(),
            _ => None,
        };
        self.frames.iter().rev().find_map(id)
    }

    /// The users in the latest `online_info`.
    pub(crate) fn online(&self) -> Option<Vec<&str>> {
        let names = self.of("online_info").next_back()?["users_online"].as_array()?;
        names.iter().map(Value::as_str).collect()
    }
}

impl Socket {
    /// `None` when no server accepts the socket.
    pub(crate) async fn open(url: &str) -> Option<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .max_message_size(None)
            .max_frame_size(None);
        let connecting = connect_async_with_config(url, Some(config), true);
        let (stream, _) = soon("a handshake", connecting).await.ok()?;
        let (sink, stream) = stream.split();
        let (sender, received) = watch::channel(Received::default());
        let described = url.contains("/api/v1/ws").then(Shared::default);
        let reader = tokio::spawn(read(stream, sender, described.clone()));
        Some(Self { sink, received, reader, described })
    }

    /// Does not wait for the echo.
    pub(crate) async fn send(&mut self, text: &str) {
        if let Some(described) = &self.described {
            described.lock().unwrap().check_client_frame(text);
        }
        // A lost connection shows as the end of the socket.
        let _ = soon("a frame is taken", self.sink.send(Message::text(text))).await;
    }

    /// Sends `text` and waits for its echo, live or in a history. Returns its id, or `None` when the socket ended first.
    pub(crate) async fn send_and_confirm(&mut self, text: &str) -> Option<i64> {
        self.send(text).await;
        let mut received = self.received.clone();
        let is_done =
            |received: &Received| received.end.is_some() || received.known(text).is_some();
        let received = soon("the echo", received.wait_for(is_done)).await.ok()?;
        received.known(text).and_then(|message| message["id"].as_i64())
    }

    pub(crate) fn received(&self) -> Ref<'_, Received> {
        self.received.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Received> {
        self.received.clone()
    }

    /// Waits until the received frames satisfy `enough`.
    pub(crate) async fn wait_for(
        &mut self,
        what: &str,
        enough: impl FnMut(&Received) -> bool,
    ) -> Ref<'_, Received> {
        let received = soon(what, self.received.wait_for(enough)).await;
        received.unwrap_or_else(|_| panic!("the socket ended before: {what}"))
    }

    /// Waits for the message with this text, live or in a history.
    pub(crate) async fn wait_for_message(&mut self, content: &str) -> Value {
        let received = self.wait_for(content, |received| received.known(content).is_some()).await;
        received.known(content).unwrap().clone()
    }

    pub(crate) async fn end(&mut self) -> End {
        self.wait_for("the socket ends", |received| received.end.is_some()).await.end.unwrap()
    }

    pub(crate) async fn close(mut self) {
        // Fails only if the server has already closed it.
        let _ = self.sink.send(Message::Close(None)).await;
        self.end().await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(
    mut stream: SplitStream<Stream>,
    received: watch::Sender<Received>,
    described: Option<Shared>,
) {
    let end = loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame = serde_json::from_str(&text).expect("the server writes JSON");
                if let Some(described) = &described {
                    described.lock().unwrap().check_server_frame(&frame);
                }
                received.send_modify(|received| received.frames.push(frame));
            }
            Some(Ok(Message::Close(Some(close)))) => break End::Closed(close.code.into()),
            Some(Ok(Message::Close(None)) | Err(_)) | None => break End::Dropped,
            Some(Ok(_control)) => {}
        }
    };
    received.send_modify(|received| received.end = Some(end));
}
