//! How much hostile clients of one account slow down others, and how much memory they take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::progress;
use crate::Bench;
use crate::accounts::{self, Account};
use crate::clients::{Clients, Endpoint, Load};
use crate::figures::{Figures, Target, count};
use crate::program::Program;
use crate::wire::{Credentials, Rest, Socket, frame};

/// Ordinary users, each with a socket.
const USERS: usize = 8;
const LOAD: Load = Load { count: 200, every: Duration::from_millis(50) };
/// Texts in the lobby, each of the most characters.
const MESSAGES: usize = 100;
const BUDGET: u64 = 64;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What the attacker does until the measurement ends.
#[derive(Debug, Clone, Copy)]
enum Attack {
    Subscribe,
    Pages,
    UnreadPages,
    Histories,
    SlowBodies,
    Pings,
    WrongPasswords,
    Searches,
}

impl Attack {
    const ALL: [(Self, &str, &str, f64); 8] = [
        (Self::Subscribe, "20 sockets that subscribe in a loop", "their memory", 1.5),
        (Self::Pages, "16 readers of pages", "memory for pages", 2.0),
        (Self::UnreadPages, "300 pages that nobody reads", "memory for unread pages", 2.0),
        (Self::Histories, "8 sockets that connect in a loop", "memory for histories", 2.0),
        (Self::SlowBodies, "300 requests that never end", "memory for requests", 2.0),
        (Self::Pings, "10 floods of pings", "memory for pings", 2.0),
        (Self::WrongPasswords, "16 guesses of passwords at a time", "memory for guesses", 2.0),
        (Self::Searches, "16 searches at a time", "memory for searches", 2.0),
    ];

    async fn run(self, attacker: &Attacker) {
        let times = |count| (0..count).map(|_| attacker);
        match self {
            Self::Subscribe => drop(join_all(times(20).map(Attacker::subscribe)).await),
            Self::Pages => drop(join_all(times(16).map(Attacker::pages)).await),
            Self::UnreadPages => drop(join_all(times(300).map(Attacker::unread_page)).await),
            Self::Histories => drop(join_all(times(8).map(Attacker::history)).await),
            Self::SlowBodies => drop(join_all(times(300).map(Attacker::slow_body)).await),
            Self::Pings => drop(join_all(times(10).map(Attacker::pings)).await),
            Self::WrongPasswords => drop(join_all(times(16).map(Attacker::guess)).await),
            Self::Searches => drop(join_all(times(16).map(Attacker::search)).await),
        }
    }
}

/// With the limits in force.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let folder = bench.folder()?;
    let (accounts, mallory) = prepare(bench, folder.path()).await?;
    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        for (attack, latency, memory, most) in Attack::ALL {
            let budget = (BUDGET << 20).to_string();
            let env = [("CHAT__LIMITS__ENABLED", "true"), ("CHAT__SOCKET__BUDGET_BYTES", &*budget)];
            let server = Program::server(&bench.server, folder.path(), &env).await?;
            let clients =
                Clients::open(Endpoint::V1, &[server.address()], &accounts, USERS, USERS).await?;
            let calm = clients.send_messages(bench.load(LOAD), None).await?;
            let before = server.resident()?;
            let begun = Begun::start(attack, server.address(), &mallory)?;
            let peak = async {
                let mut peak = 0;
                while !begun.stop.load(Ordering::Relaxed) {
                    peak = server.resident()?.max(peak);
                    sleep(Duration::from_millis(20)).await;
                }
                anyhow::Ok(peak)
            };
            let send = async {
                let beside = clients.send_messages(bench.load(LOAD), None).await;
                begun.stop.store(true, Ordering::Relaxed);
                beside
            };
            let (beside, peak) = tokio::try_join!(send, peak)?;
            let made = begun.end()?;
            ensure!(made > 0, "the attacker has made nothing: {latency}");
            let median = |it: &crate::clients::Outcome| count(it.latencies.value_at_quantile(0.5));
            figures.add(latency, "median of others / without", median(&beside) / median(&calm));
            figures.set_target(latency, Target::AtMost(most));
            let grown = count(peak.saturating_sub(before)) / MEBIBYTE;
            figures.add(memory, "MiB more", grown);
            figures.set_target(memory, Target::AtMost(count(BUDGET + 128)));
        }
        progress(round, &figures);
    }
    Ok(figures)
}

/// Registers accounts, and fills the lobby. Without limits, which this would exceed.
async fn prepare(
    bench: &Bench,
    folder: &std::path::Path,
) -> anyhow::Result<(Vec<Account>, Account)> {
    let server = Program::server(&bench.server, folder, &[]).await?;
    let mut accounts = accounts::register(&server, USERS + 1).await?;
    let mallory = accounts.pop().context("no account")?;
    let rest = Rest::new(server.address())?;
    let body = json!({"body": format!("needle {}", "🦀".repeat(3_900))});
    for _ in 0..MESSAGES {
        let path = "/api/v1/conversations/1/messages";
        rest.post(path, Some(&mallory.access), &body).await?;
    }
    server.stop().await?;
    Ok((accounts, mallory))
}

/// Attackers on a thread of their own.
struct Begun {
    thread: JoinHandle<anyhow::Result<()>>,
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
}

impl Begun {
    fn start(attack: Attack, address: SocketAddr, account: &Account) -> anyhow::Result<Self> {
        let (stop, made) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let attacker = Attacker {
            address,
            account: account.clone(),
            stop: Arc::clone(&stop),
            made: Arc::clone(&made),
        };
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, attack.run(&attacker));
            Ok(())
        };
        let thread = thread::Builder::new().name("attacker".into()).spawn(run)?;
        Ok(Self { thread, stop, made })
    }

    /// Returns how many steps the attackers have made.
    fn end(self) -> anyhow::Result<u64> {
        self.thread.join().map_err(|_| anyhow::anyhow!("the attacker has panicked"))??;
        Ok(self.made.load(Ordering::Relaxed))
    }
}

/// Goes on whatever the server answers.
struct Attacker {
    address: SocketAddr,
    account: Account,
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
}

impl Attacker {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// Repeats a step, which may fail or wait for ever.
    async fn repeat(&self, step: impl AsyncFn() -> anyhow::Result<()>) {
        while self.goes_on() {
            match timeout(Duration::from_secs(1), step()).await {
                Ok(Ok(())) => self.count(),
                Ok(Err(_)) => sleep(Duration::from_millis(1)).await,
                Err(_) => {}
            }
        }
    }

    /// From another address than the users.
    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind(([127, 0, 0, 2], 0).into())?;
        Ok(socket.connect(self.address).await?)
    }

    async fn socket(&self, path: &str) -> anyhow::Result<Socket> {
        let Account { access, compat, .. } = &self.account;
        let token = if path.starts_with("/api/v1") { access } else { compat };
        Socket::over(self.connect().await?, path, Credentials::Query(token)).await
    }

    async fn ask(&self, path: &str) -> anyhow::Result<TcpStream> {
        let mut stream = self.connect().await?;
        let Account { access, .. } = &self.account;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\nAuthorization: Bearer {access}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        Ok(stream)
    }

    async fn read(&self, path: &str) -> anyhow::Result<()> {
        let mut stream = self.ask(path).await?;
        let mut chunk = vec![0; 65536];
        while stream.read(&mut chunk).await? > 0 {}
        Ok(())
    }

    async fn subscribe(&self) {
        let cursor = json!({"type": "subscribe", "ref": "r", "conversation": 1});
        let frames = frame::masked_text(cursor.to_string().as_bytes());
        let end = json!({"type": "unsubscribe", "ref": "r", "conversation": 1});
        let frames = [frames, frame::masked_text(end.to_string().as_bytes())].concat();
        while self.goes_on() {
            let Ok(mut socket) = self.socket("/api/v1/ws").await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let sender = socket.sender();
            let flood = self.repeat(async || sender.write(&frames).await);
            let drain = async {
                while self.goes_on() && matches!(socket.receive(|_| {}).await, Ok(true)) {}
            };
            tokio::select! { () = flood => {} () = drain => {} }
        }
    }

    async fn pages(&self) {
        self.repeat(async || self.read("/api/v1/conversations/1/messages?limit=100").await).await;
    }

    async fn search(&self) {
        self.repeat(async || self.read("/api/v1/messages/search?q=needle&limit=100").await).await;
    }

    /// The server sends until the buffers of the system are full.
    async fn unread_page(&self) {
        let stream = self.ask("/api/v1/conversations/1/messages?limit=100").await;
        while self.goes_on() {
            self.count();
            sleep(Duration::from_millis(10)).await;
        }
        drop(stream);
    }

    async fn history(&self) {
        self.repeat(async || {
            let mut socket = self.socket("/ws/chat/").await?;
            socket.receive(|_| {}).await?;
            Ok(())
        })
        .await;
    }

    async fn slow_body(&self) {
        while self.goes_on() {
            if self.send_slowly().await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn send_slowly(&self) -> anyhow::Result<()> {
        let mut stream = self.connect().await?;
        let head = "POST /api/v1/accounts HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n\
             Content-Length: 60000\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        while self.goes_on() {
            self.count();
            stream.write_all(b" ").await?;
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn pings(&self) {
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        let flood = ping.repeat(4096);
        while self.goes_on() {
            let Ok(socket) = self.socket("/api/v1/ws").await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let sender = socket.sender();
            self.repeat(async || sender.write(&flood).await).await;
        }
    }

    async fn guess(&self) {
        let body = json!({"username": self.account.name, "password": "wrong-password"}).to_string();
        self.repeat(async || {
            let mut stream = self.connect().await?;
            let head = format!(
                "POST /api/v1/sessions HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            let mut chunk = [0; 1024];
            while stream.read(&mut chunk).await? > 0 {}
            Ok(())
        })
        .await;
    }
}
