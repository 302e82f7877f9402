//! Servers whose lobby already holds many messages.

use std::fs;
use std::rc::Rc;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::Bench;
use crate::accounts::{self, Account};
use crate::figures::count;
use crate::program::Program;
use crate::report;
use crate::wire::{Credentials, Socket, frame};

const SOCKETS: usize = 16;
const IN_FLIGHT: usize = 32;
const VOCABULARY: f64 = 20_000.0;

/// A server with `messages` in its lobby. Its folder is kept, and filled only once.
pub(super) async fn server(
    bench: &Bench,
    messages: usize,
    env: &[(&str, &str)],
) -> anyhow::Result<Program> {
    let folder = bench.filled.join(format!("lobby-{messages}"));
    let done = folder.join("filled");
    if !done.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        report::progress(&format!("  filling {} with {messages} messages", folder.display()));
        let server = Program::server(&bench.server, &fs::canonicalize(&folder)?, &[]).await?;
        let account = accounts::register(&server, 1).await?.pop().context("no account")?;
        fill(&server, &account, messages).await?;
        server.stop().await?;
        fs::write(done, "")?;
    }
    Program::server(&bench.server, &fs::canonicalize(&folder)?, env).await
}

/// Sends `messages` messages to the lobby.
pub(super) async fn fill(
    server: &Program,
    account: &Account,
    messages: usize,
) -> anyhow::Result<()> {
    let next = Rc::new(std::cell::Cell::new(0));
    let writers =
        (0..SOCKETS.min(messages)).map(|_| write(server, account, messages, Rc::clone(&next)));
    try_join_all(writers).await?;
    Ok(())
}

async fn write(
    server: &Program,
    account: &Account,
    messages: usize,
    next: Rc<std::cell::Cell<usize>>,
) -> anyhow::Result<()> {
    let credentials = Credentials::Header(&account.access);
    let mut socket = Socket::open(server.address(), "/api/v1/ws", credentials).await?;
    let sender = socket.sender();
    let mut free = IN_FLIGHT;
    let mut refused = None;
    while refused.is_none() {
        let mut frames = Vec::new();
        while free > 0 && next.get() < messages {
            let n = next.replace(next.get() + 1);
            let send =
                json!({"type": "send", "ref": n.to_string(), "conversation": 1, "body": text(n)});
            frames.extend(frame::masked_text(send.to_string().as_bytes()));
            free -= 1;
        }
        if free == IN_FLIGHT {
            return Ok(());
        }
        sender.write(&frames).await?;
        socket
            .receive(|text| {
                if text.starts_with(br#"{"type":"ack""#) {
                    free += 1;
                } else if text.starts_with(br#"{"type":"error""#) {
                    refused = Some(String::from_utf8_lossy(text).into_owned());
                }
            })
            .await?;
    }
    anyhow::bail!("refused: {}", refused.unwrap_or_default())
}

/// 120 bytes of words from a vocabulary of 20,000, the more frequent ones as often as accounts
/// use theirs: by [Zipf's law](https://en.wikipedia.org/wiki/Zipf%27s_law).
pub(super) fn text(n: usize) -> String {
    let word = |index: usize| {
        let scattered = (n * 20 + index).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let part = count(scattered as u64) / f64::from(1 << 24);
        format!("{:05.0}", VOCABULARY.powf(part).floor())
    };
    (0..20).map(word).collect::<Vec<_>>().join(" ")
}

/// The number of items in a list.
pub(super) fn items(list: &Value) -> usize {
    list.get("items").and_then(Value::as_array).map_or(0, Vec::len)
}
