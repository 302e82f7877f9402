//! A device as the documentation tells its author to write it.

use std::collections::BTreeMap;

use domain::{Account, ConversationId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Client;
use crate::world::World;

/// What somebody knows of a conversation, row by row.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Rows {
    pub(super) messages: BTreeMap<i64, Value>,
    pub(super) members: BTreeMap<i64, Value>,
    pub(super) conversation: Option<Value>,
}

/// Somebody's device, which has one conversation open.
pub(super) struct Device {
    pub(super) account: Account,
    room: ConversationId,
    client: Client,
    pub(super) rows: Rows,
    /// Where it stands, once it knows anything.
    at: Option<Cursor>,
    /// Openings so far, each with its own name.
    openings: usize,
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
    fn of(told: &Value) -> Self {
        let (epoch, view_version) = (told["epoch"].clone(), told["view_version"].clone());
        Self { seq: told["seq"].as_i64().unwrap(), epoch, view_version }
    }
}

/// What a frame asks of who gets it, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Nothing,
    Open,
    Fetch,
}

impl Device {
    pub(super) async fn new(world: &World, account: &Account, room: ConversationId) -> Self {
        let (client, _) = world.hello(account).await;
        let (account, rows) = (account.clone(), Rows::default());
        let mut device = Self {
            account,
            room,
            client,
            rows,
            at: None,
            openings: 0,
            gaps: 0,
            resets: 0,
            skips: 0,
        };
        device.begin(world).await;
        device
    }

    /// Loses its connection, and whatever was on its way.
    pub(super) async fn reconnect(&mut self, world: &World) {
        self.client = world.hello(&self.account).await.0;
        self.open().await;
    }

    pub(super) async fn close(&mut self) {
        let close = json!({"type": "unsubscribe", "ref": "c", "conversation": self.room.get()});
        self.client.send_json(close).await;
    }

    /// Goes on from where it stands, if it stands anywhere.
    pub(super) async fn open(&mut self) {
        let Some(at) = &self.at else { return };
        self.openings += 1;
        let open = json!({
            "type": "subscribe", "ref": format!("open{}", self.openings), "conversation": self.room.get(),
            "since": at.seq, "epoch": at.epoch, "view_version": at.view_version,
        });
        self.client.send_json(open).await;
    }

    /// Learns where the conversation stands, fetches it, and goes on from there.
    async fn begin(&mut self, world: &World) {
        self.forget();
        let path = format!("/conversations/{}/cursor", self.room);
        if let Ok(position) = get(world, &self.account, &path).await {
            self.fetch(world, Cursor::of(&position)).await;
        }
    }

    async fn fetch(&mut self, world: &World, from: Cursor) {
        self.forget();
        if let Some(rows) = fetch(world, &self.account, self.room).await {
            self.rows = rows;
            self.at = Some(from);
            self.open().await;
        }
    }

    fn forget(&mut self) {
        (self.rows, self.at) = (Rows::default(), None);
    }

    /// Reads what came so far, and does what it asks for. Says whether it asked
    /// for anything.
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
        match (next, self.at.clone()) {
            (Next::Nothing, _) => return false,
            (Next::Open, Some(_)) => self.open().await,
            (Next::Fetch, Some(from)) => self.fetch(world, from).await,
            (Next::Open | Next::Fetch, None) => self.begin(world).await,
        }
        true
    }

    /// Reads and asks until nothing is left that it was not told.
    pub(super) async fn catch_up(&mut self, world: &World) {
        loop {
            while self.read(world).await {}
            if self.at.is_none() {
                self.begin(world).await;
                if self.at.is_none() {
                    return;
                }
            }
            let before = self.at.as_ref().map(|at| at.seq);
            self.close().await;
            self.open().await;
            let (is_last, next) = self.answer().await;
            let went_on = self.follow_up(world, next).await;
            if is_last && !went_on && self.at.as_ref().map(|at| at.seq) == before {
                return;
            }
        }
    }

    /// Reads until it is answered to its opening: whether nothing more follows.
    async fn answer(&mut self) -> (bool, Next) {
        let (mut next, name) = (Next::Nothing, format!("open{}", self.openings));
        loop {
            let frame = self.client.frame().await;
            next = next.max(self.take(&frame));
            // A reset does not say by what it was asked for.
            let is_reset = frame["type"] == "reset" && frame["conversation"] == self.room.get();
            if is_reset || (frame["ref"] == name && frame["more"] != true) {
                return (frame["type"] == "changes", next);
            }
        }
    }

    fn take(&mut self, frame: &Value) -> Next {
        if frame["type"] == "error" && frame["ref"] == format!("open{}", self.openings) {
            self.forget();
        }
        if frame["conversation"] != self.room.get() {
            return Next::Nothing;
        }
        match (frame["type"].as_str().unwrap(), &mut self.at) {
            ("left", _) => self.forget(),
            ("gap", _) => {
                self.gaps += 1;
                return Next::Open;
            }
            ("reset", at) => {
                *at = Some(Cursor::of(frame));
                self.resets += 1;
                return Next::Fetch;
            }
            ("event", Some(at)) => {
                let seq = frame["seq"].as_i64().unwrap();
                assert!(seq > at.seq, "told twice: {frame} after {}", at.seq);
                at.seq = seq;
                self.apply(frame);
            }
            ("skip", Some(at)) => {
                at.seq = at.seq.max(frame["seq"].as_i64().unwrap());
                self.skips += 1;
            }
            ("changes", Some(at)) => {
                assert!(frame["from"].as_i64().unwrap() <= at.seq, "a hole: {frame}");
                at.seq = at.seq.max(frame["to"].as_i64().unwrap());
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

/// A conversation as somebody sees it who knows nothing; none for who may not.
pub(super) async fn fetch(world: &World, account: &Account, room: ConversationId) -> Option<Rows> {
    let entry = get(world, account, &format!("/conversations/{room}")).await.ok()?;
    let of_all = ["id", "kind", "title", "topic", "history", "deleted_at"];
    let conversation = of_all.map(|key| (key.to_owned(), entry[key].clone()));
    Some(Rows {
        messages: list(world, account, &format!("/conversations/{room}/messages"), "before")
            .await?
            .into_iter()
            .map(|row| (row["id"].as_i64().unwrap(), row))
            .collect(),
        members: list(world, account, &format!("/conversations/{room}/members"), "after")
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

/// What REST answers, or the status of a problem.
async fn get(world: &World, account: &Account, path: &str) -> Result<Value, u16> {
    let asking = async {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let token = world.token(account);
        let request = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(testkit::TEST_TIMEOUT, asking).await.expect("no answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 200 { Ok(serde_json::from_str(body).unwrap()) } else { Err(status) }
}
