//! A client that follows one conversation as the documentation describes.

use std::collections::BTreeMap;

use domain::{Account, ConversationId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Client;
use crate::world::World;

#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Rows {
    pub(super) messages: BTreeMap<i64, Value>,
    pub(super) members: BTreeMap<i64, Value>,
    pub(super) conversation: Option<Value>,
}

/// One device of a user, which follows one conversation.
pub(super) struct Device {
    pub(super) account: Account,
    conversation: ConversationId,
    client: Client,
    pub(super) rows: Rows,
    /// `None` until the conversation is fetched.
    cursor: Option<Cursor>,
    /// Subscribes so far; part of the `ref` of each.
    subscribes: usize,
    pub(super) gaps: usize,
    pub(super) resets: usize,
    pub(super) skips: usize,
}

#[derive(Debug, Clone)]
struct Cursor {
    seq: i64,
    epoch: Value,
    view_version: Value,
}

impl Cursor {
    fn of(frame: &Value) -> Self {
        let (epoch, view_version) = (frame["epoch"].clone(), frame["view_version"].clone());
        Self { seq: frame["seq"].as_i64().unwrap(), epoch, view_version }
    }
}

/// The next step of the client after a frame, from least to most work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Nothing,
    Subscribe,
    Fetch,
}

impl Device {
    pub(super) async fn new(
        world: &World,
        account: &Account,
        conversation: ConversationId,
    ) -> Self {
        let (client, _) = world.hello(account).await;
        let (account, rows) = (account.clone(), Rows::default());
        let mut device = Self {
            account,
            conversation,
            client,
            rows,
            cursor: None,
            subscribes: 0,
            gaps: 0,
            resets: 0,
            skips: 0,
        };
        device.start(world).await;
        device
    }

    /// Drops the connection with all frames in flight, and connects anew.
    pub(super) async fn reconnect(&mut self, world: &World) {
        self.client = world.hello(&self.account).await.0;
        self.subscribe().await;
    }

    pub(super) async fn unsubscribe(&mut self) {
        let frame =
            json!({"type": "unsubscribe", "ref": "c", "conversation": self.conversation.get()});
        self.client.send_json(frame).await;
    }

    /// Subscribes from the cursor, if there is one.
    pub(super) async fn subscribe(&mut self) {
        let Some(cursor) = &self.cursor else { return };
        self.subscribes += 1;
        let frame = json!({
            "type": "subscribe", "ref": format!("subscribe{}", self.subscribes), "conversation": self.conversation.get(),
            "since": cursor.seq, "epoch": cursor.epoch, "view_version": cursor.view_version,
        });
        self.client.send_json(frame).await;
    }

    /// Reads the current cursor, fetches the conversation, and subscribes from the cursor.
    async fn start(&mut self, world: &World) {
        self.forget();
        let path = format!("/conversations/{}/cursor", self.conversation);
        if let Ok(answer) = get(world, &self.account, &path).await {
            self.fetch(world, Cursor::of(&answer)).await;
        }
    }

    async fn fetch(&mut self, world: &World, from: Cursor) {
        self.forget();
        if let Some(rows) = fetch(world, &self.account, self.conversation).await {
            self.rows = rows;
            self.cursor = Some(from);
            self.subscribe().await;
        }
    }

    fn forget(&mut self) {
        (self.rows, self.cursor) = (Rows::default(), None);
    }

    /// Handles the frames that have arrived. Returns whether any required a step.
    pub(super) async fn read(&mut self, world: &World) -> bool {
        self.client.send_json(json!({"type": "ping", "ref": "p"})).await;
        let mut next = Next::Nothing;
        loop {
            let frame = self.client.frame().await;
            if frame["type"] == "pong" {
                break;
            }
            next = next.max(self.take(&frame));
        }
        self.client.frames.clear();
        self.follow_up(world, next).await
    }

    async fn follow_up(&mut self, world: &World, next: Next) -> bool {
        match (next, self.cursor.clone()) {
            (Next::Nothing, _) => return false,
            (Next::Subscribe, Some(_)) => self.subscribe().await,
            (Next::Fetch, Some(from)) => self.fetch(world, from).await,
            (Next::Subscribe | Next::Fetch, None) => self.start(world).await,
        }
        true
    }

    /// Reads and subscribes until nothing is missing.
    pub(super) async fn catch_up(&mut self, world: &World) {
        loop {
            while self.read(world).await {}
            if self.cursor.is_none() {
                self.start(world).await;
                if self.cursor.is_none() {
                    return;
                }
            }
            let before = self.cursor.as_ref().map(|cursor| cursor.seq);
            self.unsubscribe().await;
            self.subscribe().await;
            let (is_last, next) = self.answer().await;
            let had_step = self.follow_up(world, next).await;
            if is_last && !had_step && self.cursor.as_ref().map(|cursor| cursor.seq) == before {
                return;
            }
        }
    }

    /// Reads until the answer to the last subscribe. Returns whether it was the last page.
    async fn answer(&mut self) -> (bool, Next) {
        let (mut next, name) = (Next::Nothing, format!("subscribe{}", self.subscribes));
        loop {
            let frame = self.client.frame().await;
            next = next.max(self.take(&frame));
            // The server may reset for another reason, without this `ref`.
            let is_reset =
                frame["type"] == "reset" && frame["conversation"] == self.conversation.get();
            if is_reset || (frame["ref"] == name && frame["more"] != true) {
                return (frame["type"] == "changes", next);
            }
        }
    }

    fn take(&mut self, frame: &Value) -> Next {
        if frame["type"] == "error" && frame["ref"] == format!("subscribe{}", self.subscribes) {
            self.forget();
        }
        if frame["conversation"] != self.conversation.get() {
            return Next::Nothing;
        }
        match (frame["type"].as_str().unwrap(), &mut self.cursor) {
            ("left", _) => self.forget(),
            ("gap", _) => {
                self.gaps += 1;
                return Next::Subscribe;
            }
            ("reset", cursor) => {
                *cursor = Some(Cursor::of(frame));
                self.resets += 1;
                return Next::Fetch;
            }
            ("event", Some(cursor)) => {
                let seq = frame["seq"].as_i64().unwrap();
                assert!(seq > cursor.seq, "duplicate: {frame} after {}", cursor.seq);
                cursor.seq = seq;
                self.apply(frame);
            }
            ("skip", Some(cursor)) => {
                cursor.seq = cursor.seq.max(frame["seq"].as_i64().unwrap());
                self.skips += 1;
            }
            ("changes", Some(cursor)) => {
                assert!(frame["from"].as_i64().unwrap() <= cursor.seq, "a gap before {frame}");
                cursor.seq = cursor.seq.max(frame["to"].as_i64().unwrap());
                frame["changes"].as_array().unwrap().iter().for_each(|row| self.apply(row));
            }
            _ => {}
        }
        Next::Nothing
    }

    fn apply(&mut self, change: &Value) {
        let data = change["data"].clone();
        match change["kind"].as_str().unwrap() {
            "message" if data["deleted_at"].is_null() => {
                self.rows.messages.insert(data["id"].as_i64().unwrap(), data);
            }
            "message" => drop(self.rows.messages.remove(&data["id"].as_i64().unwrap())),
            "member" => {
                self.rows.members.insert(data["user"]["id"].as_i64().unwrap(), data);
            }
            "conversation" => self.rows.conversation = Some(data),
            other => panic!("unknown: {other}"),
        }
    }
}

/// The rows of a conversation over REST; `None` without access.
pub(super) async fn fetch(world: &World, account: &Account, id: ConversationId) -> Option<Rows> {
    let entry = get(world, account, &format!("/conversations/{id}")).await.ok()?;
    let shared = ["id", "kind", "title", "topic", "history", "deleted_at"];
    let conversation = shared.map(|key| (key.to_owned(), entry[key].clone()));
    Some(Rows {
        messages: list(world, account, &format!("/conversations/{id}/messages"), "before")
            .await?
            .into_iter()
            .map(|row| (row["id"].as_i64().unwrap(), row))
            .collect(),
        members: list(world, account, &format!("/conversations/{id}/members"), "after")
            .await?
            .into_iter()
            .map(|row| (row["user"]["id"].as_i64().unwrap(), row))
            .collect(),
        conversation: Some(Value::Object(conversation.into_iter().collect())),
    })
}

async fn list(world: &World, account: &Account, path: &str, parameter: &str) -> Option<Vec<Value>> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let page = get(world, account, &format!("{path}?limit=40{next}")).await.ok()?;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next"].as_str() else { return Some(items) };
        next = format!("&{parameter}={cursor}");
    }
}

/// The body of a REST response, or the status of a problem.
async fn get(world: &World, account: &Account, path: &str) -> Result<Value, u16> {
    let request = async {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let token = testkit::PlainSigner::for_v1(&world.token(account));
        let request = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(testkit::TEST_TIMEOUT, request).await.expect("no answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 200 { Ok(serde_json::from_str(body).unwrap()) } else { Err(status) }
}
