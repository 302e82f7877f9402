//! A running server in a folder of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
};

use reqwest::StatusCode;
use tokio::sync::watch;

use super::{program::Folder, small_disk::SmallDisk, soon, until, user::client};

const PROGRAM: &str = env!("CARGO_BIN_EXE_online-chat");

/// Precedes the address in the log once the server listens.
const LISTENING: &str = "listening on http://";

/// The settings of every server here, unless a test overrides them.
const DEFAULTS: [(&str, &str); 4] = [
    ("CHAT__HTTP__BIND", "127.0.0.1:0"),
    ("CHAT__AUTH__SECRET", "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe"),
    ("CHAT__AUTH__BCRYPT_COST", "4"),
    ("CHAT__LIMITS__ENABLED", "false"),
];

/// A running server; killed when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    folder: Arc<Folder>,
    env: Vec<(String, String)>,
    log: watch::Receiver<Log>,
    /// Stops the reader of the log.
    close_log: watch::Sender<bool>,
}

/// The standard error of the server.
#[derive(Debug, Default)]
struct Log {
    text: String,
    ended: bool,
}

impl Server {
    /// Starts in a new folder with `env` over the defaults, and waits until the server is ready.
    pub(crate) async fn start(env: &[(&str, &str)]) -> Self {
        Self::start_in(Arc::new(Folder::new()), env).await
    }

    /// [`Server::start`] in the parity profile.
    pub(crate) async fn parity() -> Self {
        Self::start(&[("CHAT_PROFILE", "parity")]).await
    }

    /// [`Server::start`] in a folder that exists.
    pub(crate) async fn start_in(folder: Arc<Folder>, env: &[(&str, &str)]) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for (key, value) in DEFAULTS.iter().chain(env) {
            all.retain(|(known, _)| known != key);
            all.push(((*key).to_owned(), (*value).to_owned()));
        }
        Self::spawn(Command::new(PROGRAM), folder, all).await
    }

    /// [`Server::start`] with its data folder on `disk`.
    pub(crate) async fn start_on_small_disk(disk: SmallDisk) -> Self {
        let folder = Arc::new(Folder::new());
        let env = DEFAULTS.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Self::spawn(disk.program(&folder), folder, env).await
    }

    async fn spawn(mut program: Command, folder: Arc<Folder>, env: Vec<(String, String)>) -> Self {
        let mut child = program
            .current_dir(folder.path())
            .env_clear()
            .envs(env.iter().filter(|(_, value)| !value.is_empty()).cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo has built the program");
        let close_log = watch::Sender::new(false);
        let stderr = child.stderr.take().expect("standard error is piped");
        let log = follow(stderr, close_log.subscribe());
        let address = ([127, 0, 0, 1], 0).into();
        let mut server = Self { child, address, folder, env, log, close_log };
        server.address = server.announced_address().await;
        server.ready().await;
        server
    }

    async fn announced_address(&self) -> SocketAddr {
        let mut log = self.log.clone();
        let seen = log.wait_for(|log| log.ended || address_in(&log.text).is_some());
        let seen = soon("the server listens", seen).await.expect("the log is followed to its end");
        address_in(&seen.text).unwrap_or_else(|| panic!("the server did not start:\n{}", seen.text))
    }

    async fn ready(&self) {
        until("the server is ready", || async {
            (self.health("ready").await? == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// The status of `/health/<which>`; `None` when there is no answer.
    pub(crate) async fn health(&self, which: &str) -> Option<StatusCode> {
        let request = client().get(self.url(&format!("/health/{which}")));
        Some(request.send().await.ok()?.status())
    }

    /// The status in the body of `/health/ready`; `None` when there is no answer.
    #[cfg(feature = "services")]
    pub(crate) async fn readiness(&self) -> Option<String> {
        let request = client().get(self.url("/health/ready"));
        let answer: serde_json::Value = request.send().await.ok()?.json().await.ok()?;
        Some(answer["status"].as_str()?.to_owned())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// The settings of this server, for another run of the program beside it.
    pub(crate) fn env(&self) -> Vec<(&str, &str)> {
        self.env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.borrow().text.clone()
    }

    /// Waits until the log holds `text`.
    pub(crate) async fn logs(&self, text: &str) {
        let mut log = self.log.clone();
        let what = format!("the log says {text:?}");
        let found = soon(&what, log.wait_for(|log| log.text.contains(text))).await;
        assert!(found.is_ok(), "the server ended before {what}");
    }

    /// Stops reading the log: its pipe is closed before this returns.
    pub(crate) async fn close_log(&mut self) {
        self.close_log.send_replace(true);
        // The reader notices it with the next line.
        self.health("live").await;
        let mut log = self.log.clone();
        let closed = soon("the log is closed", log.wait_for(|log| log.ended)).await;
        closed.expect("the log is followed to its end");
    }

    /// Sends the signal of this name, as in `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &line]).status().unwrap();
        assert!(status.success(), "{line}");
    }

    /// Waits for the process to end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut log = self.log.clone();
        let closed = soon("the server ends", log.wait_for(|log| log.ended)).await;
        closed.expect("the log is followed to its end");
        self.child.wait().unwrap()
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ended().await;
    }

    /// Kills the server if it runs, and starts it at the same address on the same data.
    pub(crate) async fn restart(self) -> Self {
        let bind = self.address.to_string();
        let mut env = self.env.clone();
        env.retain(|(key, _)| key != "CHAT__HTTP__BIND");
        env.push(("CHAT__HTTP__BIND".to_owned(), bind));
        let folder = Arc::clone(&self.folder);
        drop(self);
        Self::spawn(Command::new(PROGRAM), folder, env).await
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the server has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads `stderr` on a thread of its own, so that the pipe never fills.
fn follow(stderr: ChildStderr, close: watch::Receiver<bool>) -> watch::Receiver<Log> {
    let (sender, receiver) = watch::channel(Log::default());
    thread::spawn(move || {
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line);
            sender.send_modify(|log| log.text.push_str(&text));
            line.clear();
            if *close.borrow() {
                break;
            }
        }
        drop(lines);
        sender.send_modify(|log| log.ended = true);
    });
    receiver
}

fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once(LISTENING)?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !"[]:.".contains(c))?;
    rest.get(..end)?.parse().ok()
}
