//! A well-behaved socket that keeps all it was told.

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

/// An open socket. Frames are read as they come, whether a test looks or not.
pub(crate) struct Socket {
    sink: SplitSink<Stream, Message>,
    heard: watch::Receiver<Heard>,
    reader: JoinHandle<()>,
    /// Of a socket that a document describes.
    described: Option<Shared>,
}

type Shared = Arc<Mutex<Described>>;

/// What a socket was told, in order.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) frames: Vec<Value>,
    pub(crate) end: Option<End>,
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By a close frame with this code.
    Closed(u16),
    /// Without a word.
    Dropped,
}

impl Heard {
    /// All frames of this type.
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

    /// Who is online, as told last.
    pub(crate) fn online(&self) -> Option<Vec<&str>> {
        let names = self.of("online_info").next_back()?["users_online"].as_array()?;
        names.iter().map(Value::as_str).collect()
    }
}

impl Socket {
    /// Connects; `None` when nobody is there, or it goes away meanwhile.
    pub(crate) async fn open(url: &str) -> Option<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .max_message_size(None)
            .max_frame_size(None);
        let connecting = connect_async_with_config(url, Some(config), true);
        let (stream, _) = soon("a handshake", connecting).await.ok()?;
        let (sink, stream) = stream.split();
        let (sender, heard) = watch::channel(Heard::default());
        let described = url.contains("/api/v1/ws").then(Shared::default);
        let reader = tokio::spawn(read(stream, sender, described.clone()));
        Some(Self { sink, heard, reader, described })
    }

    /// Says `text`; what becomes of it shows in the frames.
    pub(crate) async fn say(&mut self, text: &str) {
        if let Some(described) = &self.described {
            described.lock().unwrap().says(text);
        }
        // A line that has gone shows as the end of the socket.
        let _ = soon("a frame is taken", self.sink.send(Message::text(text))).await;
    }

    /// Says `text` and waits until it comes back, live or in a history; gives
    /// its id, or `None` when the socket ended first.
    pub(crate) async fn tell(&mut self, text: &str) -> Option<i64> {
        self.say(text).await;
        let mut heard = self.heard.clone();
        let told = |heard: &Heard| heard.end.is_some() || heard.known(text).is_some();
        let heard = soon("one's own message", heard.wait_for(told)).await.ok()?;
        heard.known(text).and_then(|message| message["id"].as_i64())
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> Ref<'_, Heard> {
        self.heard.borrow()
    }

    /// What is heard, as it comes.
    pub(crate) fn watch(&self) -> watch::Receiver<Heard> {
        self.heard.clone()
    }

    /// Waits until what was heard satisfies `enough`.
    pub(crate) async fn hears(
        &mut self,
        what: &str,
        enough: impl FnMut(&Heard) -> bool,
    ) -> Ref<'_, Heard> {
        let heard = soon(what, self.heard.wait_for(enough)).await;
        heard.unwrap_or_else(|_| panic!("the socket ended before: {what}"))
    }

    /// Waits until the message with this text is told, live or in a history.
    pub(crate) async fn hears_message(&mut self, content: &str) -> Value {
        let heard = self.hears(content, |heard| heard.known(content).is_some()).await;
        heard.known(content).unwrap().clone()
    }

    /// Waits for the end.
    pub(crate) async fn end(&mut self) -> End {
        self.hears("the socket ends", |heard| heard.end.is_some()).await.end.unwrap()
    }

    /// Closes it in good order.
    pub(crate) async fn close(mut self) {
        // Nothing is left to close when the other side has closed.
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
    heard: watch::Sender<Heard>,
    described: Option<Shared>,
) {
    let end = loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame = serde_json::from_str(&text).expect("the server writes JSON");
                if let Some(described) = &described {
                    described.lock().unwrap().hears(&frame);
                }
                heard.send_modify(|heard| heard.frames.push(frame));
            }
            Some(Ok(Message::Close(Some(close)))) => break End::Closed(close.code.into()),
            Some(Ok(Message::Close(None)) | Err(_)) | None => break End::Dropped,
            Some(Ok(_control)) => {}
        }
    };
    heard.send_modify(|heard| heard.end = Some(end));
}
