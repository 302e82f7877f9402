//! The same requests in a small conversation, in one with many messages, and in one with many members.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::{filled, progress};
use crate::Bench;
use crate::accounts::{self, Account, PASSWORD, number, text};
use crate::figures::{Figures, Target};

use crate::program::Program;
use crate::report;
use crate::wire::Rest;

const FEW_MESSAGES: usize = 1_000;
const MANY_MESSAGES: usize = 1_000_000;
const MANY_MEMBERS: usize = 10_000;
const LOBBY: i64 = 1;
const ITEMS: i64 = 50;
/// Requests of each kind in a round, alternately in each conversation.
const REQUESTS: usize = 100;
const REQUESTS_AT_ONCE: usize = 16;
const MOST: f64 = 1.5;

/// A kind of request, with the names of its ratios to the small conversation.
struct Operation {
    run: Request,
    many_messages: &'static str,
    many_members: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Request {
    NewestPage,
    Changes,
    Members,
    Conversations,
    Send,
}

const OPERATIONS: [Operation; 5] = [
    Operation {
        run: Request::NewestPage,
        many_messages: "newest page, 1,000,000 / 1,000 messages",
        many_members: "newest page, many / few members",
    },
    Operation {
        run: Request::Changes,
        many_messages: "50 changes, 1,000,000 / 1,000 messages",
        many_members: "50 changes, many / few members",
    },
    Operation {
        run: Request::Members,
        many_messages: "10 members, 1,000,000 / 1,000 messages",
        many_members: "10 members, many / few members",
    },
    Operation {
        run: Request::Conversations,
        many_messages: "conversation list, 1,000,000 / 1,000 messages",
        many_members: "conversation list, many / few members",
    },
    Operation {
        run: Request::Send,
        many_messages: "sending, 1,000,000 / 1,000 messages",
        many_members: "sending, many / few members",
    },
];

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let few = filled::server(bench, FEW_MESSAGES, &[]).await?;
    let many = bench.count(MANY_MESSAGES).max(FEW_MESSAGES);
    let many = filled::server(bench, many, &[]).await?;
    let (wide, wide_user, group) = with_members(bench, bench.count(MANY_MEMBERS)).await?;
    let small = Conversation::new(&few, one_user(&few).await?, LOBBY).await?;
    let long = Conversation::new(&many, one_user(&many).await?, LOBBY).await?;
    let wide = Conversation::new(&wide, wide_user, group).await?;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        for operation in &OPERATIONS {
            let mut took = [(); 3].map(|()| Vec::new());
            for _ in 0..bench.count(REQUESTS) {
                for (times, conversation) in took.iter_mut().zip([&small, &long, &wide]) {
                    times.push(conversation.time(operation.run).await?);
                }
            }
            let [small, long, wide] = took.map(median);
            figures.add(operation.many_messages, "", long / small);
            figures.add(operation.many_members, "", wide / small);
        }
        progress(round, &figures);
    }
    for operation in &OPERATIONS {
        figures.set_target(operation.many_messages, Target::AtMost(MOST));
        figures.set_target(operation.many_members, Target::AtMost(MOST));
    }
    Ok(figures)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}

async fn one_user(server: &Program) -> anyhow::Result<Account> {
    accounts::register(server, 1).await?.pop().context("no account was registered")
}

/// A conversation with the requests of one of its members.
struct Conversation {
    rest: Rest,
    access: String,
    path: String,
    /// The query of the newest changes.
    changes: String,
}

impl Conversation {
    async fn new(server: &Program, user: Account, id: i64) -> anyhow::Result<Self> {
        let (rest, path) = (Rest::new(server.address())?, format!("/api/v1/conversations/{id}"));
        let cursor = rest.get(&format!("{path}/cursor"), &user.access).await?;
        let since = number(&cursor, "seq")?.saturating_sub(ITEMS);
        let (epoch, view) = (text(&cursor, "epoch")?, number(&cursor, "view_version")?);
        let changes = format!("since={since}&epoch={epoch}&view_version={view}&limit={ITEMS}");
        Ok(Self { rest, access: user.access, path, changes })
    }

    async fn time(&self, request: Request) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let path = match request {
            Request::NewestPage => format!("{}/messages?limit={ITEMS}", self.path),
            Request::Changes => format!("{}/changes?{}", self.path, self.changes),
            Request::Members => format!("{}/members?limit=10", self.path),
            Request::Conversations => "/api/v1/conversations".to_owned(),
            Request::Send => {
                self.send("a message of a few words").await?;
                return Ok(begin.elapsed());
            }
        };
        let answer = self.rest.get(&path, &self.access).await?;
        let took = begin.elapsed();
        ensure!(answer.get("reset").is_none_or(|reset| *reset == json!(false)), "{path}: {answer}");
        Ok(took)
    }

    async fn send(&self, body: &str) -> anyhow::Result<Value> {
        let path = format!("{}/messages", self.path);
        self.rest.post(&path, Some(&self.access), &json!({ "body": body })).await
    }
}

/// A server with a group of `count` members and few messages. Its folder is kept, and filled once.
async fn with_members(bench: &Bench, count: usize) -> anyhow::Result<(Program, Account, i64)> {
    let folder = bench.filled.join(format!("members-{count}"));
    let done = folder.join("filled");
    if !done.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        report::progress(&format!("  filling {} with {count} members", folder.display()));
        let server = Program::server(&bench.server, &fs::canonicalize(&folder)?, &[]).await?;
        let (owner, group) = fill(&server, count).await?;
        server.stop().await?;
        fs::write(&done, json!({"owner": owner, "group": group}).to_string())?;
    }
    let filled: Value = serde_json::from_str(&fs::read_to_string(&done)?)?;
    let (name, group) = (text(&filled, "owner")?, number(&filled, "group")?);
    let server = Program::server(&bench.server, &fs::canonicalize(&folder)?, &[]).await?;
    let credentials = json!({"username": name, "password": PASSWORD});
    let rest = Rest::new(server.address())?;
    let tokens = rest.post("/api/v1/sessions", None, &credentials).await?;
    let owner = Account::with_tokens(&rest, name, &tokens).await?;
    Ok((server, owner, group))
}

async fn fill(server: &Program, count: usize) -> anyhow::Result<(String, i64)> {
    let owner = one_user(server).await?;
    let rest = Rest::new(server.address())?;
    let group = json!({"title": "many members"});
    let group = rest.post("/api/v1/conversations", Some(&owner.access), &group).await?;
    let group = number(&group, "id")?;
    let path = format!("/api/v1/conversations/{group}/invites");
    let invite = rest.post(&path, Some(&owner.access), &json!({"role": "member"})).await?;
    let join = format!("/api/v1/invites/{}/join", text(&invite, "code")?);
    let members = accounts::register(server, count).await?;
    let joins = members.iter().map(|member| rest.post(&join, Some(&member.access), &Value::Null));
    stream::iter(joins).buffer_unordered(REQUESTS_AT_ONCE).try_collect::<Vec<_>>().await?;
    let name = owner.name.clone();
    let conversation = Conversation::new(server, owner, group).await?;
    let sends = (0..FEW_MESSAGES).map(|n| {
        let (conversation, body) = (&conversation, filled::text(n));
        async move { conversation.send(&body).await }
    });
    stream::iter(sends).buffer_unordered(REQUESTS_AT_ONCE).try_collect::<Vec<_>>().await?;
    Ok((name, group))
}
